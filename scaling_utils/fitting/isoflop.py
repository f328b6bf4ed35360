"""Approach 2: the best size at each of several budgets, and how it moves with the budget.

Runs of many sizes at one budget trace a valley in log N; a parabola through them gives the
size at its bottom. Hoffmann et al. (2022), https://arxiv.org/abs/2203.15556, section 3.2.

The valley is not a parabola: its two walls rise with different exponents. How far that
moves the answer depends on the grid of sizes, and ``isoflop_bias`` computes it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from scaling_utils._check import member, number, positive_array, same_length
from scaling_utils.fitting._isoflop_report import isoflop_evidence, not_bracketed
from scaling_utils.fitting._line import trend_of
from scaling_utils.fitting.errors import FitError, FitWarning
from scaling_utils.fitting.report import Report, make_report
from scaling_utils.laws import Trend
from scaling_utils.laws.parametric import TRAINING_FLOPS

MINIMA = ("parabola", "least")
ROUNDING = 1e-13  # of a loss


@dataclass(frozen=True)
class IsoFlopFit:
    """The best size at each budget, and the power laws through them.

    Attributes
    ----------
    C : array, shape (budgets,)
        The budgets in FLOPs, rising.
    N, D : arrays, shape (budgets,)
        Best parameters, and tokens C / (6 N); NaN where a parabola has no bottom.
    loss : array, shape (budgets,)
        Loss at the best size.
    bracketed : array of bool, shape (budgets,)
        Whether the best size lies between the smallest and the largest that were run. Only
        these budgets enter the power laws.
    runs : array of int, shape (budgets,)
        Runs at each budget.
    size, tokens : Trend
        N and D as power laws of C.
    standard_error : float
        Of the exponent of N, and of D, by least squares in logarithms; NaN with two budgets.
    minimum : str
        "parabola" or "least".
    rows : tuple of arrays, shape (runs,)
        C, N and loss of the runs.
    tolerance : float
        Of one budget, as it was given.
    """

    C: np.ndarray
    N: np.ndarray
    D: np.ndarray
    loss: np.ndarray
    bracketed: np.ndarray
    runs: np.ndarray = field(repr=False)
    size: Trend
    tokens: Trend
    standard_error: float
    minimum: str
    rows: tuple[np.ndarray, ...] = field(repr=False, compare=False)
    tolerance: float = field(repr=False)

    @property
    def exponent(self) -> float:
        """a, with N growing as C^a."""
        return self.size.exponent

    @cached_property
    def report(self) -> Report:
        """How well the runs bear out the valleys and the power laws: see ``Report``.

        Residuals are those of the runs about the parabola of their budget, in the unit of the
        loss, whichever way the minimum was taken.
        """
        C, N, loss = self.rows

        def refit(kept):
            return fit_isoflop(
                C[kept], N[kept], loss[kept], minimum=self.minimum, tolerance=self.tolerance
            )

        valleys = [
            (part, _bend(np.log(N[part]), loss[part])) for part in _budgets(C, self.tolerance)
        ]
        return make_report(isoflop_evidence(self, refit, valleys))


def fit_isoflop(C, N, loss, *, minimum: str = "parabola", tolerance: float = 0.05) -> IsoFlopFit:
    """Find the best size at each budget and fit N = G C^a through them.

    Parameters
    ----------
    C : array, shape (runs,)
        Training FLOPs of each run.
    N : array, shape (runs,)
        Parameters of each run.
    loss : array, shape (runs,)
        Final loss of each run, nats per token. Above zero.
    minimum : {"parabola", "least"}
        The bottom of a parabola in log N, or the run with the least loss.
    tolerance : float
        Runs whose C exceeds the least of a group by at most this share are one budget.

    Returns
    -------
    IsoFlopFit
        With a FitWarning that names the budgets whose best size is not bracketed.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or a budget has fewer than three sizes or one loss
        for all of them.
    FitError
        If fewer than two budgets bracket their best size; ``partial`` has C, N, bracketed.

    Source: Hoffmann et al. (2022), https://arxiv.org/abs/2203.15556, section 3.2.
    """
    C, N = positive_array("C", C, ndim=1), positive_array("N", N, ndim=1)
    loss = positive_array("loss", loss, ndim=1)
    same_length(C=C, N=N, loss=loss)
    member("minimum", minimum, MINIMA)
    tolerance = number("tolerance", tolerance, at_least=0, below=1)
    groups = _budgets(C, tolerance)
    bottom = _parabola if minimum == "parabola" else _least
    found = []
    for rows in groups:
        budget = float(np.exp(np.log(C[rows]).mean()))
        sizes = len(np.unique(N[rows]))
        if sizes < 3:
            raise ValueError(
                f"N must take at least 3 values at each budget, got {sizes} at C = {budget:.3g}"
            )
        if np.ptp(loss[rows]) == 0:
            raise ValueError(
                f"loss must vary between the runs of a budget, got {loss[rows[0]]:g} for all at "
                f"C = {budget:.3g}"
            )
        best, least = bottom(np.log(N[rows]), loss[rows])
        inside = N[rows].min() < best < N[rows].max()
        found.append((budget, best, least, inside, len(rows)))
    budgets, best, least, bracketed, runs = (np.array(part) for part in zip(*found, strict=True))
    _judge(budgets, best, bracketed)
    size, error = trend_of(budgets[bracketed], best[bracketed])
    tokens, _ = trend_of(
        budgets[bracketed], budgets[bracketed] / (TRAINING_FLOPS * best[bracketed])
    )
    return IsoFlopFit(
        C=budgets,
        N=best,
        D=budgets / (TRAINING_FLOPS * best),
        loss=least,
        bracketed=bracketed,
        runs=runs,
        size=size,
        tokens=tokens,
        standard_error=error,
        minimum=minimum,
        rows=(C, N, loss),
        tolerance=tolerance,
    )


def _budgets(C: np.ndarray, tolerance: float) -> list[np.ndarray]:
    """Return the rows of each budget, by rising budget."""
    groups: list[list[int]] = []
    for row in np.argsort(C, kind="stable"):
        if groups and C[row] <= C[groups[-1][0]] * (1 + tolerance):
            groups[-1].append(int(row))
        else:
            groups.append([int(row)])
    return [np.array(rows) for rows in groups]


def _bend(u: np.ndarray, loss: np.ndarray) -> tuple[float, float, float]:
    """Return bend, slope and level of the parabola through loss against u less its mean.

    A bend that rounding could make is none.
    """
    u = u - u.mean()
    bend, slope, level = map(float, np.polyfit(u, loss, 2))
    if abs(bend) * np.ptp(u) ** 2 <= ROUNDING * abs(level):
        bend = 0.0
    return bend, slope, level


def _parabola(u: np.ndarray, loss: np.ndarray) -> tuple[float, float]:
    """Return N and loss at the bottom of the parabola through loss against u = log N."""
    bend, slope, level = _bend(u, loss)
    if bend <= 0:
        return float("nan"), float("nan")
    bottom = -slope / (2 * bend)
    with np.errstate(over="ignore"):
        return float(np.exp(u.mean() + bottom)), level + slope * bottom / 2


def _least(u: np.ndarray, loss: np.ndarray) -> tuple[float, float]:
    row = int(np.argmin(loss))
    return float(np.exp(u[row])), float(loss[row])


def _judge(budgets: np.ndarray, best: np.ndarray, bracketed: np.ndarray) -> None:
    if bracketed.all() and len(budgets) > 1:
        return
    loose = ", ".join(f"{budget:.3g}" for budget in budgets[~bracketed]) or "none"
    if bracketed.sum() < 2:
        raise FitError(
            "a power law needs at least 2 budgets whose best size lies between sizes that were "
            f"run, got {bracketed.sum()} of {len(budgets)}; not bracketed at C = {loose}",
            {"C": budgets, "N": best, "bracketed": bracketed},
        )
    warnings.warn(
        f"fit_isoflop: {not_bracketed(budgets[~bracketed])}",
        FitWarning,
        stacklevel=3,
    )
