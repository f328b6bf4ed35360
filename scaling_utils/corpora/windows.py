"""Batches from a stream of documents: drawn at random to train on, in order to test on.

No window reaches over the end of a document. Batches are tensors, as models take them;
PyTorch is imported when the first one is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from scaling_utils._check import whole
from scaling_utils.corpora.splits import Stream

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_SEED = 2**53  # above it a seed read as a float is no longer the same number
IGNORED = -100  # a target that does not count, as in torch's cross_entropy


class _Drawn:
    """Passages of ``span`` bytes, all equally likely, drawn independently of each other.

    Batch ``index`` takes its draws from the Philox generator with ``seed`` as key and the
    index as the counter's leading word, and so depends on (seed, index) alone. Only raw 64-bit
    words are used, which no version of NumPy changes; their remainder favours no passage
    of a text of 10 MB by more than one part in 10^12.

    Source: Salmon et al. (2011), https://doi.org/10.1145/2063384.2063405.
    """

    def __init__(self, stream: Stream, span: int, batch: int, seed: int):
        self.stream, self.span = stream, span
        self.batch = whole("batch", batch)
        self.seed = whole("seed", seed, at_least=0)
        if self.seed >= LARGEST_SEED:
            raise ValueError(f"seed must be below 2^53, got {self.seed}")
        lengths = np.diff(stream.offsets)
        room = np.maximum(lengths - span + 1, 0)  # passages in each document
        if not room.any():
            raise ValueError(
                f"a window and its target take {span} bytes of one document, "
                f"but the longest document has {lengths.max()}"
            )
        self._before = np.cumsum(room) - room  # passages in earlier documents
        self._last = np.cumsum(room)

    @property
    def available(self) -> int:
        """Number of different passages that can be drawn."""
        return int(self._last[-1])

    def starts(self, index: int) -> np.ndarray:
        """Return where the passages of a batch begin in the stream.

        Parameters
        ----------
        index : int
            Which batch, from 0.

        Returns
        -------
        array of int64, shape (B,)
            Places in ``stream.data``.

        Raises
        ------
        TypeError, ValueError
            If the index is negative or not whole.
        """
        counter = np.array([0, 0, 0, whole("index", index, at_least=0)], dtype=np.uint64)
        key = np.array([self.seed, 0], dtype=np.uint64)
        raw = np.random.Philox(key=key, counter=counter).random_raw(self.batch)
        drawn = (raw % np.uint64(self.available)).astype(np.int64)
        document = np.searchsorted(self._last, drawn, side="right")
        return self.stream.offsets[document] + drawn - self._before[document]

    def passages(self, index: int) -> Tensor:
        """Return the passages of a batch.

        Parameters
        ----------
        index : int
            Which batch, from 0.

        Returns
        -------
        int64 tensor, shape (B, span)
            Bytes 0 to 255.

        Raises
        ------
        TypeError, ValueError
            If the index is negative or not whole.
        """
        return _gather(self.stream, self.starts(index), self.span)


class Windows(_Drawn):
    """Training batches of windows with one target each, for models of a fixed context.

    ``windows(index)`` returns inputs (B, context) and targets (B,), int64 tensors of bytes
    0 to 255. All targets that have ``context`` bytes of their document before them are
    equally likely, and draws are independent, so a window can come twice.

    Parameters
    ----------
    stream : Stream
        What to draw from.
    context : int
        Bytes before the target, at least 1.
    batch : int
        Windows B, at least 1.
    seed : int
        From 0, below 2^53.

    Raises
    ------
    TypeError, ValueError
        From the constructor, for a bad argument, or a context for which every document is too
        short; from the call, for an index that is negative or not whole.
    """

    def __init__(self, stream: Stream, context: int, batch: int, seed: int = 0):
        self.context = whole("context", context)
        super().__init__(stream, self.context + 1, batch, seed)

    def __call__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return inputs (B, context) and targets (B,) of batch ``index``, a whole number from 0."""
        passages = self.passages(index)
        return passages[:, :-1], passages[:, -1]


class Sequences(_Drawn):
    """Training batches of sequences with a target at each place, for GPTs and LSTMs.

    ``sequences(index)`` returns inputs (B, length) and targets (B, length), int64 tensors:
    each target is the byte after its input. All sequences inside a document are equally
    likely, so the bytes near a document's ends are drawn less often than those inside.

    Parameters
    ----------
    stream : Stream
        What to draw from.
    length : int
        Bytes in a sequence, at least 1.
    batch : int
        Sequences B, at least 1.
    seed : int
        From 0, below 2^53.

    Raises
    ------
    TypeError, ValueError
        As for :class:`Windows`.
    """

    def __init__(self, stream: Stream, length: int, batch: int, seed: int = 0):
        self.length = whole("length", length)
        super().__init__(stream, self.length + 1, batch, seed)

    def __call__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return inputs and targets of batch ``index``, a whole number from 0, both (B, length)."""
        passages = self.passages(index)
        return passages[:, :-1], passages[:, 1:]


class HeldOutWindows:
    """Each window of a stream once, in order, with its document, for ``training.evaluate``.

    Iterating gives (inputs (B, context), targets (B,), documents (B,)); the last batch may
    be smaller. Documents are numbered as in ``stream.names``; the standard error should take
    them, and not the windows, as what is independent.

    Parameters
    ----------
    stream : Stream
        What to read.
    context : int
        Bytes before the target, at least 1.
    batch : int
        Windows B, at least 1.
    stride : int
        Only every stride-th window is taken, counted over the whole stream. At least 1.

    Raises
    ------
    TypeError, ValueError
        For a bad argument, or a context for which every document is too short.
    """

    def __init__(self, stream: Stream, context: int, batch: int, stride: int = 1):
        drawn = Windows(stream, context, batch)
        self.stream, self.span, self.batch = stream, drawn.span, drawn.batch
        self.stride = whole("stride", stride)

    @cached_property
    def starts(self) -> np.ndarray:
        """Where the windows begin in the stream, shape (windows,)."""
        return np.flatnonzero(self.stream.spans(self.span))[:: self.stride]

    def __len__(self) -> int:
        return -(-len(self.starts) // self.batch)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for first in range(0, len(self.starts), self.batch):
            starts = self.starts[first : first + self.batch]
            passages = _gather(self.stream, starts, self.span)
            yield passages[:, :-1], passages[:, -1], _documents(self.stream, starts)


class HeldOutSequences:
    """Each byte of a stream once as a target, for ``training.evaluate``.

    Iterating gives (inputs (B, length), targets (B, length), documents (B,)). A document is
    cut into pieces of ``length`` targets; the first byte of a document has nothing before it
    and is no target. Places after a document's end have input 0 and target -100, which
    does not count. A target early in a piece has few bytes before it: the loss is that of
    a model that forgets at each cut, and falls a little with ``length``.

    Parameters
    ----------
    stream : Stream
        What to read.
    length : int
        Targets in a piece, at least 1.
    batch : int
        Pieces B, at least 1.

    Raises
    ------
    TypeError, ValueError
        For a bad argument, or no document of two bytes.
    """

    def __init__(self, stream: Stream, length: int, batch: int):
        self.stream, self.length = stream, whole("length", length)
        self.batch = whole("batch", batch)
        if np.diff(stream.offsets).max() < 2:
            raise ValueError("stream must hold a document of at least two bytes, got none")

    @cached_property
    def starts(self) -> np.ndarray:
        """Where the pieces begin in the stream, shape (pieces,)."""
        bounds = zip(self.stream.offsets[:-1], self.stream.offsets[1:], strict=True)
        return np.concatenate([np.arange(first, end - 1, self.length) for first, end in bounds])

    def __len__(self) -> int:
        return -(-len(self.starts) // self.batch)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        import torch

        for first in range(0, len(self.starts), self.batch):
            starts = self.starts[first : first + self.batch]
            documents = _documents(self.stream, starts)
            ends = self.stream.offsets[1:][documents.numpy()]  # (B,)
            places = starts[:, None] + np.arange(self.length + 1)
            inside = places < ends[:, None]  # (B, length + 1)
            data = self.stream.data[np.minimum(places, self.stream.size - 1)].astype(np.int64)
            inputs = np.where(inside, data, 0)[:, :-1]
            targets = np.where(inside, data, IGNORED)[:, 1:]
            yield torch.from_numpy(inputs), torch.from_numpy(targets), documents


def _gather(stream: Stream, starts: np.ndarray, span: int) -> Tensor:
    import torch

    return torch.from_numpy(stream.data[starts[:, None] + np.arange(span)].astype(np.int64))


def _documents(stream: Stream, starts: np.ndarray) -> Tensor:
    import torch

    return torch.from_numpy(np.searchsorted(stream.offsets, starts, side="right") - 1)
