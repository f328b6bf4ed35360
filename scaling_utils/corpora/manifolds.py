"""Regression tasks whose intrinsic dimension and smoothness are set by construction.

Points fill a cube of d dimensions, which lies, flat or bent, in a space of more dimensions.
What is to be learned is a sum of plane waves in the cube's own coordinates.
"""

from __future__ import annotations

import math

import numpy as np

from scaling_utils._check import finite_array, number, whole

SIDE = 2 * math.sqrt(3)  # of the cube: each coordinate has mean 0 and variance 1
REFERENCE = 8192  # points on which a sum of waves is standardised
CHUNK = 8192  # points at a time


class EmbeddedCube:
    """A cube of ``dimension`` d, uniformly filled, in a space of ``ambient`` dimensions.

    A point x of the cube goes to Q [x, bend * sin(2 A x + b)], with a random rotation Q, random
    unit rows A and random phases b. With ``bend`` 0 this is a flat piece of a d-dimensional
    plane. Otherwise it is the graph of a smooth map over that plane: curved, without crossing
    itself, and still of dimension d.

    Parameters
    ----------
    dimension : int
        d, at least 1.
    ambient : int
        Dimensions of the space, at least d.
    bend : float
        Size of the curved part, 0 and above.
    seed : int
        Of Q, A and b, not of the points. Zero or above.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range.
    """

    def __init__(self, dimension: int, ambient: int, bend: float = 0.0, seed: int = 0):
        self.dimension = whole("dimension", dimension)
        self.ambient = whole("ambient", ambient, at_least=self.dimension)
        self.bend = number("bend", bend, at_least=0)
        rng = np.random.default_rng([whole("seed", seed, at_least=0), 0])
        self.rotation = np.linalg.qr(rng.standard_normal((self.ambient, self.ambient)))[0]
        self.bends = _unit_rows(rng, self.ambient - self.dimension, self.dimension)
        self.phases = rng.uniform(0, 2 * np.pi, len(self.bends))

    def coordinates(self, count: int, seed: int) -> np.ndarray:
        """Return random points of the cube in its own coordinates.

        Parameters
        ----------
        count : int
            How many, at least 1.
        seed : int
            Of the points. Zero or above.

        Returns
        -------
        array, shape (count, d)
            Each coordinate has mean 0 and variance 1.

        Raises
        ------
        TypeError, ValueError
            If a number is out of its range.
        """
        rng = np.random.default_rng([whole("seed", seed, at_least=0), 1])
        shape = (whole("count", count), self.dimension)
        return rng.uniform(-SIDE / 2, SIDE / 2, shape)

    def embed(self, coordinates: np.ndarray) -> np.ndarray:
        """Return where points of the cube lie in the ambient space.

        Parameters
        ----------
        coordinates : array, shape (n, d)
            Points of the cube.

        Returns
        -------
        array, shape (n, ambient)
            The same points.

        Raises
        ------
        TypeError, ValueError
            If the points are not finite numbers of this shape.
        """
        x = _points("coordinates", coordinates, self.dimension)
        bent = self.bend * np.sin(2 * x @ self.bends.T + self.phases)  # (n, ambient - d)
        return np.concatenate([x, bent], axis=1) @ self.rotation.T


class Waves:
    """A sum of plane waves with a power-law spectrum: a function of chosen smoothness.

    f(x) is the sum of a_k cos(r_k u_k . x + b_k), with directions u_k uniform on the sphere and
    wave numbers r_k uniform in log r from 1 up, over the given octaves. The amplitudes are
    a_k = r_k^-s. So each octave carries 2^-2s of the power of the one before it, and the power
    above the wave number r falls as r^-2s, which makes s the smoothness in the sense of Sobolev
    for as long as the octaves last. With one octave the function is analytic.

    The values are scaled to mean 0 and variance 1 on the cube of ``EmbeddedCube``, so a mean
    squared error is the share of the variance that is not explained. A unit direction keeps
    u . x at variance 1 in any dimension, so the first octave is about as hard for all d.

    Parameters
    ----------
    dimension : int
        d, at least 1.
    smoothness : float
        s, 0 and above.
    octaves : float
        Range of wave numbers, from 1 to 2^octaves. Above 0.
    waves : int
        How many; they bound what is random, so take hundreds.
    seed : int
        Of all that is drawn. Zero or above.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range.
    """

    def __init__(
        self, dimension: int, smoothness: float, octaves: float = 5, waves: int = 512, seed: int = 0
    ):
        self.dimension = whole("dimension", dimension)
        self.smoothness = number("smoothness", smoothness, at_least=0)
        self.octaves = number("octaves", octaves, above=0)
        count = whole("waves", waves)
        rng = np.random.default_rng([whole("seed", seed, at_least=0), self.dimension, 2])
        radii = 2 ** rng.uniform(0, self.octaves, count)
        self.vectors = radii[:, None] * _unit_rows(rng, count, self.dimension)  # (K, d)
        self.phases = rng.uniform(0, 2 * np.pi, count)
        self.amplitudes = radii**-self.smoothness
        self.mean, self.scale = 0.0, 1.0
        values = self(rng.uniform(-SIDE / 2, SIDE / 2, (REFERENCE, self.dimension)))
        self.mean, self.scale = values.mean(), values.std()

    def __call__(self, coordinates: np.ndarray) -> np.ndarray:
        """Return f at points of the cube.

        Parameters
        ----------
        coordinates : array, shape (n, d)
            Points in the cube's own coordinates.

        Returns
        -------
        array, shape (n,)
            Values, of mean 0 and variance 1 over the cube.

        Raises
        ------
        TypeError, ValueError
            If the points are not finite numbers of this shape.
        """
        x = _points("coordinates", coordinates, self.dimension).astype(np.float32)
        vectors, phases = self.vectors.T.astype(np.float32), self.phases.astype(np.float32)
        parts = [
            np.cos(x[start : start + CHUNK] @ vectors + phases) @ self.amplitudes
            for start in range(0, len(x), CHUNK)
        ]
        return (np.concatenate(parts) - self.mean) / self.scale


def _unit_rows(rng: np.random.Generator, count: int, dimension: int) -> np.ndarray:
    rows = rng.standard_normal((count, dimension))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _points(name: str, value, dimension: int) -> np.ndarray:
    points = finite_array(name, value, ndim=2)
    if points.shape[1] != dimension:
        raise ValueError(f"{name} must have shape (n, {dimension}), got {points.shape}")
    return points
