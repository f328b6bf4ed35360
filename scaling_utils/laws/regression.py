"""The excess loss of linear regression, with as many features and examples as you like.

N independent standard normal features, D examples, labels w . x plus noise of variance
``noise``, and |w|^2 = ``signal``. The excess is the loss on a fresh example less that noise.
"""

from __future__ import annotations

import numpy as np

from scaling_utils._check import number, positive_array


def least_squares_excess(D, N, signal: float = 1.0, noise: float = 1.0) -> np.ndarray:
    """Return the mean excess of least squares; where many fits are equal, of the least norm.

    Exact at every size, by the mean of an inverse Wishart matrix. For N, D to infinity it is
    Theorem 1 of Hastie et al. (2022), https://arxiv.org/abs/1903.08560.

    Parameters
    ----------
    D, N : float or array
        Examples and features; they differ by more than one.
    signal, noise : float
        |w|^2 and the variance of the noise, in the square of the labels' unit. 0 and above.

    Returns
    -------
    array
        In the square of the labels' unit, of the shape of D and N together.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or D within one of N, where the mean is infinite.
    """
    D, N = positive_array("D", D), positive_array("N", N)
    signal, noise = number("signal", signal, at_least=0), number("noise", noise, at_least=0)
    D, N = np.broadcast_arrays(D, N)
    if (np.abs(D - N) <= 1).any():
        raise ValueError("D and N must differ by more than one: the mean is infinite there")
    apart = np.abs(D - N) - 1
    more = noise * N / apart
    fewer = signal * (1 - D / N) + noise * D / apart
    return np.where(D > N, more, fewer)


def ridge_excess(D, N, signal: float = 1.0, noise: float = 1.0) -> np.ndarray:
    """Return the excess at the best ridge penalty, noise N / signal, for N, D to infinity.

    Nakkiran et al. (2020), https://arxiv.org/abs/2003.01897, prove that it never rises with D.

    Parameters
    ----------
    D, N : float or array
        Examples and features. Above zero.
    signal, noise : float
        |w|^2 and the variance of the noise, in the square of the labels' unit. Above zero.

    Returns
    -------
    array
        In the square of the labels' unit, of the shape of D and N together.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    """
    D, N = positive_array("D", D), positive_array("N", N)
    signal, noise = number("signal", signal, above=0), number("noise", noise, above=0)
    ratio = N / D
    penalty = ratio * noise / signal  # for each example
    b = 1 - ratio + penalty
    return noise * (np.sqrt(b**2 + 4 * ratio * penalty) - b) / (2 * penalty)
