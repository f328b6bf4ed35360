"""The Huber loss, and the pieces of it that a Newton step needs."""

from __future__ import annotations

import numpy as np


def huber(r: np.ndarray, delta: float) -> np.ndarray:
    """Return Huber's rho(r): r^2/2 within delta, delta (|r| - delta/2) beyond.

    ``delta=inf`` gives r^2/2 and ``delta=0``, where the Huber loss itself vanishes, its
    limit divided by delta, |r|. Huber (1964), https://doi.org/10.1214/aoms/1177703732.
    """
    size = np.abs(r)
    if delta == 0:
        return size
    if np.isinf(delta):
        return 0.5 * r * r
    return np.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta))


def penalty(r, weights, delta):
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
