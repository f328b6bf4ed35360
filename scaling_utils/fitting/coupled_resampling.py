"""Refit the coupled law to resamples of its runs."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from scaling_utils._check import finite_array
from scaling_utils.fitting._coupled import Q_RANGE, Rows, descend
from scaling_utils.fitting._edges import GONE, SHARES
from scaling_utils.fitting._rounds import LOWER, POOL, keep_better
from scaling_utils.fitting._search import LEAST_DELTA
from scaling_utils.fitting._table import huber
from scaling_utils.fitting.coupled import CoupledFit, rows_and_starts
from scaling_utils.fitting.errors import FitWarning

RESAMPLE_FROM = 10.0  # the first delta of a resample, over the usual size of the residuals
INNER_Q = (1.0, 4.0)  # couplings that a resample at an edge is tried again from


def resample_coupled(fit: CoupledFit, indices) -> np.ndarray:
    """Refit the law to resamples of its runs, for a bootstrap.

    Parameters
    ----------
    fit : CoupledFit
        Its runs and settings are used again, and each refit starts from its optimum.
    indices : sequence of whole-number arrays
        The runs of each resample, by place, repeats included. Runs that share a trunk belong
        together: draw whole widths. Resamples may differ in length.

    Returns
    -------
    array, shape (resamples, 6)
        E, A, B, alpha, beta and q of each. Where a refit does not converge, with a FitWarning,
        its row is where it stopped. What ended at an edge, with E or a term of zero or q at the
        end of its range, has been tried again from inside.

    Raises
    ------
    TypeError, ValueError
        If ``fit`` is something else, or an index is not the place of a run.
    """
    if not isinstance(fit, CoupledFit):
        raise TypeError(f"fit must be a CoupledFit, got {type(fit).__name__}")
    runs = fit.rows.target.size
    weights = np.array([_counts(index, runs) for index in indices])
    if weights.size == 0:
        raise ValueError("indices must hold at least one resample, got none")
    rows = replace(fit.rows, weights=weights)
    begin = np.repeat(fit.theta[None], len(weights), axis=0)
    solved = max(fit.delta, LEAST_DELTA)
    top = RESAMPLE_FROM * float(np.median(np.abs(fit.residuals)))
    outcome = descend(begin, rows, solved, top)
    _leave_edges(outcome, fit, rows, solved, top)
    failed = int((~outcome.converged).sum())
    if failed:
        warnings.warn(
            f"resample_coupled: {failed} of {len(weights)} resamples did not converge; "
            "they are kept where they stopped",
            FitWarning,
            stacklevel=2,
        )
    return rows.columns(outcome.theta)


def _leave_edges(outcome, fit: CoupledFit, rows: Rows, delta: float, top: float) -> None:
    """Try the members that began or ended at an edge from inside, and keep what is lower.

    At an edge a logarithm has run away, and no step along it moves the loss.
    """
    began_there = bool(at_edge(fit.theta[None], rows)[0])
    edge = np.flatnonzero(at_edge(outcome.theta, rows) | began_there)
    if edge.size == 0:
        return
    part = rows.members(edge)
    for start in _inner_starts(fit, delta):
        begin = np.repeat(start[None], edge.size, axis=0)
        keep_better(outcome, edge, descend(begin, part, delta, top, ratio=2.0))
    # One member's solution may serve another better than its own.
    pool = outcome.theta[:POOL]
    values = huber(rows.residuals(pool), delta) / (delta if np.isfinite(delta) else 1.0)
    score = rows.weights @ values.T  # (members, pool)
    nearest = score.argmin(axis=1)
    lower = np.flatnonzero(score.min(axis=1) < outcome.objective * (1 - LOWER))
    if lower.size:
        new = descend(pool[nearest[lower]], rows.members(lower), delta, top, ratio=2.0)
        keep_better(outcome, lower, new)


def at_edge(theta: np.ndarray, rows: Rows) -> np.ndarray:
    """Return whether E or a term is gone or q is at the end of its range, (members,)."""
    sizes = theta[:, :3]
    total = sizes.max(axis=1, keepdims=True)
    gone = sizes < total + np.log(GONE)
    gone[:, 0] &= rows.E is None
    low, high = np.log(Q_RANGE)
    far = (theta[:, 5] < low + 0.01) | (theta[:, 5] > high - 0.01)
    return gone.any(axis=1) | (far & (rows.q is None))


def _inner_starts(fit: CoupledFit, delta: float) -> list[np.ndarray]:
    """Return starts with every term present: the best additive shape for each E and q."""
    rows = fit.rows
    N, D, loss = rows.runs
    offsets = [share * loss.min() for share in SHARES] if rows.E is None else [rows.E]
    couplings = INNER_Q if rows.q is None else (rows.q,)
    held = [{"E": E, "q": q} for E in offsets for q in couplings]
    return [rows_and_starts(N, D, loss, delta, fixed)[1][0] for fixed in held]


def _counts(index, runs: int) -> np.ndarray:
    """Return how often each run was drawn, shape (runs,)."""
    index = finite_array("indices", index, ndim=1)
    if (index != np.floor(index)).any() or index.min() < 0 or index.max() >= runs:
        raise ValueError(
            f"indices must be whole numbers from 0 to {runs - 1}, "
            f"got values from {index.min():g} to {index.max():g}"
        )
    return np.bincount(index.astype(int), minlength=runs).astype(float)
