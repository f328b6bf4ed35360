"""What a byte-level model says: how probable an answer is, and what it would write itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from scaling_utils._check import whole


class Answer(NamedTuple):
    """What an answer costs after its context.

    ``nats`` is log p(answer | context), at most 0; ``greedy`` says whether each of its bytes is the
    model's first choice; ``size`` is its length in bytes.
    """

    nats: float
    greedy: bool
    size: int


def answers(
    model, pairs: Sequence[tuple[bytes, bytes]], context: int, batch: int = 64
) -> list[Answer]:
    """Ask a model for the log-probability of answers after contexts.

    A context that is too long loses its beginning. The model is asked in evaluation mode, without
    gradients, and is afterwards in the mode that it was in.

    Parameters
    ----------
    model : torch.nn.Module
        Maps bytes (B, T) to logits (B, T, 256); causal, so that what follows changes nothing.
    pairs : sequence of (bytes, bytes)
        Context and answer, one byte each or more.
    context : int
        Bytes that the model can see, at least 1; an answer may not be longer.
    batch : int
        Pairs at a time.

    Returns
    -------
    list of Answer

    Raises
    ------
    TypeError, ValueError
        If a text is no bytes or empty, or an answer is longer than ``context``.
    """
    import torch

    context, batch, pairs = whole("context", context), whole("batch", batch), list(pairs)
    for before, answer in pairs:
        if not (isinstance(before, bytes) and isinstance(answer, bytes)):
            raise TypeError("pairs must hold bytes, got " + repr((before, answer))[:60])
        if not before or not 0 < len(answer) <= context:
            raise ValueError(
                f"pairs must hold a context of 1 byte or more and an answer of 1 to {context}, got "
                f"{len(before)} and {len(answer)}"
            )
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))
    found: list[Answer] = [Answer(0.0, False, 0)] * len(pairs)
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            for first in range(0, len(order), batch):
                these = order[first : first + batch]
                texts = [(pairs[i][0] + pairs[i][1])[-context - 1 :] for i in these]
                logits = model(_padded([text[:-1] for text in texts]))  # (B, T, 256)
                for row, (i, text) in enumerate(zip(these, texts, strict=True)):
                    size = len(pairs[i][1])
                    places = torch.arange(len(text) - 1 - size, len(text) - 1)
                    targets = torch.tensor(list(text[-size:]))  # (size,)
                    here = logits[row, places].double()  # (size, 256)
                    logs = torch.log_softmax(here, -1).gather(1, targets[:, None])
                    greedy = bool((here.argmax(-1) == targets).all())
                    nats = logs.sum().item()
                    found[i] = Answer(nats, greedy, size)
    finally:
        model.train(was_training)
    return found


def choice_nats(model, items: Sequence[Mapping], context: int) -> np.ndarray:
    """Return log p(choice | context) of every choice of every item.

    Parameters
    ----------
    model, context
        As for :func:`answers`.
    items : sequence of mapping
        As :func:`cloze_items` makes them: "context" and "choices", as many for each item.

    Returns
    -------
    array, shape (items, choices)
        In nats, at most 0.

    Raises
    ------
    TypeError, ValueError
        As for :func:`answers`, or if there are no items, or one has more choices than another.
    """
    items = list(items)
    counts = sorted({len(item["choices"]) for item in items})
    if len(counts) != 1:
        raise ValueError(f"items must have one number of choices, got {counts or 'no items'}")
    pairs = [(i["context"].encode(), c.encode()) for i in items for c in i["choices"]]
    nats = np.array([one.nats for one in answers(model, pairs, context)])
    return nats.reshape(len(items), counts[0])


def completions(
    model, contexts: Sequence[bytes], context: int, size: int, until: bytes = b""
) -> list[bytes]:
    """Let a model go on, each time with its first choice.

    Parameters
    ----------
    model, context
        As for :func:`answers`.
    contexts : sequence of bytes
        Each of one byte or more.
    size : int
        Bytes to write at most, at least 1.
    until : bytes
        A text is cut before the first of these bytes; none is not.

    Returns
    -------
    list of bytes

    Raises
    ------
    TypeError, ValueError
        If a context is no bytes or empty, or a number is out of range.
    """
    import torch

    context, size, contexts = whole("context", context), whole("size", size), list(contexts)
    for name, text in [("until", until), *(("contexts", text) for text in contexts)]:
        if not isinstance(text, bytes):
            raise TypeError(f"{name} must be bytes, got {text!r:.40}")
    if not contexts or not all(contexts):
        raise ValueError("contexts must hold texts of one byte or more")
    texts = [bytearray(text[-context:]) for text in contexts]
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            for _ in range(size):
                seen = [bytes(text[-context:]) for text in texts]
                logits = model(_padded(seen))  # (B, T, 256)
                last = torch.tensor([len(text) - 1 for text in seen])
                best = logits[torch.arange(len(seen)), last].argmax(-1)  # (B,)
                for text, byte in zip(texts, best.tolist(), strict=True):
                    text.append(byte)
    finally:
        model.train(was_training)
    said = [bytes(text[-size:]) for text in texts]
    stops = set(until)
    return [text[: next((i for i, b in enumerate(text) if b in stops), size)] for text in said]


def _padded(texts: Sequence[bytes]):
    """Return texts as one tensor (B, T), filled up behind their ends with zeros."""
    import torch

    table = np.zeros((len(texts), max(map(len, texts))), dtype=np.int64)
    for row, text in zip(table, texts, strict=True):
        row[: len(text)] = np.frombuffer(text, dtype=np.uint8)
    return torch.from_numpy(table)
