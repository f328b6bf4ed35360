"""Accuracy and error on a task as curves of the loss."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from scaling_utils._check import finite_array, number


@dataclass(frozen=True)
class Sigmoid:
    """Accuracy low + (high - low) / (1 + exp(-slope (middle - loss))).

    Bhagia et al. (2024), https://arxiv.org/abs/2412.04403, the second step: there a = low - high,
    b = high, k = slope and L_0 = middle.

    Parameters
    ----------
    low : float
        Accuracy at a very high loss, often that of guessing. Zero or above.
    high : float
        Accuracy at a very low loss. Above ``low``.
    slope : float
        Per unit of loss. Above zero.
    middle : float
        The loss with the accuracy half-way.

    Raises
    ------
    TypeError, ValueError
        If a constant is not finite or out of its range.
    """

    low: float
    high: float
    slope: float
    middle: float

    def __post_init__(self):
        number("low", self.low, at_least=0)
        number("high", self.high, above=self.low)
        number("slope", self.slope, above=0)
        number("middle", self.middle)

    def at(self, loss):
        """Return the accuracy at a loss.

        Parameters
        ----------
        loss : float or array
            Any shape, in the unit of the fit.

        Returns
        -------
        float or array
            A share, or per cent where low and high are.

        Raises
        ------
        TypeError, ValueError
            If loss is not numeric and finite.
        """
        z = self.slope * (self.middle - finite_array("loss", loss))
        return (self.low + (self.high - self.low) * expit(z))[()]


@dataclass(frozen=True)
class ExponentialError:
    """Error epsilon - k exp(-gamma loss).

    Gadre et al. (2024), https://arxiv.org/abs/2403.08540, Eq. 5.

    Parameters
    ----------
    epsilon : float
        Error at a very high loss, often that of guessing. Zero or above.
    k : float
        Above zero.
    gamma : float
        Per unit of loss. Above zero.

    Raises
    ------
    TypeError, ValueError
        If a constant is not finite or out of its range.
    """

    epsilon: float
    k: float
    gamma: float

    def __post_init__(self):
        number("epsilon", self.epsilon, at_least=0)
        number("k", self.k, above=0)
        number("gamma", self.gamma, above=0)

    def at(self, loss):
        """Return the error at a loss; below zero where the form has left its range.

        Parameters
        ----------
        loss : float or array
            Any shape, in the unit of the fit.

        Returns
        -------
        float or array
            A share, or per cent where epsilon is.

        Raises
        ------
        TypeError, ValueError
            If loss is not numeric and finite.
        """
        log_k = math.log(self.k)
        return (self.epsilon - np.exp(log_k - self.gamma * finite_array("loss", loss)))[()]
