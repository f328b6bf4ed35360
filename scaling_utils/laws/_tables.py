"""How a published law is built from its table.

A law is one file, ``scaling_utils/data/laws/NAME.toml``: ``form`` names a class of this room
(or one of its other constructors, as in ``"PowerLaw.from_coefficient"``), ``[constants]`` holds
its arguments as their source prints them, and ``source``, ``units``, ``domain`` and ``note`` make
its :class:`About`. ``certainty`` says how it was read. Where a source prints a
logarithm, ``"exp(0.5267228)"`` keeps its digits. An argument that is a law itself is a
table with a ``form`` of its own.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import cache
from importlib import import_module

from scaling_utils import _lazy
from scaling_utils._check import member
from scaling_utils.laws._about import About

_ABOUT = ("source", "units", "domain")
_NEEDED = ("form", *_ABOUT, "certainty", "constants")
_EXP = re.compile(r"exp\(([-+.\de]+)\)")


def table(name: str) -> dict:
    """The table of the law called ``name`` as it is written, constants as printed.

    Raises
    ------
    ValueError
        For an unknown name, and for a table that lacks a key, has one too many, or has an
        empty one; the message says which.
    """
    member("name", name, _lazy.stems("laws"))
    file = _lazy.DATA / f"laws/{name}.toml"
    entry = tomllib.loads(file.read_text(encoding="utf-8"))
    missing = [key for key in _NEEDED if not entry.get(key)]
    unknown = sorted(entry.keys() - {*_NEEDED, "note"})
    if missing or unknown:
        raise ValueError(
            f"data/laws/{name}.toml must have {', '.join(_NEEDED)}, and may have a note; missing: "
            f"{', '.join(missing) or 'none'}; unknown: {', '.join(unknown) or 'none'}"
        )
    return entry


@cache
def law(name: str):
    """The law of the table called ``name``; the same object at every call.

    Raises
    ------
    ValueError
        As :func:`table`, and for a form or a constant that cannot be read.
    """
    return build(name, table(name))


def build(name: str, entry: Mapping):
    """The law that a table describes; ``name`` is for the errors, those of :func:`law`."""
    about = About(**{key: entry[key] for key in _ABOUT}, note=entry.get("note", ""))
    return _build(f"the law {name}", entry["form"], entry["constants"], about=about)


def _build(place: str, form: str, constants: Mapping, **more):
    """Call the constructor that ``form`` names with the constants."""
    kind, _, other = form.partition(".")
    room = import_module(__package__)
    make = getattr(room, kind) if kind in room.__all__ else None
    if is_dataclass(make) and other:
        make = getattr(make, other, None)
    if not callable(make):
        raise ValueError(f"form of {place} must be a law of this room, got {form!r}")
    values = {key: _value(f"{key} of {place}", value) for key, value in constants.items()}
    try:
        return make(**values, **more)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{place}: {error}") from error


def _value(place: str, value):
    """Read one constant: a number, the exponential of one, or a law."""
    if isinstance(value, dict):
        parts = dict(value)
        return _build(place, parts.pop("form", ""), parts)
    if isinstance(value, str) and (inner := _EXP.fullmatch(value)):
        return math.exp(float(inner[1]))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f'{place} must be a number, "exp(NUMBER)" or a law, got {value!r}')
    return float(value)
