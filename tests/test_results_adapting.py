"""The study of adapting: solved output weights, how rates are chosen, and its record."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from study_scripts import load

from scaling_utils.models.regressors import Regressors
from scaling_utils.studies import read_rows
from scaling_utils.tasks import WaveTask, solved_losses

FOLDER = Path(__file__).resolve().parent.parent / "results" / "adapting"

(record,) = load(FOLDER, "record")


@pytest.fixture
def task():
    return WaveTask(2, 5, 0.0, 2.0, 3, (0, 1), pool=400, held_out=100)


def test_solved_outputs_by_hand(task):
    model = Regressors([6], task.inputs, members=3, seed=2)
    found = solved_losses(task, model, points=300)
    assert found.shape == (3, 2)
    for m in range(3):
        w, b = (one[0][m].detach().double().numpy() for one in (model.weights, model.biases))
        units, fresh = (
            np.maximum(x.double().numpy() @ w + b, 0) for x in (task.inputs, task.test_inputs)
        )
        units = units[:300]
        for s in range(2):
            y, truth = (every[s].double().numpy() for every in (task.targets, task.test_targets))
            output = np.linalg.solve(units.T @ units, units.T @ y[:300])  # the normal equations
            assert found[m, s] == pytest.approx(np.mean((fresh @ output - truth) ** 2), rel=1e-4)


def test_no_loss_is_left_where_the_target_is_made_of_the_units(task):
    model = Regressors([4], task.inputs, members=1)
    for inputs, targets in ((task.inputs, task.targets), (task.test_inputs, task.test_targets)):
        targets.copy_(model.predict(inputs).detach().expand(2, -1))
    assert solved_losses(task, model).max() < 1e-10


def test_on_the_points_that_they_solve_no_network_is_better(task):
    task.test_inputs, task.test_targets = task.inputs, task.targets
    model = Regressors([8], task.inputs, members=2)
    assert np.all(np.diag(solved_losses(task, model)) <= task.measure(model)["loss"])


@pytest.mark.parametrize(
    ("hidden", "points", "message"),
    [
        ([4, 4], None, "model must have one hidden layer, got 2"),
        ([4], 401, "points must be at most the pool's 400, got 401"),
        ([4], 0, "points must be at least 1"),
    ],
)
def test_what_cannot_be_solved_is_refused(task, hidden, points, message):
    with pytest.raises(ValueError, match=message):
        solved_losses(task, Regressors(hidden, task.inputs, members=1), points)


def test_a_best_rate_at_an_end_asks_for_the_next_one():
    assert record.missing_rate({0.007: [2.0, 1.0], 0.02: [1.0, 1.0]}) is None  # the ladder's top
    assert record.missing_rate({0.007: [0.5, 1.0], 0.02: [1.0, 1.0]}) == 0.0025
    assert record.missing_rate({0.0025: [1.0], 0.007: [0.5], 0.02: [1.0]}) is None
    assert record.missing_rate({0.0025: [0.5], 0.007: [1.0]}) == 0.0009


def test_the_record_goes_on_where_it_stopped(tmp_path):
    script = [sys.executable, str(FOLDER / "record.py"), "--toy", "--out", str(tmp_path)]
    subprocess.run(script, check=True, capture_output=True)
    file = tmp_path / "runs.csv"
    whole = read_rows(file)
    lines = file.read_text().splitlines()
    cut = [line for line in lines if not line.startswith("2,analytic,32")]
    assert len(cut) < len(lines)
    file.write_text("\n".join(cut) + "\n")
    said = subprocess.run(script, check=True, capture_output=True, text=True).stdout
    assert said.count("\n") == 1

    def timeless(rows):
        return sorted(str({k: v for k, v in row.items() if k != "seconds"}) for row in rows)

    assert timeless(read_rows(file)) == timeless(whole)


def test_drawn_units_are_those_of_the_untrained_network():
    setting = record.Setting(
        seeds=(900, 901), pool=256, held_out=64, solved_on=128, steps=6, warmup=1
    )
    rows = [row for row in record.cell(2, "s = 2", 8, setting) if row["drawn"] != ""]
    task = record.task_of(2, "s = 2", setting)
    by_hand = np.diag(solved_losses(task, record.drawn(task, 8), 128))
    assert [row["drawn"] for row in rows] == pytest.approx(by_hand, rel=1e-5)
    assert len(rows) == 2
    assert torch.equal(record.drawn(task, 8).weights[0], record.drawn(task, 8).weights[0])
