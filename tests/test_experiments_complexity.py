"""Networks that learn functions side by side, and the experiment on task complexity."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from scaling_utils.experiments.complexity import task_complexity
from scaling_utils.models.regressors import Regressors
from scaling_utils.tasks.waves import WaveTask

SMALL = {
    "dimension": 2,
    "smoothness": 2.0,
    "width": 8,
    "seeds": [0, 1],
    "rates": [0.02, 0.007],
    "steps": [150, 300],
    "warmup": 20,
    "pool": 2048,
    "held_out": 512,
}
RUNS = Path(__file__).resolve().parent.parent / "results" / "task_complexity" / "runs.csv"


@pytest.fixture
def points():
    return np.random.default_rng(0).standard_normal((30, 5))


def test_each_kink_runs_through_one_of_the_points(points):
    model = Regressors([6], points, members=3)
    before = torch.from_numpy(points).float() @ model.weights[0] + model.biases[0]  # (M, n, h)
    assert before.abs().amin(1).max().item() < 1e-5


def test_the_loss_is_the_mean_squared_error_of_each_member(points):
    model = Regressors([6, 4], points, members=2)
    x, y = torch.from_numpy(points).float(), torch.randn(2, 30)
    by_hand = [((model(x.expand(2, -1, -1))[m, :, 0] - y[m]) ** 2).mean() for m in range(2)]
    assert torch.allclose(model.loss(x, y), torch.stack(by_hand))


def test_the_parameters_of_one_member(points):
    assert Regressors([6], points, members=3).total_parameters == 6 * (5 + 2) + 1
    assert Regressors([6, 4], points, members=3).total_parameters == 6 * 6 + 4 * 7 + 5


def test_the_seed_alone_decides_the_start(points):
    first, same, other = (Regressors([6], points, 2, seed=seed) for seed in (1, 1, 2))
    for a, b, c in zip(first.parameters(), same.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c) or not a.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": []}, "hidden must name at least one layer"),
        ({"hidden": [0]}, "at least 1"),
        ({"members": 0}, "members must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"points": np.zeros(3)}, "points must have 2 dimension"),
        ({"points": [[math.nan]]}, "points must be finite"),
    ],
)
def test_bad_networks_are_refused(points, change, message):
    with pytest.raises(ValueError, match=message):
        Regressors(**({"hidden": [4], "points": points, "members": 2} | change))


def test_all_functions_share_their_points_and_each_epoch_sees_each_point_once():
    task = WaveTask(2, 8, 0.0, 2.0, 5, (0, 1), 64, 32)
    batches = task.batches(copies=2, size=16)
    seen = [batches(index) for index in range(4)]
    inputs = torch.cat([x for x, _ in seen])
    assert torch.equal(inputs.sort(0).values, task.inputs.sort(0).values)
    targets = seen[0][1]
    assert targets.shape == (4, 16)
    assert torch.equal(targets[0], targets[1])
    assert not torch.equal(targets[0], targets[2])
    assert not torch.equal(batches(4)[0], seen[0][0])
    assert torch.equal(batches(1)[0], seen[1][0])


def test_rows_of_a_job_and_that_they_learn(tmp_path):
    rows = task_complexity(SMALL, tmp_path)
    assert [(r["train_steps"], r["seed"], r["rate"]) for r in rows] == [
        (steps, seed, rate) for steps in (150, 300) for seed in (0, 1) for rate in (0.02, 0.007)
    ]
    assert {row["N"] for row in rows} == {8 * (16 + 2) + 1}
    assert all(0 < row["loss"] < 0.5 for row in rows)  # 1 explains nothing


def test_a_long_run_is_not_disturbed_by_the_short_one_on_its_way(tmp_path):
    both = task_complexity(SMALL, tmp_path / "both")
    alone = task_complexity(SMALL | {"steps": [300]}, tmp_path / "alone")
    assert [row["loss"] for row in both[4:]] == [row["loss"] for row in alone]


@pytest.mark.parametrize("change", [{"widht": 8}, {"width": None}])
def test_a_job_with_wrong_keys_is_refused(tmp_path, change):
    job = {key: value for key, value in (SMALL | change).items() if value is not None}
    with pytest.raises(ValueError, match="job has unknown keys"):
        task_complexity(job, tmp_path)


@pytest.mark.slow
def test_a_recorded_cell_can_be_repeated(tmp_path):
    with RUNS.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["train_steps"] == "2000"]
    cell = {"dimension": "8", "width": "8", "octaves": "", "smoothness": "2.0"}
    recorded = [row for row in rows if all(row[key] == value for key, value in cell.items())]
    seeds, rates = [10, 11, 12, 13, 14, 15], [0.02, 0.007]
    job = {"dimension": 8, "smoothness": 2.0, "width": 8, "seeds": seeds, "rates": rates}
    again = task_complexity(job | {"steps": [2000]}, tmp_path)
    assert [float(row["loss"]) for row in recorded] == pytest.approx(
        [row["loss"] for row in again], rel=0.02
    )
