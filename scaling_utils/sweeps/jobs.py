"""What a job is, the key it goes by, and where the function that runs it is found."""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

RESERVED = ("key", "row")  # columns that the tables add
_REGISTRY = "scaling_utils.experiments.registry"
_KEY_LENGTH = 16  # hexadecimal digits
MOST_JOBS = 100_000  # of one sweep
_DEEPEST = 16  # levels of lists and tables in a setting
_INT_DIGITS = 1000  # Python reads and writes whole numbers of 4300 digits
_LARGEST = 10**_INT_DIGITS - 1


def canonical(job: Mapping) -> str:
    """Return a job as the JSON text that stands for it: sorted keys, no spaces."""
    return json.dumps(job, sort_keys=True, separators=(",", ":"), allow_nan=False)


def job_key(job: Mapping) -> str:
    """Return the key of a job: the first 16 hexadecimal digits of the SHA-256 of its JSON.

    Parameters
    ----------
    job : mapping
        Settings that JSON can hold; their order does not matter. 1 and 1.0 make two keys.

    Returns
    -------
    str
        The key, the same in every sweep.

    Raises
    ------
    TypeError, ValueError
        From ``json``, if a value is of another kind or a number is not finite.
    """
    return hashlib.sha256(canonical(job).encode()).hexdigest()[:_KEY_LENGTH]


def alike(job: Mapping) -> str:
    """Return a text that is the same for jobs whose numbers are equal: 1 and 1.0 are."""
    return canonical(_whole(job))


def _whole(value):
    if isinstance(value, Mapping):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def checked_jobs(jobs: Iterable[Mapping]) -> dict[str, dict]:
    """Return the jobs by their key, in their order.

    Raises
    ------
    TypeError
        If a job is not a dict, or holds what JSON cannot.
    ValueError
        If there is no job, two are equal, a number is not finite, or a name is reserved.
    """
    if isinstance(jobs, str | Mapping):
        raise TypeError(f"jobs must be a list of dicts, got {jobs!r}")
    found: dict[str, dict] = {}
    seen: dict[str, Mapping] = {}
    for place, job in enumerate(jobs):
        if place == MOST_JOBS:
            raise ValueError(f"jobs must be {MOST_JOBS:,} at most; there are more")
        if not isinstance(job, Mapping):
            raise TypeError(f"jobs[{place}] must be a dict, got {job!r}")
        for name, value in job.items():
            _check_setting(f"jobs[{place}]", name, value)
        text = alike(job)
        if text in seen:
            raise ValueError(f"jobs must differ; this one comes twice: {twice(job, seen[text])}")
        seen[text] = job
        found[job_key(job)] = dict(job)
    if not found:
        raise ValueError("jobs must hold at least one job, got none")
    return found


def twice(job: Mapping, before: Mapping) -> str:
    """Return a job's text, and that of its twin where that is written in another way."""
    text, other = canonical(job), canonical(before)
    return text if text == other else f"{text}, written as {other} before"


def _check_setting(where: str, name, value) -> None:
    if not isinstance(name, str) or not name:
        raise TypeError(f"{where}: names of settings must be text, got {name!r}")
    if name in RESERVED:
        raise ValueError(f"{where}: the name {name!r} is taken; tables have a column of that name")
    check_value(f"{where}: {name}", value)


def check_value(name: str, value, depth: int = 0) -> None:
    """Raise unless ``value`` is text, a finite number, true, false, null, or a list or
    table of such values.
    """
    if depth > _DEEPEST:
        raise ValueError(f"{name} must be nested {_DEEPEST} levels deep at most")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{name} must have text as keys, got {key!r}")
            check_value(f"{name}.{key}", inner, depth + 1)
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            check_value(f"{name}[{place}]", inner, depth + 1)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{name} must be finite, got {value}")
    elif isinstance(value, int):
        if abs(value) > _LARGEST:
            raise ValueError(f"{name} must be a whole number of {_INT_DIGITS} digits at most")
    elif not (value is None or isinstance(value, str)):
        raise TypeError(
            f"{name} must be text, a number, true or false, or a list or table of these, "
            f"got {type(value).__name__} {value!r}"
        )


def experiments() -> dict[str, str]:
    """Return the experiments that have a name.

    Returns
    -------
    dict of str to str
        Each name's address, "module:function".
    """
    return dict(importlib.import_module(_REGISTRY).EXPERIMENTS)


def present_address(address: str) -> str:
    """Return where an experiment lies now that had this address, "module:function", once."""
    return importlib.import_module(_REGISTRY).MOVED.get(address, address)


def find_experiment(name: str) -> tuple[str, Callable]:
    """Return an experiment's address, and the function.

    Parameters
    ----------
    name : str
        The name of a registered experiment (see `experiments`), or "module:function"; an address
        that a recorded table has from before the function was moved is good, too.

    Returns
    -------
    (str, callable)
        The address "module:function" where it lies now, and the function.

    Raises
    ------
    TypeError
        If the name is no text.
    ValueError
        If there is no such name, module or function, it is no function, or the module fails as it
        is imported.
    """
    if not isinstance(name, str):
        raise TypeError(f"experiment must be text, got {name!r}")
    known = experiments()
    address = present_address(known.get(name, name))
    module, colon, function = address.partition(":")
    if not (module and colon and function):
        named = ", ".join(map(repr, known)) or "none"
        raise ValueError(
            f"experiment must be 'module:function' or one of those with a name ({named}); "
            f"got {name!r}"
        )
    found = getattr(_imported(address, module), function, None)
    if found is None:
        raise ValueError(f"experiment {address!r}: the module {module!r} has no {function!r}")
    if not callable(found):
        raise ValueError(f"experiment {address!r}: is not a function, but {found!r}")
    return address, found


def _imported(address: str, module: str):
    """Return a module; whatever it does instead, sys.exit included, becomes a ValueError."""
    try:
        return importlib.import_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ValueError(
            f"experiment {address!r}: {module!r} cannot be imported: {type(error).__name__}: "
            f"{' '.join(str(error).split())}{_last_line(error)}"
        ) from error


def _last_line(error: BaseException) -> str:
    """Return the last line of a user's module that ran, with its place."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__ and "importlib" not in frame.filename
    ]
    if isinstance(error, SyntaxError) or not frames:
        return ""
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno}: {frames[-1].line})"
