"""Synthetic languages whose entropy is known exactly.

A language is a Markov source: the next symbol depends on the last ``order`` symbols and on
nothing else. Its table of probabilities is drawn once from a seed, so that the smallest loss
that any model can reach is a number, and not something to be fitted.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from scaling_utils._check import number, whole

# Windows of one batch are drawn with the seed as key and the batch's index as counter, and
# each use has its own stream, so that held-out windows are never those of training.
TRAINING, HELD_OUT, CHAINS, FINITE = 0, 1, 2, 3
LARGEST_TABLE = 2**26  # probabilities; 64 symbols at order 3 make 2^24


@dataclass(frozen=True, eq=False)
class Language:
    """A stationary Markov source over ``vocab`` symbols.

    Attributes
    ----------
    rows : array, shape (contexts, vocab)
        Probabilities of the next symbol. A context is a number in base ``vocab`` whose last
        digit is the newest symbol.
    order : int
        Symbols in a context; contexts = vocab ** order.
    """

    rows: np.ndarray
    order: int

    @property
    def vocab(self) -> int:
        """Number of symbols."""
        return self.rows.shape[1]

    @cached_property
    def mass(self) -> np.ndarray:
        """Stationary probability of each context, shape (contexts,), by power iteration.

        ArithmeticError where it has not settled after 10,000 steps.
        """
        V, contexts = self.vocab, len(self.rows)
        table = self.rows.reshape(V, -1, V)  # oldest symbol, the others, next
        mass = np.full(contexts, 1 / contexts)
        for _ in range(10_000):
            after = np.einsum("ok,okn->kn", mass.reshape(V, -1), table).ravel()
            after /= after.sum()
            if np.abs(after - mass).sum() < 1e-13:
                return after
            mass = after
        raise ArithmeticError("the power iteration for the stationary distribution did not settle")

    @cached_property
    def entropies(self) -> np.ndarray:
        """Entropy of the next symbol given the last k symbols, k = 0 ... order, in nats."""
        out, V = [], self.vocab
        joint = self.mass[:, None] * self.rows  # (contexts, V)
        for k in range(self.order + 1):
            short = joint.reshape(-1, V**k, V).sum(0)  # sum over all older symbols
            out.append(_entropy(short) - _entropy(short.sum(1)))
        return np.array(out)

    @property
    def entropy(self) -> float:
        """The smallest possible loss, in nats per symbol."""
        return float(self.entropies[-1])

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the table of probabilities; it depends on how a processor rounds."""
        return hashlib.sha256(np.ascontiguousarray(self.rows)).hexdigest()

    @cached_property
    def _cumulative(self) -> tuple[np.ndarray, np.ndarray]:
        return np.cumsum(self.mass), np.cumsum(self.rows, axis=1, dtype=np.float64).astype("f4")

    def contexts(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw contexts from the stationary distribution.

        Parameters
        ----------
        n : int
            How many.
        rng : numpy.random.Generator
            Where the draws come from.

        Returns
        -------
        array of int, shape (n,)
            Contexts, as numbers.
        """
        drawn = np.searchsorted(self._cumulative[0], rng.random(n), side="right")
        return np.minimum(drawn, len(self.rows) - 1)

    def follow(self, contexts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw the next symbol after each of ``contexts``.

        Drawn with 24 bits: probabilities are kept to 6e-8.

        Parameters
        ----------
        contexts : array of int, any shape
            Contexts, as numbers.
        rng : numpy.random.Generator
            Where the draws come from.

        Returns
        -------
        array of int, of the same shape
            Symbols, 0 to vocab - 1.
        """
        uniform = rng.random(contexts.shape, dtype=np.float32)
        below = self._cumulative[1][contexts] <= uniform[..., None]
        return np.minimum(below.sum(-1), self.vocab - 1)

    def symbols(self, contexts: np.ndarray) -> np.ndarray:
        """Spell contexts (n,) as symbols 0 to vocab - 1, shape (n, order), the newest last."""
        powers = self.vocab ** np.arange(self.order - 1, -1, -1)
        return contexts[..., None] // powers % self.vocab

    def windows(self, n: int, seed: int, index: int, stream: int = TRAINING):
        """Return ``n`` independent windows and the symbols after them.

        A pure function of its arguments: batch ``index`` of ``seed`` is always the same.

        Parameters
        ----------
        n : int
            How many, at least 1.
        seed, index, stream : int
            Which batch, of which seed, for which use; zero or above. The streams are ``TRAINING``,
            ``HELD_OUT``, ``CHAINS`` and ``FINITE`` of the module.

        Returns
        -------
        arrays of int, shapes (n, order) and (n,)
            Windows, the newest symbol last, and the symbols that follow.

        Raises
        ------
        TypeError, ValueError
            If a number is not whole or too small.
        """
        n, rng = _at_least("n", n, 1), _generator(seed, stream, index)
        contexts = self.contexts(n, rng)
        return self.symbols(contexts), self.follow(contexts, rng)

    def chains(self, n: int, length: int, seed: int, index: int, stream: int = CHAINS):
        """Return ``n`` independent passages of ``length`` symbols.

        Parameters
        ----------
        n, length : int
            How many, and of how many symbols; at least 1.
        seed, index, stream : int
            As for :meth:`windows`.

        Returns
        -------
        array of int, shape (n, length)
            Symbols, in the order in which they are read.

        Raises
        ------
        TypeError, ValueError
            If a number is not whole or too small.
        """
        n, rng = _at_least("n", n, 1), _generator(seed, stream, index)
        length = _at_least("length", length, 1)
        contexts = self.contexts(n, rng)
        out = np.empty((n, max(length, self.order)), dtype=np.int64)
        out[:, : self.order] = self.symbols(contexts)
        for place in range(self.order, length):
            out[:, place] = self.follow(contexts, rng)
            contexts = contexts * self.vocab % len(self.rows) + out[:, place]
        return out[:, :length]

    def backed_off(self) -> np.ndarray:
        """Return rows that know one symbol less: the average over the oldest symbol.

        Returns
        -------
        array, shape (contexts, vocab)
            Probabilities, equal for contexts that differ in the oldest symbol only.
        """
        V = self.vocab
        joint = (self.mass[:, None] * self.rows).reshape(V, -1, V).sum(0)
        short = joint / joint.sum(1, keepdims=True)
        return np.tile(short, (V, 1))


def dirichlet_language(
    vocab: int = 64,
    order: int = 3,
    strength: float = 10.0,
    zipf: float = 1.0,
    floor: float = 0.01,
    seed: int = 0,
) -> Language:
    """Draw a language in which longer contexts refine shorter ones.

    The row without context is Zipf's law, p(r) proportional to r^-zipf. The row of each
    longer context is drawn from a Dirichlet distribution with ``strength`` times the row of
    the context without its oldest symbol: a small strength makes each symbol of context
    tell much about the next one. A share ``floor`` of the context-free row is mixed into the
    final rows, so that every symbol can follow every context.

    The hierarchy is that of MacKay and Peto (1995), https://doi.org/10.1017/S1351324900000218.

    Parameters
    ----------
    vocab : int
        Symbols, at least 2.
    order : int
        Symbols of context, at least 1.
    strength : float
        Sum of the Dirichlet parameters, at least 0.1: below it whole rows of the draws can
        underflow to zero.
    zipf : float
        Exponent, 0 to 10.
    floor : float
        Share of the context-free row, above 0 and at most 1.
    seed : int
        Of the table. Zero or above.

    Returns
    -------
    Language
        Its ``entropy`` is in nats per symbol. The same arguments give the same table.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the table above 2^26 probabilities.
    """
    vocab, order = whole("vocab", vocab, at_least=2), whole("order", order)
    strength = number("strength", strength, at_least=0.1)
    zipf = number("zipf", zipf, at_least=0, at_most=10)
    floor = number("floor", floor, above=0, at_most=1)
    seed = whole("seed", seed, at_least=0)
    if (order + 1) * math.log2(vocab) > math.log2(LARGEST_TABLE):  # the power itself may be huge
        raise ValueError(
            f"vocab ** (order + 1) must be at most {LARGEST_TABLE}, got {vocab} ** {order + 1}"
        )
    return _drawn(vocab, order, strength, zipf, floor, seed)


@lru_cache(maxsize=2)  # a table of order 3 takes a few seconds and 100 MB
def _drawn(vocab, order, strength, zipf, floor, seed) -> Language:
    rng = np.random.default_rng(seed)
    first = np.arange(1, vocab + 1.0) ** -zipf
    first /= first.sum()
    rows = first[None]  # (1, V)
    for _ in range(order):
        parents = np.tile(rows, (vocab, 1))  # the new, oldest symbol is the leading digit
        rows = rng.standard_gamma(strength * parents)
        rows /= rows.sum(1, keepdims=True)
    rows = (1 - floor) * rows + floor * first
    rows.flags.writeable = False
    return Language(rows, order)


def _at_least(name: str, value: int, lowest: int) -> int:
    """Return ``value`` as a whole number; plain ints pass quickly, as this is done every batch."""
    if isinstance(value, int) and value >= lowest:
        return value
    return whole(name, value, at_least=lowest)


def _generator(seed: int, stream: int, index: int) -> np.random.Generator:
    seed, stream, index = (
        _at_least(name, value, 0)
        for name, value in (("seed", seed), ("stream", stream), ("index", index))
    )
    return np.random.Generator(np.random.Philox(key=[seed, stream], counter=[0, 0, 0, index]))


def _entropy(joint: np.ndarray) -> float:
    """Return the entropy of a table of probabilities in nats; an empty cell adds nothing."""
    seen = joint[joint > 0]
    return float(-(seen * np.log(seen)).sum())
