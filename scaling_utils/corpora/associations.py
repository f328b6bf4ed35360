"""Contexts without end, each with an output distribution of its own, drawn by a Zipf law.

What a linear associative memory learns: which outputs follow which context. Context r, its rank,
comes with probability r^-g / zeta(g). Ranks have no largest one, so nothing is stored for a
context: its embedding and its distribution are computed from its number whenever it comes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy.special import zeta

from scaling_utils._check import number, whole

OUTPUTS = 512
POOL = 4096  # distributions; a context takes one, with its outputs renamed
PERPLEXITY = 16  # exp of the mean entropy of the pool
HEAD = 4096  # ranks whose probabilities are added up one by one
_GOLDEN, _FIRST, _SECOND = (
    np.uint64(word) for word in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)


def mixed(words: np.ndarray) -> np.ndarray:
    """Return 64 well-mixed bits for each 64-bit word: the finaliser of splitmix64.

    Source: Steele, Lea and Flood (2014), https://doi.org/10.1145/2660193.2660195, Fig. 17.
    """
    words = words + _GOLDEN
    words = (words ^ (words >> np.uint64(30))) * _FIRST
    words = (words ^ (words >> np.uint64(27))) * _SECOND
    return words ^ (words >> np.uint64(31))


@dataclass(frozen=True)
class Associations:
    """Contexts of a Zipf law with exponent g > 1, each tied to a distribution over 512 outputs.

    Ranks are float64 numbers: above 2^53 they are no longer whole, but still one number for each
    draw, which is all that a hash needs. Cutting the law off instead would steepen its tail.

    Parameters
    ----------
    g : float
        Exponent of the Zipf law, 1.05 to 4. Nearer to 1 ranks overflow.
    seed : int
        Of embeddings and distributions, zero or above.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range.
    """

    g: float
    seed: int = 0

    def __post_init__(self):
        number("g", self.g, at_least=1.05, at_most=4)
        whole("seed", self.seed, at_least=0)

    def probability(self, ranks):
        """Return r^-g / zeta(g), the probability of each rank."""
        return np.asarray(ranks, float) ** -self.g / zeta(self.g)

    def mass(self, first, last=math.inf):
        """Return the probability of the ranks from ``first`` to below ``last``."""
        end = 0.0 if math.isinf(last) else zeta(self.g, last)
        return (zeta(self.g, first) - end) / zeta(self.g)

    @cached_property
    def _beyond(self) -> np.ndarray:
        """Probability of a rank above 0, 1, ..., HEAD, shape (HEAD + 1,); it falls."""
        return zeta(self.g, np.arange(1, HEAD + 2)) / zeta(self.g)

    def ranks(self, u) -> np.ndarray:
        """Return the rank r with P(rank > r) < u <= P(rank >= r), the inverse of the tail.

        A small u is a rare context. Beyond rank 4,096 the tail sum from r is
        (r - 1/2)^(1-g) / (g - 1), by the midpoint rule; the relative error is of order r^-2.

        Parameters
        ----------
        u : array
            Uniform numbers, above 0 and at most 1.

        Returns
        -------
        float64 array
            Ranks from 1, in the shape of ``u``.
        """
        u = np.asarray(u, float)
        near = HEAD + 1 - np.searchsorted(self._beyond[::-1], u, side="left")
        tail = u * zeta(self.g) * (self.g - 1)
        far = np.floor(tail ** (1 / (1 - self.g)) + 0.5)
        return np.where(u > self._beyond[HEAD], near, np.maximum(far, HEAD + 1)).astype(float)

    def draw(self, seed: int, block: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return ranks and outputs of one block of a stream, each of shape (count,).

        The same arguments give the same block. Outputs are whole numbers from 0 to 511.
        """
        rng = np.random.default_rng([seed, block, 0xA550C])
        ranks = self.ranks(1 - rng.random(count))
        row, mask = self.addresses(ranks)
        place = np.searchsorted(self._stairs, row + rng.random(count), side="right")
        column = np.minimum(place - row * OUTPUTS, OUTPUTS - 1)
        return ranks, column ^ mask

    def _keys(self, ranks: np.ndarray) -> np.ndarray:
        bits = np.ascontiguousarray(ranks, np.float64).view(np.uint64)
        return mixed(bits ^ mixed(np.uint64([self.seed])))

    def embeddings(self, ranks: np.ndarray, n: int) -> np.ndarray:
        """Return the vectors of contexts, shape (contexts, n): n hashed signs, of length 1."""
        words = np.arange(1, -(-n // 64) + 1, dtype=np.uint64)
        hashed = mixed(self._keys(ranks)[:, None] + words * _FIRST)  # (contexts, n / 64)
        bits = np.unpackbits(hashed.view(np.uint8), axis=1, count=n)
        return (bits.astype(np.float32) - 0.5) * np.float32(2 / math.sqrt(n))

    def addresses(self, ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each context's row of the pool, and what its outputs are renamed with (by XOR)."""
        keys = mixed(self._keys(ranks) ^ _SECOND)
        row = (keys % np.uint64(POOL)).astype(np.int64)
        return row, (keys >> np.uint64(40)).astype(np.int64) % OUTPUTS

    def conditionals(self, ranks: np.ndarray) -> np.ndarray:
        """Return the distributions of contexts over the outputs, shape (contexts, 512)."""
        row, mask = self.addresses(ranks)
        return self.pool[row[:, None], np.arange(OUTPUTS) ^ mask[:, None]]

    @property
    def pool(self) -> np.ndarray:
        """The distributions that contexts share, shape (4096, 512), float64: softmax(s z).

        z are normal numbers, and s makes the mean entropy ln 16.
        """
        return _pool(self.seed)

    @cached_property
    def entropies(self) -> np.ndarray:
        """Entropy of each row of the pool in nats, shape (4096,)."""
        return _entropies(self.pool)

    @cached_property
    def _stairs(self) -> np.ndarray:
        """Row plus cumulative probability, all rows behind each other: one sorted list."""
        return (np.arange(POOL)[:, None] + np.cumsum(self.pool, 1)).ravel()


@lru_cache(maxsize=2)
def _pool(seed: int) -> np.ndarray:
    z = np.random.default_rng([seed, 0x9001]).standard_normal((POOL, OUTPUTS))
    low, high = 1.0, 5.0
    for _ in range(30):
        s = (low + high) / 2
        if _entropies(_softmax(s * z)).mean() < math.log(PERPLEXITY):
            high = s
        else:
            low = s
    return _softmax(s * z)


def _softmax(z: np.ndarray) -> np.ndarray:
    p = np.exp(z - z.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def _entropies(p: np.ndarray) -> np.ndarray:
    return -(p * np.log(np.maximum(p, 1e-300))).sum(1)
