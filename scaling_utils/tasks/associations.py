"""Associations as a task: batches of embedded contexts, and the exact excess of a memory.

The excess is the mean over contexts of KL(true distribution, softmax(W e)). No label is drawn for
it. Contexts are evaluated by strata: the first 4,096 ranks one by one, each octave of ranks from
there to 2^34 by a sample, and all that lies beyond by one more.
"""

from __future__ import annotations

import math
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from scaling_utils._check import whole
from scaling_utils.corpora.associations import HEAD, OUTPUTS, Associations
from scaling_utils.models.associative import AssociativeMemory

LAST_OCTAVE = 34  # the last stratum begins at rank 2^34
_BLOCK = 2**14  # examples that are drawn at once
_EVALUATION = 0xE7A1  # of the sampled contexts; the same in every run


class AssociationTask:
    """Batches and evaluation for one source of associations and one width.

    Parameters
    ----------
    source : Associations
        What is learned.
    width : int
        n of the embeddings.
    samples : int
        Contexts for each octave of the evaluation.
    """

    def __init__(self, source: Associations, width: int, samples: int = 1024):
        self.source, self.width = source, whole("width", width)
        self.samples = whole("samples", samples, at_least=2)

    def batches(self, seed: int, size: int):
        """Yield embeddings (size, n) and outputs (size,), without end; ``size`` divides 16,384."""
        if _BLOCK % size:
            raise ValueError(f"size must divide {_BLOCK}, got {size}")
        block = 0
        while True:
            ranks, outputs = self.source.draw(seed, block, _BLOCK)
            outputs = torch.from_numpy(outputs)
            for part in range(0, _BLOCK, 1024 if size < 1024 else size):
                chunk = slice(part, part + max(size, 1024))
                E = torch.from_numpy(self.source.embeddings(ranks[chunk], self.width))
                yield from zip(E.split(size), outputs[chunk].split(size), strict=True)
            block += 1

    @cached_property
    def strata(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Pairs of ranks and their weights; all weights together are 1."""
        return strata(self.source, HEAD, self.samples, np.random.default_rng(_EVALUATION))

    def measure(self, model: AssociativeMemory) -> dict[str, list[float]]:
        """Return each member's excess in nats and its standard error over the sampled contexts."""
        total = variance = 0.0
        for index, (ranks, weights) in enumerate(self.strata):
            each = self.divergences(model, ranks)  # (contexts, M)
            total = total + weights @ each
            if index:
                variance = variance + weights.sum() ** 2 * each.var(0, ddof=1) / len(ranks)
        return {"excess": total.tolist(), "se": np.sqrt(variance).tolist()}

    def divergences(self, model: AssociativeMemory, ranks: np.ndarray) -> np.ndarray:
        """Return KL(p, softmax(W e)) of each context and member, shape (contexts, M)."""
        found = []
        for start in range(0, len(ranks), 1024):
            part = ranks[start : start + 1024]
            E = torch.from_numpy(self.source.embeddings(part, self.width))
            row, mask = self.source.addresses(part)
            p = self._pool[torch.from_numpy(row)[:, None], columns(mask)]  # (B, V)
            with torch.no_grad():
                z = model.logits(E)  # (B, M, V)
                cross = z.logsumexp(2) - torch.einsum("bmv,bv->bm", z, p)
            found.append(cross.numpy().astype(float) - self.source.entropies[row][:, None])
        return np.concatenate(found)

    @cached_property
    def _pool(self) -> Tensor:
        return torch.from_numpy(self.source.pool).float()


def columns(mask: np.ndarray) -> Tensor:
    """Return where a context's outputs stand in its row of the pool, shape (contexts, 512)."""
    return torch.from_numpy(np.arange(OUTPUTS) ^ mask[:, None])


def strata(
    source: Associations, head: int, each: int, rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return ranks and weights: those below ``head``, ``each`` of every octave, ``each`` beyond.

    ``head`` is a power of 2. The weights of a sampled part are equal and sum to its mass, so
    all weights together are 1.
    """
    first = np.arange(1, head, dtype=float)
    parts = [(first, source.probability(first))]
    edges = [2.0**k for k in range(head.bit_length() - 1, LAST_OCTAVE + 1)] + [math.inf]
    for low, high in pairwise(edges):
        mass, above = source.mass(low, high), 0.0 if math.isinf(high) else source.mass(high)
        ranks = source.ranks(above + mass * (1 - rng.random(each)))
        parts.append((np.clip(ranks, low, high - 1), np.full(each, mass / each)))
    return parts
