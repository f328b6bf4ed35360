"""The recorded comparison of fine-tuning all weights and few: its arms, and its record."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from scaling_utils import memory
from scaling_utils.models import pretrained, trainable
from scaling_utils.studies import read_rows

PLACE = Path(__file__).resolve().parent.parent / "results" / "lora"
# Under a name of its own: another folder of results has a record.py too.
SPEC = importlib.util.spec_from_file_location("lora_record", PLACE / "record.py")
record = sys.modules["lora_record"] = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(record)

ROWS = read_rows(PLACE / "runs.csv")
LEFT_OUT = {"qv-16"}  # PREREGISTRATION.md says so
ARMS = [arm for arm in record.ARMS if arm.name not in LEFT_OUT]


def last(phase: str, arm: str) -> dict[float, dict[int, float]]:
    table = record.Table.__new__(record.Table)
    table.rows = ROWS
    return dict(table.losses(phase, arm))


@pytest.mark.parametrize("arm", record.ARMS, ids=lambda arm: arm.name)
def test_every_arm_starts_as_the_base_model_and_trains_what_it_says(arm):
    base, _ = pretrained(record.BASE)
    tokens = torch.randint(256, (2, 16), generator=torch.Generator().manual_seed(0))
    model = record.prepared(arm, seed=3)
    with torch.no_grad():
        assert torch.allclose(model(tokens), base(tokens), atol=1e-5)
    found = trainable(model)
    d, f = base.shape.d_model, base.shape.d_ff
    counts = {
        "full": sum(p.numel() for p in base.parameters()),
        "head": 256 * d,
        "bias": 2 * (3 * d + d + f + d + 2 * d) + d,
    }
    expected = counts.get(arm.name) or memory.lora_parameters(base.shape, arm.rank, arm.matrices)
    assert sum(found.values()) == expected
    listed = {row["parameters"] for row in ROWS if row["arm"] == arm.name}
    assert listed == (set() if arm.name in LEFT_OUT else {expected})


@pytest.mark.parametrize("arm", [arm.name for arm in ARMS])
def test_rates_are_bracketed_on_the_tuning_seeds_and_the_best_is_scored(arm):
    tuned = last("tuning", arm)
    assert set(record.RATES) <= set(tuned)
    assert all(set(losses) == set(record.SEEDS["tuning"]) for losses in tuned.values())
    assert record.missing_rate(tuned) is None
    scored = last("scored", arm)
    assert {rate: set(found) for rate, found in scored.items()} == {
        record.best_rate(tuned): set(record.SEEDS["scored"])
    }


def test_the_untuned_arms_have_each_others_rates():
    best = {arm: record.best_rate(last("tuning", arm)) for arm in ("full", "all-4")}
    assert set(last("untuned", "full")) == {best["all-4"]}
    assert set(last("untuned", "all-4")) == {best["full"]}


def test_paths_are_measured_every_four_steps_and_begin_at_the_base_model():
    begun = set()
    for arm in record.PATHS:
        for seed in record.SEEDS["scored"]:
            path = [r for r in ROWS if (r["arm"], r["phase"], r["seed"]) == (arm, "scored", seed)]
            assert [row["step"] for row in path] == list(range(0, 61, 4))
            begun.add((path[0]["target"], path[0]["source"]))
    assert len(begun) == 1


def test_an_end_of_the_ladder_asks_for_one_more_rate():
    assert record.missing_rate({0.1: {0: 2.0}, 0.2: {0: 1.0}}) == 0.4
    assert record.missing_rate({0.1: {0: 1.0}, 0.2: {0: 2.0}}) == 0.05
    assert record.missing_rate({0.1: {0: 2.0}, 0.2: {0: 1.0}, 0.4: {0: 3.0}}) is None
