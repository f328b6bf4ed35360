"""Collectives are counted from the run, whoever makes them, with the bytes that theory gives."""

from __future__ import annotations

import pytest
import torch
import torch.distributed as dist
from torch.distributed import _functional_collectives as functional
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Shard
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.nn.parallel import DistributedDataParallel

from scaling_utils.distributed import collectives, exchange, launch, ring_bytes, tally


def direct(rank, world):
    x = torch.ones(6, dtype=torch.float64)  # 48 bytes
    parts = [torch.empty(2) for _ in range(world)]
    half = dist.new_group([0, 1])
    with collectives() as seen:
        dist.all_reduce(x, async_op=True).wait()
        dist.broadcast(x, 1)
        dist.all_gather(parts, torch.zeros(2))  # 8 bytes of each rank
        dist.all_gather_into_tensor(torch.empty(2 * world), torch.zeros(2))
        dist.reduce_scatter_tensor(torch.empty(2), torch.zeros(2 * world))
        dist.all_to_all_single(torch.empty(world), torch.zeros(world))
        functional.all_reduce(torch.ones(3), "sum", dist.group.WORLD) + 1
        dist.barrier()
        if rank == 0:
            dist.send(torch.ones(5, dtype=torch.int8), 1)
        elif rank == 1:
            dist.recv(torch.ones(5, dtype=torch.int8), 0)
        if rank < 2:
            dist.all_reduce(x, group=half)
        x + x
    dist.all_reduce(x)  # after the block
    return seen.events


def test_calls_are_counted_in_order_with_payload_type_and_group():
    events = launch(direct, 3)
    f32 = "float32"
    same = [
        ("all_reduce", 48, "float64", 3),
        ("broadcast", 48, "float64", 3),
        ("all_gather", 24, f32, 3),
        ("all_gather", 24, f32, 3),
        ("reduce_scatter", 24, f32, 3),
        ("all_to_all", 12, f32, 3),
        ("all_reduce", 12, f32, 3),
    ]
    for rank in range(3):
        seen = [(e["name"], e["payload"], e["dtype"], e["ranks"]) for e in events[rank]]
        assert seen[:7] == same
        assert (seen[7][0], seen[7][1], seen[7][3]) == ("barrier", 0, 3)
        assert len(seen) == (8 if rank == 2 else 10)
    for rank, name in ((0, "send"), (1, "recv")):
        assert events[rank][8:] == [
            {"name": name, "payload": 5, "dtype": "int8", "ranks": 3, "peer": 1 - rank},
            {"name": "all_reduce", "payload": 48, "dtype": "float64", "ranks": 2},
        ]
    assert tally(events[2]) == {
        "all_reduce": (2, 60),
        "broadcast": (1, 48),
        "all_gather": (2, 48),
        "reduce_scatter": (1, 24),
        "all_to_all": (1, 12),
        "barrier": (1, 0),
    }


def model():
    return torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4))


def backward(net, x):
    with collectives() as seen:
        net(x).square().mean().backward()
    return {name: list(entry) for name, entry in tally(seen.events).items()}


def engines(rank, world):
    x = torch.ones(4, 8)
    out = {}
    net = DistributedDataParallel(model())
    backward(net, x)  # notes the order of the gradients
    backward(net, x)  # forms the buckets anew, and agrees on them
    out["ddp"] = backward(net, x)
    with net.no_sync():
        out["accumulated"] = backward(net, x)
    mesh = init_device_mesh("cpu", (world,))
    out["fsdp"] = backward(fully_shard(model(), mesh=mesh), x)
    plan = {"0": ColwiseParallel(), "2": RowwiseParallel()}
    out["tensor"] = backward(parallelize_module(model(), mesh, plan), x)
    first, last = ColwiseParallel(input_layouts=Shard(0)), RowwiseParallel(output_layouts=Shard(0))
    net = parallelize_module(model(), mesh, {"0": first, "2": last})
    out["sequence"] = backward(net, x.chunk(world)[rank])
    return out


def test_what_torchs_engines_exchange_is_what_theory_says():
    size = 4 * (8 * 16 + 16 + 16 * 4 + 4)  # bytes of the parameters
    for out in launch(engines, 2, timeout=120):
        assert out["ddp"] == {"all_reduce": [1, size]}
        assert out["accumulated"] == {}
        # parameters once forwards; the root keeps them for the backward pass
        assert out["fsdp"] == {"all_gather": [1, size], "reduce_scatter": [1, size]}
        assert out["tensor"] == {"all_reduce": [1, 4 * 4 * 4]}  # the output (4, 4), forwards
        # the whole input (4, 8) forwards, the whole output's gradient (4, 4) backwards
        assert out["sequence"]["all_gather"] == [2, 4 * 4 * 8 + 4 * 4 * 4]
        assert out["sequence"]["reduce_scatter"] == [1, 4 * 4 * 4]


def ring_sum(x):
    """Sum over all ranks by chunks that travel: reduce-scatter, then all-gather."""
    rank, n = dist.get_rank(), dist.get_world_size()
    chunks = list(torch.nn.functional.pad(x, (0, -len(x) % n)).chunk(n))
    for step in range(2 * (n - 1)):
        came = exchange(chunks[(rank - step) % n], (rank + 1) % n, (rank - 1) % n)
        at = (rank - step - 1) % n
        chunks[at] = chunks[at] + came if step < n - 1 else came
    return torch.cat(chunks)[: len(x)]


def ring(rank, world, count):
    x = torch.arange(count, dtype=torch.float32) * (rank + 1)
    with collectives() as seen:
        mine = ring_sum(x)
    with collectives() as torchs:
        dist.all_reduce(theirs := x.clone())
    return mine, theirs, tally(seen.events), tally(torchs.events), x


@pytest.mark.parametrize("count", [12, 10])
def test_the_ring_sums_as_torch_does_and_sends_what_its_formula_says(count):
    results = launch(ring, 4, count)
    padded = 12 * 4  # bytes; 10 numbers are padded to 12
    for rank, (mine, theirs, seen, torchs, x) in enumerate(results):
        assert mine.tolist() == theirs.tolist() == [10.0 * i for i in range(count)]
        assert x.tolist() == [i * (rank + 1.0) for i in range(count)]  # left as it was
        assert seen == {"send": (6, 72), "recv": (6, 72)}
        assert ring_bytes(padded, 4) == 72
        assert torchs == {"all_reduce": (1, 4 * count)}


def swapped(rank, world):
    out = torch.full((2,), float(rank))
    came = exchange(out, (rank + 1) % world, (rank - 1) % world)
    said = []
    for to, source in ((world, 0), (0, -1)):
        try:
            exchange(out, to, source)
        except ValueError as error:
            said.append(str(error))
    return out, came, said


@pytest.mark.parametrize("ranks", [1, 3])
def test_an_exchange_brings_what_the_neighbour_has_and_knows_the_ranks(ranks):
    for rank, (out, came, said) in enumerate(launch(swapped, ranks)):
        assert out.tolist() == [rank, rank]
        assert came.tolist() == 2 * [(rank - 1) % ranks]
        assert said[0] == f"to must be a rank below {ranks}, got {ranks}"
        assert said[1].startswith("source must be")


def test_a_ring_of_one_sends_nothing():
    mine, theirs, seen, *_ = launch(ring, 1, 3)[0]
    assert (mine.tolist(), theirs.tolist(), seen) == ([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], {})
    assert ring_bytes(100, 1) == 0


def test_a_ring_all_reduce_is_a_reduce_scatter_and_an_all_gather():
    assert ring_bytes(100, 4) == 150
    assert ring_bytes(100, 4, "reduce_scatter") == ring_bytes(100, 4, "all_gather") == 75
    with pytest.raises(ValueError, match=r"name must be one of 'all_reduce', .*got 'broadcast'"):
        ring_bytes(100, 4, "broadcast")
    with pytest.raises(ValueError, match="ranks must be at least 1"):
        ring_bytes(100, 0)
    with pytest.raises(ValueError, match="payload must be at least 0"):
        ring_bytes(-1, 2)
