"""The one solver: many small robust fits at once, by damped Newton steps, batched over members.

It knows nothing of the laws but what ``Model`` says. The objective is the weighted sum of Huber
terms ``rho(r)`` of the residuals. It is kept in units of ``delta`` (``rho/delta``) while
solving, so that one code serves least squares, Huber and, as delta goes to 0, least absolute
deviations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils.fitting._model import Model
from scaling_utils.fitting._newton import damped_step

CHUNK = 256  # members evaluated together: their arrays then stay in the processor's cache
COMPACT = 0.25  # share of ended members at which the others are copied together
EARLY = 12  # steps after which slow members of all chunks are gathered
REFRESH = 5  # steps between updates of the matrix that damps: it need not be exact
MAX_DAMPING = 1e12
MIN_DAMPING = 1e-9
ENDS = ("theta", "objective", "converged", "iterations")


@dataclass
class Outcome:
    """Where each member ended: theta (members, p), objective, converged, iterations."""

    theta: np.ndarray
    objective: np.ndarray
    converged: np.ndarray
    iterations: np.ndarray

    def take(self, index: np.ndarray, new: Outcome, chosen=slice(None)) -> None:
        """Put the ``chosen`` ends of another outcome in the places ``index``."""
        for name in ENDS:
            getattr(self, name)[index] = getattr(new, name)[chosen]


def join(parts: list[Outcome]) -> Outcome:
    """Return the outcomes of several batches as one."""
    return Outcome(*(np.concatenate([getattr(part, name) for part in parts]) for name in ENDS))


def _evaluate(theta, model: Model, delta: float, room, *, full: bool):
    """Evaluate the model at theta, over its free parameters."""
    value, noise, gradient, newton, metric = model.evaluate(theta, delta, room, full=full)
    basis = model.basis
    if basis is not None:
        gradient, newton = gradient @ basis, basis.T @ newton @ basis
        metric = basis.T @ metric @ basis if full else None
    return value, noise, gradient, newton, metric


def _held(theta, gradient, bounds) -> np.ndarray:
    """Return which parameters lie at a bound that downhill leads beyond, (members, p)."""
    lower, upper = bounds
    return ((theta <= lower) & (gradient > 0)) | ((theta >= upper) & (gradient < 0))


def _without(held, gradient, newton, metric):
    """Take the parameters that are held out of the step: a projected Newton step, Bertsekas
    (1982), https://doi.org/10.1137/0320018."""
    if not held.any():
        return gradient, newton, metric
    apart = held[:, :, None] | held[:, None, :]
    unit = np.eye(held.shape[1])
    both = (np.where(apart, unit * held[:, :, None], matrix) for matrix in (newton, metric))
    return np.where(held, 0.0, gradient), *both


class _Bounds:
    """The bounds of the free parameters."""

    def __init__(self, model: Model):
        self.all = model.bounds
        if self.all is not None:
            place = slice(None) if model.basis is None else model.basis.argmax(axis=0)
            self.place, self.free = place, tuple(side[place] for side in self.all)

    def restrict(self, theta, gradient, newton, metric):
        """Return gradient and matrices without what a bound holds."""
        if self.all is None:
            return gradient, newton, metric
        held = _held(theta[:, self.place], gradient, self.free)
        return _without(held, gradient, newton, metric)

    def inside(self, theta):
        """Return theta moved to the nearest bound where it lies beyond."""
        return theta if self.all is None else np.clip(theta, *self.all)


def _minimise(theta, model: Model, delta, iterations, tolerance) -> Outcome:
    bounds = _Bounds(model)
    theta = bounds.inside(theta)
    count = len(theta)
    end = Outcome(theta.copy(), np.empty(count), np.zeros(count, bool), np.zeros(count, int))
    member = np.arange(count)  # whom each place of the arrays below belongs to
    room = model.room(count)
    state = [theta.copy(), *_evaluate(theta, model, delta, room, full=True)]
    damping, ended, converged = np.full(count, 0.1), np.zeros(count, bool), np.zeros(count, bool)
    for turn in range(1, iterations + 1):
        theta, value, noise, *slopes = state
        step, predicted, at_most = damped_step(*bounds.restrict(theta, *slopes), damping)
        step = step if model.basis is None else step @ model.basis.T
        there = bounds.inside(theta + step)
        full = turn % REFRESH == 0
        trial = [there, *_evaluate(there, model, delta, room, full=full)]
        gain = value - trial[1]
        better = gain >= -noise
        seen = (np.abs(step) * model.relevance(theta)).max(axis=1)
        converged |= (at_most <= noise) | ((seen < tolerance) & (damping < 1e-2))
        for old, new in zip(state, trial, strict=True):
            if new is not None:
                old[better] = new[better]
        ratio = np.where(better, gain / np.maximum(predicted, 1e-300), 0.0)
        factor = np.where(
            ratio > 0.75, 0.1, np.where(ratio > 0.25, 0.5, np.where(better, 2.0, 8.0))
        )
        damping = np.clip(damping * factor, MIN_DAMPING, MAX_DAMPING)
        end.iterations[member[~ended]] = turn
        ended = converged | (damping >= MAX_DAMPING)
        if turn == iterations or ended.mean() > COMPACT:
            end.theta[member], end.objective[member] = state[0], state[1]
            end.converged[member] = converged
            left = np.flatnonzero(~ended)
            if left.size == 0:
                break
            state = [part[left] for part in state]
            damping, member = damping[left], member[left]
            ended, converged = ended[left], converged[left]
            model = model.members(left)
    return end


def minimise(theta, model: Model, delta, *, iterations=100, tolerance=1e-9) -> Outcome:
    """Run every member downhill from its own start, shape (members, p).

    A member has converged when a (nearly) undamped Newton step is below ``tolerance`` in
    every parameter, or promises less than rounding can show. ``objective`` is the sum of
    ``huber(r, delta) / delta`` (of ``r^2/2`` where delta is infinite).
    """
    if model.shared and len(theta) <= model.together(CHUNK):
        return _minimise(theta, model, delta, iterations, tolerance)
    # Most members converge in a few steps; the rest are gathered and go on together.
    first = _chunked(theta, model, delta, min(iterations, EARLY), tolerance)
    slow = np.flatnonzero(~first.converged)
    if iterations > EARLY and slow.size:
        part = model.members(slow)
        later = _chunked(first.theta[slow], part, delta, iterations - EARLY, tolerance)
        later.iterations += EARLY
        first.take(slow, later)
    return first


def _chunked(theta, model: Model, delta, iterations, tolerance) -> Outcome:
    parts, chunk = [], model.together(CHUNK)
    for start in range(0, len(theta), chunk):
        index = np.arange(start, min(start + chunk, len(theta)))
        part = model.members(index)
        parts.append(_minimise(theta[index], part, delta, iterations, tolerance))
    return join(parts)


def descend(theta, model: Model, delta, *, top, ratio=10.0, iterations=100) -> Outcome:
    """Minimise at deltas that fall from ``top`` to ``delta`` by ``ratio`` at a time.

    The wide Huber loss is smooth, so it carries a distant start into the valley; each
    narrower one then starts close to its own optimum.
    """
    while top > ratio * delta:
        theta = minimise(theta, model, top, iterations=20, tolerance=1e-3).theta
        top /= ratio
    return minimise(theta, model, delta, iterations=iterations)
