"""Contamination: which share of an item's text occurs in a training text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scaling_utils._check import whole
from scaling_utils.corpora.splits import window_hashes


def seen_shares(items: Sequence[bytes], training: bytes, length: int = 32) -> np.ndarray:
    """Return the share of each item's windows that the training text holds, byte for byte.

    An item shorter than a window is one window, searched as it is. Windows are compared by
    64-bit hashes. One changed byte spoils ``length`` windows, so an edit every ``length`` bytes
    hides an item completely; short windows find what is common to all texts.

    Parameters
    ----------
    items : sequence of bytes
        The texts of an evaluation, none empty.
    training : bytes
        What the model was trained on.
    length : int
        Bytes of a window, at least 1. GPT-3's filter used 13 words: Brown et al. (2020),
        arXiv:2005.14165, App. C.

    Returns
    -------
    array of float, shape (items,)
        From 0 (nothing) to 1 (all of it); which share makes an item contaminated is yours to set.

    Raises
    ------
    TypeError, ValueError
        If a text is no bytes or empty, or the length is out of range.
    """
    length = whole("length", length)
    items = items if isinstance(items, bytes) else list(items)  # they are read twice
    for name, text in [("training", training), *(("items", item) for item in items)]:
        if not isinstance(text, bytes):
            raise TypeError(f"{name} must be bytes, got {type(text).__name__}")
        if not text:
            raise ValueError(f"{name} must not hold an empty text")
    if not items:
        raise ValueError("items must hold at least one text, got none")
    known = np.sort(_hashes(training, length))
    found = []
    for item in items:
        if len(item) < length:
            found.append(float(item in training))
        elif len(known) == 0:  # the training text is shorter than a window
            found.append(0.0)
        else:
            hashes = _hashes(item, length)  # (windows,)
            # np.isin would sort the training text again for each item.
            near = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
            found.append(float((known[near] == hashes).mean()))
    return np.array(found)


def _hashes(text: bytes, length: int) -> np.ndarray:
    return window_hashes(np.frombuffer(text, dtype=np.uint8), length)
