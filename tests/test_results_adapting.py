"""The study of adapting: solved output weights, how rates are chosen, and its record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from study_scripts import goes_on_where_it_stopped, handed_over, load

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
    goes_on_where_it_stopped(FOLDER, tmp_path, "2,analytic,32")


def test_drawn_units_are_those_of_the_untrained_network():
    setting = record.Setting(
        seeds=(900, 901), pool=256, held_out=64, solved_on=128, steps=6, warmup=1
    )
    rows = [row for row in record.cell(2, "s = 2", 8, setting) if row["drawn"] != ""]
    task = record.task_of(2, "s = 2", setting)
    by_hand = np.diag(solved_losses(task, record.drawn(task, 8), 128))
    assert [row["drawn"] for row in rows] == pytest.approx(by_hand, rel=1e-5)
    assert len(rows) == 2


@pytest.fixture(scope="module")
def rows():
    return read_rows(FOLDER / "runs.csv")


def test_each_cell_was_trained_as_registered_from_a_clean_checkout(rows):
    assert {str(row["dirty"]) for row in rows} == {"False"}
    assert {(r["dimension"], r["target"], r["width"]) for r in rows} == set(record.CELLS)
    for cell in record.CELLS:
        here = [row for row in rows if (row["dimension"], row["target"], row["width"]) == cell]
        losses = {}
        for row in here:
            losses.setdefault(row["rate"], []).append(row["trained"])
        assert set(record.FIRST[cell[2]]) <= set(losses)
        assert record.missing_rate(losses) is None
        assert {row["steps"] for row in here} == {record.Setting().steps}
        solved = [row for row in here if row["drawn"] != ""]
        assert {row["rate"] for row in solved} == {record.best_rate(losses)}
        assert [row["seed"] for row in solved] == list(record.Setting().seeds)


@pytest.mark.slow
def test_a_recorded_cell_comes_out_again(rows):
    here = [r for r in rows if (r["dimension"], r["target"], r["width"]) == (8, "rough", 8)]
    stored = [row for row in here if row["drawn"] != ""]
    setting = record.Setting()
    task = record.task_of(8, "rough", setting)
    again = record.trained(task, 8, stored[0]["rate"], setting)
    assert task.measure(again)["loss"] == pytest.approx([r["trained"] for r in stored], rel=0.02)
    for name, model in (("drawn", record.drawn(task, 8)), ("moved", again)):
        found = np.diag(solved_losses(task, model, setting.solved_on))
        assert found == pytest.approx([row[name] for row in stored], rel=0.02)


def test_chapter_25_judges_each_prediction_by_the_cells_that_its_text_names(rows):
    def alpha(arm, d, target, few, many):
        """The mean over functions of the exponent between two widths, by hand."""
        loss = {
            (r["width"], r["seed"]): r[arm]
            for r in rows
            if (r["dimension"], r["target"]) == (d, target) and r[arm] != "" and r["drawn"] != ""
        }
        more = np.log((18 * many + 1) / (18 * few + 1))
        return np.mean([np.log(loss[few, s] / loss[many, s]) / more for s in range(20, 26)])

    def over(d, few, many):
        """What the exponent of moved units has over that of drawn ones, on analytic targets."""
        moved, drawn = (alpha(arm, d, "analytic", few, many) for arm in ("moved", "drawn"))
        return moved - drawn

    late = {
        (arm, d, name): alpha(arm, d, name, 128, 512)
        for arm in ("drawn", "moved")
        for d in (4, 8)
        for name in record.TARGETS
    }
    steps = [
        late[arm, d, rougher] - late[arm, d, smoother]
        for arm, d, _ in late
        for smoother, rougher in (("rough", "s = 2"), ("s = 2", "analytic"))
    ]
    leads = [
        np.mean(
            [np.log(r["drawn"] / r["moved"]) for r in rows if r["drawn"] != "" and cell == key(r)]
        )
        for cell in record.CELLS
        if cell[0] > 2 and cell[2] > 32
    ]
    wanted = {
        "adapting.drawn_d4": late["drawn", 4, "analytic"] * 4 / 4 - 1,
        "adapting.drawn_d8": late["drawn", 8, "analytic"] * 8 / 4 - 1,
        "adapting.plane": 100 * abs(alpha("drawn", 2, "analytic", 128, 512) / 2.5 - 1),
        "adapting.gap": over(4, 128, 512),
        "adapting.shrinks_d4": over(4, 8, 128) - over(4, 128, 512),
        "adapting.shrinks_d8": over(8, 8, 128) - over(8, 128, 512),
        "adapting.rough": max(100 * abs(late[arm, d, "rough"] * d / 2 - 1) for arm, d, _ in late),
        "adapting.order": min(steps),
        "adapting.lead": np.exp(min(leads)),
    }
    judged = handed_over(FOLDER.parents[1] / "notebooks" / "25_task_complexity.ipynb")
    mine = {id: measured for id, measured in judged.items() if id.startswith("adapting.")}
    assert mine == pytest.approx(wanted, rel=1e-3, abs=1e-4)


def key(row):
    return row["dimension"], row["target"], row["width"]
