"""The reference strategies of the contest: their ledgers hold, and points follow from them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from study_scripts import load

from scaling_utils.contest import RULES, Lab, Run, verify
from scaling_utils.contest.languages import entries, entry_of, language_of
from scaling_utils.contest.playing import trained
from scaling_utils.studies import read_rows

FOLDER = Path(__file__).resolve().parent.parent / "results" / "contest"
LEDGERS = sorted(FOLDER.glob("*/*.contest.jsonl"))
POINTS = read_rows(FOLDER / "points.csv")


strategies, record = load(FOLDER, "strategies", "record")


def label(path: Path) -> str:
    return f"{path.parent.name}-{entry_of(name_in(path)).number}"


def name_in(path: Path) -> str:
    return path.name.partition(".")[0]


@pytest.mark.parametrize("path", LEDGERS, ids=label)
def test_a_recorded_ledger_holds_and_names_the_code_of_today(path):
    verdict = verify(path, train=False)
    assert verdict.holds, verdict.checks
    assert verdict.same_code


def test_every_ledger_is_finished_and_says_where_it_ran():
    told = {(row["strategy"], row["name"]): row for row in read_rows(FOLDER / "labs.csv")}
    assert {(path.parent.name, name_in(path)) for path in LEDGERS} == set(told)
    assert [row for row in told.values() if row["dirty"] != "False" or not row["commit"]] == []


def test_all_that_was_planned_is_recorded():
    planned = {(strategy, record.name_of(number)) for strategy, number in record.planned()}
    assert planned == {(path.parent.name, name_in(path)) for path in LEDGERS}


@pytest.mark.parametrize("row", POINTS, ids=lambda row: f"{row['strategy']}-{row['language']}")
def test_recorded_points_by_hand(row):
    """From the lines of the ledgers, and the two formulas written out once more."""
    name = record.name_of(row["language"])

    def lines(strategy):
        return [*map(json.loads, (FOLDER / strategy / f"{name}.contest.jsonl").open())]

    *_, commitment, final = lines(row["strategy"])
    games = [path.parent.name for path in FOLDER.glob(f"*/{name}.contest.jsonl")]
    reference = min(lines(strategy)[-1]["excess"] for strategy in games)
    x = final["excess"]
    share = 1 - math.log(x / reference) / math.log(4 / 3)
    assert row["loss_points"] == pytest.approx(60 * min(max(share, 0), 1), abs=0.01)
    low, high = math.log(commitment["low"]), math.log(commitment["high"])
    missed = max(low - math.log(x), math.log(x) - high, 0)
    score = high - low + 10 * missed
    assert row["prediction_points"] == pytest.approx(40 * max(0, 1 - score / 0.5), abs=0.01)
    h = final["width"]
    assert row["N"] == 3.5 * h**2 + 16 * h
    assert row["D"] == final["C"] // (6 * row["N"] * 128) * 128
    spent = sum(line["flops"] for line in lines(row["strategy"]) if line["kind"] == "sweep")
    assert row["screening"] == pytest.approx(spent / 1e12)


def test_every_recorded_ledger_has_its_points():
    assert {(row["strategy"], record.name_of(row["language"])) for row in POINTS} == {
        (path.parent.name, name_in(path)) for path in LEDGERS
    }


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: str(entry.number))
def test_the_scale_of_a_language_is_what_was_recorded(entry):
    ends = {
        path.parent.name: json.loads(path.read_text().splitlines()[-1])["excess"]
        for path in FOLDER.glob(f"*/{record.name_of(entry.number)}.contest.jsonl")
    }
    assert {"expert", "rule"} <= set(ends)
    assert entry.rule == round(ends["rule"], 6)
    assert entry.reference == round(min(ends.values()), 6)


def test_a_recorded_run_ends_alike_and_the_entropy_is_that_of_the_language():
    """The cheapest rung of the expert on one language, trained again: equal to the last digits."""
    name = record.name_of(0)
    table = Lab(name, FOLDER / "expert").table()
    run = Run(float(table.C[3]), int(table.width[3]), float(table.rate[3]))
    assert run.C == 5e8
    assert trained(name, RULES, run) == pytest.approx(table.excess[3], rel=1e-9)
    entry = entry_of(name)
    assert language_of(entry, RULES).entropy == pytest.approx(entry.entropy, abs=1e-9)


# --- the strategies -----------------------------------------------------------------------


def test_a_parabola_has_its_bottom_where_it_should():
    """log y = (log x - log 3)^2 + log 2; ends at 1 and 4, a step is log 2."""
    x = [1, 2, 4]
    y = [2 * math.exp(math.log(each / 3) ** 2) for each in x]
    assert strategies.bottom(x, y) == pytest.approx((3, 2))
    assert strategies.bottom([1, 2, 4], [4, 2, 1])[0] == pytest.approx(4)  # a line: the least
    far = [math.exp((math.log(each) - 5) ** 2) for each in x]
    assert strategies.bottom(x, far)[0] == pytest.approx(4 * math.sqrt(2))  # half a step beyond
    assert strategies.bottom(x, [math.inf, 2.0, 3.0]) == pytest.approx((2, 2))


def test_the_rule_takes_20_symbols_a_weight_and_the_whole_budget(tmp_path):
    lab = Lab(record.name_of(3), tmp_path, rules=replace(RULES, budget=10**9, contexts=64))
    strategies.rule(lab)
    line = json.loads(lab.ledger.read_text().splitlines()[-1])
    N = lab.rules.size(line["width"])
    assert pytest.approx(20, rel=0.2) == 1e9 / (6 * N) / N  # widths are even
    assert lab.rules.price(Run(line["C"], line["width"], line["rate"])) <= 1e9


def test_the_script_records_and_goes_on(tmp_path, monkeypatch):
    record.main(["--toy", "--out", str(tmp_path)])
    (row,) = read_rows(tmp_path / "labs.csv")
    assert (row["strategy"], row["name"]) == ("rule", record.name_of(0))
    monkeypatch.setattr(record, "STRATEGIES", {})  # nothing is played again
    record.main(["--toy", "--out", str(tmp_path)])
    assert len(read_rows(tmp_path / "labs.csv")) == 1
