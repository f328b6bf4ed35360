"""Fit how fast repeated data wears out, on top of a known law for fresh data."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.optimize import minimize

from scaling_utils._check import finite_array, number, positive_array, same_length
from scaling_utils.fitting._other_reports import repetition_evidence
from scaling_utils.fitting._table import huber
from scaling_utils.fitting.report import Report, make_report
from scaling_utils.laws import DataConstrainedLaw, ParametricLaw
from scaling_utils.laws.data_constrained import _saturating

LOWEST, HIGHEST = 0.02, 2000.0  # of R*: repeats are worthless, or as good as fresh
GRID_D = np.geomspace(LOWEST, HIGHEST, 241)
GRID_N = np.geomspace(LOWEST, HIGHEST, 121)


@dataclass(frozen=True)
class RepetitionFit:
    """R_D* and R_N* of the data-constrained law, fitted to runs that repeat their data.

    Attributes
    ----------
    law : DataConstrainedLaw
        With the law for fresh data that was given, and the fitted R_D* and R_N*.
    objective : float
        Sum over runs of the Huber loss.
    residuals : array, shape (runs,)
        Log predicted less log observed loss.
    at_limit : tuple of str
        Those of "R_D_star" and "R_N_star" that ended at a limit of the search, 0.02 or 2000:
        the runs do not bound them on that side.
    """

    law: DataConstrainedLaw
    objective: float
    residuals: np.ndarray = field(repr=False)
    at_limit: tuple[str, ...]
    runs: tuple[np.ndarray, ...] = field(repr=False, compare=False)
    delta: float

    @cached_property
    def report(self) -> Report:
        """How well the rows bear out the law: see ``Report``."""

        def refit(kept):
            return fit_repetition(self.law.law, *(v[kept] for v in self.runs), self.delta)

        return make_report(
            repetition_evidence(self, lambda theta: _law(self.law.law, theta), refit)
        )


def fit_repetition(law: ParametricLaw, N, D, U, loss, delta: float = 1e-3) -> RepetitionFit:
    """Fit R_D* and R_N* with the law for fresh data held fixed.

    Parameters
    ----------
    law : ParametricLaw
        Of the same models on data seen once.
    N, D, U : arrays, shape (runs,)
        Parameters, training tokens, and unique tokens of each run; D is at least U.
    loss : array, shape (runs,)
        Final loss of each run, nats per token.
    delta : float
        Log residuals within delta are squared, those beyond count by size.

    Returns
    -------
    RepetitionFit

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or no run repeats its data.

    Source: Muennighoff et al. (2023), https://arxiv.org/abs/2305.16264, Eqs. 5 and 6, App. A. Both
    constants are sought on a grid over [0.02, 2000] and then polished.
    """
    if not isinstance(law, ParametricLaw):
        raise TypeError(f"law must be a ParametricLaw, got {type(law).__name__}")
    names = ("N", "D", "U", "loss")
    values = (N, D, U, loss)
    N, D, U, loss = (positive_array(n, v, ndim=1) for n, v in zip(names, values, strict=True))
    same_length(N=N, D=D, U=U, loss=loss)
    delta = number("delta", delta, above=0)
    if (D < U).any():
        raise ValueError("D must be at least U: a run cannot hold more unique tokens than tokens")
    if (D == U).all():
        raise ValueError("D must exceed U in some run, or nothing is repeated")
    scores = _scores(law, (N, D, U, loss), delta).sum(axis=2)  # (R_D, R_N)
    i, j = np.unravel_index(scores.argmin(), scores.shape)

    def objective(theta: np.ndarray) -> float:
        trial = _law(law, theta)
        return float(huber(np.log(trial.loss(N, D, U)) - np.log(loss), delta).sum())

    start = np.log([GRID_D[i], GRID_N[j]])
    corners = start + np.array([[0, 0], [0.05, 0], [0, 0.1]])
    options = {"xatol": 1e-6, "fatol": 1e-14, "initial_simplex": corners, "maxiter": 2000}
    best = minimize(objective, start, method="Nelder-Mead", options=options)
    fitted = _law(law, best.x)
    reached = {"R_D_star": fitted.R_D_star, "R_N_star": fitted.R_N_star}
    at_limit = tuple(n for n, v in reached.items() if not LOWEST * 1.1 < v < HIGHEST / 1.1)
    return RepetitionFit(
        law=fitted,
        objective=float(best.fun),
        residuals=np.log(fitted.loss(N, D, U)) - np.log(loss),
        at_limit=at_limit,
        runs=(N, D, U, loss),
        delta=delta,
    )


def resample_repetition(fit: RepetitionFit, indices) -> np.ndarray:
    """Refit R_D* and R_N* to resamples of the runs, for a bootstrap.

    Parameters
    ----------
    fit : RepetitionFit
    indices : sequence of whole-number arrays
        The runs of each resample, by place, repeats included. Runs of one trunk belong
        together. Resamples may differ in length.

    Returns
    -------
    array, shape (resamples, 2)
        R_D* and R_N* of each, on the grid of the search (steps of 5 and 10 %).

    Raises
    ------
    TypeError, ValueError
        If ``fit`` is something else, or an index is not the place of a run.
    """
    if not isinstance(fit, RepetitionFit):
        raise TypeError(f"fit must be a RepetitionFit, got {type(fit).__name__}")
    scores = _scores(fit.law.law, fit.runs, fit.delta)  # (R_D, R_N, runs)
    runs, found = scores.shape[2], []
    for index in indices:
        index = finite_array("indices", index, ndim=1)
        if (index != np.floor(index)).any() or index.min() < 0 or index.max() >= runs:
            raise ValueError(f"indices must be whole numbers from 0 to {runs - 1}, got {index}")
        total = scores @ np.bincount(index.astype(int), minlength=runs)
        i, j = np.unravel_index(total.argmin(), total.shape)
        found.append((GRID_D[i], GRID_N[j]))
    if not found:
        raise ValueError("indices must hold at least one resample, got none")
    return np.array(found)


def _law(law: ParametricLaw, theta: np.ndarray) -> DataConstrainedLaw:
    R_D, R_N = np.exp(np.clip(theta, np.log(LOWEST), np.log(HIGHEST)))
    return DataConstrainedLaw(law, float(R_D), float(R_N))


def _scores(law: ParametricLaw, runs, delta: float) -> np.ndarray:
    """Return the Huber loss of each run at each place of the grid, (R_D, R_N, runs)."""
    N, D, U, loss = runs
    usable = np.minimum(N, law.optimal_for_tokens(U).N)
    size = law.A * _saturating(N, usable, GRID_N[:, None]) ** -law.alpha  # (R_N, runs)
    data = law.B * _saturating(D, U, GRID_D[:, None]) ** -law.beta  # (R_D, runs)
    return huber(np.log(law.E + size[None] + data[:, None]) - np.log(loss), delta)
