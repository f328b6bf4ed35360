"""Confidence intervals from bootstrap samples.

Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapters 13 and 14,
https://doi.org/10.1201/9780429246593.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import ndtr, ndtri

from scaling_utils._check import number

METHODS = ("percentile", "basic", "bca")


def enough(level: float, resamples: int) -> float:
    """Return the level, if so many resamples leave at least one beyond each bound."""
    level = number("level", level, above=0, below=1)
    needed = int(np.ceil(2 / (1 - level) - 1e-9))
    if resamples < needed:
        raise ValueError(
            f"level {level:g} needs at least {needed} resamples, so that one lies beyond each "
            f"bound; got {resamples}"
        )
    return level


def interval_of(
    samples, point, jackknife: Callable, level: float, method: str
) -> list[tuple[float, float] | None]:
    """Return low and high of each column of ``samples``, (resamples, quantities).

    A sample that is not a number could lie anywhere: it counts as the lowest for the low bound
    and as the highest for the high one. Where so many are missing that a bound is not finite,
    there is no interval. ``jackknife`` is called for "bca" only; it returns the quantities with
    each row left out, (rows, quantities).
    """
    tail = (1 - enough(level, len(samples))) / 2
    left_out = jackknife() if method == "bca" else np.empty((0, samples.shape[1]))
    found = []
    for column, value, out in zip(samples.T, point, left_out.T, strict=True):
        levels = _bca_levels(column, value, out, tail) if method == "bca" else (tail, 1 - tail)
        low = _quantile(np.where(np.isnan(column), -np.inf, column), levels[0])
        high = _quantile(np.where(np.isnan(column), np.inf, column), levels[1])
        if method == "basic":  # the percentile interval mirrored at the estimate
            low, high = 2 * value - high, 2 * value - low
        finite = np.isfinite(low) and np.isfinite(high)
        found.append((float(low), float(high)) if finite else None)
    return found


def _quantile(column: np.ndarray, level: float) -> float:
    """Return the quantile, linear between neighbours; infinite beside an infinite one."""
    if not np.isfinite(level):
        return np.nan
    ordered = np.sort(column)
    place = level * (len(ordered) - 1)
    below = int(place)
    share = place - below
    if share == 0:
        return ordered[below]
    low, high = ordered[below], ordered[below + 1]
    if np.isfinite(low) and np.isfinite(high):
        return np.quantile(ordered, level)
    return high if np.isfinite(low) else low


def _bca_levels(column, value: float, left_out, tail: float) -> np.ndarray:
    """Return the two quantiles of a bias-corrected and accelerated interval, Eq. 14.10."""
    below = np.clip((column < value).mean(), 1 / len(column), 1 - 1 / len(column))
    bias = ndtri(below)
    spread = left_out.mean() - left_out
    sizes = (spread**2).sum()
    acceleration = (spread**3).sum() / (6 * sizes**1.5) if sizes > 0 else 0.0
    z = bias + ndtri([tail, 1 - tail])
    return ndtr(bias + z / (1 - acceleration * z))
