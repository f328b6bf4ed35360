"""Arms of a recorded race, compared seed by seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from scaling_utils._check import member, positive_array


@dataclass(frozen=True)
class Ratio:
    """One arm over another: the geometric mean over seeds and its 95 % interval.

    Attributes
    ----------
    mean, low, high : float
        Ratios, in no unit.
    """

    mean: float
    low: float
    high: float

    @property
    def telling(self) -> bool:
        """Whether the interval leaves out 1, "no change"."""
        return not self.low <= 1 <= self.high

    def __str__(self) -> str:
        return f"{self.mean:.2f} ({self.low:.2f} to {self.high:.2f})"


class Arms:
    """The rows of a race by arm, in the order of their seeds.

    Parameters
    ----------
    rows : iterable of mapping
        One for each run, with "arm", "seed" and the value.
    value : str
        Name of what is compared; above 0 everywhere.

    Attributes
    ----------
    rows : dict of str to list of mapping
        By arm, in the order in which arms appear.
    logs : dict of str to array, shape (seeds,)
        Natural logarithms of the value.

    Raises
    ------
    ValueError
        If there are no rows, a value is not above 0, or an arm has a seed twice.
    """

    def __init__(self, rows: Iterable[Mapping], value: str):
        self.rows: dict[str, list[Mapping]] = {}
        for row in sorted(rows, key=lambda row: row["seed"]):
            self.rows.setdefault(row["arm"], []).append(row)
        if not self.rows:
            raise ValueError("rows must hold at least one run, got none")
        for arm, mine in self.rows.items():
            if len({row["seed"] for row in mine}) < len(mine):
                raise ValueError(f"rows must name each seed of an arm once, got twice in {arm!r}")
        self.logs = {
            arm: np.log(positive_array(value, [row[value] for row in mine]))
            for arm, mine in self.rows.items()
        }

    def mean(self, arm: str) -> float:
        """Return an arm's geometric mean over seeds, in the unit of the value."""
        return float(np.exp(self.logs[member("arm", arm, self.logs)].mean()))

    def ratio(self, arm: str, to: str) -> Ratio:
        """Return the ratio of two arms, paired by seed, with an interval of Student's t.

        Parameters
        ----------
        arm, to : str
            Names of two arms with the same seeds, at least two.

        Returns
        -------
        Ratio

        Raises
        ------
        ValueError
            For an unknown arm, or two arms of different seeds or of fewer than two.
        """
        from scipy import stats

        for name, one in (("arm", arm), ("to", to)):
            member(name, one, self.logs)
        seeds = [[row["seed"] for row in self.rows[one]] for one in (arm, to)]
        if seeds[0] != seeds[1] or len(seeds[0]) < 2:
            raise ValueError(f"arm and to must have the same seeds, two or more, got {seeds}")
        gaps = self.logs[arm] - self.logs[to]
        half = stats.t.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / len(gaps) ** 0.5
        return Ratio(*(float(np.exp(gaps.mean() + side * half)) for side in (0, -1, 1)))
