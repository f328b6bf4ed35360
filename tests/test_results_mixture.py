"""The race between dense networks and mixtures: its plan, its tuning, and its record."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from scaling_utils.studies import read_rows
from scaling_utils.tasks import LanguageWindows

FOLDER = Path(__file__).resolve().parent.parent / "results" / "mixture"


def load(file: str, name: str):
    """Return a script of the folder, by a name of its own: other folders have the same files."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / file)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


before = sys.modules.get("race")
sys.modules["race"] = load("race.py", "mixture_race")  # record.py says "from race import"
record = load("record.py", "mixture_record")
if before is None:
    del sys.modules["race"]
else:
    sys.modules["race"] = before

ROWS = read_rows(FOLDER / "runs.csv")


def test_every_arm_has_the_steps_that_were_planned():
    steps = record.planned(
        record.ARMS + record.EXPLORED, record.BUDGET, read_rows(FOLDER / "steps.csv")
    )
    assert {row["arm"]: row["steps"] for row in ROWS} == steps
    for arm in record.ARMS + record.EXPLORED:
        if not arm.alike:
            left = record.BUDGET / (256 * arm.network(0).flops_per_token) - steps[arm.name]
            assert 0 <= left < 1


def test_the_ratio_of_times_is_a_median_over_turns():
    times = {"a": [2.0, 9.0, 4.0], "b": [1.0, 3.0, 1.0]}
    rows = [
        {"arm": arm, "turn": turn, "ms": ms}
        for arm, each in times.items()
        for turn, ms in enumerate(each)
    ]
    assert record.ratio_of(rows, "a", "b") == 3.0  # of 2, 3 and 4


def test_every_scored_rate_is_the_best_of_a_bracketed_ladder():
    phases = {arm.name: "scored" for arm in record.ARMS}
    phases |= {arm.name: "explored" for arm in record.EXPLORED}
    for arm, phase in phases.items():
        tried = {r["rate"]: r["excess"] for r in ROWS if (r["arm"], r["phase"]) == (arm, "tuning")}
        best = min(tried, key=tried.get)
        assert min(tried) < best < max(tried)
        used = [row for row in ROWS if (row["arm"], row["phase"]) == (arm, phase)]
        assert {row["rate"] for row in used} == {best}
        assert [row["seed"] for row in used] == list(record.SEEDS[phase])


def test_a_best_rate_at_an_end_asks_for_the_next_one():
    assert record.missing_rate({0.01: {0: 2.0}, 0.02: {0: 1.0}, 0.04: {0: 1.5}}) is None
    assert record.missing_rate({0.01: {0: 0.5}, 0.02: {0: 1.0}}) == 0.005
    assert record.missing_rate({0.01: {0: 1.0}, 0.02: {0: 0.5}}) == 0.04


def test_a_recorded_run_comes_again():
    """Other processors round otherwise: after 268 steps by far less than 2 % of the excess."""
    row = next(row for row in ROWS if (row["arm"], row["phase"]) == ("wide", "scored"))
    arm = next(arm for arm in record.ARMS if arm.name == "wide")
    task = LanguageWindows(record.LANGUAGE, held_out=8192)
    again = record.train(arm, task, row["rate"], row["seed"], row["steps"])
    assert again["excess"] == pytest.approx(row["excess"], rel=0.02)


def test_the_record_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "ARMS", record.ARMS[:2])
    monkeypatch.setattr(record, "EXPLORED", ())
    record.main(["--toy", "--out", str(tmp_path)])
    file = tmp_path / "runs.csv"
    whole = file.read_text().splitlines()
    file.write_text("\n".join(whole[:-1]) + "\n")
    record.main(["--toy", "--out", str(tmp_path)])
    place = whole[0].split(",").index("cpu")

    def timeless(lines):
        return [[c for i, c in enumerate(x.split(",")) if i != place] for x in lines]

    assert timeless(file.read_text().splitlines()) == timeless(whole)
    monkeypatch.setattr(record, "train", None)  # nothing is left to train
    record.main(["--toy", "--out", str(tmp_path)])
