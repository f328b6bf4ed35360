"""The intrinsic dimension of a cloud of points, from distances to nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils._check import finite_array


@dataclass(frozen=True)
class DimensionEstimate:
    """An estimated intrinsic dimension.

    Attributes
    ----------
    dimension : float
        The estimate.
    standard_error : float
        As if all ratios were independent.
    scale : float
        Mean distance to the second neighbour, in the unit of the points: the length on which
        the dimension was measured.
    points : int
        How many.
    """

    dimension: float
    standard_error: float
    scale: float
    points: int


def two_nearest_neighbours(points) -> DimensionEstimate:
    """Estimate the dimension from the ratio of each point's two nearest distances.

    Where the density hardly changes between a point and its second neighbour, the ratio
    mu = r2 / r1 has the density d mu^-(d+1), whatever the density is (Facco et al. 2017,
    https://doi.org/10.1038/s41598-017-11873-y, Eq. 3). They fit its distribution function; here
    is the maximum of its likelihood without its bias, d = (n - 1) / sum of ln mu.

    Parameters
    ----------
    points : array, shape (n, ambient)
        n is at least 3, and no two rows are equal.

    Returns
    -------
    DimensionEstimate
        The dimension, its standard error, and the length it holds for.

    Raises
    ------
    TypeError, ValueError
        For fewer than three points, points that coincide or form a lattice, or values that are
        not finite.
    """
    from scipy.spatial import cKDTree

    points = finite_array("points", points, ndim=2)
    count = len(points)
    if count < 3:
        raise ValueError(f"points must have at least 3 rows, got {count}")
    near = cKDTree(points).query(points, k=3)[0]  # (n, 3): itself, first, second
    first, second = near[:, 1], near[:, 2]
    if np.any(first == 0):
        raise ValueError(f"points must differ, got {int(np.sum(first == 0))} that have a twin")
    total = np.log(second / first).sum()
    if total == 0:
        raise ValueError("points must not form a lattice: every r2 equals its r1")
    dimension = (count - 1) / total
    error = dimension / max(count - 2, 1) ** 0.5
    return DimensionEstimate(float(dimension), float(error), float(second.mean()), count)
