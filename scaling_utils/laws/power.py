"""Power laws in one variable: falling losses and growing optima."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scaling_utils._check import number, positive_array
from scaling_utils.laws._about import About, UnreachableLoss


@dataclass(frozen=True)
class PowerLaw:
    """L(x) = (x_c / x)^alpha + offset, falling with x.

    Parameters
    ----------
    x_c : float
        Scale, in the unit of x: there the power term is 1. Above zero.
    alpha : float
        Exponent. Above zero.
    offset : float
        Loss that remains when x grows without bound. Zero or above; zero by default.
    about : About, optional
        Source, units and domain of a published law.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not finite or out of its range.
    """

    x_c: float
    alpha: float
    offset: float = 0.0
    about: About | None = field(default=None, compare=False, repr=False)

    def __post_init__(self):
        number("x_c", self.x_c, above=0)
        number("alpha", self.alpha, above=0)
        number("offset", self.offset, at_least=0)

    @classmethod
    def from_coefficient(
        cls, coefficient: float, alpha: float, offset: float = 0.0, about: About | None = None
    ) -> PowerLaw:
        """Return the same law written L(x) = coefficient * x^-alpha + offset.

        Parameters
        ----------
        coefficient : float
            Value of the power term at x = 1. Above zero.
        alpha, offset, about
            As in the class.

        Returns
        -------
        PowerLaw
            With x_c = coefficient^(1 / alpha).

        Raises
        ------
        TypeError, ValueError
            If a parameter is not finite or out of its range.
        """
        coefficient = number("coefficient", coefficient, above=0)
        alpha = number("alpha", alpha, above=0)
        return cls(coefficient ** (1 / alpha), alpha, offset, about)

    @property
    def coefficient(self) -> float:
        """Value of the power term at x = 1, x_c^alpha."""
        return self.x_c**self.alpha

    def loss(self, x):
        """Return the loss at ``x``.

        Parameters
        ----------
        x : float or array
            Any shape, in the unit of ``x_c``. Above zero.

        Returns
        -------
        float or array
            In the unit of the law's loss, of the shape of ``x``.

        Raises
        ------
        TypeError, ValueError
            If x is not numeric, finite and above zero.
        """
        x = positive_array("x", x)
        return ((self.x_c / x) ** self.alpha + self.offset)[()]

    def x_for_loss(self, loss):
        """Return the x at which the law gives ``loss``.

        Parameters
        ----------
        loss : float or array
            Any shape. Above the offset.

        Returns
        -------
        float or array
            In the unit of ``x_c``.

        Raises
        ------
        UnreachableLoss
            A ValueError, for a loss at or below the offset.
        TypeError, ValueError
            If loss is not numeric, finite and above zero.
        """
        loss = positive_array("loss", loss)
        if (loss <= self.offset).any():
            worst = float(loss[loss <= self.offset].flat[0])
            raise UnreachableLoss(worst, self.offset, np.inf, "the law has an offset")
        return (self.x_c * (loss - self.offset) ** (-1 / self.alpha))[()]

    def factor(self, growth):
        """Return the factor by which the power term changes when x is multiplied by ``growth``.

        Parameters
        ----------
        growth : float or array
            Any shape. Above zero.

        Returns
        -------
        float or array
            growth^-alpha, without unit.

        Raises
        ------
        TypeError, ValueError
            If growth is not numeric, finite and above zero.
        """
        return (positive_array("growth", growth) ** -self.alpha)[()]


@dataclass(frozen=True)
class Trend:
    """y = coefficient * x^exponent: how an optimum, a batch or a rate moves with scale.

    Parameters
    ----------
    coefficient : float
        Value at x = 1, in the unit of y. Above zero.
    exponent : float
        Slope on log-log axes; negative for something that falls.
    about : About, optional
        Source, units and domain.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not finite, or the coefficient is not positive.
    """

    coefficient: float
    exponent: float
    about: About | None = field(default=None, compare=False, repr=False)

    def __post_init__(self):
        number("coefficient", self.coefficient, above=0)
        number("exponent", self.exponent)

    def at(self, x):
        """Return y at ``x``.

        Parameters
        ----------
        x : float or array
            Any shape. Above zero.

        Returns
        -------
        float or array
            In the unit of y, of the shape of ``x``.

        Raises
        ------
        TypeError, ValueError
            If x is not numeric, finite and above zero.
        """
        return (self.coefficient * positive_array("x", x) ** self.exponent)[()]

    def factor(self, growth):
        """Return the factor by which y changes when x is multiplied by ``growth``.

        Parameters
        ----------
        growth : float or array
            Any shape. Above zero.

        Returns
        -------
        float or array
            growth^exponent, without unit.

        Raises
        ------
        TypeError, ValueError
            If growth is not numeric, finite and above zero.
        """
        return (positive_array("growth", growth) ** self.exponent)[()]
