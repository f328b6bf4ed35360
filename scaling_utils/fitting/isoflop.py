"""Approach 2: the best size at each of several budgets, and how it moves with the budget.

Runs of many sizes at one budget trace a valley in log N; a parabola through them gives the
size at its bottom. Hoffmann et al. (2022), https://arxiv.org/abs/2203.15556, section 3.2.

The valley is not a parabola: its two walls rise with different exponents. How far that
moves the answer depends on the grid of sizes, and ``isoflop_bias`` computes it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from scaling_utils._check import labels, member, number
from scaling_utils.fitting._draws import LeftOut, Refits, batches
from scaling_utils.fitting._isoflop_report import isoflop_evidence, not_bracketed
from scaling_utils.fitting._line import trend_of
from scaling_utils.fitting._valleys import bottoms, parabolas, trends
from scaling_utils.fitting.errors import FitError, FitWarning
from scaling_utils.fitting.fit import Fit, check_rows, check_weights
from scaling_utils.laws import Trend
from scaling_utils.units import TRAINING_FLOPS

MINIMA = ("parabola", "least")


@dataclass(frozen=True, kw_only=True, eq=False)
class IsoFlopFit(Fit):
    """The best size at each budget, and the power law N = G C^a through them.

    Residuals are those of the runs about the parabola of their budget, in the unit of the
    loss, whichever way the minimum was taken.

    Attributes
    ----------
    C : array, shape (budgets,)
        The budgets in FLOPs, rising.
    N : array, shape (budgets,)
        Best parameters; NaN where a parabola has no bottom.
    D : array, shape (budgets,)
        Tokens C / (6 N); NaN there too.
    loss : array, shape (budgets,)
        Loss at the best size.
    bracketed : array of bool, shape (budgets,)
        Whether the best size lies between the smallest and the largest that were run. Only
        these budgets enter the power laws.
    runs : array of int, shape (budgets,)
        Runs at each budget.
    size : Trend
        N as a power law of C.
    tokens : Trend
        D as a power law of C.
    standard_error : float
        Of the exponent of N, and of D, by least squares in logarithms; NaN with two budgets.
    """

    constants = ("G", "a")
    edge = "have a budget whose best size is not bracketed, which is left out of their law"

    C: np.ndarray
    N: np.ndarray
    D: np.ndarray
    loss: np.ndarray
    bracketed: np.ndarray
    runs: np.ndarray = field(repr=False)
    size: Trend
    tokens: Trend
    standard_error: float
    groups: list[np.ndarray] = field(repr=False)

    _once: ClassVar[bool] = True  # the line counts each budget once, however often it was drawn

    @property
    def exponent(self) -> float:
        """a, with N growing as C^a."""
        return self.size.exponent

    @property
    def minimum(self) -> str:
        """How the bottom of a valley was found, "parabola" or "least"."""
        return self.settings["minimum"]

    def predict(self, C):
        """Return the best N at ``C``, in FLOPs (above zero, any shape), by the power law."""
        return self.size.at(C)

    def resample(self, by=None, n: int = 1000, seed: int = 0, *, strata=None, draws=None, check=0):
        """Refit resamples: see ``Fit.resample``. Unless the rows are drawn in another way, they
        are drawn within each budget, so that every resample keeps the design. Sizes drawn with
        repeats hold a valley less well than all of them do: with ten sizes to a budget the errors
        come out about a third too large. Nothing is sought step by step here, so that ``check``
        has nothing to check. Whole budgets are drawn by ``fit_valleys``, and refused here with a
        ValueError: the line would count a budget once that was drawn twice."""
        if (
            by is not None
            and self._once
            and self._draws_budgets(labels("by", by, len(self.residuals)))
        ):
            raise ValueError(
                "by must not draw whole budgets here, whose line would count one drawn twice only "
                'once: fit_valleys(C, N, loss).resample(by="budgets") draws them'
            )
        if by is None and strata is None and draws is None:
            strata = np.empty(len(self.residuals), dtype=int)
            for k, rows in enumerate(self.groups):
                strata[rows] = k
        return super().resample(by, n, seed, strata=strata, draws=draws, check=check)

    def _draws_budgets(self, by: np.ndarray) -> bool:
        """Whether no budget is divided between two labels."""
        return all(len(np.unique(by[rows])) == 1 for rows in self.groups)

    def _law(self, columns: np.ndarray) -> Trend:
        return Trend(*map(float, columns))

    @property
    def _columns(self) -> np.ndarray:
        return np.array([self.size.coefficient, self.size.exponent])

    @property
    def _free(self) -> int:
        return 3  # of a parabola

    def _refit(self, draws, rng, check: int) -> Refits:
        C, N, loss = self.data.values()
        parts = []
        for part in batches(draws.count, draws.rows):
            counts = draws.weights(part)
            weights = counts if self.weights is None else counts * self.weights
            parts.append(trends(C, N, loss, weights, self.groups, self.minimum))
        columns, objective, bracketed = (np.concatenate(x) for x in zip(*parts, strict=True))
        return Refits(columns, objective, np.ones(len(columns), bool), ~bracketed.all(axis=1))

    def _left_out(self, group_of, rng) -> np.ndarray:
        return self._refit(LeftOut(self._rows, group_of), rng, 0).columns

    def _fitter(self):
        return fit_isoflop

    def _evidence(self):
        _, N, loss = self.data.values()
        weights = np.ones(len(N)) if self.weights is None else self.weights
        valleys = [
            (rows, parabolas(np.log(N[rows]), loss[rows], weights[None, rows])[:, 0])
            for rows in self.groups
        ]
        return isoflop_evidence(self, valleys)


def fit_isoflop(
    C, N, loss, *, minimum: str = "parabola", tolerance: float = 0.05, weights=None
) -> Fit:
    """Find the best size at each budget and fit N = G C^a through them.

    Source: Hoffmann et al. (2022), https://arxiv.org/abs/2203.15556, section 3.2.

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
        Runs whose C exceeds the least of a group by at most this share are one budget. Zero or
        above, below 1.
    weights : array, shape (runs,), optional
        How much each run counts in its parabola, above zero.

    Returns
    -------
    Fit
        Of the ``Trend`` of N with C, with the valleys as attributes; ``law`` and ``predict`` give
        the best N at a C. With a FitWarning that names the budgets whose best size is not
        bracketed.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or a budget has fewer than three sizes or one loss
        for all of them.
    FitError
        If fewer than two budgets bracket their best size; ``partial`` has C, N, bracketed.
    """
    C, N, loss = check_rows(C=C, N=N, loss=loss)
    weights = check_weights(weights, len(loss))
    member("minimum", minimum, MINIMA)
    tolerance = number("tolerance", tolerance, at_least=0, below=1)
    groups = _budgets(C, tolerance)
    counts = np.ones((1, len(loss))) if weights is None else weights[None]
    found, residuals = [], np.empty(len(loss))
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
        best, least, inside, left = bottoms(np.log(N[rows]), loss[rows], counts[:, rows], minimum)
        residuals[rows] = left[0]
        found.append((budget, best[0], least[0], inside[0], len(rows)))
    budgets, best, least, bracketed, runs = (np.array(part) for part in zip(*found, strict=True))
    _judge(budgets, best, bracketed)
    size, error = trend_of(budgets[bracketed], best[bracketed])
    tokens, _ = trend_of(
        budgets[bracketed], budgets[bracketed] / (TRAINING_FLOPS * best[bracketed])
    )
    return IsoFlopFit(
        data={"C": C, "N": N, "loss": loss},
        weights=weights,
        settings={"minimum": minimum, "tolerance": tolerance},
        objective=float((counts[0] * residuals**2).sum() / 2),
        residuals=residuals,
        message="" if bracketed.all() else not_bracketed(budgets[~bracketed]),
        C=budgets,
        N=best,
        D=budgets / (TRAINING_FLOPS * best),
        loss=least,
        bracketed=bracketed,
        runs=runs,
        size=size,
        tokens=tokens,
        standard_error=error,
        groups=groups,
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
