"""What a job is, the key it goes by, and where the function that runs it is found."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import math
from collections.abc import Callable, Iterable, Mapping

RESERVED = ("key", "row")  # columns that the tables add
_REGISTRY = "scaling_utils.sweeps.experiments"
_KEY_LENGTH = 16  # hexadecimal digits


def canonical(job: Mapping) -> str:
    """Return a job as the JSON text that stands for it: sorted keys, no spaces."""
    return json.dumps(job, sort_keys=True, separators=(",", ":"), allow_nan=False)


def job_key(job: Mapping) -> str:
    """Return the key of a job: the first 16 hexadecimal digits of the SHA-256 of its JSON."""
    return hashlib.sha256(canonical(job).encode()).hexdigest()[:_KEY_LENGTH]


def checked_jobs(jobs: Iterable[Mapping]) -> dict[str, dict]:
    """Return the jobs by their key, in their order.

    Raises
    ------
    TypeError : a job that is not a dict, or holds what JSON cannot.
    ValueError : no job, two equal jobs, a number that is not finite, a reserved name.
    """
    if isinstance(jobs, str | Mapping):
        raise TypeError(f"jobs must be a list of dicts, got {jobs!r}")
    found: dict[str, dict] = {}
    for place, job in enumerate(jobs):
        if not isinstance(job, Mapping):
            raise TypeError(f"jobs[{place}] must be a dict, got {job!r}")
        for name, value in job.items():
            _check_setting(f"jobs[{place}]", name, value)
        key = job_key(job)
        if key in found:
            raise ValueError(f"jobs must differ; this one comes twice: {canonical(job)}")
        found[key] = dict(job)
    if not found:
        raise ValueError("jobs must hold at least one job, got none")
    return found


def _check_setting(where: str, name, value) -> None:
    if not isinstance(name, str) or not name:
        raise TypeError(f"{where}: names of settings must be text, got {name!r}")
    if name in RESERVED:
        raise ValueError(f"{where}: the name {name!r} is taken; tables have a column of that name")
    check_value(f"{where}: {name}", value)


def check_value(name: str, value) -> None:
    """Raise unless ``value`` is text, a finite number, true, false, null, or a list or
    table of such values.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{name} must have text as keys, got {key!r}")
            check_value(f"{name}.{key}", inner)
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            check_value(f"{name}[{place}]", inner)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{name} must be finite, got {value}")
    elif not (value is None or isinstance(value, str | bool | int)):
        raise TypeError(
            f"{name} must be text, a number, true or false, or a list or table of these, "
            f"got {type(value).__name__} {value!r}"
        )


def experiments() -> dict[str, str]:
    """Return the experiments that have a name: name to "module:function"."""
    if importlib.util.find_spec(_REGISTRY) is None:
        return {}
    return dict(importlib.import_module(_REGISTRY).EXPERIMENTS)


def find_experiment(name: str) -> tuple[str, Callable]:
    """Return an experiment's address "module:function", and the function.

    Parameters
    ----------
    name : the name of a registered experiment (see `experiments`), or "module:function".

    Raises
    ------
    ValueError : no such name, module or function.
    """
    if not isinstance(name, str):
        raise TypeError(f"experiment must be text, got {name!r}")
    known = experiments()
    address = known.get(name, name)
    module, colon, function = address.partition(":")
    if not (module and colon and function):
        named = ", ".join(map(repr, known)) or "none"
        raise ValueError(
            f"experiment must be 'module:function' or one of those with a name ({named}); "
            f"got {name!r}"
        )
    try:
        found = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        raise ValueError(f"experiment {address!r}: {error}") from error
    except AttributeError:
        raise ValueError(
            f"experiment {address!r}: the module {module!r} has no {function!r}"
        ) from None
    if not callable(found):
        raise ValueError(f"experiment {address!r}: is not a function, but {found!r}")
    return address, found
