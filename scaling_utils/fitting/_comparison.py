"""What a comparison of forms says."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scaling_utils.fitting._evidence import plain_numbers
from scaling_utils.fitting.fit import Fit


@dataclass(frozen=True)
class FormScore:
    """How one form meets the held-out runs.

    Attributes
    ----------
    error : float
        Mean size of predicted over measured loss, less 1. This is what forms are ranked by.
    bias : float
        The same with its sign: above zero where the form expects too high a loss.
    largest : float
        Largest size of it.
    excess : float
        Mean size of the error over the measured loss less the floor; NaN without a floor.
    kept : float
        ``error`` on the rows that were fitted.
    """

    error: float
    bias: float
    largest: float
    excess: float
    kept: float


@dataclass(frozen=True)
class Comparison:
    """What ``compare_forms`` found.

    Attributes
    ----------
    scores : dict of FormScore
        By form, the best first; "no change" is among them.
    best : str
        The form with the lowest error on the held-out runs.
    gaps : dict of (low, high) or None
        Interval of how much larger the error of each other form is than that of the best, by
        resamples of the kept and of the held-out rows; the same resamples for all forms. None
        where resamples without a law leave a bound open.
    ties : tuple of str
        Forms whose interval does not lie above zero: these rows do not tell them from the best.
    fits : dict of Fit
        By form, of the kept rows.
    failed : dict of str
        By form, why it could not be fitted.
    held : array of int
        Places of the held-out rows.
    notes : tuple of str
        What to know before the ranking is relied on.
    """

    scores: dict[str, FormScore]
    best: str
    gaps: dict[str, tuple[float, float] | None]
    ties: tuple[str, ...]
    fits: dict[str, Fit] = field(repr=False)
    failed: dict[str, str]
    held: np.ndarray = field(repr=False)
    notes: tuple[str, ...]

    @property
    def told_apart(self) -> bool:
        """Whether the best form is better than every other one beyond the resamples' spread."""
        return not self.ties

    def as_dict(self) -> dict:
        """Return scores, gaps, ties, failures and notes, ready for JSON.

        Returns
        -------
        dict
            What is not finite is None.
        """
        return plain_numbers(
            {
                "best": self.best,
                "told_apart": self.told_apart,
                "ties": self.ties,
                "scores": {name: vars(score) for name, score in self.scores.items()},
                "gaps": self.gaps,
                "failed": self.failed,
                "held": self.held,
                "notes": self.notes,
            }
        )
