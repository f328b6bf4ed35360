"""What a table of losses shows before any form is fitted: local exponents, signs of interaction."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from scaling_utils._check import positive_array, whole

RANGE = (1e-6, 10.0)  # of a local exponent; outside, the three points fix none


def local_exponents(x, y, apart: int = 1) -> np.ndarray:
    """Return the exponent a of c + b / x^a through each three points, whatever c and b are.

    A floor c, known or not, cancels in the differences y1 - y2 and y2 - y3, and so does the
    other term of an additive law L = f(N) + g(D) where x is N and D is the same. So a law with
    one exponent has the same one at all its points and for all values of the other variable.

    Parameters
    ----------
    x : array, shape (points,)
        Size or tokens, rising. Above zero.
    y : array, shape (points,) or (points, columns)
        Losses; NaN where there was no run.
    apart : int
        The middle point is so many places from each of the two others. At least 1.

    Returns
    -------
    array, shape (points - 2 apart,) or (points - 2 apart, columns)
        NaN where y does not fall from each point to the next, where a run is missing, and where
        no exponent between 1e-6 and 10 does it.

    Raises
    ------
    TypeError, ValueError
        If x is not above zero, does not rise, is no longer than 2 apart, or does not fit y.
    """
    x, apart = positive_array("x", x, ndim=1), whole("apart", apart)
    y = np.asarray(y, dtype=float)
    if (np.diff(x) <= 0).any():
        raise ValueError(f"x must rise from each point to the next, got {x}")
    if len(x) <= 2 * apart:
        raise ValueError(f"x must hold more than {2 * apart} points, got {len(x)}")
    if y.ndim not in (1, 2) or len(y) != len(x):
        raise ValueError(f"y must have {len(x)} rows like x, got shape {y.shape}")
    columns = y.reshape(len(x), -1)
    places = range(apart, len(x) - apart)
    found = np.array(
        [
            [
                _through(x[[i - apart, i, i + apart]], c[[i - apart, i, i + apart]])
                for c in columns.T
            ]
            for i in places
        ]
    )
    return found.reshape(len(places), *y.shape[1:])


def _through(x: np.ndarray, y: np.ndarray) -> float:
    """Solve (x1^-a - x2^-a) / (x2^-a - x3^-a) = (y1 - y2) / (y2 - y3) for a."""
    first, second = y[0] - y[1], y[1] - y[2]
    if not (first > 0 and second > 0):  # a NaN is no number above zero
        return np.nan
    left, right = np.log(x[1] / x[0]), np.log(x[2] / x[1])

    def miss(a):
        return np.expm1(a * left) / -np.expm1(-a * right) - first / second

    return brentq(miss, *RANGE) if miss(RANGE[0]) < 0 < miss(RANGE[1]) else np.nan


def contrasts(values, rows: int = 1, columns: int = 1) -> np.ndarray:
    """Return the interaction contrast K of each block of a table of losses.

    K = L(small, short) + L(large, long) - L(large, short) - L(small, long) is zero for every
    additive law f(N) + g(D). It is negative where a small model gains less from more data than
    a large one, as in Kaplan et al. (2020), https://arxiv.org/abs/2001.08361, Eq. 1.5, and
    positive where it gains more. A share of the variance, as ``interaction`` gives, is blind to
    the sign.

    Parameters
    ----------
    values : array, shape (sizes, lengths)
        Losses, sizes and lengths rising; NaN where there was no run.
    rows, columns : int
        A block reaches over so many steps of size and of length. At least 1.

    Returns
    -------
    array, shape (sizes - rows, lengths - columns)
        K in the unit of the values. Blocks overlap.

    Raises
    ------
    TypeError, ValueError
        If the table is too small for one block, or a number of steps not whole and positive.
    """
    values = np.asarray(values, dtype=float)
    rows, columns = whole("rows", rows), whole("columns", columns)
    if values.ndim != 2 or values.shape[0] <= rows or values.shape[1] <= columns:
        raise ValueError(
            f"values must have more than {rows} rows and {columns} columns, "
            f"got shape {values.shape}"
        )
    small, large = values[:-rows], values[rows:]
    return small[:, :-columns] + large[:, columns:] - large[:, :-columns] - small[:, columns:]
