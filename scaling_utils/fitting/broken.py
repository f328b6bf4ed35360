"""Fit a power law with an offset and one smooth break."""

from __future__ import annotations

import numpy as np

from scaling_utils._check import member, number
from scaling_utils.fitting._broken import NARROWEST, PARAMETERS, STEEPEST, WIDEST, Broken
from scaling_utils.fitting._held import Scale, hold
from scaling_utils.fitting._other_reports import broken_evidence
from scaling_utils.fitting._search import search
from scaling_utils.fitting.fit import (
    Fit,
    check_delta,
    check_rows,
    check_weights,
    parts_of,
    say,
)
from scaling_utils.laws import Break, BrokenPowerLaw


class BrokenFit(Fit):
    """A fit of ``BrokenPowerLaw`` with one break."""

    constants = PARAMETERS

    @property
    def at_limit(self) -> tuple[str, ...]:
        """Those of a, c0, c, d and f that ended at a limit of the search."""
        return self.found.model.at_limit(self.found.theta)

    def _law(self, columns: np.ndarray) -> BrokenPowerLaw:
        a, b, c0, c, d, f = map(float, columns)
        return BrokenPowerLaw(a=a, b=b, c0=c0, breaks=(Break(c, d, f),))

    def _fitter(self):
        return fit_broken_power_law

    def _evidence(self):
        return broken_evidence(self)


def fit_broken_power_law(
    x, y, delta: float = np.inf, *, weights=None, fixed: dict[str, float] | None = None
) -> Fit:
    """Fit y = a + b x^-c0 (1 + (x / d)^(1 / f))^(-c f) by least squares of log y.

    The form is Eq. 1 of Caballero et al. (2022), https://arxiv.org/abs/2210.14891, with one
    break. The offset a is zero or above and below the least y, the break d lies between the
    smallest and the largest x, and its width f is between 0.02 and 5 in natural log x: from a
    step to a bend over all of a usual study. The search starts from a grid of shapes, each with
    its best a and b, and minimises from the best one of each change of slope and place: the best
    few of all lie in one valley, and the minimum may lie in another.

    Parameters
    ----------
    x : array, shape (rows,)
        Scale: parameters, tokens or FLOPs, in any unit.
    y : array, shape (rows,)
        What follows the law, above zero. It need not fall.
    delta : float
        Log residuals within delta are squared, those beyond count by size. Infinite by default:
        least squares.
    weights : array, shape (rows,), optional
        How much each row counts, above zero: a row of weight 2 counts as two like it.
    fixed : dict of float, optional
        "c0", "c", "d" or "f" held at a value where the search may go.

    Returns
    -------
    Fit
        Of a ``BrokenPowerLaw`` with one break; ``at_limit`` names those of a, c0, c, d and f that
        ended at a limit of the search. Not converged, and with a FitWarning, where it cannot be
        relied on.

    Raises
    ------
    TypeError, ValueError
        If x or y are not positive, an argument is out of range, or x takes no more distinct values
        than there are free constants, of which there are six without ``fixed``: six would be met
        exactly by any six numbers.
    """
    x, y = check_rows(x=x, y=y)
    weights = check_weights(weights, len(y))
    delta = check_delta(delta)
    fixed = dict(fixed or {})
    free = len(PARAMETERS) - len(fixed)
    distinct = len(np.unique(x))
    if distinct <= free:
        raise ValueError(
            f"x must take at least {free + 1} distinct values to fit {free} "
            f"parameters, got {distinct}"
        )
    middle = float(np.log(x).mean())
    model = Broken(
        t=np.log(x) - middle,
        middle=middle,
        target=np.log(y),
        weights=weights,
        held=hold(_scales(), _inside(fixed, x, middle), ()),
    )
    found = search(model, delta)
    say("fit_broken_power_law", found)
    return BrokenFit(
        data={"x": x, "y": y},
        weights=weights,
        settings={"delta": delta, "fixed": fixed},
        **parts_of(found, delta),
    )


def _inside(fixed: dict[str, float], x: np.ndarray, middle: float) -> dict[str, float]:
    """Return the values in the solver's unit of x, if they lie where the search may go."""
    steep = (-STEEPEST, STEEPEST)
    known = {"c0": steep, "c": steep, "d": (x.min(), x.max()), "f": (NARROWEST, WIDEST)}
    out = {}
    for name, value in fixed.items():
        least, most = known[member("fixed", name, known)]
        out[name] = number(f"fixed[{name!r}]", value, at_least=float(least), at_most=float(most))
    if "d" in out:
        out["d"] /= np.exp(middle)
    return out


def _scales() -> dict[str, Scale]:
    """Return how the constants follow from log a, log b mid-design, c0, c, log d and log f."""
    logs = {"a": True, "b": True, "c0": False, "c": False, "d": True, "f": True}
    return {name: Scale(k, log, {k: 1.0}) for k, (name, log) in enumerate(logs.items())}
