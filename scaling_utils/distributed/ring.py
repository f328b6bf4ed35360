"""One step of a ring: what each rank gives to its neighbour while it takes from the other."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor

from scaling_utils._check import whole


def exchange(out: Tensor, to: int, source: int) -> Tensor:
    """Send a tensor to one rank while one of the same shape comes from another.

    Sending and receiving start together, so no rank waits for one that waits for it. All ranks of
    a ring call it with ``to`` the next rank and ``source`` the one before.

    Parameters
    ----------
    out : Tensor
        What is sent. It is left as it is.
    to, source : int
        Ranks of the default group, from 0; they may be the same one.

    Returns
    -------
    Tensor, of the shape and type of ``out``
        What has come.

    Raises
    ------
    ValueError
        If a rank is not one of the group.
    """
    ranks = dist.get_world_size()
    for name, rank in (("to", to), ("source", source)):
        if whole(name, rank, at_least=0) >= ranks:
            raise ValueError(f"{name} must be a rank below {ranks}, got {rank}")
    if to == source == dist.get_rank():
        return out.clone()  # a ring of one
    into = torch.empty_like(out)
    both = [dist.P2POp(dist.isend, out.contiguous(), to), dist.P2POp(dist.irecv, into, source)]
    for request in dist.batch_isend_irecv(both):
        request.wait()
    return into
