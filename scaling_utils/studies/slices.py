"""Slices of a table of cells at equal training compute, for curves that need no form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils._check import positive_array, whole
from scaling_utils.studies.tuning import Cells
from scaling_utils.units import TRAINING_FLOPS

FIRM = 2  # sizes on each side of the best one


@dataclass(frozen=True)
class Slices:
    """Losses at equal compute, one entry per budget and size, sorted by budget, then size.

    Attributes
    ----------
    C : array, shape (points,)
        Training FLOPs.
    N : array, shape (points,)
        Parameters.
    D : array, shape (points,)
        Tokens, C / (6 N).
    loss : array, shape (points,)
        Nats per token.
    firm : array of bool, shape (points,)
        Whether the best size of a point's budget has two sizes or more on each side.
    """

    C: np.ndarray
    N: np.ndarray
    D: np.ndarray
    loss: np.ndarray
    firm: np.ndarray

    def __len__(self) -> int:
        return len(self.loss)

    @property
    def budgets(self) -> np.ndarray:
        """The budgets that are firmly bracketed, in FLOPs, rising."""
        return np.unique(self.C[self.firm])


def isoflop_slices(cells: Cells, budgets, around: int | None = None) -> Slices:
    """Read the loss of every size at each budget off a grid of sizes and tokens.

    Runs of a grid rarely have equal compute. For each size the loss at D = C / (6 N) is
    interpolated between the two measured lengths around it: log excess over the source's
    entropy, linearly in log D; where the entropy is unknown, log loss. Nothing is
    extrapolated: a size whose runs do not reach around D is left out of that budget.

    Parameters
    ----------
    cells : Cells
        The tuned grid.
    budgets : array, shape (budgets,)
        Training FLOPs, above 0. They come back rising, each once.
    around : int, optional
        Keep at most so many sizes on each side of the best one, at least 1. A valley is no
        parabola, and a grid that reaches further up one wall than up the other moves the lowest
        point of the parabola through all of it: see ``fitting.isoflop_bias``. None keeps all.

    Returns
    -------
    Slices
        For ``fitting.fit_isoflop(slices.C, slices.N, slices.loss)``.

    Raises
    ------
    TypeError, ValueError
        If budgets are not positive and finite, no size reaches any of them, or ``around`` is not a
        whole number from 1.
    """
    budgets = np.unique(positive_array("budgets", budgets, ndim=1))
    around = None if around is None else whole("around", around)
    floor = np.where(np.isnan(cells.entropy), 0.0, cells.entropy)
    points = []
    for C in budgets:
        at = []
        for N in np.unique(cells.N):
            own = cells.N == N
            D = C / (TRAINING_FLOPS * N)
            logs = np.log(cells.D[own])
            if logs[0] <= np.log(D) <= logs[-1]:
                above = np.log((cells.loss - floor)[own])
                loss = np.exp(np.interp(np.log(D), logs, above)) + floor[own][0]
                at.append((C, N, D, loss))
        best = int(np.argmin([loss for *_, loss in at])) if at else 0
        firm = FIRM <= best < len(at) - FIRM
        if around is not None:
            at = at[max(0, best - around) : best + around + 1]
        points += [(*point, firm) for point in at]
    if not points:
        reach = TRAINING_FLOPS * cells.N * cells.D
        raise ValueError(
            f"budgets must lie inside what the runs reach, {reach.min():.3g} to "
            f"{reach.max():.3g} FLOPs; got {budgets}"
        )
    return Slices(*map(np.array, zip(*points, strict=True)))
