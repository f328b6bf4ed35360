"""A smooth surface through a table of losses: what the cells say before a law's form is assumed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scaling_utils._check import number, positive_array, same_length, whole
from scaling_utils.units import TRAINING_FLOPS


@dataclass(frozen=True)
class Surface:
    """A polynomial in log N and log D for the logarithm of the excess loss.

    Attributes
    ----------
    degree : int
        The highest sum of the two powers.
    misses : float
        Root mean square of the residuals in log excess, with the degrees of freedom that the
        coefficients take subtracted: the share of the excess by which a run is missed.
    N_range, D_range : (float, float)
        The least and the largest size and tokens that were fitted.
    coefficients : array, shape ((degree + 1)(degree + 2) / 2,)
        Of the products of powers; each logarithm is first scaled to [-1, 1] over its range.
    """

    degree: int
    misses: float
    N_range: tuple[float, float]
    D_range: tuple[float, float]
    coefficients: np.ndarray = field(repr=False)

    def excess(self, N, D) -> np.ndarray:
        """Return the surface at ``N`` and ``D``, arrays of one shape, inside the ranges or not."""
        N, D = np.broadcast_arrays(positive_array("N", N), positive_array("D", D))
        terms = _terms(_scaled(N, self.N_range), _scaled(D, self.D_range), self.degree)
        return np.exp(terms @ self.coefficients)

    def best_size(self, C: float, sizes: int = 3000) -> float:
        """Return the N of least excess at ``C`` FLOPs, with D = C / 6N, inside the fitted ranges.

        The least of so many ``sizes``, evenly spaced in log N.

        Raises
        ------
        ValueError
            If C is not above zero, no size of the range has its D in its range at C, or the
            least excess lies at an end, where the surface shows no optimum.
        """
        C, sizes = number("C", C, above=0), whole("sizes", sizes, at_least=3)
        N = np.geomspace(*self.N_range, sizes)
        D = C / (TRAINING_FLOPS * N)
        N = N[(self.D_range[0] <= D) & (self.D_range[1] >= D)]
        least = self.excess(N, C / (TRAINING_FLOPS * N)).argmin() if len(N) else 0
        if least in (0, len(N) - 1) or not len(N):
            low, high = (
                TRAINING_FLOPS * a * b for a, b in zip(self.N_range, self.D_range, strict=True)
            )
            raise ValueError(
                f"C must have its best size inside the surface, which reaches from {low:.3g} to "
                f"{high:.3g} FLOPs at its corners, got {C:.3g}"
            )
        return float(N[least])

    def exponent(self, C) -> float:
        """Return the exponent a of the best size, N as C^a, by a line through the budgets ``C``.

        Parameters
        ----------
        C : array, shape (budgets,)
            FLOPs; at least two, above zero.
        """
        C = positive_array("C", C, ndim=1)
        if len(C) < 2:
            raise ValueError(f"C must hold at least 2 budgets, got {len(C)}")
        best = [self.best_size(float(one)) for one in C]
        return float(np.polyfit(np.log(C), np.log(best), 1)[0])


def fit_surface(N, D, excess, *, degree: int = 5) -> Surface:
    """Fit a polynomial in log N and log D to the logarithm of the excess, by least squares.

    It assumes no law: neither that size and data add, nor that either has one exponent. So it
    tells an error of a law's form from one of the method that reads the runs. It says nothing
    outside the runs.

    Parameters
    ----------
    N, D, excess : array, shape (runs,)
        Size, tokens, and the loss less its floor, above zero.
    degree : int
        The highest sum of the two powers. At least 1.

    Returns
    -------
    Surface

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the runs cannot fix so many coefficients.
    """
    N, D, excess = (
        positive_array(name, value, ndim=1)
        for name, value in (("N", N), ("D", D), ("excess", excess))
    )
    same_length(N=N, D=D, excess=excess)
    degree = whole("degree", degree)
    for name, values in (("N", N), ("D", D)):
        if len(np.unique(values)) <= degree:
            raise ValueError(
                f"{name} must take more than {degree} values for degree {degree}, "
                f"got {len(np.unique(values))}"
            )
    ranges = [(float(x.min()), float(x.max())) for x in (N, D)]
    terms = _terms(_scaled(N, ranges[0]), _scaled(D, ranges[1]), degree)
    coefficients, _, rank, _ = np.linalg.lstsq(terms, np.log(excess), rcond=None)
    free = len(excess) - terms.shape[1]
    if rank < terms.shape[1] or free < 1:
        raise ValueError(
            f"excess must hold more than {terms.shape[1]} runs that are spread over N and D for "
            f"degree {degree}, got {len(excess)} runs that fix {rank} coefficients"
        )
    left = np.log(excess) - terms @ coefficients
    misses = float(np.sqrt((left**2).sum() / free))
    return Surface(degree, misses, *ranges, coefficients)


def _scaled(x: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    low, high = np.log(limits)
    return (2 * np.log(x) - low - high) / (high - low)


def _terms(n: np.ndarray, d: np.ndarray, degree: int) -> np.ndarray:
    """Return the products of powers of two scaled logarithms, shape (..., terms)."""
    powers = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    return np.stack([n**i * d**j for i, j in powers], axis=-1)
