"""Bring every resample of one table to its own optimum.

Each resample starts at the optimum of the whole table, and those that end far from it start
a second time with a wide, smooth Huber loss. Then the resamples help each other: a matrix
product scores many solutions under the weights of every resample, and a resample that
another one's solution would serve better starts again from there. What is still caught in a
local optimum is looked for by fitting a few resamples from scratch.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scaling_utils.fitting._edges import at_edge, inner_starts
from scaling_utils.fitting._search import first_delta
from scaling_utils.fitting._solver import Outcome, descend
from scaling_utils.fitting._starts import grid_starts
from scaling_utils.fitting._table import Table, huber

ROUNDS = (300, 300, 2000)  # steps of each round: only the last waits for the slowest
POOL = 256
FAR = 0.25  # share of the resamples that also descend from a wide Huber loss
LOWER = 1e-8  # a solution that scores lower by this share is worth a new start
STARTS = 16  # for a resample fitted from scratch
BETTER = 1e-6  # a fit from scratch lower by this share shows that a resample was missed


def resample_fits(table: Table, weights, start, delta: float, rng) -> Outcome:
    """Fit the table under each row of ``weights``, shape (members, rows)."""
    wide = first_delta(table, start)
    weighted = replace(table, weights=weights)
    begin = np.repeat(start[None], len(weights), axis=0)
    outcome = descend(begin, weighted, delta, top=wide / 10)  # they start in the valley already
    far = _farthest(outcome.theta, table, start)
    keep_better(outcome, far, descend(begin[far], weighted.members(far), delta, top=wide))
    _leave_edges(outcome, table, weighted, start, delta, wide)
    for steps in ROUNDS:
        pool = rng.choice(len(weights), size=min(POOL, len(weights)), replace=False)
        score = weights @ _rho(outcome.theta[pool], table, delta).T  # (members, pool)
        nearest = score.argmin(axis=1)
        lower = score[np.arange(len(weights)), nearest] < outcome.objective * (1 - LOWER) - 1e-20
        again = np.flatnonzero(lower | ~outcome.converged)
        if again.size == 0:
            break
        begin = np.where(lower[:, None], outcome.theta[pool[nearest]], outcome.theta)[again]
        part = weighted.members(again)
        new = descend(begin, part, delta, top=wide, ratio=2.0, iterations=steps)
        keep_better(outcome, again, new)
    return outcome


def _leave_edges(outcome: Outcome, table: Table, weighted: Table, start, delta, top) -> None:
    """Try the members that began or ended at an edge from inside, and keep what is lower."""
    began_there = bool(at_edge(start[None], table)[0])
    edge = np.flatnonzero(at_edge(outcome.theta, table) | began_there)
    if edge.size == 0:
        return
    part = weighted.members(edge)
    for inner in inner_starts(table, delta, top):
        begin = np.repeat(inner[None], edge.size, axis=0)
        keep_better(outcome, edge, descend(begin, part, delta, top=top, ratio=2.0))


def _farthest(theta, table: Table, start) -> np.ndarray:
    """Return the members whose predictions moved most from the start's: the likeliest to be
    caught in a local optimum."""
    at_start = table.residuals(start[None])
    parts = np.array_split(theta, -(-len(theta) // table.together(1000)))
    moved = [np.abs(table.residuals(part) - at_start).mean(axis=1) for part in parts]
    moved = np.concatenate(moved)
    return np.argsort(-moved, kind="stable")[: int(np.ceil(FAR * len(theta)))]


def recheck(outcome: Outcome, table: Table, weights, chosen, delta: float) -> int:
    """Fit the chosen resamples again from the grid of exponents, as if nothing were known.

    Keeps a fit from scratch where it is lower, and returns how many were.
    """
    if len(chosen) == 0:
        return 0
    starts = [grid_starts(replace(table, weights=row), delta, STARTS) for row in weights[chosen]]
    top = max(first_delta(table, start[0]) for start in starts)
    repeated = replace(table, weights=np.repeat(weights[chosen], STARTS, axis=0))
    scratch = descend(np.concatenate(starts), repeated, delta, top=top)
    best = scratch.objective.reshape(-1, STARTS).argmin(axis=1) + STARTS * np.arange(len(chosen))
    lower = scratch.objective[best] < outcome.objective[chosen] * (1 - BETTER) - 1e-18
    for name in ("theta", "objective", "converged", "iterations"):
        getattr(outcome, name)[chosen[lower]] = getattr(scratch, name)[best[lower]]
    return int(lower.sum())


def _rho(theta, table: Table, delta: float) -> np.ndarray:
    value = huber(table.residuals(theta), delta)
    return value / delta if np.isfinite(delta) else value


def keep_better(outcome: Outcome, index: np.ndarray, new: Outcome) -> None:
    """Take over the new ends of some members where they are lower."""
    better = (new.objective < outcome.objective[index]) | (
        new.converged & ~outcome.converged[index] & (new.objective <= outcome.objective[index])
    )
    for name in ("theta", "objective", "converged", "iterations"):
        getattr(outcome, name)[index[better]] = getattr(new, name)[better]
