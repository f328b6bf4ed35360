"""A ring all-reduce written by hand, to be read beside the one of a library."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


def exchange(out: Tensor, to: int, source: int) -> Tensor:
    """Send a tensor to one rank while one of the same shape comes from another; return that."""
    into = torch.empty_like(out)
    both = [dist.P2POp(dist.isend, out.contiguous(), to), dist.P2POp(dist.irecv, into, source)]
    for request in dist.batch_isend_irecv(both):
        request.wait()
    return into


def ring_all_reduce(x: Tensor) -> Tensor:
    """Return the sum of a tensor over all ranks, by sums that travel around a ring.

    The tensor is cut into n chunks. In n - 1 steps each rank adds what comes from its left and
    passes it on, until it holds one chunk that is complete. In n - 1 more steps the complete
    chunks go around. Each rank so sends 2 (n - 1) / n of the tensor, whatever n is: see
    ``ring_bytes``. Source: Patarasuk and Yuan (2009), https://doi.org/10.1016/j.jpdc.2008.09.002.

    Parameters
    ----------
    x : Tensor
        Of the same shape and type on all ranks. It is left as it is.

    Returns
    -------
    Tensor, of the same shape
        Bit by bit the same on all ranks: each sum is made once.
    """
    rank, n = dist.get_rank(), dist.get_world_size()
    right, left = (rank + 1) % n, (rank - 1) % n
    padding = -x.numel() % n  # so that all chunks are equally long
    chunks = list(torch.nn.functional.pad(x.detach().flatten(), (0, padding)).clone().chunk(n))
    for step in range(n - 1):  # reduce-scatter
        came = exchange(chunks[(rank - step) % n], right, left)
        chunks[(rank - step - 1) % n] += came
    for step in range(n - 1):  # all-gather
        chunks[(rank - step) % n] = exchange(chunks[(rank + 1 - step) % n], right, left)
    return torch.cat(chunks)[: x.numel()].view_as(x)
