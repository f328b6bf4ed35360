"""The bottoms of IsoFLOP valleys by cubics, which lean as a valley between two walls does."""

from __future__ import annotations

import numpy as np

from scaling_utils.fitting._valleys import ROUNDING, SINGULAR, bottoms

DEGREE = {"parabola": 2, "cubic": 3, "least": 2}
FEWEST_SIZES = {"parabola": 3, "cubic": 5, "least": 3}


def bottoms_of(u, loss, weights, minimum: str):
    """Return the best N and its loss, whether smaller and larger sizes count beside it, each
    (members,), and what the curve misses each run by, (members, runs)."""
    if minimum != "cubic":
        return bottoms(u, loss, weights, minimum)
    middle = u.mean()
    t, coefficients = u - middle, cubics(u, loss, weights)
    left = coefficients.T @ np.vander(t, 4, increasing=True).T - loss
    level, slope, bend, lean = coefficients
    with np.errstate(all="ignore"):
        # The root at which the second derivative, twice this square root, is positive.
        bottom = -slope / (bend + np.sqrt(bend**2 - 3 * lean * slope))
        best = np.exp(middle + bottom)
        least = level + bottom * (slope + bottom * (bend + bottom * lean))
    none = ~np.isfinite(best)
    best, least = np.where(none, np.nan, best), np.where(none, np.nan, least)
    N, drawn = np.exp(u), weights > 0
    low, high = np.where(drawn, N, np.inf).min(axis=1), np.where(drawn, N, -np.inf).max(axis=1)
    return best, least, (low < best) & (best < high), left


def cubics(u: np.ndarray, loss: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return level, slope, bend and lean of the cubic through loss against u less its mean.

    ``weights`` has shape (members, runs), the answer (4, members); NaN where fewer than four
    sizes count. What rounding could make is none.
    """
    t = u - u.mean()
    width = np.ptp(t)
    root = np.sqrt(weights)
    q, r = np.linalg.qr(root[:, :, None] * np.vander(t / width, 4, increasing=True))
    right = q.transpose(0, 2, 1) @ (root * loss)[:, :, None]
    pivot = np.abs(np.diagonal(r, axis1=1, axis2=2))
    singular = pivot[:, 3] <= SINGULAR * pivot[:, 0]
    r[singular] = np.eye(4)
    found = np.linalg.solve(r, right)[:, :, 0].T
    found[1:][np.abs(found[1:]) <= ROUNDING * np.abs(found[0])] = 0.0
    found /= width ** np.arange(4.0)[:, None]
    found[:, singular] = np.nan
    return found


def at_bottom(u, loss, weights, best: float, least: float) -> tuple[float, float, float]:
    """Return bend, slope and level, about the mean of ``u``, of the parabola that meets the cubic
    of one valley at its bottom, ``best`` and ``least``."""
    _, _, bend, lean = cubics(u, loss, weights[None])[:, 0]
    bottom = best - u.mean()
    bend = bend + 3 * lean * bottom
    return bend, -2 * bend * bottom, least + bend * bottom**2
