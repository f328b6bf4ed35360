"""How much a building takes beyond its machines: PUE by operator and year."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from scaling_utils.carbon import _tables


@dataclass(frozen=True)
class Pue:
    """A published power usage effectiveness.

    Attributes
    ----------
    value : float
        The building's energy over that of its machines, a yearly average.
    operator, scope : str
        Whose, and over which buildings it was averaged.
    year : int
        Year that it describes, not that of the report.
    source, certainty : str
        Where it was printed, and how it was read (see ``laws.facts.CERTAINTY``).
    """

    value: float
    operator: str
    scope: str
    year: int
    source: str
    certainty: str

    def __float__(self) -> float:
        return self.value


@cache
def pues() -> tuple[Pue, ...]:
    """Return all rows of ``data/pue.csv``, in its order."""
    return tuple(
        Pue(
            float(row["pue"]),
            row["operator"],
            row["scope"],
            int(row["year"]),
            row["source"],
            row["certainty"],
        )
        for row in _tables.rows("pue")
    )


def pue(operator: str, year: int | None = None) -> Pue:
    """Return an operator's PUE.

    Parameters
    ----------
    operator : str
        A name of the table, in any case: "Google", "Uptime survey".
    year : int, optional
        The year described; the latest one unless given.

    Returns
    -------
    Pue
        :func:`energy` takes it as it is.

    Raises
    ------
    TypeError, ValueError
        For an unknown operator, with the nearest known one, or a year that the table has not.
    """
    key = _tables.named(
        "operator", operator, {_tables.folded(p.operator): p.operator for p in pues()}
    )
    return _tables.of_year(key, [one for one in pues() if one.operator == key], year)
