"""Context parallelism by hand: causal attention over keys that travel around a ring."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor

from scaling_utils._check import member, whole
from scaling_utils.distributed.ring import exchange


def zigzag(length: int, ranks: int) -> Tensor:
    """Return which positions each rank holds, so that causal attention costs all the same.

    The sequence is cut into 2n chunks; rank r holds chunks r and 2n - 1 - r. In the plain order
    the last rank's queries see everything and the first rank's hardly anything.

    Parameters
    ----------
    length : int
        Of the sequence, a multiple of 2 ``ranks``.
    ranks : int
        At least 1.

    Returns
    -------
    Tensor of int, shape (ranks, length / ranks)

    Raises
    ------
    ValueError
        If ``length`` is no such multiple.
    """
    n = whole("ranks", ranks)
    if whole("length", length) % (2 * n):
        raise ValueError(f"length must be a multiple of 2 ranks = {2 * n}, got {length}")
    chunks = torch.arange(length).chunk(2 * n)
    return torch.stack([torch.cat([chunks[r], chunks[2 * n - 1 - r]]) for r in range(n)])


def ring_attention(
    q: Tensor, k: Tensor, v: Tensor, positions: Tensor, fault: str | None = None
) -> Tensor:
    """Return causal attention over a sequence of which each rank holds a part.

    Keys and values go around the ring, while each rank keeps a running softmax of its queries.
    Backwards they go around once more and collect their gradients, which are home after n steps.
    Source: Liu, Zaharia and Abbeel (2023), https://arxiv.org/abs/2310.01889, Sec. 3.

    Parameters
    ----------
    q, k, v : Tensor, shape (batch, heads, T, d)
        Of the positions that this rank holds, T on every rank.
    positions : Tensor of int, shape (ranks, T)
        Of all ranks, in any order, such as ``zigzag`` gives.
    fault : str or None
        "no rescaling" of ``FAULTS``, to see what it does.

    Returns
    -------
    Tensor, shape (batch, heads, T, d)

    Raises
    ------
    ValueError
        If the fault is another.
    """
    if fault is not None:
        member("fault", fault, ("no rescaling",))
    return _RingAttention.apply(q, k, v, positions, fault is None)


def _scores(q: Tensor, k: Tensor, mine: Tensor, theirs: Tensor) -> Tensor:
    """Return scaled products, minus infinity where a key lies after the query: (B, H, T, T)."""
    later = theirs[None, :] > mine[:, None]
    return (q @ k.mT * q.shape[-1] ** -0.5).masked_fill(later, -torch.inf)


class _RingAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, positions, rescale):
        rank, n = dist.get_rank(), dist.get_world_size()
        held, out = torch.stack([k, v]), torch.zeros_like(q)  # (2, B, H, T, d)
        log_sum = q.new_full((*q.shape[:-1], 1), -torch.inf)  # (B, H, T, 1)
        for step in range(n):  # its own keys first, of which each query sees at least one
            scores = _scores(q, held[0], positions[rank], positions[(rank - step) % n])
            total = torch.logaddexp(log_sum, scores.logsumexp(-1, keepdim=True))
            kept = (log_sum - total).exp() if rescale else 1  # of what came before
            out = out * kept + (scores - total).exp() @ held[1]
            log_sum = total
            if step < n - 1:
                held = exchange(held, (rank + 1) % n, (rank - 1) % n)
        ctx.save_for_backward(q, k, v, positions, out, log_sum)
        return out

    @staticmethod
    def backward(ctx, d_out):
        q, k, v, positions, out, log_sum = ctx.saved_tensors
        rank, n = dist.get_rank(), dist.get_world_size()
        held = torch.stack([k, v, torch.zeros_like(k), torch.zeros_like(v)])  # with gradients
        d_q, inner = torch.zeros_like(q), (d_out * out).sum(-1, keepdim=True)
        for step in range(n):
            keys, values = held[:2]
            weights = _scores(q, keys, positions[rank], positions[(rank - step) % n])
            weights = (weights - log_sum).exp()  # (B, H, T, T)
            d_scores = weights * (d_out @ values.mT - inner) * q.shape[-1] ** -0.5
            d_q += d_scores @ keys
            held[2] += d_scores.mT @ q
            held[3] += weights.mT @ d_out
            held = exchange(held, (rank + 1) % n, (rank - 1) % n)
        return d_q, held[2], held[3], None, None
