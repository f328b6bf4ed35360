"""What a corpus costs without a neural network: compressors, and counts of bytes.

Bits per byte divide by ln 2 to compare with nats: 1 nat is 1.4427 bits.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from dataclasses import dataclass

import numpy as np

from scaling_utils._check import number, whole
from scaling_utils.corpora.splits import LENGTH, Split, Stream, seen_share, split
from scaling_utils.corpora.texts import Text
from scaling_utils.units import NATS_PER_BIT

BYTES = 256  # symbols
DEFLATE_WINDOW = 32_768  # bytes that zlib can look back
ORDERS = (0, 1, 2, 3, 4)  # of the counts that a description holds
LARGEST_ORDER = 6  # a context and its next byte must fit into 64 bits


@dataclass(frozen=True)
class Compressed:
    """What a compressor makes of the held-out text, in bits per byte of it.

    Attributes
    ----------
    alone : float
        The held-out documents in one piece, and nothing before.
    after_training : float or None
        What they add when training text comes first; None where the method has no room for it.
    room : int
        How much training text that is, in bytes.
    """

    alone: float
    after_training: float | None
    room: int


@dataclass(frozen=True)
class Description:
    """The figures of a corpus and its split; ``rows`` lists them for a table.

    Attributes
    ----------
    split : Split
        What is described.
    seen : float
        Share of held-out 32-byte windows that the training text holds too.
    compressed : dict of str to Compressed
        By name of the compressor, in bits per byte.
    ngrams : dict of int to float
        Cross-entropy on the held-out text in nats per byte, by order.
    """

    split: Split
    seen: float
    compressed: dict[str, Compressed]
    ngrams: dict[int, float]

    def rows(self) -> list[tuple[str, str]]:
        """Return what is known, for a table.

        Returns
        -------
        list of (str, str)
            Figure and value, both as text, the value with its unit.
        """
        text, train, held_out = self.split.text, self.split.train, self.split.held_out
        kept = sum(map(len, self.split.alike))
        rows = [
            ("corpus", f"{text.name}, from {text.origin}"),
            ("sha256", text.sha256),
            ("documents", f"{len(text.documents):,}"),
            ("size", f"{text.size:,} bytes"),
            ("training part", f"{len(train.names):,} documents, {train.size:,} bytes"),
            ("held-out part", f"{len(held_out.names):,} documents, {held_out.size:,} bytes"),
            ("documents kept together", f"{kept:,} in {len(self.split.alike):,} groups"),
            (f"held-out {LENGTH}-byte windows seen in training", f"{self.seen:.1%}"),
        ]
        for name, one in self.compressed.items():
            rows.append((f"{name}, held-out part alone", f"{one.alone:.3f} bits per byte"))
            if one.after_training is not None:
                what = f"{name}, after {one.room:,} bytes of training text"
                rows.append((what, f"{one.after_training:.3f} bits per byte"))
        for order, nats in self.ngrams.items():
            value = f"{nats / NATS_PER_BIT:.3f} bits or {nats:.3f} nats per byte"
            rows.append((f"counts of order {order}", value))
        return rows


def describe(text: Text, held_out: float = 0.1, salt: str = "") -> Description:
    """Split a corpus and measure all of its figures; takes about 20 s for 10 MB.

    Parameters
    ----------
    text : Text
        The corpus.
    held_out : float
        Share of the documents, above 0 and below 1, as for :func:`split`.
    salt : str
        Another salt gives another split.

    Returns
    -------
    Description
        Shares, bits per byte of the compressors, nats per byte of the counts.

    Raises
    ------
    TypeError, ValueError
        As :func:`split`; if no held-out document is long enough for a window of 32 bytes.
    """
    parts = split(text, held_out, salt)
    return Description(
        parts,
        seen_share(parts),
        compressed(parts),
        {order: ngram_entropy(parts.train, parts.held_out, order) for order in ORDERS},
    )


def compressed(split: Split) -> dict[str, Compressed]:
    """Return what zlib, bz2 and lzma make of the held-out text, at their highest level.

    These are upper bounds on what the text costs, not estimates of its entropy, and
    each compressor sees only so far. zlib looks back 32 KiB, so training text can help it by
    no more than its last 32 KiB, given as a dictionary. bz2 sorts blocks of 900 kB each by
    itself; the held-out text about fills one, so it has no figure after training. lzma's
    window is set as large as all of the text: its figure after training is the size of
    training and held-out text minus that of the training text.

    Parameters
    ----------
    split : Split
        A corpus in its two parts.

    Returns
    -------
    dict of str to Compressed
        "zlib", "bz2" and "lzma", in bits per byte of the held-out text.
    """
    train, held_out = split.train.data.tobytes(), split.held_out.data.tobytes()

    def bits(size: int) -> float:
        return 8 * size / len(held_out)

    near = train[-DEFLATE_WINDOW:]
    primed = zlib.compressobj(level=9, zdict=near)
    primed_size = len(primed.compress(held_out)) + len(primed.flush())
    window = max(2**12, len(train) + len(held_out))
    added = _lzma(train + held_out, window) - _lzma(train, window)
    return {
        "zlib": Compressed(bits(len(zlib.compress(held_out, 9))), bits(primed_size), len(near)),
        "bz2": Compressed(bits(len(bz2.compress(held_out, 9))), None, 0),
        "lzma": Compressed(bits(_lzma(held_out, window)), bits(added), len(train)),
    }


def _lzma(data: bytes, window: int) -> int:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": window}]
    return len(lzma.compress(data, format=lzma.FORMAT_XZ, filters=filters))


def ngram_entropy(train: Stream, held_out: Stream, order: int, add: float = 1.0) -> float:
    """Return the cross-entropy of counts of ``order`` bytes of context, in nats per byte.

    The probability of byte x after context c is (n(c, x) + a/256) / (n(c) + a), where n
    counts the training text: a bytes are added to each context, spread over all 256 values.
    a = 256 is Laplace's rule of one for each value. Text uses few of the values after any
    long context, and there a = 1, fixed in advance, takes less from what was seen. Neither
    is the best smoothing known: the figure bounds what counting costs, and no more.
    Measured are the held-out bytes that have a whole context in their document.

    Parameters
    ----------
    train : Stream
        What is counted.
    held_out : Stream
        What is measured.
    order : int
        Bytes of context, 0 to 6.
    add : float
        a, in bytes, added to each context's count. Above 0.

    Returns
    -------
    float
        Nats per byte.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range, or every held-out document too short for the order.
    """
    order, add = whole("order", order, at_least=0), number("add", add, above=0)
    if order > LARGEST_ORDER:
        raise ValueError(f"order must be at most {LARGEST_ORDER}, got {order}")
    asked = _codes(held_out, order + 1)
    if not len(asked):
        raise ValueError(f"order must be shorter than a held-out document, got {order}")
    seen, counts = np.unique(_codes(train, order + 1), return_counts=True)
    contexts, first = np.unique(seen // BYTES, return_index=True)
    totals = np.add.reduceat(counts, first) if len(first) else counts
    both, context = _found(seen, counts, asked), _found(contexts, totals, asked // BYTES)
    return float(-np.log((both + add / BYTES) / (context + add)).mean())


def _codes(part: Stream, length: int) -> np.ndarray:
    """Return windows of ``length`` bytes inside documents as numbers, the oldest leading."""
    starts = np.flatnonzero(part.spans(length))
    codes = np.zeros(len(starts), dtype=np.int64)
    for place in range(length):
        codes = codes * BYTES + part.data[starts + place]
    return codes


def _found(values: np.ndarray, counts: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Return the count of each of ``asked`` among sorted values; 0 where it is none of them."""
    if not len(values):
        return np.zeros(len(asked))
    places = np.minimum(np.searchsorted(values, asked), len(values) - 1)
    return np.where(values[places] == asked, counts[places], 0)
