"""Was the answer right? Exact match after a stated normalisation; choices, lengths and ties."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np

from scaling_utils._check import finite_array, same_length

ROUNDING = 1e-9  # relative


def plain_words(text: str) -> str:
    """Return a text in lower case, without punctuation and articles, with single spaces.

    Source: the normalisation of SQuAD's official script, Rajpurkar et al. (2016),
    arXiv:1606.05250, Sec. 6.1, after Unicode's NFC.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    text = unicodedata.normalize("NFC", text).lower()
    words = "".join(c for c in text if c not in string.punctuation).split()
    return " ".join(word for word in words if word not in ("a", "an", "the"))


def exact_match(
    said: Sequence[str], wanted: Sequence[str], normalise: Callable[[str], str] | None = None
) -> np.ndarray:
    """Return which answers equal the wanted ones.

    Parameters
    ----------
    said, wanted : sequence of str, shape (items,)
    normalise : callable, optional
        Applied to both, such as :func:`plain_words`; without it every character counts.

    Returns
    -------
    array of float, shape (items,)
        1 where they are equal, else 0.

    Raises
    ------
    TypeError
        If ``said`` or ``wanted`` is one text instead of many, or holds what is no text: a missing
        answer is not equal to anything, so say "" for it.
    ValueError
        If the lengths differ, or there are no items.
    """
    said, wanted = _texts("said", said), _texts("wanted", wanted)
    if len(said) != len(wanted) or len(said) == 0:
        raise ValueError(
            f"said and wanted must have one text per item, got {len(said)} and {len(wanted)}"
        )
    same = normalise or (lambda text: text)
    return np.array([float(same(a) == same(b)) for a, b in zip(said, wanted, strict=True)])


def _texts(name: str, value) -> list[str]:
    if isinstance(value, (str, bytes)):
        raise TypeError(f"{name} must hold one text per item, got a single {value!r:.40}")
    texts = list(value)
    for at, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"{name} must hold text, got {text!r:.40} at index {at}")
    return texts


def chosen_right(log_probabilities, right, lengths=None) -> np.ndarray:
    """Return the credit for each multiple-choice item.

    The choice with the highest log-probability is chosen, or the highest per unit of
    ``lengths``. Where several tie for the best, one of them would be drawn: the right one, if it
    is among k, is credited with 1/k. An ``argmax`` would take the first instead, and credit a
    model that knows nothing wherever the right answer stands first.

    Parameters
    ----------
    log_probabilities : array, shape (items, choices)
        log p(choice | context) in nats, at most 0. -inf is allowed, NaN is not.
    right : array of int, shape (items,)
        Place of the right choice.
    lengths : array, shape (items, choices), optional
        Bytes of each choice (or tokens), above 0.

    Returns
    -------
    array of float, shape (items,)
        From 0 to 1.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, a place or a length is out of range, or a score is NaN or above 0.
    """
    try:
        scores = np.array(log_probabilities, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(
            "log_probabilities must be numbers of shape (items, choices), as many choices for "
            f"each item, got {log_probabilities!r:.60}"
        ) from None
    if scores.ndim != 2 or scores.shape[1] < 2 or len(scores) == 0:
        raise ValueError(
            f"log_probabilities must have shape (items, 2 or more choices), got {scores.shape}"
        )
    if np.isnan(scores).any() or (scores > 0).any():
        raise ValueError("log_probabilities must be at most 0 and not NaN")
    places = finite_array("right", right, ndim=1)
    same_length(log_probabilities=scores, right=places)
    if (places != places.astype(int)).any() or not (
        (places >= 0) & (places < scores.shape[1])
    ).all():
        raise ValueError(f"right must be whole, from 0 to {scores.shape[1] - 1}")
    if lengths is not None:
        lengths = finite_array("lengths", lengths, ndim=2)
        if lengths.shape != scores.shape or (lengths <= 0).any():
            raise ValueError(
                f"lengths must be above 0 with shape {scores.shape}, got shape {lengths.shape}"
            )
        scores = scores / lengths
    most = scores.max(1, keepdims=True)  # (items, 1)
    # Equal up to rounding is equal: n log(1/256) / n is not the same float for each n.
    close = np.where(np.isfinite(most), most - ROUNDING * np.abs(most), most)
    best = scores >= close  # (items, choices)
    return best[np.arange(len(scores)), places.astype(int)] / best.sum(1)
