"""Training recorded runs again: the job, the comparison, the command, and what was verified."""

from __future__ import annotations

import csv
from pathlib import Path

import history
import pytest
import verify_results
from history import needs_history
from repeat import FIRM, LOOSE, Study, compare, repeat, smallest_job

from scaling_utils.studies import cells, read_rows

RESULTS = Path(__file__).resolve().parent.parent / "results"
VERIFIED = read_rows(RESULTS / "verified.csv")
IDENTITY = ("study", "key", "length", "seed", "rate")


@pytest.fixture(scope="module")
def text():
    return Study("text")


def run_of(study: Study, **wanted) -> dict:
    """Return the only run with these columns."""
    (run,) = (r for r in study.runs if all(r[name] == value for name, value in wanted.items()))
    return run


def test_the_best_rates_are_those_that_the_chapters_tune(text):
    """At an end of the ladder, where no parabola is drawn, the tuned rate is the best one; in
    between it lies within half a step of the ladder, a factor of two."""
    for study in (text, Study("known_entropy")):
        tuned = {(N, D): rate for N, D, rate in tuned_rates(study.runs)}
        assert len(tuned) == len(study.best)
        for (N, D, _), best in study.best.items():
            assert best / 1.5 < tuned[N, D] < best * 1.5


def tuned_rates(runs):
    found = cells(runs)
    return zip(found.N, found.D, found.rate, strict=True)


def test_a_job_is_cut_down_to_what_its_runs_need(text):
    runs = [
        run_of(text, width=16, D=2**17, rate=0.008),
        run_of(text, width=16, D=2**16, rate=0.002),
    ]
    job = smallest_job(text, runs)
    assert (job["tokens"], job["rates"], job["seeds"]) == ([2**16, 2**17], [0.008, 0.002], [0])
    whole = text.jobs[runs[0]["key"]]
    assert {k: v for k, v in job.items() if k not in ("tokens", "rates")} == {
        k: v for k, v in whole.items() if k not in ("tokens", "rates")
    }


@pytest.fixture(scope="module")
def functions():
    return Study("task_complexity")


def test_networks_that_share_their_start_stay_together(functions):
    run = run_of(functions, dimension=3, width=8, train_steps=2000, rate=0.02)
    job = smallest_job(functions, [run])
    assert job["steps"] == [2000]
    assert (len(job["seeds"]), len(job["rates"])) == (6, 2)


def test_squared_errors_are_compared_as_their_geometric_mean(functions):
    rows = [{"key": "a", "train_steps": 2, "rate": 0.1, "loss": loss} for loss in (1.0, 4.0, 2.0)]
    assert functions.measured(rows) == [rows[0] | {"seed": "all", "loss": 2.0}]
    run = run_of(functions, dimension=3, width=8, train_steps=2000, rate=0.02)
    assert compare(functions, run, run | {"loss": 1.049 * run["loss"]}).agrees
    assert not compare(functions, run, run | {"loss": 1.051 * run["loss"]}).agrees


def test_a_pretrained_network_without_target_data_comes_with_the_smallest_target():
    study = Study("transfer")
    run = next(run for run in study.runs if run["D"] == 0)
    assert smallest_job(study, [run])["unique"] == [512]


def test_the_tolerance_is_wide_only_above_the_best_rate(text):
    N, D = run_of(text, width=16, D=2**17, rate=0.008)["N"], 2**17
    ladder = sorted((r for r in text.runs if (r["N"], r["D"]) == (N, D)), key=lambda r: r["rate"])
    best = min(ladder, key=lambda run: run["loss"])
    assert [text.tolerance(r) for r in ladder] == [
        FIRM if r["rate"] <= best["rate"] else LOOSE for r in ladder
    ]
    assert FIRM < 0.005 < LOOSE  # half a per cent on a run that counts is noticed


@pytest.mark.parametrize(
    ("change", "message", "comparable"),
    [
        ({}, "", True),
        ({"loss": 1.0029}, "", True),
        ({"loss": 1.0031}, "the loss moved by +3.1e-03, more than 0.003", True),
        ({"loss": 0.995}, "the loss moved by -5.0e-03, more than 0.003", True),
        ({"loss": float("nan")}, "the loss moved by +nan", True),
        ({"flops": 1}, "flops 2 was recorded, now it is 1", True),
        ({"N": 1}, "N 5376 was recorded, now it is 1", True),
        ({"corpus": "0" * 64}, "corpus d202a78d6a9aeb9a was recorded, here it is 0000", False),
    ],
)
def test_a_comparison_says_what_is_wrong(text, change, message, comparable):
    run = run_of(text, width=16, D=2**17, rate=0.002) | {"loss": 1.0, "flops": 2}
    again = run | {"corpus": run["corpus"] + 48 * "0"} | change
    found = compare(text, run, again)
    assert (found.agrees, found.comparable) == (not message, comparable)
    assert message in found.why


def test_a_run_that_the_record_lacks_is_told(text, monkeypatch):
    run = run_of(text, width=16, D=2**16, rate=0.002)
    monkeypatch.setattr(text, "experiment", lambda job, folder: [run, run | {"rate": 0.1}])
    with pytest.raises(RuntimeError, match=r"the record of job \w+ lacks run"):
        list(repeat(text, [run]))
    monkeypatch.setattr(text, "experiment", lambda job, folder: [])
    with pytest.raises(RuntimeError, match="made no run"):
        list(repeat(text, [run]))


@pytest.fixture
def trained(monkeypatch):
    """Let the command train nothing: it finds the recorded losses, times a factor."""
    factor = {"factor": 1.0}

    def again(study, runs):
        for run in runs:
            yield compare(study, run, run | {"loss": run["loss"] * factor["factor"]})

    monkeypatch.setattr(verify_results, "repeat", again)
    return factor


def test_the_command_prints_each_run_and_ends_with_one_where_a_loss_differs(trained, capsys):
    assert verify_results.main(["text", "shape", "-n", "2", "--seed", "1"]) == 0
    said = capsys.readouterr().out
    assert "--seed 1" in said
    assert said.count("agrees\n") == 4 + 1  # each run, and the worst one again
    assert "4 runs agree, 0 differ" in said
    trained["factor"] = 1.03
    assert verify_results.main(["text", "--longest"]) == 1
    said = capsys.readouterr().out
    assert "DIFFERS: the loss moved by +3.0e-02" in said
    assert "text                   2097152" in said


def test_the_same_seed_draws_the_same_runs_and_all_means_all(text):
    draw = verify_results.drawn
    assert draw(text, 5, False, 3) == draw(text, 5, False, 3)
    assert draw(text, 5, False, 3) != draw(text, 5, False, 4)
    assert draw(text, None, False, 0) == text.runs
    widest = max(run["N"] for run in text.runs)
    assert {(run["N"], run["D"]) for run in draw(text, 3, True, 0)} == {(widest, 2**21)}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "STUDY must be one of batch_size, domains"),
        (["text", "-n", "0"], "-n must be at least 1, got 0"),
        (["--ledger", "ledger.jsonl"], "--ledger goes with one STUDY, got 0"),
    ],
)
def test_wrong_words_are_refused(words, message, capsys):
    with pytest.raises(SystemExit) as caught:
        verify_results.main(words)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_what_was_compared_is_kept_once(trained, tmp_path, monkeypatch, text):
    monkeypatch.setattr(verify_results, "VERIFIED", tmp_path / "verified.csv")
    where = {"torch": "2.13.0", "device": "a processor", "commit": "0" * 40, "dirty": False}
    found = list(verify_results.repeat(text, text.runs[:3]))
    for _ in range(2):
        verify_results.keep(found, where, tmp_path / "verified.csv")
    with (tmp_path / "verified.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    assert [row["key"] for row in rows] == [run["key"] for run in text.runs[:3]]
    assert set(VERIFIED[0]) == set(rows[0])


def test_what_was_verified_is_what_is_recorded_and_differs_only_where_it_is_said(functions):
    studies = {name: Study(name) for name in sorted({row["study"] for row in VERIFIED})}
    known = {
        (study.name, run["key"], *study.identity(run)): (study, run)
        for study in studies.values()
        for run in study.runs
    }
    seen = set()
    for row in VERIFIED:
        identity = tuple(row[name] for name in IDENTITY)
        study, run = known[identity]
        assert row["recorded"] == run["loss"]
        assert row["difference"] == pytest.approx(
            row["repeated"] / row["recorded"] - 1, rel=0.051, abs=1e-12
        )
        assert row["tolerance"] == study.tolerance(run)
        assert (abs(row["difference"]) <= row["tolerance"]) == (row["agrees"] == "True")
        if row["agrees"] == "False":  # results/README.md says so
            assert row["study"] == "task_complexity"
            assert functions.jobs[row["key"]]["dimension"] <= 2
        assert row["dirty"] == "False"
        seen.add(identity)
    assert len(seen) == len(VERIFIED)


def test_every_run_of_repeated_data_was_verified_and_a_part_of_task_complexity(functions):
    verified = {tuple(row[name] for name in IDENTITY) for row in VERIFIED}
    study = Study("repetition")
    assert {("repetition", run["key"], *study.identity(run)) for run in study.runs} <= verified
    cells = {one for one in verified if one[0] == "task_complexity"}
    assert len(cells) >= 30
    assert {functions.jobs[key]["dimension"] for _, key, *_ in cells} >= {1, 2, 3, 4}


@needs_history
def test_what_was_verified_ran_at_a_commit_of_the_history():
    assert all(history.exists(commit) for commit in {row["commit"] for row in VERIFIED})
