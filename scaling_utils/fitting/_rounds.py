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

from scaling_utils.fitting._draws import Refits, batches
from scaling_utils.fitting._model import Model
from scaling_utils.fitting._penalty import huber
from scaling_utils.fitting._search import Found, first_delta
from scaling_utils.fitting._solver import Outcome, descend, join

ROUNDS = (300, 300, 2000)  # steps of each round: only the last waits for the slowest
POOL = 256
FAR = 0.25  # share of the resamples that also descend from a wide Huber loss
LOWER = 1e-8  # a solution that scores lower by this share is worth a new start
STARTS = 16  # for a resample fitted from scratch
BETTER = 1e-6  # a fit from scratch lower by this share shows that a resample was missed


def refit(found: Found, draws, rng, check: int) -> Refits:
    """Fit all resamples, batch by batch, and some of them again from scratch."""
    model, parts, checked, missed = found.model, [], 0, 0
    for part in batches(draws.count, draws.rows):
        weights = model.share(draws.weights(part))
        outcome = resample_fits(model, weights, found.theta, found.delta, rng)
        # The resamples are in no order, so that those of the first batches are as good as any.
        size = min(check - checked, len(weights))
        chosen = rng.choice(len(weights), size=size, replace=False)
        missed += recheck(outcome, model, weights, chosen, found.delta)
        checked += size
        parts.append(outcome)
    ends = join(parts)
    return Refits(
        columns=model.columns(ends.theta),
        objective=ends.objective * (found.delta if np.isfinite(found.delta) else 1.0),
        converged=ends.converged,
        at_edge=model.at_edge(ends.theta),
        checked=checked,
        missed=missed,
    )


def left_out(found: Found, draws, rng) -> np.ndarray:
    """Return the constants of the fits with each row left out, (rows, constants)."""
    model, parts = found.model, []
    for part in batches(draws.count, draws.rows):
        weights = model.share(draws.weights(part))
        parts.append(resample_fits(model, weights, found.theta, found.delta, rng))
    return model.columns(join(parts).theta)


def resample_fits(model: Model, weights, start, delta: float, rng) -> Outcome:
    """Fit the table under each row of ``weights``, shape (members, rows)."""
    wide = first_delta(model, start)
    weighted = replace(model, weights=weights)
    begin = np.repeat(start[None], len(weights), axis=0)
    outcome = descend(begin, weighted, delta, top=wide / 10)  # they start in the valley already
    far = _farthest(outcome.theta, model, start)
    keep_better(outcome, far, descend(begin[far], weighted.members(far), delta, top=wide))
    _leave_edges(outcome, model, weighted, start, delta, wide)
    for steps in ROUNDS:
        pool = rng.choice(len(weights), size=min(POOL, len(weights)), replace=False)
        score = weights @ _rho(outcome.theta[pool], model, delta).T  # (members, pool)
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


def _leave_edges(outcome: Outcome, model: Model, weighted: Model, start, delta, top) -> None:
    """Try the members that began or ended at an edge from inside, and keep what is lower."""
    began_there = bool(model.at_edge(start[None])[0])
    edge = np.flatnonzero(model.at_edge(outcome.theta) | began_there)
    if edge.size == 0:
        return
    part = weighted.members(edge)
    for inner in model.put(model.inner_starts(delta, top)):
        begin = np.repeat(inner[None], edge.size, axis=0)
        keep_better(outcome, edge, descend(begin, part, delta, top=top, ratio=2.0))


def _farthest(theta, model: Model, start) -> np.ndarray:
    """Return the members whose predictions moved most from the start's: the likeliest to be
    caught in a local optimum."""
    at_start = model.residuals(start[None])
    parts = np.array_split(theta, -(-len(theta) // model.together(1000)))
    moved = [np.abs(model.residuals(part) - at_start).mean(axis=1) for part in parts]
    moved = np.concatenate(moved)
    return np.argsort(-moved, kind="stable")[: int(np.ceil(FAR * len(theta)))]


def recheck(outcome: Outcome, model: Model, weights, chosen, delta: float) -> int:
    """Fit the chosen resamples again from the starts that their rows give, as if nothing were
    known.

    Keeps a fit from scratch where it is lower, and returns how many were.
    """
    if len(chosen) == 0:
        return 0
    alone = [replace(model, weights=row) for row in weights[chosen]]
    starts = [one.put(one.starts(delta, STARTS)) for one in alone]
    top = max(first_delta(model, start[0]) for start in starts)
    count = len(starts[0])
    repeated = replace(model, weights=np.repeat(weights[chosen], count, axis=0))
    scratch = descend(np.concatenate(starts), repeated, delta, top=top)
    best = scratch.objective.reshape(-1, count).argmin(axis=1) + count * np.arange(len(chosen))
    lower = scratch.objective[best] < outcome.objective[chosen] * (1 - BETTER) - 1e-18
    outcome.take(chosen[lower], scratch, best[lower])
    return int(lower.sum())


def _rho(theta, model: Model, delta: float) -> np.ndarray:
    value = huber(model.residuals(theta), delta)
    return value / delta if np.isfinite(delta) else value


def keep_better(outcome: Outcome, index: np.ndarray, new: Outcome) -> None:
    """Take over the new ends of some members where they are lower."""
    better = (new.objective < outcome.objective[index]) | (
        new.converged & ~outcome.converged[index] & (new.objective <= outcome.objective[index])
    )
    outcome.take(index[better], new, better)
