"""Damped Newton steps of many small problems at once.

A step solves (newton + damping * metric) step = -gradient. The metric is the matrix of
reweighted least squares, which bounds the curvature from above.
"""

from __future__ import annotations

import numpy as np

RIDGE = 1e-13  # keeps a factorisation possible where two parameters do the same


def damped_step(gradient, newton, metric, damping):
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
