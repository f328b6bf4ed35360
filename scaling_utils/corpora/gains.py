"""What each context of a language tells: the list that a learner could work through."""

from __future__ import annotations

import numpy as np

from scaling_utils.corpora.languages import Language


def context_gains(language: Language) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return what each context of 1, 2, ... symbols tells.

    The gain of a context is its probability times the Kullback-Leibler divergence, in nats, of
    its row from the row of the context without its oldest symbol: what a model's loss falls
    by when it learns that row. All gains of one length sum to the fall of the entropy from the
    length before to this one. Contexts are numbered as in ``Language``, newest symbol last.

    Parameters
    ----------
    language : Language
        Of any order.

    Returns
    -------
    list of (array, array), each of shape (vocab^k,)
        Probability and gain in nats per symbol, for k = 1 to the order.
    """
    V = language.vocab
    joint = language.mass[:, None] * language.rows  # (contexts, V)
    shorter = joint.sum(0)[None]  # (1, V): the row without context
    found = []
    for k in range(1, language.order + 1):
        counts = joint.reshape(-1, V**k, V).sum(0)  # (V^k, V), over all older symbols
        probability = counts.sum(1)
        rows = counts / probability[:, None]
        ratio = rows / np.tile(shorter, (V, 1))
        found.append((probability, probability * (rows * np.log(ratio)).sum(1)))
        shorter = rows
    return found
