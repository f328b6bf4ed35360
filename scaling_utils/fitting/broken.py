"""Fit a power law with an offset and one smooth break."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np
from scipy.optimize import least_squares
from scipy.special import expit

from scaling_utils._check import positive_array, same_length
from scaling_utils.fitting._other_reports import broken_evidence
from scaling_utils.fitting.errors import FitWarning
from scaling_utils.fitting.report import Report, make_report
from scaling_utils.laws import Break, BrokenPowerLaw

PARAMETERS = 6  # a, b, c0 and the break's c, d, f
# Shapes that the search starts from: the slope before the break, its change, where in the
# measured range of log x the break lies, and its width in log x.
_SLOPES = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
_CHANGES = (-2.0, -1.0, -0.5, -0.2, 0.2, 0.5, 1.0, 2.0)
_PLACES = (0.1, 0.3, 0.5, 0.7, 0.9)
_WIDTHS = (0.1, 0.5, 1.5)
_FIRST, _LAST = 40, 400  # steps from the best shape of each change; then from the best of these
NEAR = 1e-4  # of the width of the range: a constant so close to its limit is at it
_BOUND_SLOPE, _NARROWEST, _WIDEST = 20.0, 0.02, 5.0


@dataclass(frozen=True)
class BrokenFit:
    """A fitted broken power law and how it was reached.

    Attributes
    ----------
    law : BrokenPowerLaw
        With one break.
    objective : float
        Half the sum of squared residuals of log y.
    converged : bool
        Whether the optimiser reached a minimum.
    residuals : array, shape (rows,)
        Log y, predicted less observed.
    at_limit : tuple of str
        Those of a, c0, c, d and f that ended at a limit of the search.
    rows : tuple of arrays
        x and y.
    slopes : array, shape (rows, 6)
        Of the residuals by a, log b, c0, c, log d and log f.
    """

    law: BrokenPowerLaw
    objective: float
    converged: bool
    residuals: np.ndarray = field(repr=False)
    at_limit: tuple[str, ...] = field(compare=False)
    rows: tuple[np.ndarray, np.ndarray] = field(repr=False, compare=False)
    slopes: np.ndarray = field(repr=False, compare=False)

    @cached_property
    def report(self) -> Report:
        """How well the rows bear out the law: see ``Report``."""
        x, y = self.rows
        return make_report(
            broken_evidence(self, lambda kept: fit_broken_power_law(x[kept], y[kept]))
        )

    def predict(self, x):
        """Return the law at ``x`` (positive, any shape), in the unit of y."""
        return self.law.loss(x)


def fit_broken_power_law(x, y) -> BrokenFit:
    """Fit y = a + b x^-c0 (1 + (x / d)^(1 / f))^(-c f) by least squares of log y.

    The form is Eq. 1 of Caballero et al. (2022), https://arxiv.org/abs/2210.14891, with one
    break. The offset a is zero or above, the break d lies between the smallest and the largest
    x, and its width f is between 0.02 and 5 in natural log x: from a step to a bend over all
    of a usual study. The search starts from a grid of shapes, each with its best a and b, and
    minimises from the best one of each change of slope: the best few of all lie in one valley,
    and the minimum may lie in another. With few rows the minimum is a long flat valley: a fit that
    did not reach its end fits as well as one that did, and neither knows its parameters.

    Parameters
    ----------
    x : array, shape (rows,)
        Scale: parameters, tokens or FLOPs, in any unit.
    y : array, shape (rows,)
        What follows the law. It need not fall.

    Returns
    -------
    BrokenFit
        With a FitWarning where the optimiser did not reach a minimum.

    Raises
    ------
    TypeError, ValueError
        If x or y are not positive, or x takes fewer than 7 distinct values: six would be
        met exactly by any six numbers.
    """
    x, y = positive_array("x", x, ndim=1), positive_array("y", y, ndim=1)
    same_length(x=x, y=y)
    distinct = len(np.unique(x))
    if distinct <= PARAMETERS:
        raise ValueError(
            f"x must take at least {PARAMETERS + 1} distinct values to fit {PARAMETERS} "
            f"parameters, got {distinct}"
        )
    # The middle of log x as zero keeps b near the size of y.
    middle = np.log(x).mean()
    t, log_y = np.log(x) - middle, np.log(y)
    found = [_minimise(start, t, log_y, _FIRST) for start in _starts(t, y)]
    best = min(found, key=lambda result: result.cost)
    best = _minimise(best.x, t, log_y, _LAST)
    if not best.success:
        warnings.warn(f"fit_broken_power_law: {best.message}", FitWarning, stacklevel=2)
    a, log_b, c0, change, place, log_f = best.x
    law = BrokenPowerLaw(
        a=float(a),
        b=float(np.exp(log_b + c0 * middle)),
        c0=float(c0),
        breaks=(Break(float(change), float(np.exp(place + middle)), float(np.exp(log_f))),),
    )
    return BrokenFit(
        law=law,
        objective=float(best.cost),
        converged=bool(best.success),
        residuals=best.fun,
        at_limit=_at_limit(best.x, t, log_y),
        rows=(x, y),
        slopes=best.jac,
    )


def _at_limit(theta: np.ndarray, t: np.ndarray, log_y: np.ndarray) -> tuple[str, ...]:
    lower, upper = _limits(t, log_y)
    width = np.where(np.isfinite(lower), np.subtract(upper, lower), np.inf)
    near = np.minimum(theta - lower, upper - theta) < NEAR * width
    names = ("a", "b", "c0", "c", "d", "f")
    return tuple(n for n, close in zip(names, near & np.isfinite(width), strict=True) if close)


def _limits(t: np.ndarray, log_y: np.ndarray) -> tuple[list[float], list[float]]:
    """Return the lower and upper limits of a, log b, c0, c, log d and log f."""
    ceiling = np.exp(log_y.min())
    lower = [0, -np.inf, -_BOUND_SLOPE, -_BOUND_SLOPE, t.min(), np.log(_NARROWEST)]
    upper = [ceiling, np.inf, _BOUND_SLOPE, _BOUND_SLOPE, t.max(), np.log(_WIDEST)]
    return lower, upper


def _starts(t: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the best shape of each change of slope with its a and log b, shape (changes, 6)."""
    places = t.min() + np.ptp(t) * np.array(_PLACES)
    shapes = np.array(list(product(_SLOPES, _CHANGES, places, np.log(_WIDTHS))))  # (shapes, 4)
    power = np.exp(_log_power(t, *shapes.T[..., None]))  # (shapes, rows)
    # Relative residuals stand for log residuals: minimise |(a + b power) / y - 1|.
    u, v = 1 / y, power / y
    uu, uv, vv = u @ u, v @ u, (v * v).sum(1)
    a = np.clip((vv * u.sum() - uv * v.sum(1)) / (uu * vv - uv**2), 0, 0.999 * y.min())
    b = np.maximum((v.sum(1) - a * uv) / vv, 1e-12 * y.max())
    cost = ((a[:, None] * u + b[:, None] * v - 1) ** 2).sum(1)
    best = [min(np.flatnonzero(shapes[:, 1] == change), key=cost.item) for change in _CHANGES]
    return np.column_stack([a[best], np.log(b[best]), shapes[best]])


def _log_power(t, c0, change, place, log_f):
    """Return the logarithm of the law's power part over b."""
    f = np.exp(log_f)
    return -c0 * t - change * f * np.logaddexp(0.0, (t - place) / f)


def _minimise(start: np.ndarray, t: np.ndarray, log_y: np.ndarray, steps: int):
    """Minimise from one start for at most some steps; the Jacobian is exact."""

    def residuals(theta):
        return np.log(theta[0] + np.exp(theta[1] + _log_power(t, *theta[2:]))) - log_y

    def jacobian(theta):
        a, log_b, _, change, place, log_f = theta
        f = np.exp(log_f)
        far = (t - place) / f
        power = np.exp(log_b + _log_power(t, *theta[2:]))
        share = power / (a + power)  # of a change of log power that reaches log y
        bend = np.logaddexp(0.0, far)
        columns = [
            1 / (a + power),
            share,
            -share * t,
            -share * f * bend,
            share * change * expit(far),
            -share * change * f * (bend - far * expit(far)),
        ]
        return np.stack(columns, axis=1)

    lower, upper = _limits(t, log_y)
    inside = np.clip(start, np.add(lower, 1e-9), np.subtract(upper, 1e-9))
    return least_squares(
        residuals, inside, jacobian, bounds=(lower, upper), x_scale="jac", max_nfev=steps
    )
