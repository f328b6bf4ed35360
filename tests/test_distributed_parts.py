"""What is split by hand equals the whole: layers, attention, pipelines."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed import pipelining

from scaling_utils.distributed import (
    FAULTS,
    RankError,
    SplitMLP,
    collectives,
    gradient_norm,
    launch,
    replay,
    ring_attention,
    tally,
    traced,
    zigzag,
)


def whole_and_split(fault=None):
    torch.manual_seed(1)
    norm, up, down = nn.LayerNorm(6), nn.Linear(6, 12), nn.Linear(12, 6)
    x, head = torch.randn(5, 6), torch.randn(5, 6)
    net = nn.Sequential(norm, up, nn.GELU(), down).double()
    x, head = x.double(), head.double()
    y = net(x)
    (y * head).sum().backward()
    expected = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    split = SplitMLP(up, down, fault)
    out = split(norm(x))
    (out * head).sum().backward()
    return net, split, y.detach(), out.detach(), expected


def layers(rank, world):
    net, split, y, out, expected = whole_and_split()
    rows = slice(rank * 12 // world, (rank + 1) * 12 // world)
    errors = [
        out - y,
        net[0].weight.grad - expected[0],
        split.up.grad - expected[2][rows],
        split.up_bias.grad - expected[3][rows],
        split.down.grad - expected[4][:, rows],
        split.bias.grad - expected[5],
    ]
    replicated = [*net[0].parameters(), split.bias]
    norms = [gradient_norm(split.split(), replicated, f) for f in (None, "replicas counted")]
    whole = torch.cat([g.flatten() for g in expected]).norm()
    shared = torch.cat([p.grad.flatten() for p in replicated]).norm()
    with collectives() as seen:
        split(net[0](torch.ones(5, 6).double())).sum().backward()
    return [float(e.abs().max()) for e in errors], norms, whole, shared, tally(seen.events)


def test_a_split_mlp_equals_the_whole_one_with_one_all_reduce_each_way():
    for errors, (norm, wrong), whole, shared, seen in launch(layers, 3):
        assert max(errors) < 1e-13
        assert norm.item() == pytest.approx(whole.item(), rel=1e-12)
        assert wrong.item() ** 2 == pytest.approx(whole.item() ** 2 + 2 * shared.item() ** 2)
        assert seen == {"all_reduce": (2, 2 * 5 * 6 * 8)}


def faulty(rank, world):
    out = {}
    for fault in list(FAULTS)[:3]:
        net, split, y, got, expected = whole_and_split(fault)
        part = net[0].weight.grad.clone()
        dist.all_reduce(part)
        out[fault] = [got - y, net[0].weight.grad - expected[0], part - expected[0], split.bias]
    return out


def test_each_fault_does_what_its_text_says():
    assert set(FAULTS) == {
        "bias before the sum", "no sum backwards", "wrong columns", "replicas counted",
        "no rescaling",
    }  # fmt: skip
    for out in launch(faulty, 2):
        error, at_norm, _, bias = out["bias before the sum"]
        torch.testing.assert_close(error, bias.expand(5, 6), rtol=1e-12, atol=1e-14)
        assert at_norm.abs().max() < 1e-13
        error, at_norm, summed, _ = out["no sum backwards"]
        assert error.abs().max() < 1e-13
        assert at_norm.abs().max() > 0.01
        assert summed.abs().max() < 1e-13  # the ranks' parts do add up to the gradient
        assert out["wrong columns"][0].abs().max() > 0.01


def uneven(rank, world):
    SplitMLP(nn.Linear(4, 9), nn.Linear(9, 4))


def test_ranks_that_do_not_divide_the_features_are_refused():
    with pytest.raises(RankError, match="a multiple of 2 features, got 9 and 9"):
        launch(uneven, 2)


def attend(rank, world, positions):
    torch.manual_seed(2)
    q, k, v, head = torch.randn(4, 2, 3, positions.numel(), 5, dtype=torch.float64)
    whole = [t.clone().requires_grad_() for t in (q, k, v)]
    y = nn.functional.scaled_dot_product_attention(*whole, is_causal=True)
    (y * head).sum().backward()
    mine = positions[rank]
    parts = [t[:, :, mine].clone().requires_grad_() for t in (q, k, v)]
    out = ring_attention(*parts, positions)
    (out * head[:, :, mine]).sum().backward()
    errors = [out - y[:, :, mine]]
    errors += [p.grad - w.grad[:, :, mine] for p, w in zip(parts, whole, strict=True)]
    return [float(e.abs().max()) for e in errors]


@pytest.mark.parametrize("order", ["plain", "zigzag"])
def test_ring_attention_equals_torchs_with_its_gradients(order):
    positions = zigzag(24, 3) if order == "zigzag" else torch.arange(24).view(3, 8)
    for errors in launch(attend, 3, positions):
        assert max(errors) < 1e-13


def forget_to_rescale(rank, world, positions):
    q, v = torch.zeros(1, 1, 2, 1, dtype=torch.float64), torch.ones(1, 1, 2, 1).double()
    return [ring_attention(q, q, v, positions, fault) for fault in (None, "no rescaling")]


def test_a_ring_that_does_not_rescale_gives_a_query_weights_beyond_1_by_hand():
    # Equal scores and values of 1: the output is the sum of a query's weights. Rank 1 sees its
    # own keys first, 1 and 2 of them, then two more: 1/1 + 2/3 and 2/2 + 2/4.
    (right, first), (_, second) = launch(forget_to_rescale, 2, torch.arange(4).view(2, 2))
    assert right.flatten().tolist() == pytest.approx([1, 1])
    assert first.flatten().tolist() == pytest.approx([1, 1])  # it sees no other rank's keys
    assert second.flatten().tolist() == pytest.approx([5 / 3, 3 / 2])
    with pytest.raises(ValueError, match="fault must be one of 'no rescaling'; got 'other'"):
        ring_attention(right, right, right, torch.zeros(1, 2), "other")


def test_zigzag_gives_each_rank_the_same_work_and_the_plain_order_does_not():
    assert zigzag(8, 2).tolist() == [[0, 1, 6, 7], [2, 3, 4, 5]]
    order = zigzag(48, 4)
    assert sorted(order.flatten().tolist()) == list(range(48))
    pairs = (order + 1).sum(1)  # keys that the queries of each rank see
    assert pairs.tolist() == [48 * 49 // 2 // 4] * 4
    plain = (torch.arange(48).view(4, 12) + 1).sum(1)
    assert plain.tolist() == [78, 222, 366, 510]
    with pytest.raises(ValueError, match="length must be a multiple of 2 ranks = 8, got 12"):
        zigzag(12, 4)


# name: schedule, stages of each rank
SCHEDULES = {
    "gpipe": (pipelining.ScheduleGPipe, 1),
    "1f1b": (pipelining.Schedule1F1B, 1),
    "interleaved": (pipelining.ScheduleInterleaved1F1B, 2),
    "zero bubble": (pipelining.schedules.ScheduleInterleavedZeroBubble, 1),
}


def pipe(rank, world, micro_batches):
    out = {}
    for name, (schedule, held) in SCHEDULES.items():
        torch.manual_seed(3)
        layers = [nn.Linear(6, 6).double() for _ in range(held * world)]
        x, target = torch.randn(2, 2 * micro_batches, 6).double()
        whole = nn.Sequential(*layers)
        nn.functional.mse_loss(whole(x), target).backward()
        expected = [layer.weight.grad.clone() for layer in layers]
        whole.zero_grad()
        stages = [
            pipelining.PipelineStage(layers[i], i, len(layers), torch.device("cpu"))
            for i in range(rank, len(layers), world)
        ]
        runner = schedule(
            stages[0] if name in ("gpipe", "1f1b") else stages,
            micro_batches,
            loss_fn=nn.functional.mse_loss,
        )
        with traced(*stages) as steps:
            runner.step(
                *([x] if rank == 0 else []), **({"target": target} if rank == world - 1 else {})
            )
        errors = [
            float((layers[s.stage_index].weight.grad - expected[s.stage_index]).abs().max())
            for s in stages
        ]
        out[name] = steps, max(errors)
    return out


def test_the_order_of_a_pipelines_run_gives_the_idle_share_of_theory():
    p, m = 3, 6
    results = launch(pipe, p, m, timeout=120)
    runs = {}
    for name in SCHEDULES:
        assert all(result[name][1] < 1e-13 for result in results)  # gradients of the whole model
        orders = [result[name][0] for result in results]
        assert all(step[3] <= step[4] for order in orders for step in order)
        runs[name] = replay(orders)
    for name in ("gpipe", "1f1b"):
        assert runs[name].idle_of_total == Fraction(p - 1, m + p - 1)
        assert runs[name].idle_of_useful == Fraction(p - 1, m)
        assert runs[name].total == 3 * (m + p - 1)
    assert runs["interleaved"].idle_of_useful == Fraction(p - 1, 2 * m)
    # Qi et al. (2023), arXiv 2401.10241, Table 2: ZB-H1 idles for (p - 1)(T_F + T_B - T_W)
    zero = runs["zero bubble"]
    assert {step[2] for step in zero.steps} >= {"F", "I", "W"}
    assert zero.total - zero.useful == p - 1


def one_f_one_b(p, m):
    """Return the order by hand: p - 1 - r forward passes, then one of each, then the rest."""
    orders = []
    for r in range(p):
        warm = p - 1 - r
        order = [(r, "F", i) for i in range(warm)]
        for i in range(m - warm):
            order += [(r, "F", warm + i), (r, "B", i)]
        orders.append(order + [(r, "B", i) for i in range(m - warm, m)])
    return orders


@pytest.mark.parametrize(("p", "m"), [(1, 3), (2, 2), (4, 8), (8, 16)])
def test_a_replay_by_hand(p, m):
    run = replay(one_f_one_b(p, m))
    assert run.idle_of_total == Fraction(p - 1, m + p - 1)
    unequal = replay(one_f_one_b(p, m), {"F": 1, "B": Fraction(5, 2)})
    assert unequal.total == Fraction(7, 2) * (m + p - 1)


def test_two_stages_and_two_micro_batches_by_hand():
    run = replay(one_f_one_b(2, 2))
    times = {(rank, kind, m): (start, end) for rank, _, kind, m, start, end in run.steps}
    assert times == {
        (0, "F", 0): (0, 1),
        (1, "F", 0): (1, 2),
        (0, "F", 1): (1, 2),
        (1, "B", 0): (2, 4),
        (0, "B", 0): (4, 6),
        (1, "F", 1): (4, 5),
        (1, "B", 1): (5, 7),
        (0, "B", 1): (7, 9),
    }
    assert (run.total, run.useful) == (9, 6)


@pytest.mark.parametrize(
    ("orders", "costs", "error"),
    [
        ([[(0, "B", 0), (0, "F", 0)]], None, r"must not wait for ever.*\(0, 'B', 0\)"),
        ([[(0, "F", 0), (0, "F", 0)]], None, "each step once"),
        ([[]], None, "at least one"),
        ([[(0, "F", 0)]], {"F": 0}, "costs must be above 0"),
    ],
)
def test_orders_that_cannot_run_are_refused(orders, costs, error):
    with pytest.raises(ValueError, match=error):
        replay(orders, costs)


def not_traced(rank, world):
    stage = pipelining.PipelineStage(nn.Linear(2, 2), 0, 1, torch.device("cpu"))
    with traced(stage):
        assert "forward_one_chunk" in vars(stage)
    return "forward_one_chunk" in vars(stage)


def test_a_stage_is_as_before_after_its_trace():
    assert launch(not_traced, 1) == [False]
