"""Broken power laws: Caballero et al. (2022), https://arxiv.org/abs/2210.14891."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scaling_utils._check import number, positive_array
from scaling_utils.laws._about import About


@dataclass(frozen=True)
class Break:
    """One break: the slope falls by ``c`` around x = ``d``, over a width ``f`` in log x.

    Parameters
    ----------
    c : float
        By how much the slope on log-log axes falls; negative where it rises.
    d : float
        Where, in the unit of x. Above zero.
    f : float
        Width in natural log x. Above zero.

    Raises
    ------
    TypeError, ValueError
        If a number is not finite or out of its range.
    """

    c: float
    d: float
    f: float

    def __post_init__(self):
        number("c", self.c)
        number("d", self.d, above=0)
        number("f", self.f, above=0)


@dataclass(frozen=True)
class BrokenPowerLaw:
    """y = a + b x^-c0 prod_i (1 + (x / d_i)^(1 / f_i))^(-c_i f_i) (Eq. 1 of the source).

    Source: Caballero et al. (2022), https://arxiv.org/abs/2210.14891.

    Parameters
    ----------
    a : float
        Limit value, in the unit of y.
    b : float
        Coefficient of the first segment. Above zero.
    c0 : float
        Exponent of the first segment: its slope on log-log axes is -c0.
    breaks : tuple of Break
        After break i the slope is -(c0 + c_1 + ... + c_i). None by default.
    about : About, optional
        Source, units and domain.

    Raises
    ------
    TypeError, ValueError
        If a, b or c0 is not finite or out of its range.
    """

    a: float
    b: float
    c0: float
    breaks: tuple[Break, ...] = ()
    about: About | None = field(default=None, compare=False, repr=False)

    def __post_init__(self):
        number("a", self.a)
        number("b", self.b, above=0)
        number("c0", self.c0)

    def loss(self, x):
        """Return y at ``x``.

        Parameters
        ----------
        x : float or array
            Any shape, in the unit of ``d``. Above zero.

        Returns
        -------
        float or array
            In the unit of y, of the shape of ``x``.

        Raises
        ------
        TypeError, ValueError
            If x is not numeric, finite and above zero.
        """
        log_x = np.log(positive_array("x", x))
        log_y = np.log(self.b) - self.c0 * log_x
        for one in self.breaks:
            # logaddexp keeps a sharp break (small f) from overflowing.
            log_y = log_y - one.c * one.f * np.logaddexp(0.0, (log_x - np.log(one.d)) / one.f)
        return (self.a + np.exp(log_y))[()]

    def slope(self, x):
        """Return the local slope on log-log axes, d log(y - a) / d log x.

        Parameters
        ----------
        x : float or array
            Any shape, in the unit of ``d``. Above zero.

        Returns
        -------
        float or array
            Without unit, of the shape of ``x``.

        Raises
        ------
        TypeError, ValueError
            If x is not numeric, finite and above zero.
        """
        log_x = np.log(positive_array("x", x))
        slope = np.full_like(log_x, -self.c0)
        for one in self.breaks:
            distance = (log_x - np.log(one.d)) / one.f
            slope = slope - one.c * np.exp(-np.logaddexp(0.0, -distance))
        return slope[()]
