"""The published figures that the book relies on, one row each.

The table is ``scaling_utils/data/published_numbers.csv``. Each row names a check; the tests
recompute every row with it and compare within the row's tolerance. The constants of laws and of
accelerators are no rows here: they stand in the tables of these alone.

>>> from scaling_utils.laws import facts
>>> facts.get("muen.fig1b").value
2.2269634075087867
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from scaling_utils._check import member

CERTAINTY = (
    "primary text",  # read in the paper or in the vendor's document
    "authors' code or data",
    "secondary",  # quoted by several independent sources
    "computed here",  # follows from printed inputs; no source prints it
    "unverified",
)


@dataclass(frozen=True)
class Fact:
    """One published figure.

    Attributes
    ----------
    id : str
        Its name, as :func:`get` takes it.
    quantity : str
        What it is.
    value : float, list or dict
        The figure as printed; a list or a dict where a source prints several together.
    unit : str
        Of the value.
    inputs : mapping
        Arguments of the check.
    formula : str
        How the figure follows from the inputs, for readers.
    check : str
        Name of the function that recomputes it.
    tolerance : str
        "exact", "2 %", "abs 0.05", or "inside" where the value is an interval.
    citation : str
        Who prints it, and where.
    certainty : str
        One of :data:`CERTAINTY`.
    note : str
        What to watch out for; may be empty.
    """

    id: str
    quantity: str
    value: float | list | dict
    unit: str
    inputs: Mapping = field(hash=False)
    formula: str
    check: str
    tolerance: str
    citation: str
    certainty: str
    note: str = ""

    def agrees(self, computed) -> bool:
        """Say whether a computed figure lies within the tolerance.

        Parameters
        ----------
        computed : float, list or dict
            Of the same form as ``value``; a number where the tolerance is "inside".

        Returns
        -------
        bool
            Where there are several numbers, whether all of them do.

        Raises
        ------
        ValueError
            If the forms differ (other keys, another length), or the tolerance cannot be read.
        """
        if self.tolerance == "inside":
            low, high = self.value
            return low <= computed <= high
        pairs = _pairs(self.value, computed)
        return all(self._close(printed, got) for printed, got in pairs)

    def _close(self, printed: float, got: float) -> bool:
        if self.tolerance == "exact":
            return math.isclose(printed, got, rel_tol=1e-12)
        kind, _, amount = self.tolerance.partition(" ")
        if kind == "abs":
            return abs(printed - got) <= float(amount)
        if amount == "%":
            return abs(printed - got) <= float(kind) / 100 * abs(printed)
        raise ValueError(f"{self.id}: unknown tolerance {self.tolerance!r}")


def _pairs(printed, got) -> list[tuple[float, float]]:
    if isinstance(printed, dict):
        if set(printed) != set(got):
            raise ValueError(f"expected the keys {sorted(printed)}, got {sorted(got)}")
        return [(printed[key], got[key]) for key in printed]
    if isinstance(printed, list):
        return list(zip(printed, got, strict=True))
    return [(printed, got)]


@cache
def numbers() -> Mapping[str, Fact]:
    """Return all published figures.

    Returns
    -------
    mapping of str to Fact
        By id; read only.

    Raises
    ------
    ValueError
        If an id stands twice in the table.
    """
    path = files("scaling_utils").joinpath("data", "published_numbers.csv")
    facts: dict[str, Fact] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            if row["id"] in facts:
                raise ValueError(
                    f"ids in published_numbers.csv must be single, got {row['id']!r} twice"
                )
            facts[row["id"]] = _fact(row)
    return MappingProxyType(facts)


def _fact(row: dict[str, str]) -> Fact:
    parsed = {"value": json.loads(row["value"]), "inputs": json.loads(row["inputs"])}
    return Fact(**{**row, **parsed})


def get(id: str) -> Fact:
    """Return the figure called ``id``.

    Parameters
    ----------
    id : str
        As in the first column of the table: "muen.fig1b".

    Returns
    -------
    Fact

    Raises
    ------
    ValueError
        For an unknown id; the message lists those that begin alike.
    """
    if id not in numbers():
        start = str(id).partition(".")[0]
        near = [known for known in numbers() if known.startswith(f"{start}.")]
        member("id", id, near or sorted({known.partition(".")[0] for known in numbers()}))
    return numbers()[id]
