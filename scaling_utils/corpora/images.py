"""Handwritten digits that come with scikit-learn."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from scaling_utils.corpora.tables import DataUnavailable

LEVELS = 16  # grey levels above white
HELD_OUT = 0.2  # share of each class


@dataclass(frozen=True, eq=False)
class Digits:
    """1,797 handwritten digits and one fixed split. All arrays are read only.

    Attributes
    ----------
    images : array of float32, shape (images, 64)
        Eight rows of eight pixels, from 0 to 1.
    labels : array of int64, shape (images,)
        0 to 9.
    train : array of int64
        Places in ``images``, in rising order.
    test : array of int64
        The other places, in rising order.
    sha256 : str
        Of grey levels 0 to 16 and labels as bytes; it identifies the data.
    """

    images: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    test: np.ndarray
    sha256: str


def digits() -> Digits:
    """Return scikit-learn's digits with a fixed split, a fifth of each class for testing.

    ``images`` and ``labels`` are those of ``sklearn.datasets.load_digits`` in its order, grey
    levels divided by 16, as the chapter on what scaling is uses them; that chapter draws ten
    random splits instead of this one. Here the images of a class are ordered by the hash of
    their pixels, and the first fifth is for testing: no random numbers are needed, and equal
    images would stay together but for the cut itself. There are none: all 1,797 differ.

    The images are the test part of a larger collection, by 13 writers; who wrote which is
    not recorded, so the same hands are in both parts, and a network tested here is not
    tested on new writers. Source: Alpaydin and Kaynak (1998),
    https://doi.org/10.24432/C50P49, by way of scikit-learn.

    Returns
    -------
    Digits
        Images from 0 to 1, labels 0 to 9, and the places of the two parts.

    Raises
    ------
    DataUnavailable
        If scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as reason:
        raise DataUnavailable(
            "the digits come with scikit-learn, which is not installed: pip install scikit-learn"
        ) from reason
    levels, labels = load_digits(return_X_y=True)
    levels, labels = levels.astype(np.uint8), labels.astype(np.int64)
    test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        hashes = [hashlib.sha256(levels[place].tobytes()).digest() for place in members]
        order = sorted(range(len(members)), key=hashes.__getitem__)
        test[members[order[: round(HELD_OUT * len(members))]]] = True
    arrays = (
        (levels / LEVELS).astype(np.float32),
        labels,
        np.flatnonzero(~test),
        np.flatnonzero(test),
    )
    for array in arrays:
        array.flags.writeable = False
    sha256 = hashlib.sha256(levels.tobytes() + labels.astype(np.uint8).tobytes()).hexdigest()
    return Digits(*arrays, sha256)
