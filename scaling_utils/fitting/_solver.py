"""Many small robust fits at once: damped Newton steps, batched over members.

A member is one minimisation: a start, a resample, or a synthetic table. All members share
the design; each may have its own losses and its own row weights, so that a bootstrap
resample is the same table with the rows counted 0, 1, 2, ... times.

The objective is the weighted sum of Huber terms ``rho(r)`` of the residuals. It is kept
in units of ``delta`` (``rho/delta``) while solving, so that one code serves least
squares, Huber and, as delta goes to 0, least absolute deviations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils.fitting._table import RANGE, Table

CHUNK = 256  # members evaluated together: their arrays then stay in the processor's cache
COMPACT = 0.25  # share of ended members at which the others are copied together
EARLY = 12  # steps after which slow members of all chunks are gathered
REFRESH = 5  # steps between updates of the matrix that damps: it need not be exact
MAX_DAMPING = 1e12
MIN_DAMPING = 1e-9
RIDGE = 1e-13  # keeps a factorisation possible where two parameters do the same


@dataclass
class Outcome:
    """Where each member ended: theta (members, p), objective, converged, iterations."""

    theta: np.ndarray
    objective: np.ndarray
    converged: np.ndarray
    iterations: np.ndarray


def _room(members: int, table: Table) -> np.ndarray:
    """Return room for the two largest arrays of ``_expand``, which costs more than to fill it."""
    return np.empty((2, members, 1 + 2 * len(table.axes), table.axes[0].size))


def _expand(theta: np.ndarray, table: Table, delta: float, room: np.ndarray, *, full: bool):
    """Return objective/delta, its rounding, gradient, Newton and (if full) reweighting matrix."""
    count, first = len(table.axes), table.first
    jac, product = room[:, : len(theta)]  # (m, 1 + 2k, n)
    t = table.terms(theta, out=jac[:, : 1 + count])
    total = t.sum(axis=1)
    r = (np.log(total) if table.log else total) - table.target
    value, slope, curvature, reweighted = _penalty(r, table.weights, delta)
    if table.log:
        t *= (1.0 / total)[:, None, :]
    for k, axis in enumerate(table.axes):
        np.multiply(t[:, 1 + k], -axis, out=jac[:, 1 + count + k])
    # An offset held fixed has no column.
    jac, product = jac[:, 1 - first :], product[:, 1 - first :]
    across = jac.transpose(0, 2, 1)
    gradient = (jac @ slope[:, :, None])[:, :, 0]
    outer = curvature - slope if table.log else curvature
    newton = np.multiply(jac, outer[:, None, :], out=product) @ across
    metric = np.multiply(jac, reweighted[:, None, :], out=product) @ across if full else None
    # The terms' own second derivatives, weighted by the slopes.
    newton[:, :first, :first] += gradient[:, :first, None]
    for k, axis in enumerate(table.axes):
        a, b = first + k, first + count + k  # size and exponent of term k
        newton[:, a, a] += gradient[:, a]
        newton[:, a, b] += gradient[:, b]
        newton[:, b, a] += gradient[:, b]
        newton[:, b, b] += (slope * t[:, 1 + k]) @ (axis * axis)
    fine = np.finfo(float).eps * max(1.0, np.abs(table.target).max())
    unit = delta if np.isfinite(delta) else 1.0
    rounding = fine * (np.abs(slope).sum(axis=1) + r.shape[1] * fine / unit)
    return value, rounding, gradient, newton, metric


def _penalty(r, weights, delta):
    """Return the sum of rho/delta of each member, and by row its slope, its curvature, and the
    weight that makes least squares of it. ``r`` has shape (members, rows)."""
    weight = 1.0 if weights is None else weights
    if np.isinf(delta):
        slope, even = weight * r, np.broadcast_to(weight, r.shape)
        return 0.5 * np.einsum("mn,mn->m", slope, r), slope, even, even
    bare = np.clip(r * (1.0 / delta), -1.0, 1.0)
    slope = weight * bare
    value = np.einsum("mn,mn->m", slope, r) - 0.5 * delta * np.einsum("mn,mn->m", slope, bare)
    size = np.abs(r)
    curvature = (size <= delta) * (weight / delta)
    return value, slope, curvature, weight / np.maximum(size, delta, out=size)


def _step(newton, metric, gradient, damping):
    """Return the damped Newton step, and the decrease predicted of it and without damping."""
    damped, positive = _solve(newton + damping[:, None, None] * metric, gradient)
    free, also = _solve(newton, gradient)
    step, predicted = -damped, np.einsum("mp,mp->m", gradient, damped) / 2
    at_most = np.einsum("mp,mp->m", gradient, free) / 2
    saddle = np.flatnonzero(~(positive & also))
    if saddle.size:
        parts = (newton[saddle], metric[saddle], gradient[saddle], damping[saddle])
        step[saddle], predicted[saddle], at_most[saddle] = _saddle_step(*parts)
    return step, predicted, at_most


def _solve(matrix, right):
    """Solve positive definite systems, (m, p, p) and (m, p); say which were positive definite.

    Cholesky's factorisation with the members as the inner loop: numpy's own takes them one by
    one, and stops at the first that is not positive definite.
    """
    count = matrix.shape[1]
    rows = matrix.transpose(1, 2, 0).copy()  # (p, p, m)
    x = right.T.copy()
    positive = np.ones(len(matrix), dtype=bool)
    with np.errstate(all="ignore"):
        for k in range(count):
            pivot = rows[k, k]
            positive &= pivot > RIDGE * matrix[:, k, k]
            for i in range(k + 1, count):
                factor = rows[i, k] / pivot
                rows[i, k + 1 :] -= factor * rows[k, k + 1 :]
                x[i] -= factor * x[k]
        for k in reversed(range(count)):
            x[k] = (x[k] - (rows[k, k + 1 :] * x[k + 1 :]).sum(axis=0)) / rows[k, k]
    return x.T, positive & np.isfinite(x).all(axis=0)


def _saddle_step(newton, metric, gradient, damping):
    """Return the same three where the curvature is not positive everywhere.

    Curvature is measured against the reweighted least-squares matrix, which bounds it
    from above: in those units it is at most 1, ``damping`` is added to it, and negative
    curvature counts by its size, so that every step leads downhill (the saddle-free
    Newton step of Dauphin et al. 2014, https://arxiv.org/abs/1406.2572). A member whose
    matrices cannot be had in floating point stays where it is, and does not converge.
    """
    size = np.sqrt(np.maximum(np.diagonal(metric, axis1=1, axis2=2), 1e-300))  # (m, p)
    with np.errstate(all="ignore"):
        unit = metric / (size[:, :, None] * size[:, None, :])
        lost = ~np.isfinite(unit).all(axis=(1, 2))
        unit[lost] = np.eye(size.shape[1])
        root = _inverse_root(unit) / size[:, None, :]  # root metric root' = 1
        back = root.transpose(0, 2, 1)
        scaled = root @ newton @ back
        lost |= ~np.isfinite(scaled).all(axis=(1, 2)) | ~np.isfinite(gradient).all(axis=1)
    scaled[lost] = np.eye(size.shape[1])
    curvature, axes = np.linalg.eigh(scaled)
    step, predicted, at_most = _along(axes, curvature, root, back, gradient, damping)
    step[lost], predicted[lost], at_most[lost] = 0.0, 0.0, np.inf
    return step, predicted, at_most


def _inverse_root(unit):
    """Return the inverse of Cholesky's factor, with no more of a ridge than it takes."""
    ridge = RIDGE
    while True:
        try:
            return np.linalg.inv(np.linalg.cholesky(unit + ridge * np.eye(unit.shape[1])))
        except np.linalg.LinAlgError:
            ridge *= 100  # the diagonal is 1, so that this ends


def _along(axes, curvature, root, back, gradient, damping):
    """Return the damped step along the axes of curvature, and what it and a free one gain."""
    slope = (axes.transpose(0, 2, 1) @ (root @ gradient[:, :, None]))[:, :, 0]
    free = np.abs(curvature) + 1e-12
    stiff = free + damping[:, None]
    step = -(back @ (axes @ (slope / stiff)[:, :, None]))[:, :, 0]
    return step, (slope**2 / stiff).sum(axis=1) / 2, (slope**2 / free).sum(axis=1) / 2


def _relevance(theta, table: Table):
    """Return each parameter's term as a share of the loss mid-design, (members, p).

    At the edge E = 0 the logarithm of E runs away for ever while no prediction moves.
    """
    free = table.first + len(table.axes)
    size = np.exp(np.clip(theta[:, :free], *RANGE))
    total = size.sum(axis=1, keepdims=True) + (table.offset or 0.0)
    return np.concatenate([size, size[:, table.first :]], axis=1) / total


def _minimise(theta, table, delta, iterations, tolerance) -> Outcome:
    count = len(theta)
    end = Outcome(theta.copy(), np.empty(count), np.zeros(count, bool), np.zeros(count, int))
    member = np.arange(count)  # whom each place of the arrays below belongs to
    room = _room(count, table)
    state = [theta.copy(), *_expand(theta, table, delta, room, full=True)]
    damping, ended, converged = np.full(count, 0.1), np.zeros(count, bool), np.zeros(count, bool)
    for turn in range(1, iterations + 1):
        theta, value, noise, gradient, newton, metric = state
        step, predicted, at_most = _step(newton, metric, gradient, damping)
        full = turn % REFRESH == 0
        trial = [theta + step, *_expand(theta + step, table, delta, room, full=full)]
        gain = value - trial[1]
        better = gain >= -noise
        seen = (np.abs(step) * _relevance(theta, table)).max(axis=1)
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
            table = table.members(left)
    return end


def minimise(theta, table, delta, *, iterations=100, tolerance=1e-9) -> Outcome:
    """Run every member downhill from its own start, shape (members, p).

    A member has converged when a (nearly) undamped Newton step is below ``tolerance`` in
    every parameter, or promises less than rounding can show. ``objective`` is the sum of
    ``huber(r, delta) / delta`` (of ``r^2/2`` where delta is infinite).
    """
    if table.shared and len(theta) <= table.together(CHUNK):
        return _minimise(theta, table, delta, iterations, tolerance)
    # Most members converge in a few steps; the rest are gathered and go on together.
    first = _chunked(theta, table, delta, min(iterations, EARLY), tolerance)
    slow = np.flatnonzero(~first.converged)
    if iterations > EARLY and slow.size:
        part = table.members(slow)
        later = _chunked(first.theta[slow], part, delta, iterations - EARLY, tolerance)
        later.iterations += EARLY
        for name in ("theta", "objective", "converged", "iterations"):
            getattr(first, name)[slow] = getattr(later, name)
    return first


def _chunked(theta, table, delta, iterations, tolerance) -> Outcome:
    parts, chunk = [], table.together(CHUNK)
    for start in range(0, len(theta), chunk):
        index = np.arange(start, min(start + chunk, len(theta)))
        part = table.members(index)
        parts.append(_minimise(theta[index], part, delta, iterations, tolerance))
    names = ("theta", "objective", "converged", "iterations")
    return Outcome(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def descend(theta, table, delta, *, top, ratio=10.0, iterations=100) -> Outcome:
    """Minimise at deltas that fall from ``top`` to ``delta`` by ``ratio`` at a time.

    The wide Huber loss is smooth, so it carries a distant start into the valley; each
    narrower one then starts close to its own optimum.
    """
    while top > ratio * delta:
        theta = minimise(theta, table, top, iterations=20, tolerance=1e-3).theta
        top /= ratio
    return minimise(theta, table, delta, iterations=iterations)
