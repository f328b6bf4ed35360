"""A mean with its standard error, clustered where items hang together; a difference, paired."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils._check import finite_array, labels, number


@dataclass(frozen=True)
class Estimate:
    """A mean and how well it is known.

    Attributes
    ----------
    value : float
        The mean over items, or the difference of two, in the unit of the items.
    se : float
        Its standard error, in the same unit.
    units : float
        Independent pieces that ``se`` rests on: items, or groups of them. For an unpaired
        difference one more than the degrees of freedom, which need not be whole.
    items : int
        Items of each mean.
    """

    value: float
    se: float
    units: float
    items: int

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return Student's interval with ``units - 1`` degrees of freedom.

        Parameters
        ----------
        level : float
            Above 0, below 1.

        Returns
        -------
        (float, float)
            Its ends, in the unit of ``value``.

        Raises
        ------
        TypeError, ValueError
            If ``level`` is out of range.
        """
        from scipy import stats

        level = number("level", level, above=0, below=1)
        half = float(stats.t.ppf(0.5 + level / 2, self.units - 1)) * self.se
        return self.value - half, self.value + half

    def p_value(self, null: float = 0.0) -> float:
        """Return the two-sided p-value of Student's test that the mean is ``null``.

        Parameters
        ----------
        null : float
            In the unit of ``value``.

        Returns
        -------
        float
            Without any spread 1 at the null and 0 elsewhere.

        Raises
        ------
        TypeError, ValueError
            If ``null`` is no finite number.
        """
        from scipy import stats

        off = abs(self.value - number("null", null))
        if self.se == 0:
            return float(off == 0)
        return float(2 * stats.t.sf(off / self.se, self.units - 1))


def scores(name: str, value) -> np.ndarray:
    """Return scores of items as floats; truth values (``answer == wanted``) are 1 and 0."""
    try:
        truth = np.asarray(value).dtype == bool
    except (TypeError, ValueError, RuntimeError):  # the check below says what is wrong with it
        truth = False
    return finite_array(name, np.asanyarray(value).astype(float) if truth else value, ndim=1)


def unit_sums(values: np.ndarray, groups) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum of the values and the number of items of each unit, shape (units,) each.

    An error can be computed from two units on; fewer are refused.
    """
    if groups is None:
        sums, sizes = values, np.ones(len(values))
    else:
        names = labels("groups", groups, len(values))
        places = np.unique(names, return_inverse=True)[1]
        sums, sizes = np.bincount(places, values), np.bincount(places).astype(float)
    if len(sums) < 2:
        what = "values" if groups is None else "groups"
        raise ValueError(f"{what} must hold at least two independent units, got {len(sums)}")
    return sums, sizes


def mean(values, groups=None) -> Estimate:
    """Estimate a mean over items, with its cluster-robust standard error.

    Items of one document are alike, and then the independent unit is the document. With S_g the
    sum of a unit and n_g its items,

        value = sum_g S_g / n,   se^2 = G / (G - 1) * sum_g (S_g - value * n_g)^2 / n^2.

    For units of one item this is the usual s / sqrt(n). With few units it is rough, and the more
    so the more their sizes differ: intervals are then too short.

    Source: Liang and Zeger (1986), https://doi.org/10.1093/biomet/73.1.13, for a regression on a
    constant, with the factor G / (G - 1); Miller (2024), arXiv:2411.00640, for evaluations.

    Parameters
    ----------
    values : array, shape (items,)
        Scores of the items: 0 or 1, truth values, losses, ...
    groups : array, shape (items,), optional
        The document of each item, as numbers or text. Without it each item is a unit.

    Returns
    -------
    Estimate

    Raises
    ------
    TypeError, ValueError
        If a value is not finite, the shapes do not fit, or there are fewer than two units.
    """
    values = scores("values", values)
    sums, sizes = unit_sums(values, groups)
    value = sums.sum() / sizes.sum()
    off = np.square(sums - value * sizes).sum()
    se = np.sqrt(len(sums) / (len(sums) - 1) * off) / sizes.sum()
    return Estimate(float(value), float(se), len(sums), len(values))


def difference(a, b, groups=None, *, paired: bool = True) -> Estimate:
    """Estimate by how much model b scores above model a.

    Two models that answered the same items share the luck of the draw: what is hard for one is
    mostly hard for the other. Paired, the standard error is that of the mean of ``b - a``,
    whose variance is var a + var b - 2 cov(a, b). Unpaired it is sqrt(se_a^2 + se_b^2), as if
    each model had drawn items of its own; the degrees of freedom are Welch's.

    Source: Miller (2024), arXiv:2411.00640; Welch (1947),
    https://doi.org/10.1093/biomet/34.1-2.28.

    Parameters
    ----------
    a, b : array, shape (items,)
        Scores of the two models. Paired, place by place for the same items.
    groups : array, shape (items,), optional
        The document of each item; unpaired it counts for both models, so they need the same
        number of items then.
    paired : bool
        False only if the two models answered different items.

    Returns
    -------
    Estimate
        Of mean(b) - mean(a).

    Raises
    ------
    TypeError, ValueError
        If a score is not finite, or the shapes do not fit.
    """
    a, b = scores("a", a), scores("b", b)
    if (paired or groups is not None) and len(a) != len(b):
        raise ValueError(
            f"a and b must have one score per item, got {len(a)} and {len(b)}; "
            "models that answered different items are compared with paired=False"
        )
    if paired:
        return mean(b - a, groups)
    one, two = mean(a, groups), mean(b, groups)
    total = one.se**2 + two.se**2
    parts = one.se**4 / (one.units - 1) + two.se**4 / (two.units - 1)
    freedom = total**2 / parts if parts else one.units + two.units - 2
    return Estimate(two.value - one.value, total**0.5, freedom + 1, min(len(a), len(b)))
