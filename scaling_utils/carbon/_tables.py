"""Rows of this room's tables, and how a row is found by its name and year."""

from __future__ import annotations

import csv
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from scaling_utils._check import member, whole

FEW = 40  # names that an error can list


@cache
def rows(file: str) -> tuple[dict[str, str], ...]:
    """Return the rows of a table in ``scaling_utils/data``, given by the file's full name."""
    path = files("scaling_utils").joinpath("data", file)
    with path.open(encoding="utf-8", newline="") as stream:
        return tuple(csv.DictReader(stream))


def folded(text: str) -> str:
    """Return a name without case and outer blanks, as names are compared."""
    return " ".join(text.casefold().split())


def of_year(what: str, found: list, year: int | None):
    """Return the item of a year, or the latest; the error says which years there are."""
    if year is None:
        return max(found, key=lambda one: one.year)
    wanted = whole("year", year)
    for one in found:
        if one.year == wanted:
            return one
    listed = ", ".join(str(one.year) for one in sorted(found, key=lambda one: one.year))
    raise ValueError(f"year must be one that the table has for {what}: {listed}; got {wanted}")


def named(argument: str, name, answering: dict[str, str]) -> str:
    """Return the key that a name answers to; the error has the nearest known names."""
    if not isinstance(name, str):
        raise TypeError(f"{argument} must be a name, got {name!r}")
    key = folded(name)
    if key in answering:
        return answering[key]
    if len(answering) <= FEW:
        member(argument, key, answering)
    near = get_close_matches(key, [one for one in answering if len(one) > 3], n=3)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise ValueError(
        f"{argument} must be one of {len(set(answering.values()))} names or their codes "
        f"(ISO 3166, such as FRA, FR or US-CA); got {name!r}{hint}"
    )
