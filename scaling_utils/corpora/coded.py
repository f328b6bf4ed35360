"""A made language with a rule that is seen only by who looks at two symbols at once."""

from __future__ import annotations

import numpy as np

from scaling_utils._check import number, whole
from scaling_utils.corpora.languages import Language


def coded_sum_language(vocab: int = 24, share: float = 0.5, seed: int = 0) -> Language:
    """Return a language of Zipf's law and, by lot, the coded sum of the last two symbols.

    With probability ``share`` the next symbol is code[(a + b) mod vocab], where a and b are the
    last two symbols and the code is a random permutation. Else it is drawn by Zipf's law,
    p(r) proportional to 1 / r.

    Parameters
    ----------
    vocab : int
        Symbols, at least 2.
    share : float
        0 to below 1, so that every symbol can follow every context.
    seed : int
        Of the code. Zero or above.

    Returns
    -------
    Language
        Of order 2; its ``entropy`` is in nats per symbol.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    """
    vocab, seed = whole("vocab", vocab, at_least=2), whole("seed", seed, at_least=0)
    share = number("share", share, at_least=0, below=1)
    zipf = 1 / np.arange(1, vocab + 1)
    rows = np.tile((1 - share) * zipf / zipf.sum(), (vocab, vocab, 1))  # (V, V, V)
    first, second = np.indices((vocab, vocab))
    code = np.random.default_rng(seed).permutation(vocab)
    rows[first, second, code[(first + second) % vocab]] += share
    return Language(rows.reshape(vocab**2, vocab), order=2)
