"""Networks that look values up by their keys through one attention layer: what does it keep?

Letters in shape comments: M members, B sequences, P pairs, e = width of an embedding, d = width of
keys and questions, v = width of values, K keys, V values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scaling_utils._check import member, whole

READS = ("softmax", "linear", "positive")


def read(kind: str, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return what questions read from the pairs that were written.

    "softmax" keeps all P pairs and mixes them by their scores over sqrt(d). The others keep a sum,
    a state of d x v numbers whatever P is, and a question multiplies it (Katharopoulos et al. 2020,
    arXiv:2006.16236, Eqs. 5 and 6): "linear" has the keys as they are, without the normaliser;
    "positive" has elu(x) + 1 and divides by the sum of the weights, as their Eqs. 4 and 7 do.

    Parameters
    ----------
    kind : {"softmax", "linear", "positive"}
    q : tensor, shape (..., Q, d)
        Questions.
    k, v : tensors, shapes (..., P, d) and (..., P, v)
        Keys and values.

    Returns
    -------
    tensor, shape (..., Q, v)

    Raises
    ------
    ValueError
        If ``kind`` is unknown.
    """
    member("kind", kind, READS)
    if kind == "softmax":
        scores = q @ k.mT / math.sqrt(q.shape[-1])  # (..., Q, P)
        return scores.softmax(-1) @ v  # (..., Q, v)
    if kind == "linear":
        return q @ (k.mT @ v)  # (..., Q, v), through a state (..., d, v)
    q, k = F.elu(q) + 1, F.elu(k) + 1  # unchanged shapes
    weight = q @ k.sum(-2, keepdim=True).mT  # (..., Q, 1)
    return q @ (k.mT @ v) / weight  # (..., Q, v)


def _look_up(tables: Tensor, places: Tensor) -> Tensor:
    """Return rows of each member's table: (M, n, e) at (M, B, P) gives (M, B, P, e)."""
    M, n, _ = tables.shape
    first = n * torch.arange(M, device=places.device).view(M, 1, 1)
    return F.embedding(places + first, tables.flatten(0, 1))


class Recall(nn.Module):
    """Networks of one attention layer that answer each key with its value, trained side by side.

    A key has one embedding. One matrix makes of it what is written, another what asks. A value has
    an embedding of its own. What is read is normed (RMSNorm with a gain) and goes to the logits.
    All pairs come first and all questions after, so a causal layer does what this one does, but
    that questions write nothing. Members share nothing.

    Parameters
    ----------
    kind : {"softmax", "linear", "positive"}
        See :func:`read`.
    keys, values : int
        K and V, how many there are to choose from.
    width : int
        d, of keys and questions.
    value_width : int
        v, of values.
    seeds : sequence of int
        One seed of the initial weights for each member, zero or above.
    embedding : int
        e.

    Raises
    ------
    TypeError, ValueError
        If ``kind`` is unknown, a number is not whole or too small, or there are no seeds.
    """

    def __init__(
        self,
        kind: str,
        keys: int,
        values: int,
        width: int,
        value_width: int,
        seeds: Sequence[int],
        embedding: int = 64,
    ):
        super().__init__()
        self.kind = member("kind", kind, READS)
        K, V, e = whole("keys", keys), whole("values", values), whole("embedding", embedding)
        self.width, self.value_width = whole("width", width), whole("value_width", value_width)
        self.seeds = [whole("seeds", seed, at_least=0) for seed in seeds]
        if not self.seeds:
            raise ValueError("seeds must name at least one member, got none")
        self.members = M = len(self.seeds)
        d, v = self.width, self.value_width
        self.key = nn.Parameter(torch.zeros(M, K, e))
        self.value = nn.Parameter(torch.zeros(M, V, v))
        self.write = nn.Parameter(torch.zeros(M, e, d))
        self.ask = nn.Parameter(torch.zeros(M, e, d))
        self.gain = nn.Parameter(torch.ones(M, 1, v))
        self.head = nn.Parameter(torch.zeros(M, v, V))
        self._start()

    @torch.no_grad()
    def _start(self) -> None:
        """Normals: embeddings of length 1 on average, matrices of variance 1 over their inputs."""
        for each, seed in enumerate(self.seeds):
            generator = torch.Generator().manual_seed(seed)
            for name in ("key", "value", "write", "ask", "head"):
                weight = getattr(self, name)[each]
                inputs = weight.shape[-1] if name in ("key", "value") else weight.shape[0]
                weight.normal_(std=inputs**-0.5, generator=generator)

    @property
    def state(self) -> int | None:
        """Numbers that a layer keeps however many pairs there are; None for softmax attention."""
        if self.kind == "softmax":
            return None
        return self.width * (self.value_width + (self.kind == "positive"))

    def forward(self, pairs: Tensor) -> Tensor:
        """Return the logits of the value of each key, asked after all pairs are written.

        Parameters
        ----------
        pairs : int64 tensor, shape (M, B, 2, P)
            Keys, and the value written with each.

        Returns
        -------
        tensor, shape (M, B, P, V)
            Logits, for the keys in the order in which they were written.
        """
        M, B, _, P = pairs.shape
        keys, values = pairs.unbind(2)  # (M, B, P) each
        x = _look_up(self.key, keys).flatten(1, 2)  # (M, B P, e)
        q, k = torch.bmm(x, self.ask), torch.bmm(x, self.write)  # (M, B P, d) each
        q, k = (one.view(M, B, P, self.width) for one in (q, k))
        found = read(self.kind, q, k, _look_up(self.value, values))  # (M, B, P, v)
        normed = F.rms_norm(found, found.shape[-1:]).flatten(1, 2) * self.gain  # (M, B P, v)
        return torch.bmm(normed, self.head).view(M, B, P, -1)  # (M, B, P, V)

    def loss(self, pairs: Tensor, targets: Tensor) -> Tensor:
        """Return each member's mean cross-entropy.

        Parameters
        ----------
        pairs : int64 tensor, shape (M, B, 2, P)
            Keys, and the value written with each.
        targets : int64 tensor, shape (M, B, P)
            The value of each key.

        Returns
        -------
        tensor, shape (M,)
            Nats per question.
        """
        logits = self(pairs)  # (M, B, P, V)
        flat = F.cross_entropy(logits.flatten(0, 2), targets.flatten(), reduction="none")
        return flat.view(len(targets), -1).mean(1)  # (M,)
