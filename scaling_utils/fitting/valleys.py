"""IsoFLOP studies as they come: measured C and D, budgets left out, whole budgets drawn.

``fit_isoflop`` asks for a complete table and takes D = C / (6 N)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from scaling_utils._check import labels, member, number
from scaling_utils.fitting._cubic import DEGREE, FEWEST_SIZES, at_bottom
from scaling_utils.fitting._draws import Refits, batches
from scaling_utils.fitting._isoflop_report import isoflop_evidence
from scaling_utils.fitting._line import trend_of
from scaling_utils.fitting._measured import (
    FEWEST,
    budgets_of,
    fault,
    lines,
    measured_rows,
    message_of,
    said_of,
    valleys,
)
from scaling_utils.fitting.errors import FitError, FitWarning
from scaling_utils.fitting.fit import Fit, check_weights
from scaling_utils.fitting.isoflop import IsoFlopFit
from scaling_utils.laws import Trend
from scaling_utils.units import TRAINING_FLOPS

WHOLE = "budgets"


@dataclass(frozen=True)
class Frontier:
    """Best size and best tokens, each a power law of C.

    Attributes
    ----------
    size : Trend
        N, in parameters, of C in FLOPs.
    tokens : Trend
        D, in tokens, of C in FLOPs.
    """

    size: Trend
    tokens: Trend

    def N(self, C):
        """Return the best parameters at ``C`` FLOPs (above zero, any shape)."""
        return self.size.at(C)

    def D(self, C):
        """Return the best tokens at ``C`` FLOPs (above zero, any shape)."""
        return self.tokens.at(C)


@dataclass(frozen=True, kw_only=True, eq=False)
class ValleysFit(IsoFlopFit):
    """The best size and tokens at each budget that could be used, and the laws through them.

    Besides those of an IsoFLOP fit:

    Attributes
    ----------
    left_out : dict of str
        Why a budget is in no law, by its C in FLOPs.
    missing : tuple of int
        Rows, counted from 0, with a NaN, which are in no budget.
    used : array of int
        Rows that were fitted; ``data``, ``residuals`` and ``weights`` hold these.
    convention : str
        Where D comes from: "measured", or "C / (6 N)".
    flops_ratio : float
        Median of 6 N D / C over the rows used; 1 where D was not measured.
    """

    edge = "have a budget whose best size is not bracketed, which is left out of their law"

    left_out: dict[float, str]
    missing: tuple[int, ...]
    used: np.ndarray = field(repr=False)
    convention: str
    flops_ratio: float
    extra: dict = field(repr=False)  # measured D and labels of budgets, of the rows used

    @property
    def names(self) -> tuple[str, ...]:
        """G and a of N = G C^a, H and b of D = H C^b."""
        return ("G", "a", "H", "b")

    _once: ClassVar[bool] = False

    def resample(
        self, by=None, n: int = 1000, seed: int = 0, *, strata=None, draws=None, check: int = 0
    ):
        """Refit resamples: see ``Fit.resample``.

        Parameters
        ----------
        by : "budgets" or array, shape (rows given or rows used,), optional
            "budgets" draws whole budgets: what differs from budget to budget, and not only from
            run to run, then widens the interval. A budget drawn twice counts twice in the line.
            By default rows are drawn within each budget.
        n, seed, strata, draws, check
            As for ``Fit.resample``.

        Returns
        -------
        Resamples

        Raises
        ------
        TypeError, ValueError
            As ``Fit.resample``; with "budgets" there must be at least three.
        """
        if isinstance(by, str):
            member("by", by, (WHOLE,))
            by = self._of_budget()
        elif by is not None and np.shape(by) == (len(self.used) + self._rows_left_out,):
            by = np.asarray(by)[self.used]
        return super().resample(by, n, seed, strata=strata, draws=draws, check=check)

    @property
    def _rows_left_out(self) -> int:
        return self.extra["rows"] - len(self.used)

    def _of_budget(self) -> np.ndarray:
        out = np.empty(len(self.used), dtype=int)
        for k, rows in enumerate(self.groups):
            out[rows] = k
        return out

    def _law(self, columns: np.ndarray) -> Frontier:
        G, a, H, b = map(float, columns)
        return Frontier(Trend(G, a), Trend(H, b))

    @property
    def _columns(self) -> np.ndarray:
        size, tokens = self.size, self.tokens
        return np.array([size.coefficient, size.exponent, tokens.coefficient, tokens.exponent])

    def _refit(self, draws, rng, check: int) -> Refits:
        rows = (*self.data.values(), self.extra["D"])
        parts = []
        for part in batches(draws.count, draws.rows):
            found = valleys(rows, draws.weights(part), self.weights, self.groups, self.minimum)
            parts.append((lines(found), found.objective, found.edge))
        columns, objective, edge = (np.concatenate(x) for x in zip(*parts, strict=True))
        return Refits(columns, objective, np.ones(len(columns), bool), edge)

    def _again(self, kept: np.ndarray, **other) -> Fit:
        rows = {name: values[kept] for name, values in self.data.items()}
        for name in ("D", "budget"):
            if self.extra[name] is not None:
                rows[name] = self.extra[name][kept]
        if self.weights is not None:
            rows["weights"] = self.weights[kept]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            return fit_valleys(**rows, **self.settings | other)

    @property
    def _free(self) -> int:
        return DEGREE[self.minimum] + 1

    def _evidence(self):
        if self.minimum == "cubic":
            _, N, loss = self.data.values()
            weights = np.ones(len(N)) if self.weights is None else self.weights
            found = [
                (rows, at_bottom(np.log(N[rows]), loss[rows], weights[rows], np.log(best), least))
                for rows, best, least in zip(self.groups, self.N, self.loss, strict=True)
            ]
            evidence = replace(isoflop_evidence(self, found), free=self._free * len(found))
        else:
            evidence = super()._evidence()
        return replace(evidence, warned=(self.message,)) if self.message else evidence


def fit_valleys(
    C,
    N,
    loss,
    *,
    D=None,
    budget=None,
    minimum: str = "parabola",
    tolerance: float = 0.05,
    weights=None,
) -> Fit:
    """Fit N = G C^a and D = H C^b through the valleys of those budgets that have one.

    Approach 2 of Hoffmann et al. (2022), https://arxiv.org/abs/2203.15556, section 3.2. A row
    with a NaN is left out. A budget is left out where too few sizes are left, where all losses
    are equal, where the curve has no bottom, or where the bottom lies outside the sizes
    that were run. The fit names each of them with its reason.

    Parameters
    ----------
    C : array, shape (runs,)
        Training FLOPs of each run, as measured. NaN where unknown.
    N : array, shape (runs,)
        Parameters of each run.
    loss : array, shape (runs,)
        Final loss of each run, nats per token. NaN where a run has none.
    D : array, shape (runs,), optional
        Measured training tokens. At the best size they are read off the straight line of log D
        against log N of the budget's runs. Without them D = C / (6 N).
    budget : array of labels, shape (runs,), optional
        Which budget each run belongs to. Without it, runs whose C exceeds the least of a group by
        at most ``tolerance`` are one budget.
    minimum : {"parabola", "cubic", "least"}
        The bottom of a parabola or of a cubic in log N, or the run with the least loss. A valley
        leans where its walls rise with different exponents; a cubic follows that, takes five sizes
        or more, and has wider intervals.
    tolerance : float
        See ``budget``. Zero or above, below 1.
    weights : array, shape (runs,), optional
        How much each run counts in its parabola, above zero.

    Returns
    -------
    Fit
        Of a ``Frontier``; ``left_out`` has the reason for each budget in no law, ``predict`` the
        best N at a C. ``resample()`` draws runs within budgets, ``resample(by="budgets")`` whole
        budgets. With a FitWarning where something was left out.

    Raises
    ------
    TypeError, ValueError
        If a value is neither NaN nor a finite number above zero, or an argument out of range.
    FitError
        If fewer than two budgets can be used; ``partial`` has the reasons, by C.
    """
    rows, missing = measured_rows(C=C, N=N, loss=loss, D=D)
    weights, given = check_weights(weights, len(missing)), len(missing)
    budget = None if budget is None else labels("budget", budget, given)
    member("minimum", minimum, FEWEST_SIZES)
    tolerance = number("tolerance", tolerance, at_least=0, below=1)
    there = np.flatnonzero(~missing)
    groups = budgets_of(rows[0], there, budget, tolerance)
    usable, left_out = [], {}
    for group in groups:
        why = fault(rows, group, weights, minimum)
        middle = float(np.exp(np.log(rows[0][group]).mean()))
        if why:
            left_out[middle] = why
        else:
            usable.append(group)
    if len(usable) < FEWEST:
        raise FitError(
            f"a power law needs at least {FEWEST} budgets with a valley, got {len(usable)}; left "
            f"out: {said_of(left_out) or 'none'}",
            left_out,
        )
    used = np.sort(np.concatenate(usable))
    place = {row: k for k, row in enumerate(used.tolist())}
    groups = [np.array([place[row] for row in group.tolist()]) for group in usable]
    rows = [None if column is None else column[used] for column in rows]
    own = None if weights is None else weights[used]
    found = valleys(rows, np.ones((1, used.size)), own, groups, minimum)
    residuals = np.empty(used.size)
    for group, missed in zip(groups, found.missed, strict=True):
        residuals[group] = missed[0]
    budgets, best, tokens = (np.exp(part[0]) for part in (found.x, found.size, found.tokens))
    size, error = trend_of(budgets, best)
    message = message_of(left_out, np.flatnonzero(missing))
    if message:
        warnings.warn(f"fit_valleys: {message}", FitWarning, stacklevel=2)
    C, N, loss, D = rows
    return ValleysFit(
        data={"C": C, "N": N, "loss": loss},
        weights=own,
        settings={"minimum": minimum, "tolerance": tolerance},
        objective=float(found.objective[0]),
        residuals=residuals,
        message=message,
        C=budgets,
        N=best,
        D=tokens,
        loss=found.least,
        bracketed=found.drawn[0] > 0,
        runs=np.array([len(group) for group in groups]),
        size=size,
        tokens=trend_of(budgets, tokens)[0],
        standard_error=error,
        groups=groups,
        left_out=left_out,
        missing=tuple(np.flatnonzero(missing).tolist()),
        used=used,
        convention="C / (6 N)" if D is None else "measured",
        flops_ratio=1.0 if D is None else float(np.median(TRAINING_FLOPS * N * D / C)),
        extra={"D": D, "budget": None if budget is None else budget[used], "rows": given},
    )
