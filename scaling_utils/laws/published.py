"""The published laws by name, each built from its own table when it is first used.

A law is one file, ``scaling_utils/data/laws/NAME.toml``: ``form`` names a class of this room
(or one of its other constructors, as in ``"PowerLaw.from_coefficient"``), ``[constants]`` holds
its arguments as their source prints them, and ``source``, ``units``, ``domain`` and ``note`` make
its :class:`About`. ``certainty`` is one of :data:`facts.CERTAINTY`. Where a source
prints a logarithm, ``"exp(0.5267228)"`` keeps its digits. An argument that is a law itself is a
table with a ``form`` of its own.

``laws.KAPLAN_SIZE`` and ``laws.get("kaplan-size")`` are the law of ``kaplan-size.toml``.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from functools import cache
from importlib import import_module

from scaling_utils import _lazy
from scaling_utils._check import member
from scaling_utils.laws._about import About
from scaling_utils.laws.domains import HENIGHAN
from scaling_utils.laws.facts import CERTAINTY

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
    entry = tomllib.loads((_lazy.DATA / "laws" / f"{name}.toml").read_text(encoding="utf-8"))
    missing = [key for key in _NEEDED if not entry.get(key)]
    unknown = sorted(entry.keys() - {*_NEEDED, "note"})
    if missing or unknown:
        raise ValueError(
            f"data/laws/{name}.toml must have {', '.join(_NEEDED)}, and may have a note; missing: "
            f"{', '.join(missing) or 'none'}; unknown: {', '.join(unknown) or 'none'}"
        )
    member(f"certainty in data/laws/{name}.toml", entry["certainty"], CERTAINTY)
    return entry


@cache
def law(name: str):
    """The law of the table called ``name``; the same object at every call.

    Raises
    ------
    ValueError
        As :func:`table`, and for a form or a constant that cannot be read.
    """
    entry = table(name)
    about = About(**{key: entry[key] for key in _ABOUT}, note=entry.get("note", ""))
    return _build(f"data/laws/{name}.toml", entry["form"], entry["constants"], about=about)


def _build(place: str, form: str, constants: Mapping, **more):
    """Call the constructor that ``form`` names with the constants."""
    kind, _, other = form.partition(".")
    room = import_module("scaling_utils.laws")
    make = getattr(room, kind) if kind in room.__all__ else None
    if is_dataclass(make) and other:
        make = getattr(make, other, None)
    if not callable(make):
        raise ValueError(f"form in {place} must be a law of scaling_utils.laws, got {form!r}")
    values = {key: _value(f"{key} in {place}", value) for key, value in constants.items()}
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


class _Published(Mapping):
    """All published laws, by name. Listing them builds none."""

    def __getitem__(self, name: str):
        if isinstance(name, str) and name.startswith("henighan-"):
            return HENIGHAN[name.removeprefix("henighan-")]
        if name not in _lazy.stems("laws"):
            raise KeyError(name)
        return law(name)

    def __iter__(self) -> Iterator[str]:
        return iter([*_lazy.stems("laws"), *(f"henighan-{domain}" for domain in HENIGHAN)])

    def __len__(self) -> int:
        return sum(1 for _ in self)


PUBLISHED: Mapping[str, object] = _Published()


def get(name: str):
    """The published law called ``name``; its ``about`` says source, units and domain.

    Raises
    ------
    ValueError
        For an unknown name; the message names the nearest and lists the known ones.
    """
    return PUBLISHED[member("name", name, PUBLISHED)]


_CHINCHILLA = {
    "unrounded": "chinchilla",
    "rounded": "chinchilla-rounded",
    "three-digit": "chinchilla-three-digit",
}


def Chinchilla(constants: str = "unrounded"):
    """The law of Hoffmann et al. (2022) with one of its three sets of constants.

    Parameters
    ----------
    constants : {"unrounded", "rounded", "three-digit"}
        ``unrounded``: the digits in the TeX source of the paper. ``rounded``: Eq. 10 as
        printed. ``three-digit``: exponents 0.336 and 0.283, chosen by de Vries (2023) so
        that the law fits Table A3, and used by Sardana et al. (2024).

    Why unrounded is the default: the paper states that at Gopher's budget, 5.76e23 FLOPs,
    the law's best model has 40B parameters (caption of Fig. 4). The unrounded constants
    give 40.4B. The printed ones give 32.2B, since a budget to the power 0.4516 instead of
    0.4565 is a long extrapolation: rounding in the exponent's third digit moves the
    optimum by a fifth.

    Returns
    -------
    ParametricLaw

    Raises
    ------
    ValueError
        For another name.
    """
    return law(_CHINCHILLA[member("constants", constants, _CHINCHILLA)])
