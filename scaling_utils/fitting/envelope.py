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

from scaling_utils._check import whole
from scaling_utils.fitting._draws import LeftOut, Refits, batches
from scaling_utils.fitting._line import trend_of
from scaling_utils.fitting._other_reports import envelope_report
from scaling_utils.fitting.errors import FitError
from scaling_utils.fitting.fit import Fit, check_rows
from scaling_utils.fitting.report import Report
from scaling_utils.laws import Trend
from scaling_utils.units import TRAINING_FLOPS


@dataclass(frozen=True, kw_only=True, eq=False)
class EnvelopeFit(Fit):
    """The envelope of training curves, and the power law N = G C^a through it.

    Residuals are of log N at the bracketed bins.

    Attributes
    ----------
    C : array, shape (bins,)
        Work in FLOPs, evenly spaced in logarithm.
    N : array, shape (bins,)
        Parameters of the run with the least loss there.
    D : array, shape (bins,)
        Its tokens.
    loss : array, shape (bins,)
        Its loss.
    bracketed : array of bool, shape (bins,)
        Whether a smaller and a larger size also reach that C. Where not, the best size may
        lie outside the sizes that were run; only bracketed bins enter the power laws.
    size : Trend
        N as a power law of C.
    tokens : Trend
        D as a power law of C.
    standard_error : float
        Of the exponent of N, by leaving out one size at a time: neighbouring bins share
        their runs, so the errors of a straight line through them would be far too small. NaN
        where too few sizes are left.
    """

    constants = ("G", "a")

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
        """How well the bracketed bins bear out the power law; see ``Report``."""
        return envelope_report(self)

    def predict(self, C):
        """Return the best N at ``C``, in FLOPs (above zero, any shape), by the power law."""
        return self.size.at(C)

    def resample(self, by=None, n: int = 1000, seed: int = 0, *, strata=None, draws=None, check=0):
        """Refit resamples: see ``Fit.resample``. Unless the points are drawn in another way, whole
        sizes are drawn: the points of one curve are one run. Few sizes win a bin, so that the
        values come in steps. ``check`` has nothing to check."""
        if by is None and strata is None and draws is None:
            by = self.data["N"]
        return super().resample(by, n, seed, strata=strata, draws=draws, check=check)

    def _law(self, columns: np.ndarray) -> Trend:
        return Trend(*map(float, columns))

    @property
    def _columns(self) -> np.ndarray:
        return np.array([self.size.coefficient, self.size.exponent])

    @property
    def _free(self) -> int:
        return 2

    def _refit(self, draws, rng, check: int) -> Refits:
        C, N, loss, D = self.data.values()
        known, columns = {}, []
        for part in batches(draws.count, draws.rows):
            for drawn in draws.weights(part) > 0:
                key = drawn.tobytes()
                if key not in known:
                    grid = np.geomspace(C[drawn].min(), C[drawn].max(), self.settings["bins"])
                    known[key] = _trend(*_curves(C[drawn], N[drawn], loss[drawn], D[drawn], grid))
                columns.append(known[key])
        count = len(columns)
        return Refits(
            np.array(columns), np.full(count, np.nan), np.ones(count, bool), np.zeros(count, bool)
        )

    def _left_out(self, group_of, rng) -> np.ndarray:
        return self._refit(LeftOut(self._rows, group_of), rng, 0).columns


def fit_envelope(C, N, loss, D=None, *, bins: int = 100) -> Fit:
    """Find the best size at each amount of work and fit N = G C^a through them.

    Source: Hoffmann et al. (2022), https://arxiv.org/abs/2203.15556, section 3.1.

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
        Values of C at which the curves are compared, evenly spaced in log C, at least 2. Each
        curve is interpolated there, linearly in log C.

    Returns
    -------
    Fit
        Of the ``Trend`` of N with C, with the envelope as attributes; ``law`` and ``predict`` give
        the best N at a C.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or there are fewer than three sizes.
    FitError
        If fewer than two sizes win a bracketed bin; ``partial`` has C, N, bracketed.
    """
    if D is None:
        C, N, loss = check_rows(C=C, N=N, loss=loss)
        D = C / (TRAINING_FLOPS * N)
    else:
        C, N, loss, D = check_rows(C=C, N=N, loss=loss, D=D)
    bins = whole("bins", bins, at_least=2)
    if len(np.unique(N)) < 3:
        raise ValueError(f"N must take at least 3 values, got {len(np.unique(N))}")
    grid = np.geomspace(C.min(), C.max(), bins)
    heights, tokens, sizes, grid = _curves(C, N, loss, D, grid)
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
    left = np.log(size.at(grid[kept][bracketed])) - np.log(best[bracketed])
    return EnvelopeFit(
        data={"C": C, "N": N, "loss": loss, "D": D},
        settings={"bins": bins},
        objective=float(left @ left / 2),
        residuals=left,
        C=grid[kept],
        N=best,
        D=seen,
        loss=heights[winner, kept],
        bracketed=bracketed,
        size=size,
        tokens=data,
        standard_error=_leave_one_out(heights, sizes, grid),
    )


def _curves(C, N, loss, D, grid):
    """Return loss (inf where not reached) and tokens of each size on the grid, (sizes, bins),
    the sizes and the grid."""
    sizes, curve_of = np.unique(N, return_inverse=True)
    rows = [np.flatnonzero(curve_of == k) for k in range(len(sizes))]
    curves = [_curve(np.log(C[part]), loss[part], D[part], grid) for part in rows]
    heights, tokens = (np.stack(part) for part in zip(*curves, strict=True))
    return heights, tokens, sizes, grid


def _trend(heights, tokens, sizes, grid) -> tuple[float, float]:
    """Return G and a of the power law through the bracketed bins; NaN where there is none."""
    kept, winner, bracketed = _lowest(heights)
    best = sizes[winner][bracketed]
    if len(np.unique(best)) < 2:
        return float("nan"), float("nan")
    found = trend_of(grid[kept][bracketed], best)[0]
    return found.coefficient, found.exponent


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
        exponents.append(_trend(heights[others], None, sizes[others], grid)[1])
    count = len(exponents)
    return float(np.sqrt((count - 1) * np.var(exponents)))
