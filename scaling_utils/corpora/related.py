"""Pairs of made languages that share what is known exactly: a source and a target of transfer."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from scaling_utils._check import number, whole
from scaling_utils.corpora.languages import Language, _drawn, dirichlet_language


def related_language(shared: int, relative: int = 1, kept: float = 0.0, **settings) -> Language:
    """Draw a language that agrees with ``dirichlet_language(**settings)`` up to some order.

    In these languages longer contexts refine shorter ones. The relative keeps the rows of all
    contexts of up to ``shared`` symbols, and draws the refinements above them anew from the
    same distribution, but for a share ``kept`` of the contexts, drawn by lot, whose rows stay
    too. With ``shared`` equal to the order, or ``kept`` equal to 1, it is the language itself;
    with 0 for both the two have only the frequencies of their symbols in common. Entropy and
    stationary distribution are exact, as for every ``Language``.

    Parameters
    ----------
    shared : int
        Symbols of context, 0 to the order.
    relative : int
        Which relative, from 0; relatives of other numbers are drawn independently.
    kept : float
        Share of the contexts above ``shared`` whose rows stay, 0 to 1.
    **settings
        Arguments of ``dirichlet_language``.

    Returns
    -------
    Language
        Its ``entropy`` is in nats per symbol.

    Raises
    ------
    TypeError, ValueError
        If ``shared``, ``relative`` or ``kept`` is out of range, or a setting is bad.
    """
    source = dirichlet_language(**settings)
    shared = whole("shared", shared, at_least=0)
    if shared > source.order:
        raise ValueError(f"shared must be at most the order {source.order}, got {shared}")
    relative = whole("relative", relative, at_least=0)
    kept = number("kept", kept, at_least=0, at_most=1)
    if shared == source.order or kept == 1:
        return source
    return _related(shared, relative, kept, **settings)


@lru_cache(maxsize=2)
def _related(
    shared, relative, kept, vocab=64, order=3, strength=10.0, zipf=1.0, floor=0.01, seed=0
) -> Language:
    first = _drawn(vocab, 0, strength, zipf, 0.0, seed).rows[0]  # (V,)
    rows = _drawn(vocab, shared, strength, zipf, 0.0, seed).rows  # (V^shared, V)
    # Three words as a seed: never the stream of a language, whose seed is one word.
    rng = np.random.default_rng([seed, shared, relative])
    for length in range(shared + 1, order + 1):
        rows = rng.standard_gamma(strength * np.tile(rows, (vocab, 1)))
        rows /= rows.sum(1, keepdims=True)
        same = rng.random(len(rows)) < kept
        rows[same] = _drawn(vocab, length, strength, zipf, 0.0, seed).rows[same]
    rows = (1 - floor) * rows + floor * first
    rows.flags.writeable = False
    return Language(rows, order)
