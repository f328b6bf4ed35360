"""The bottoms of IsoFLOP valleys, of many resamples at once, and the power law through them."""

from __future__ import annotations

import numpy as np

ROUNDING = 1e-13  # of a loss
SINGULAR = 1e-9  # of the last pivot of a parabola, under which it takes fewer than three sizes


def parabolas(u: np.ndarray, loss: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return bend, slope and level of the parabola through loss against u less its mean.

    ``weights`` has shape (members, runs), the answer (3, members). A bend that rounding could
    make is none; NaN where fewer than three sizes count.
    """
    u = u - u.mean()
    width = np.ptp(u)
    root = np.sqrt(weights)
    q, r = np.linalg.qr(root[:, :, None] * np.vander(u / width, 3)[:, ::-1])  # level, slope, bend
    right = q.transpose(0, 2, 1) @ (root * loss)[:, :, None]
    pivot = np.abs(np.diagonal(r, axis1=1, axis2=2))
    singular = pivot[:, 2] <= SINGULAR * pivot[:, 0]
    r[singular] = np.eye(3)
    level, slope, bend = np.linalg.solve(r, right)[:, :, 0].T
    bend = np.where(np.abs(bend) <= ROUNDING * np.abs(level), 0.0, bend)
    found = np.array([bend / width**2, slope / width, level])
    found[:, singular] = np.nan
    return found


def bottoms(u, loss, weights, minimum: str):
    """Return the best N and its loss, whether smaller and larger sizes count beside it, each
    (members,), and what the parabola misses each run by, (members, runs)."""
    bend, slope, level = found = parabolas(u, loss, weights)
    away = u - u.mean()
    left = (found.T[:, :, None] * np.stack([away**2, away, np.ones_like(away)])).sum(1) - loss
    drawn = weights > 0
    if minimum == "least":
        row = np.where(drawn, loss, np.inf).argmin(axis=1)
        best, least = np.exp(u[row]), loss[row]
    else:
        with np.errstate(all="ignore"):
            bottom = -slope / (2 * bend)
            best, least = np.exp(u.mean() + bottom), level + slope * bottom / 2
        none = ~(bend > 0)
        best, least = np.where(none, np.nan, best), np.where(none, np.nan, least)
    N = np.exp(u)
    low, high = np.where(drawn, N, np.inf).min(axis=1), np.where(drawn, N, -np.inf).max(axis=1)
    return best, least, (low < best) & (best < high), left


def trends(C, N, loss, weights, groups, minimum: str):
    """Return G and a of each member, (members, 2), half its sum of squares, (members,), and which
    budgets are bracketed, (members, budgets). NaN where fewer than two are."""
    parts = [bottoms(np.log(N[g]), loss[g], weights[:, g], minimum) for g in groups]
    best, _, bracketed = (np.stack(part, axis=1) for part in list(zip(*parts, strict=True))[:3])
    objective = sum(
        np.nansum(weights[:, g] * part[3] ** 2, axis=1) / 2
        for g, part in zip(groups, parts, strict=True)
    )
    counted = np.stack([weights[:, g].sum(axis=1) for g in groups], axis=1)
    with np.errstate(all="ignore"):
        x = np.stack([weights[:, g] @ np.log(C[g]) for g in groups], axis=1) / counted
        kept = bracketed.sum(axis=1)
        x, y = np.where(bracketed, x, 0.0), np.where(bracketed, np.log(best), 0.0)
        middle = (x.sum(axis=1) / kept)[:, None]
        x = np.where(bracketed, x - middle, 0.0)
        a = (x * y).sum(axis=1) / (x * x).sum(axis=1)
        G = np.exp(y.sum(axis=1) / kept - a * middle[:, 0])
    few = kept < 2
    columns = np.column_stack([G, a])
    columns[few] = np.nan
    return columns, objective, bracketed
