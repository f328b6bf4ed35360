"""How many items a difference needs, before the run."""

from __future__ import annotations

import math

from scaling_utils._check import number, whole


def items_needed(
    a: float, b: float, *, disagree: float | None = None, power: float = 0.8, level: float = 0.95
) -> int:
    """Return how many items a difference between two accuracies needs.

    n = (z_level + z_power)^2 * v / (b - a)^2, with v the variance that an item contributes:
    unpaired a(1-a) + b(1-b), and n items *each*; paired ``disagree`` - (b - a)^2, where
    ``disagree`` is the share of items that exactly one of the two has right.

    Source: Miller (2024), arXiv:2411.00640; the normal approximation for the sample size.

    Parameters
    ----------
    a, b : float
        The true accuracies that you want to tell apart, above 0 and below 1.
    disagree : float, optional
        Share of items that exactly one model has right. Without it: unpaired.
    power : float
        Chance to find the difference, below 1 and above what no item at all would give,
        (1 - ``level``) / 2.
    level : float
        Of the interval that must leave out zero, above 0 and below 1.

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        If a number is out of range, the accuracies are equal, or no two models of these
        accuracies can disagree on such a share.
    """
    variance, gap = _variance(a, b, disagree)
    beyond = 0.5 + _level(level) / 2
    power = number("power", power, above=1 - beyond, below=1)  # the square would hide a sign
    return math.ceil((_normal(beyond) + _normal(power)) ** 2 * variance / gap**2)


def power_of(
    items: int, a: float, b: float, *, disagree: float | None = None, level: float = 0.95
) -> float:
    """Return the chance that so many items show the difference, by the normal approximation.

    Parameters
    ----------
    items : int
        Items, at least 1; unpaired, of each model.
    a, b, disagree, level
        As for :func:`items_needed`.

    Returns
    -------
    float
        From 0 to 1: the chance that the interval leaves out zero on the right side.

    Raises
    ------
    TypeError, ValueError
        As for :func:`items_needed`.
    """
    from scipy import stats

    variance, gap = _variance(a, b, disagree)
    items = whole("items", items)
    if variance == 0:
        return 1.0
    return float(stats.norm.cdf(gap * (items / variance) ** 0.5 - _normal(0.5 + _level(level) / 2)))


def design_effect(items_per_group: float, correlation: float) -> float:
    """Return by what factor documents multiply the items that a score needs: 1 + (m - 1) rho.

    Source: Kish (1965), Survey Sampling, Sec. 5.4, for groups of equal size.

    Parameters
    ----------
    items_per_group : float
        Items of a document, m, at least 1.
    correlation : float
        Between two items of one document, from 0 to 1.

    Returns
    -------
    float
        Of variances; the standard error grows by its root.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range.
    """
    size = number("items_per_group", items_per_group, at_least=1)
    return 1 + (size - 1) * number("correlation", correlation, at_least=0, at_most=1)


def _variance(a: float, b: float, disagree: float | None) -> tuple[float, float]:
    """Return the variance that one item contributes to the difference, and the difference."""
    a, b = number("a", a, above=0, below=1), number("b", b, above=0, below=1)
    gap = abs(b - a)
    if gap == 0:
        raise ValueError(f"a and b must differ, got {a:g} twice")
    if disagree is None:
        return a * (1 - a) + b * (1 - b), gap
    most = min(a + b, 2 - a - b)
    share = number("disagree", disagree)
    if not gap - 1e-12 <= share <= most + 1e-12:
        raise ValueError(
            f"disagree must be from {gap:g} to {most:g} for models that are right on {a:g} and "
            f"{b:g} of the items, got {share:g}"
        )
    return max(share - gap**2, 0.0), gap


def _level(level: float) -> float:
    return number("level", level, above=0, below=1)


def _normal(share: float) -> float:
    from scipy import stats

    return float(stats.norm.ppf(share))
