"""Divide a corpus by document into text to train on and text to test on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from scaling_utils._check import number, whole
from scaling_utils.corpora.texts import Text

LENGTH = 32  # bytes: long enough that a repeat is a copy more often than chance
SAMPLED = 4  # of so many windows one is compared between documents
COMMON = 10  # documents; a window that more of them hold is boilerplate
ALIKE = 0.5  # share of the shorter document's windows that the other holds too


@dataclass(frozen=True, eq=False)
class Stream:
    """Documents one after another, with the places where they begin.

    Attributes
    ----------
    data : array of uint8, shape (size,)
        The bytes, read only.
    offsets : array of int64, shape (documents + 1,)
        Where each document begins, and the size.
    names : tuple of str
        Of the documents.
    """

    data: np.ndarray
    offsets: np.ndarray
    names: tuple[str, ...]

    @property
    def size(self) -> int:
        """Number of bytes."""
        return len(self.data)

    def spans(self, length: int) -> np.ndarray:
        """Say where passages inside one document begin.

        Parameters
        ----------
        length : int
            Bytes of a passage.

        Returns
        -------
        array of bool, shape (size,)
            Whether ``length`` bytes of one document begin there.
        """
        ends = np.repeat(self.offsets[1:], np.diff(self.offsets))
        return np.arange(self.size) + length <= ends


def stream(documents) -> Stream:
    """Join documents into a stream.

    Parameters
    ----------
    documents : iterable of Document
        In the order they are to have; at least one.

    Returns
    -------
    Stream
        Their bytes, read only.

    Raises
    ------
    ValueError
        If there are no documents.
    """
    documents = tuple(documents)
    if not documents:
        raise ValueError("documents must hold at least one document, got none")
    data = np.frombuffer(b"".join(d.data for d in documents), dtype=np.uint8)
    offsets = np.cumsum([0, *(len(d.data) for d in documents)])
    offsets.flags.writeable = False
    return Stream(data, offsets, tuple(d.name for d in documents))


@dataclass(frozen=True, eq=False)
class Split:
    """A corpus divided by document.

    Attributes
    ----------
    text : Text
        The corpus.
    train : Stream
        Documents to train on.
    held_out : Stream
        Documents to test on; none is in both.
    held_out_share : float
        Share of the documents, as given to :func:`split`.
    salt : str
        As given to :func:`split`.
    alike : tuple of tuples of str
        Groups of names of documents that share much text and so were kept together.
    """

    text: Text
    train: Stream
    held_out: Stream
    held_out_share: float
    salt: str
    alike: tuple[tuple[str, ...], ...]


def split(text: Text, held_out: float = 0.1, salt: str = "") -> Split:
    """Divide a corpus by document, as a function of the documents' names alone.

    A document is held out when the hash of its name, as a number from 0 to 1, is below
    ``held_out``; whether other documents come or go does not matter. Documents that share
    much text (:func:`near_duplicates`) follow the first of them. The share is one of documents:
    the share of bytes differs from it, because documents differ in length.

    Parameters
    ----------
    text : Text
        The corpus.
    held_out : float
        Share of the documents, above 0 and below 1.
    salt : str
        Another salt gives another split.

    Returns
    -------
    Split
        The two parts, each a :class:`Stream` of bytes.

    Raises
    ------
    TypeError, ValueError
        If the share is out of range, or leaves a side empty.
    """
    share = number("held_out", held_out, above=0, below=1)
    alike = near_duplicates(text)
    leader = {name: group[0] for group in alike for name in group}
    sides = {True: [], False: []}
    for document in text.documents:
        name = leader.get(document.name, document.name)
        sides[_place(name, salt) < share].append(document)
    if not all(sides.values()):
        empty = "held-out" if not sides[True] else "training"
        raise ValueError(
            f"held_out must leave documents on both sides, got {share:g}, which leaves the "
            f"{empty} side of {len(text.documents)} document(s) empty"
        )
    return Split(text, stream(sides[False]), stream(sides[True]), share, salt, alike)


def _place(name: str, salt: str) -> float:
    """Return a number from 0 to 1 that the name and the salt decide."""
    digest = hashlib.sha256(f"{salt}\0{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def near_duplicates(text: Text) -> tuple[tuple[str, ...], ...]:
    """Return groups of documents that share much text.

    Two documents belong together when at least half of the 32-byte windows of the one with
    fewer different windows occur in the other; so do those that share a neighbour in this
    sense. Windows that many documents hold, such as a licence, do not count. One window of
    four is compared, chosen by its hash; a document too short to have one counts as alike
    only to an equal one.

    Parameters
    ----------
    text : Text
        The corpus.

    Returns
    -------
    tuple of tuples of str
        Names of documents, two or more in a group, sorted inside and among groups.
    """
    from scipy.sparse.csgraph import connected_components

    held = _incidence(stream(text.documents))  # (documents, windows)
    common = (held @ held.T).toarray()  # windows that two documents share
    shorter = np.minimum.outer(common.diagonal(), common.diagonal())
    linked = (common >= ALIKE * shorter) & (shorter > 0)
    first: dict[bytes, int] = {}
    for place, document in enumerate(text.documents):
        linked[place, first.setdefault(document.data, place)] = True
    _, label = connected_components(linked, directed=False)
    groups: dict[int, list[str]] = {}
    for document, group in zip(text.documents, label.tolist(), strict=True):
        groups.setdefault(group, []).append(document.name)
    return tuple(sorted(tuple(sorted(names)) for names in groups.values() if len(names) > 1))


def _incidence(joined: Stream):
    """Return which document holds which of the sampled windows, as a sparse 0-1 table."""
    from scipy.sparse import csr_array

    hashes = window_hashes(joined.data, LENGTH)
    kept = np.flatnonzero(joined.spans(LENGTH)[: len(hashes)] & (hashes % SAMPLED == 0))
    owner = np.searchsorted(joined.offsets, kept, side="right") - 1
    different, window = np.unique(hashes[kept], return_inverse=True)
    shape = (len(joined.names), len(different))
    table = csr_array((np.ones(len(kept), dtype=np.int32), (owner, window)), shape)
    table.sum_duplicates()
    table.data[:] = 1
    return table[:, table.sum(axis=0) <= COMMON]


def seen_share(split: Split, length: int = LENGTH) -> float:
    """Return the share of held-out windows of ``length`` bytes that training text holds too.

    Windows lie inside documents. They are compared by 64-bit hashes: the chance of one
    false match in 10 MB is below one in ten thousand.

    Parameters
    ----------
    split : Split
        A corpus in its two parts.
    length : int
        Bytes of a window, at least 1; 32 by default.

    Returns
    -------
    float
        A share, 0 to 1.

    Raises
    ------
    TypeError, ValueError
        If the length is not whole and positive, or longer than every held-out document.
    """
    length = whole("length", length)
    train, held_out = (_inside(part, length) for part in (split.train, split.held_out))
    if not len(held_out):
        raise ValueError(f"length must fit into a held-out document, got {length}")
    marked = np.zeros(2**24, dtype=bool)  # few training windows have the leading bits of any
    marked[held_out >> 40] = True
    return float(np.isin(held_out, train[marked[train >> 40]]).mean())


def _inside(part: Stream, length: int) -> np.ndarray:
    hashes = window_hashes(part.data, length)
    return hashes[part.spans(length)[: len(hashes)]]


def window_hashes(data: np.ndarray, length: int) -> np.ndarray:
    """Return a 64-bit hash of each window of ``length`` bytes, shape (size - length + 1,).

    Hashes of 1, 2, 4, ... bytes are combined from halves, so the work grows with the
    logarithm of the length.
    """
    if len(data) < length:
        return np.zeros(0, dtype=np.uint64)
    block, width = _mix(data.astype(np.uint64) + np.uint64(1)), 1
    out, done = None, 0
    while True:
        if length & width:
            out = block if out is None else _join(out, block, done)
            done += width
        if done == length:
            return out[: len(data) - length + 1]
        block, width = _join(block, block, width), 2 * width


def _join(first: np.ndarray, second: np.ndarray, width: int) -> np.ndarray:
    """Hash of a window from that of its first ``width`` bytes and that of the rest."""
    rest = second[width:]
    return _mix(first[: len(rest)] * np.uint64(0x9E3779B97F4A7C15) + rest)


def _mix(x: np.ndarray) -> np.ndarray:
    """Spread low bits upwards by a multiplication modulo 2^64 and fold high ones down."""
    x = x * np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(32)
    return x
