"""Count what a rank sends and receives, from the run itself."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor
from torch.utils._python_dispatch import TorchDispatchMode

from scaling_utils._check import member, number, whole

# The operators of torch's process groups, and of its functional collectives, by the public name.
_NAMES = {
    "allreduce": "all_reduce",
    "allreduce_coalesced": "all_reduce",
    "all_reduce": "all_reduce",
    "all_reduce_coalesced": "all_reduce",
    "broadcast": "broadcast",
    "reduce": "reduce",
    "allgather": "all_gather",
    "_allgather_base": "all_gather",
    "allgather_coalesced": "all_gather",
    "allgather_into_tensor_coalesced": "all_gather",
    "all_gather_into_tensor": "all_gather",
    "all_gather_into_tensor_out": "all_gather",
    "all_gather_into_tensor_coalesced": "all_gather",
    "reduce_scatter": "reduce_scatter",
    "_reduce_scatter_base": "reduce_scatter",
    "reduce_scatter_tensor": "reduce_scatter",
    "reduce_scatter_tensor_coalesced": "reduce_scatter",
    "alltoall": "all_to_all",
    "alltoall_base": "all_to_all",
    "all_to_all_single": "all_to_all",
    "gather": "gather",
    "scatter": "scatter",
    "send": "send",
    "recv": "recv",
    "recv_any_source": "recv",
    "barrier": "barrier",
}
_SPACES = ("c10d", "_c10d_functional")
_RETURN_THE_WHOLE = ("all_gather_into_tensor", "all_gather_into_tensor_coalesced")
_RING_STEPS = {"all_reduce": 2, "all_gather": 1, "reduce_scatter": 1}


class collectives(TorchDispatchMode):
    """Count the collectives of a rank while a block runs.

    >>> with collectives() as seen:                       # doctest: +SKIP
    ...     loss.backward()
    >>> tally(seen.events)                                # doctest: +SKIP
    {'all_reduce': (1, 40960)}

    Seen is whatever passes torch's dispatcher on the way to a process group: calls of
    ``torch.distributed`` (waiting or not), and those that DDP, FSDP2, tensor parallel layers and
    pipelines make by themselves. The counter sees every operation of the block, so do not time
    what you count. In a block of threads it sees the thread that has entered it.

    Attributes
    ----------
    events : list of dict
        One for each call, in order: its ``name``; its ``payload`` in bytes, which is the size of
        the whole tensor and not of a rank's shard (for an all-gather what comes out, for a
        reduce-scatter what goes in, for send and recv the message); its ``dtype``; the number of
        ``ranks`` in its group; and for send and recv its ``peer``, a rank of that group or None.
        A barrier has a payload of 0. What the ranks exchange to form new groups is not seen.
    """

    def __init__(self):
        super().__init__()
        self.events: list[dict] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Note a collective, then run it; a distributed tensor is to say first what it does."""
        if DTensor in types:
            return NotImplemented
        space, _, name = func._schema.name.partition("::")
        if space in _SPACES and name.removesuffix("_") in _NAMES:
            gathers = space == "_c10d_functional" and name in _RETURN_THE_WHOLE
            self.events.append(_event(_NAMES[name.removesuffix("_")], args, gathers))
        return func(*args, **(kwargs or {}))


def _event(name: str, args: tuple, gathers: bool) -> dict:
    sides = [list(_tensors(arg)) for arg in args]
    payload = max((sum(t.nbytes for t in side) for side in sides), default=0)
    first = next((t for side in sides for t in side), None)
    group = next(g for g in (_group(arg) for arg in args) if g is not None)
    if gathers:  # only the shards go in as arguments: the whole is what comes out
        payload *= group.size()
    event = {
        "name": name,
        "payload": 0 if name == "barrier" else payload,
        "dtype": "" if first is None else str(first.dtype).removeprefix("torch."),
        "ranks": group.size(),
    }
    if name in ("send", "recv"):
        event["peer"] = args[2] if isinstance(args[2], int) and args[2] >= 0 else None
    return event


def _tensors(arg):
    """Return the tensors in an argument, which may be a list of lists of them."""
    if isinstance(arg, torch.Tensor):
        yield arg
    elif isinstance(arg, (list, tuple)):
        for entry in arg:
            yield from _tensors(entry)


def _group(arg) -> dist.ProcessGroup | None:
    """Return the process group that an operator's argument stands for, if it does."""
    if isinstance(arg, dist.ProcessGroup):
        return arg
    if isinstance(arg, torch.ScriptObject):
        try:
            return dist.ProcessGroup.unbox(arg)
        except (RuntimeError, TypeError):  # a reduction, which is such an object too
            return None
    if isinstance(arg, str) and arg not in dist.ReduceOp.RedOpType.__members__:
        try:
            return dist.distributed_c10d._resolve_process_group(arg)
        except (RuntimeError, LookupError, ValueError):
            return None
    return None


def tally(events: Sequence[dict]) -> dict[str, tuple[int, int]]:
    """Return calls and bytes of payload by the name of the collective, in order of appearance.

    Parameters
    ----------
    events : sequence of dict
        From ``collectives``, or any part of them.

    Returns
    -------
    dict of str to (calls, bytes)
    """
    out: dict[str, tuple[int, int]] = {}
    for event in events:
        calls, payload = out.get(event["name"], (0, 0))
        out[event["name"]] = (calls + 1, payload + event["payload"])
    return out


def ring_bytes(payload: float, ranks: int, name: str = "all_reduce") -> float:
    """Return the bytes that each rank sends in a ring: 2 (n - 1) / n of an all-reduce's payload.

    This holds for the ring algorithm (Patarasuk and Yuan 2009,
    https://doi.org/10.1016/j.jpdc.2008.09.002). NCCL and gloo choose their own.

    Parameters
    ----------
    payload : float
        Bytes of the whole tensor.
    ranks : int
        In the ring, at least 1.
    name : str
        "all_reduce", or its halves "reduce_scatter" and "all_gather", which cost (n - 1) / n.

    Returns
    -------
    float
        Bytes.

    Raises
    ------
    ValueError
        If the payload is negative, ``ranks`` no whole number from 1, or the name another.
    """
    n = whole("ranks", ranks)
    steps = _RING_STEPS[member("name", name, _RING_STEPS)]
    return steps * (n - 1) * number("payload", payload, at_least=0) / n
