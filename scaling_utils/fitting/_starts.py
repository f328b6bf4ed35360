"""Starts for a fit, found from the rows alone.

With the exponents held fixed the model is linear in the offset and the prefactors, so the
best of them for given exponents cost one small linear solve (variable projection, Golub
and Pereyra 1973, https://doi.org/10.1137/0710036). A grid over the exponents therefore
covers all parameters, and nobody has to guess a start.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from scaling_utils.fitting._penalty import huber

PAIR_GRID = np.geomspace(0.03, 2.5, 14)  # for each exponent of two
SINGLE_GRID = np.geomspace(0.01, 4.0, 48)
FLOOR = 1e-3  # a term that the linear solve sets to zero starts at this share of the loss


def _nonnegative(features: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Solve min |features c - target| with c >= 0 for a stack of (rows, p) features.

    With at most three coefficients at most seven sets can be above zero: try them all.
    """
    gram = features.transpose(0, 2, 1) @ features
    right = features.transpose(0, 2, 1) @ target
    best = np.zeros_like(right)
    saved = np.zeros(len(right))  # how much less the sum of squares is than with c = 0
    count = right.shape[1]
    for size in range(1, count + 1):
        for chosen in combinations(range(count), size):
            part = gram[:, chosen][:, :, chosen]
            part = part + 1e-12 * np.trace(part, axis1=1, axis2=2)[:, None, None] * np.eye(size)
            solved = np.linalg.solve(part, right[:, chosen, None])[:, :, 0]
            gain = (solved * right[:, chosen]).sum(axis=1)
            better = (solved >= 0).all(axis=1) & (gain > saved)
            full = np.zeros_like(right)
            full[:, chosen] = solved
            best[better], saved[better] = full[better], gain[better]
    return best


def grid_starts(table, delta: float, keep: int) -> np.ndarray:
    """Return the ``keep`` best starts of the grid, shape (keep, parameters).

    They are solved on relative residuals, the log residuals to first order, and ranked by
    the robust objective that the fit itself uses.
    """
    grids = [PAIR_GRID] * 2 if len(table.axes) == 2 else [np.append(-SINGLE_GRID, SINGLE_GRID)]
    exponents = np.stack([grid.ravel() for grid in np.meshgrid(*grids)], axis=1)
    chunk = table.together(len(exponents))
    parts = np.array_split(exponents, -(-len(exponents) // chunk))
    theta = np.concatenate([_solved(table, part) for part in parts])
    weights = np.ones(table.target.shape) if table.weights is None else table.weights
    score = np.concatenate(
        [
            huber(table.residuals(part), delta) @ weights
            for part in np.array_split(theta, len(parts))
        ]
    )
    return theta[np.argsort(score, kind="stable")[:keep]]


def _solved(table, exponents: np.ndarray) -> np.ndarray:
    """Return the solver's parameters at some exponents, (members, terms)."""
    loss = np.exp(table.target) if table.log else table.target
    shapes = [np.exp(-e[:, None] * axis) for e, axis in zip(exponents.T, table.axes, strict=True)]
    if table.offset is None:
        shapes.insert(0, np.ones_like(shapes[0]))
    scale = loss if table.log else np.full_like(loss, np.abs(loss).mean())
    features = np.stack(shapes, axis=2) / scale[:, None]
    solved = _nonnegative(features, (loss - (table.offset or 0.0)) / scale)
    return np.column_stack([np.log(np.maximum(solved, FLOOR * np.abs(loss).min())), exponents])
