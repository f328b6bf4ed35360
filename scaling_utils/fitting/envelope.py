"""Approach 1: the lower envelope of training curves.

At each amount of work, the run with the least loss shows the best size so far. Hoffmann et
al. (2022), https://arxiv.org/abs/2203.15556, section 3.1.

The curves must be comparable at every point, not only at their ends: a run whose learning
rate has not yet come down is behind one that ended there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scaling_utils._check import positive_array, same_length, whole
from scaling_utils.fitting._line import trend_of
from scaling_utils.fitting._other_reports import envelope_report
from scaling_utils.fitting.errors import FitError
from scaling_utils.fitting.report import Report
from scaling_utils.laws import Trend
from scaling_utils.laws.parametric import TRAINING_FLOPS


@dataclass(frozen=True)
class EnvelopeFit:
    """The envelope of training curves, and the power laws through it.

    Attributes
    ----------
    C : array, shape (bins,)
        Work in FLOPs, evenly spaced in logarithm.
    N, D : arrays, shape (bins,)
        Parameters of the run with the least loss there, and its tokens.
    loss : array, shape (bins,)
        Its loss.
    bracketed : array of bool, shape (bins,)
        Whether a smaller and a larger size also reach that C. Where not, the best size may
        lie outside the sizes that were run; only bracketed bins enter the power laws.
    size, tokens : Trend
        N and D as power laws of C.
    standard_error : float
        Of the exponent of N, by leaving out one size at a time: neighbouring bins share
        their runs, so the errors of a straight line through them would be far too small. NaN
        where too few sizes are left.
    """

    C: np.ndarray
    N: np.ndarray
    D: np.ndarray
    loss: np.ndarray
    bracketed: np.ndarray
    size: Trend
    tokens: Trend
    standard_error: float

    @property
    def exponent(self) -> float:
        """a, with N growing as C^a."""
        return self.size.exponent

    @cached_property
    def report(self) -> Report:
        """How well the bracketed bins bear out the power law: see ``Report``."""
        return envelope_report(self)


def fit_envelope(C, N, loss, D=None, *, bins: int = 100) -> EnvelopeFit:
    """Find the best size at each amount of work and fit N = G C^a through them.

    Parameters
    ----------
    C : array, shape (points,)
        Training FLOPs at each logged point of each run.
    N : array, shape (points,)
        Parameters of its run. Points of one size are one curve.
    loss : array, shape (points,)
        Loss at that point, nats per token, above zero, smoothed if it is noisy: a minimum
        picks lucky points.
    D : array, shape (points,), optional
        Tokens seen; C / (6 N) if left out.
    bins : int
        Values of C at which the curves are compared, evenly spaced in log C. Each curve is
        interpolated there, linearly in log C.

    Returns
    -------
    EnvelopeFit

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or there are fewer than three sizes.
    FitError
        If fewer than two sizes win a bracketed bin; ``partial`` has C, N, bracketed.

    Source: Hoffmann et al. (2022), https://arxiv.org/abs/2203.15556, section 3.1.
    """
    C, N = positive_array("C", C, ndim=1), positive_array("N", N, ndim=1)
    loss = positive_array("loss", loss, ndim=1)
    D = C / (TRAINING_FLOPS * N) if D is None else positive_array("D", D, ndim=1)
    same_length(C=C, N=N, loss=loss, D=D)
    bins = whole("bins", bins, at_least=2)
    sizes, curve_of = np.unique(N, return_inverse=True)
    if len(sizes) < 3:
        raise ValueError(f"N must take at least 3 values, got {len(sizes)}")
    grid = np.geomspace(C.min(), C.max(), bins)
    rows = [np.flatnonzero(curve_of == k) for k in range(len(sizes))]
    curves = [_curve(np.log(C[part]), loss[part], D[part], grid) for part in rows]
    heights = np.stack([curve[0] for curve in curves])  # (sizes, bins), inf where not reached
    tokens = np.stack([curve[1] for curve in curves])
    kept, winner, bracketed = _lowest(heights)
    best, seen = sizes[winner], tokens[winner, kept]
    if len(np.unique(best[bracketed])) < 2:
        raise FitError(
            "a power law needs at least 2 sizes that are the best somewhere with a smaller and a "
            f"larger one beside them, got {len(np.unique(best[bracketed]))} of {len(sizes)}",
            {"C": grid[kept], "N": best, "bracketed": bracketed},
        )
    size, _ = trend_of(grid[kept][bracketed], best[bracketed])
    data, _ = trend_of(grid[kept][bracketed], seen[bracketed])
    return EnvelopeFit(
        C=grid[kept],
        N=best,
        D=seen,
        loss=heights[winner, kept],
        bracketed=bracketed,
        size=size,
        tokens=data,
        standard_error=_leave_one_out(heights, sizes, grid),
    )


def _curve(u, loss, D, grid) -> tuple[np.ndarray, np.ndarray]:
    """Return a size's loss (inf outside its range) and tokens at each C of the grid."""
    order = np.argsort(u, kind="stable")
    u, at = u[order], np.log(grid)
    outside = (at < u[0] - 1e-9) | (at > u[-1] + 1e-9)
    height = np.where(outside, np.inf, np.interp(at, u, loss[order]))
    return height, np.exp(np.interp(at, u, np.log(D[order])))


def _lowest(heights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the bins that any size reaches, the size that wins there, and if it is bracketed."""
    reached = np.isfinite(heights)
    kept = np.flatnonzero(reached.any(axis=0))
    winner = heights[:, kept].argmin(axis=0)
    order = np.arange(len(heights))[:, None]
    smaller = (reached[:, kept] & (order < winner)).any(axis=0)
    larger = (reached[:, kept] & (order > winner)).any(axis=0)
    return kept, winner, smaller & larger


def _leave_one_out(heights: np.ndarray, sizes: np.ndarray, grid: np.ndarray) -> float:
    """Return the jackknife standard error of the exponent over sizes."""
    exponents = []
    for out in range(len(sizes)):
        others = np.delete(np.arange(len(sizes)), out)
        kept, winner, bracketed = _lowest(heights[others])
        best = sizes[others][winner][bracketed]
        if len(np.unique(best)) < 2:
            return float("nan")
        exponents.append(trend_of(grid[kept][bracketed], best)[0].exponent)
    count = len(exponents)
    return float(np.sqrt((count - 1) * np.var(exponents)))
