"""Bits per byte: a loss that two tokenisers share, and the token that spans a join."""

from __future__ import annotations

from dataclasses import dataclass

from scaling_utils._check import finite_array, same_length, whole
from scaling_utils.units import NATS_PER_BIT


def bits_per_byte(nats, size) -> float:
    """Return the loss of a text in bits per byte of it.

    Nats per *token* of two tokenisers are not comparable: a longer token is a larger event. The
    bytes of the text are the same for both.

    Parameters
    ----------
    nats : array, shape (tokens,)
        -log p of each token of the text, in nats, 0 or more.
    size : int
        Bytes of the text that these tokens stand for, at least 1; UTF-8.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If a loss is negative or not finite, or the size is out of range.
    """
    nats = _costs(nats)
    return float(nats.sum() / NATS_PER_BIT / whole("size", size))


@dataclass(frozen=True)
class Join:
    """What an answer costs after a context, by the tokens of both together.

    Attributes
    ----------
    inside : float
        Nats of the tokens that lie wholly in the answer.
    spanning : float
        Nats of the token that begins in the context and ends in the answer; 0 if none does.
    before, after : int
        Bytes of that token in the context and in the answer; 0 if there is none.
    """

    inside: float
    spanning: float
    before: int
    after: int

    @property
    def bounds(self) -> tuple[float, float]:
        """Nats that the answer costs at least and at most.

        The bytes of the spanning token that belong to the answer are predicted after its first
        bytes. Given these, they cost between nothing and what the whole token costs.
        """
        return self.inside, self.inside + self.spanning


def join(nats, ends, start: int) -> Join:
    """Divide the cost of context and answer at the place where they meet.

    Parameters
    ----------
    nats : array, shape (tokens,)
        -log p of each token of context and answer together, 0 or more.
    ends : array of int, shape (tokens,)
        The byte after each token, strictly rising.
    start : int
        The byte at which the answer starts, 0 or more, before the last end.

    Returns
    -------
    Join

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, ends do not rise, or the answer has no byte.
    """
    nats, ends = _costs(nats), finite_array("ends", ends, ndim=1)
    same_length(nats=nats, ends=ends)
    start = whole("start", start, at_least=0)
    starts = [0.0, *ends[:-1]]
    if any(end <= begin for begin, end in zip(starts, ends, strict=True)):
        raise ValueError(f"ends must rise strictly from above 0, got {ends.tolist()}")
    if (ends != ends.astype(int)).any():
        raise ValueError(f"ends must be whole numbers of bytes, got {ends.tolist()}")
    if start >= ends[-1]:
        raise ValueError(f"start must be below the last end {ends[-1]:g}, got {start}")
    inside = sum(cost for cost, begin in zip(nats, starts, strict=True) if begin >= start)
    for cost, begin, end in zip(nats, starts, ends, strict=True):
        if begin < start < end:
            return Join(float(inside), float(cost), int(start - begin), int(end - start))
    return Join(float(inside), 0.0, 0, 0)


def _costs(nats):
    nats = finite_array("nats", nats, ndim=1)
    if (nats < 0).any():
        raise ValueError(f"nats must be -log p, 0 or more, got {nats.min():g}")
    return nats
