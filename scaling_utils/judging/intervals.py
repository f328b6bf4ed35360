"""Intervals that hold where the bell curve does not: Wilson, the bootstrap, an exact test."""

from __future__ import annotations

import numpy as np

from scaling_utils._check import member, number, same_length, whole
from scaling_utils.judging.estimates import scores, unit_sums

METHODS = ("percentile", "basic", "BCa")


def wilson(right: int, items: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a share.

    It asks which true shares would make the observed one unsurprising, and so takes the error at
    the true share, not at the observed one. It never leaves 0 to 1, and 20 right of 20 do not
    give it a width of zero. ``scipy.stats.binomtest`` computes it.

    Source: Wilson (1927), https://doi.org/10.1080/01621459.1927.10502953.

    Parameters
    ----------
    right, items : int
        Items that were right, of so many independent ones.
    level : float
        Above 0, below 1.

    Returns
    -------
    (float, float)
        Ends of the interval, as shares from 0 to 1.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range, or more items are right than there are.
    """
    from scipy import stats

    items, right = whole("items", items), whole("right", right, at_least=0)
    level = number("level", level, above=0, below=1)
    if right > items:
        raise ValueError(f"right must be at most the {items} items, got {right}")
    found = stats.binomtest(right, items).proportion_ci(level, method="wilson")
    return float(found.low), float(found.high)


def bootstrap_mean(
    values,
    groups=None,
    *,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
    method: str = "percentile",
) -> tuple[float, float]:
    """Return the bootstrap interval of a mean over items; units are drawn with what is in them.

    For two models on the same items give ``b - a``: a drawn item brings both scores along.
    ``scipy.stats.bootstrap`` does the work, on sums and sizes of the units. Where all units
    agree the interval has no width: the bootstrap cannot know what it has not seen.

    Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, Chs. 13 and 14.

    Parameters
    ----------
    values : array, shape (items,)
        Scores, or differences of scores.
    groups : array, shape (items,), optional
        The document of each item; documents are drawn then.
    level : float
        Above 0, below 1.
    draws, seed : int
        Resamples, at least 100, and the seed they are drawn from.
    method : {"percentile", "basic", "BCa"}

    Returns
    -------
    (float, float)
        Ends of the interval.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or there are fewer than two units.
    """
    from scipy import stats

    values = scores("values", values)
    level = number("level", level, above=0, below=1)
    member("method", method, METHODS)
    draws, seed = whole("draws", draws, at_least=100), whole("seed", seed, at_least=0)
    sums, sizes = unit_sums(values, groups)
    value = float(sums.sum() / sizes.sum())
    if np.allclose(sums, value * sizes, rtol=0, atol=1e-12 * max(1.0, abs(value))):
        return value, value
    found = stats.bootstrap(
        (sums, sizes),
        lambda s, n, axis: s.sum(axis) / n.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=draws,
        batch=max(1, 2_000_000 // len(sums)),
        confidence_level=level,
        method=method,
        random_state=np.random.default_rng(seed),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def mcnemar(a, b) -> float:
    """Return McNemar's exact p-value that two models are right equally often.

    Items that both have right, or both wrong, say nothing. Of the others, if neither model is
    better, each is a fair coin: the two-sided binomial test. It holds at any number of items,
    if they are independent.

    Source: McNemar (1947), https://doi.org/10.1007/BF02295996, with the exact binomial.

    Parameters
    ----------
    a, b : array of 0 and 1, shape (items,)
        Whether each model has the item right.

    Returns
    -------
    float
        1 if they disagree nowhere.

    Raises
    ------
    TypeError, ValueError
        If a score is neither 0 nor 1, or the shapes differ.
    """
    from scipy import stats

    a, b = (_right(name, x) for name, x in (("a", a), ("b", b)))
    same_length(a=a, b=b)
    only_a, only_b = int((a > b).sum()), int((b > a).sum())
    if only_a + only_b == 0:
        return 1.0
    return float(stats.binomtest(only_b, only_a + only_b).pvalue)


def _right(name: str, value) -> np.ndarray:
    """Return scores that are 0 or 1; truth values are taken as such."""
    array = scores(name, value)
    bad = (array != 0) & (array != 1)
    if bad.any():
        raise ValueError(f"{name} must be 0 or 1 (wrong or right), got {array[bad][0]:g}")
    return array
