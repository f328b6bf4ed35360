"""The race between growing and fixed networks: its FLOPs, its operators, and its record."""

# ruff: noqa: E402 - the race lies beside its results
from __future__ import annotations

import copy
import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import torch

from scaling_utils.counting import count_flops
from scaling_utils.models import GPT, Residuals
from scaling_utils.shapes import Transformer
from scaling_utils.studies import read_rows
from scaling_utils.tasks import WaveTask
from scaling_utils.training import MemberAdam, Trainer

RESULTS = Path(__file__).resolve().parent.parent / "results"
sys.path.insert(0, str(RESULTS / "staged_training"))

import growth
import race

# Under a name of its own: another folder of results has a record.py too.
SPEC = importlib.util.spec_from_file_location(
    "staged_record", RESULTS / "staged_training" / "record.py"
)
record = sys.modules["staged_record"] = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(record)

TINY = replace(record.SETTING, width=2, batch=8, budget=1e5, warmup=2)


@pytest.fixture(scope="module")
def task():
    return WaveTask(**record.FUNCTIONS, pool=64, held_out=32, seeds=(0, 1))


def test_the_flops_of_a_step_are_those_that_the_module_executes():
    for layers in (1, 4):
        model = Residuals(16, 8, layers, [0])
        assert count_flops(model, torch.ones(1, 3, 16)).total == 3 * model.flops_per_point
    # By hand: 16 x 8 in, 2 x 8 x 32 a block, 8 out; nobody needs the gradient of the points.
    assert model.flops_per_point == 6 * (128 + 4 * 512 + 8) - 2 * 128


def test_members_that_start_equal_are_equal_and_each_seed_is_a_network_of_its_own():
    model = Residuals(3, 4, 2, [5, 6, 5])
    outputs = model(torch.randn(7, 3))
    assert torch.allclose(outputs[0], outputs[2], atol=1e-6)
    assert not torch.allclose(outputs[0], outputs[1])
    alone = Residuals(3, 4, 2, [6])
    assert torch.equal(alone.blocks[1].out[0], model.blocks[1].out[1])


@pytest.mark.parametrize("bad", [{"layers": 0}, {"width": 1}, {"inputs": 0}, {"seeds": []}])
def test_a_network_that_cannot_be_is_refused_by_name(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Residuals(**{"inputs": 3, "width": 4, "layers": 2, "seeds": [0]} | bad)


@pytest.mark.parametrize("setting", [TINY, record.SETTING], ids=["tiny", "recorded"])
@pytest.mark.parametrize("arm", record.ARMS, ids=lambda arm: arm.name)
def test_all_arms_spend_the_budget_but_for_less_than_one_step(arm, setting, task):
    plan = race.plan_of(arm, setting, task)
    assert 0 <= setting.budget - plan.flops < plan.costs[1]
    assert plan.spent(plan.first + plan.second) == plan.flops
    small = setting.network(task, arm.first or arm.layers, [0])
    assert plan.costs[0] == setting.batch * small.flops_per_point  # the size that runs
    if arm.first:
        assert 0 <= arm.share * setting.budget - plan.spent(plan.first) < plan.costs[0]


def test_the_rate_follows_the_flops_and_not_the_steps(task):
    arm = race.Arm("grown", 4, 1, "zero", 0.5)
    plan = race.plan_of(arm, TINY, task)
    factors = [race.factor(plan, TINY, step) for step in range(plan.first + plan.second)]
    assert factors[0] == 0.5  # of a warm-up of two steps
    falling = [plan.spent(step) / TINY.budget for step, f in enumerate(factors) if step and f < 1]
    assert min(falling) > 0.7
    assert factors[-1] == pytest.approx((1 - plan.spent(len(factors) - 1) / TINY.budget) / 0.3)


def test_a_second_warm_up_starts_at_the_growth(task):
    plan = race.plan_of(race.Arm("warm", 4, 1, "zero", 0.25, rewarm=True), TINY, task)
    factors = [race.factor(plan, TINY, step) for step in range(plan.first + 3)]
    assert factors[: plan.first] == [0.5, *[1.0] * (plan.first - 1)]
    assert factors[plan.first :] == [0.5, 1.0, 1.0]
    never = replace(plan, rewarm=False)
    assert race.factor(never, TINY, plan.first) == 1


def test_zeros_keep_the_function_and_a_stack_does_not():
    small, points = Residuals(5, 8, 1, [0, 1]), torch.randn(9, 5)
    for operator, kept in ((growth.zero_on_top, True), (growth.stacked, False)):
        fresh = Residuals(5, 8, 4, [2, 3])
        large = growth.grow(small, fresh, operator(1, 4))
        assert torch.equal(large.blocks[0].up, small.blocks[0].up)
        assert torch.equal(small(points), large(points)) is kept
    assert torch.equal(large.blocks[3].out, small.blocks[0].out)
    assert growth.stacked(2, 4) == [0, 1, 0, 1]
    assert growth.zero_on_top(2, 4) == [0, 1, None, None]


def test_the_operators_grow_a_gpt_too():
    shape = Transformer(2, 16, 2, 11, 8)
    small, tokens = GPT(shape), torch.randint(11, (3, 8))
    large = growth.grow(small, GPT(replace(shape, n_layer=4)), [0, 1, None, None])
    assert torch.equal(small(tokens), large(tokens))
    assert large.blocks[3].mlp.up.weight.abs().min() > 0
    stack = growth.grow(small, GPT(replace(shape, n_layer=4)), [0, 1, 0, 1])
    assert not torch.allclose(small(tokens), stack(tokens))


def test_kept_parameters_keep_their_moments_and_new_ones_have_none():
    small = Residuals(5, 8, 1, [0, 1])
    old = MemberAdam(small, [0.1, 0.2])
    small.loss(torch.randn(9, 5), torch.randn(2, 9)).sum().backward()
    old.step()
    large = growth.grow(small, Residuals(5, 8, 2, [2, 3]), [0, 0])
    new = MemberAdam(large, [0.1, 0.2])
    growth.carry(old, new, [0, 0], small, large)
    names = [name for name, _ in large.named_parameters()]
    counts = {
        name: [int(new.state[one]["step"]) if one in new.state else 0 for one in slices]
        for name, (_, slices) in zip(names, new.slices, strict=True)
    }
    assert counts.pop("mix") == counts.pop("blocks.0.out") == counts.pop("head") == [1, 1]
    assert {tuple(counts[n]) for n in counts if n.startswith("blocks.1.")} == {(0, 0)}
    before = dict(zip((n for n, _ in small.named_parameters()), old.slices, strict=True))
    kept = new.state[new.slices[names.index("head")][1][1]]["exp_avg"]
    assert torch.equal(kept, old.state[before["head"][1][1]]["exp_avg"])


def test_the_chapter_shows_the_operators_that_ran():
    book = nbformat.read(RESULTS.parent / "notebooks" / "11_staged_training.ipynb", as_version=4)
    shown = {"torch": torch, "copy": copy}
    for cell in book.cells:
        if cell.id in ("staged-deeper", "staged-carry"):
            exec(cell.source, shown)
    for ours, theirs in ((growth.zero_on_top, "zeros_on_top"), (growth.stacked, "stacked")):
        origins = ours(2, 5)
        assert shown[theirs](2, 5) == origins
        small = Residuals(5, 8, 2, [0, 1])
        old = MemberAdam(small, [0.1, 0.2])
        small.loss(torch.randn(9, 5), torch.randn(2, 9)).sum().backward()
        old.step()
        pairs = []
        for grow, carry in ((growth.grow, growth.carry), (shown["deeper"], shown["carry"])):
            large = grow(small, Residuals(5, 8, 5, [2, 3]), origins)
            new = MemberAdam(large, [0.1, 0.2])
            carry(old, new, origins, small, large)
            pairs.append((large.state_dict(), new.state_dict()["state"]))
        torch.testing.assert_close(*pairs, rtol=0, atol=0)


def test_a_run_is_measured_on_both_sides_of_its_growth(task):
    arms = {a.operator: a for a in record.ARMS if a.share == 0.25}
    zero, stack = (race.race(arms[name], TINY, task, (0.01,)) for name in ("zero", "stack"))
    for rows, kept in ((zero, True), (stack, False)):
        before, after = (next(r for r in rows if r["stage"] == stage) for stage in (1, 2))
        assert before["flops"] == after["flops"]
        assert (before["loss"] == after["loss"]) is kept
    assert zero[0] == stack[0] | {"arm": zero[0]["arm"]}  # the first stage is the same


def test_the_recorded_runs_begin_as_they_do_here():
    """Later losses depend on how a processor rounds; the first twelfth of the FLOPs hardly does."""
    arm = next(arm for arm in record.ARMS if arm.name == "fixed 4")
    rows = read_rows(RESULTS / "staged_training" / "runs.csv")
    here = [row for row in rows if row["arm"] == arm.name and row["phase"] == "scored"]
    first = min(row["step"] for row in here)
    stored = {row["seed"]: row["loss"] for row in here if row["step"] == first}
    task = WaveTask(**record.FUNCTIONS, **record.POINTS, seeds=record.SEEDS["scored"])
    plan = race.plan_of(arm, record.SETTING, task)
    begun = race.Plan(0, first, plan.costs)
    assert race._marked(plan, record.MARKS)[0] == first
    model = record.SETTING.network(task, arm.layers, task.seeds)
    optimiser = MemberAdam(model, [here[0]["rate"]] * len(task.seeds))
    trainer = Trainer(model, optimiser, task.batches(task.seeds, record.SETTING.batch), clip=1.0)
    trainer.train(begun.second, lambda step: race.factor(begun, record.SETTING, step))
    for seed, loss in zip(task.seeds, task.measure(model)["loss"], strict=True):
        assert loss == pytest.approx(stored[seed], rel=0.01)


def test_the_record_goes_on_where_it_stopped(tmp_path, monkeypatch):
    record.main(["--toy", "--out", str(tmp_path)])
    file = tmp_path / "runs.csv"
    whole = file.read_text().splitlines()
    groups = {(line.split(",")[0], line.split(",")[1]) for line in whole[1:]}
    cut = [line for line in whole if not line.startswith("scored,stack 50")]
    assert len(cut) < len(whole)
    assert len(groups) > 8
    file.write_text("\n".join(cut) + "\n")
    record.main(["--toy", "--out", str(tmp_path)])
    place = whole[0].split(",").index("seconds")

    def timeless(lines):
        return sorted(",".join(c for i, c in enumerate(x.split(",")) if i != place) for x in lines)

    assert timeless(file.read_text().splitlines()) == timeless(whole)
    monkeypatch.setattr(record, "race", None)  # nothing is left to train
    record.main(["--toy", "--out", str(tmp_path)])


def test_a_best_rate_at_an_end_asks_for_the_next_one():
    assert record.missing_rate({0.01: [2.0], 0.02: [1.0], 0.04: [1.5]}) is None
    assert record.missing_rate({0.01: [0.5], 0.02: [1.0]}) == 0.005
    assert record.missing_rate({0.01: [1.0], 0.02: [0.5]}) == 0.04
