"""The study of emergence: its two tasks, its metrics, its forecasts and its record."""

# ruff: noqa: E402 - the tasks lie beside their results
from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from scaling_utils.models import MLPs
from scaling_utils.studies import read_rows

RESULTS = Path(__file__).resolve().parent.parent / "results"
FOLDER = RESULTS / "emergence"
sys.path.insert(0, str(FOLDER))

import dictionary
import recall

# Under a name of its own: another folder of results has a record.py too.
SPEC = importlib.util.spec_from_file_location("emergence_record", FOLDER / "record.py")
record = sys.modules["emergence_record"] = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(record)


@pytest.fixture(scope="module")
def chapter():
    """What the chapter's cells define, without those that train or read."""
    book = nbformat.read(RESULTS.parent / "notebooks" / "28_emergence.ipynb", as_version=4)
    shown = {"torch": torch, "np": np, "MLPs": MLPs}
    for cell in book.cells:
        if cell.id in [f"emergence-{n}" for n in ("words", "measures", "asked", "together")]:
            exec(cell.source, shown)
        if cell.id == "emergence-forecast":
            exec(cell.source.split("\n\n\n")[0], shown)
    return shown


def test_the_value_that_is_asked_follows_its_key():
    tokens, targets = recall.asked(3, 50, 7)
    assert tokens.shape == (3, 50, 2 * recall.PAIRS + 1)
    for sequence, target in zip(tokens.flatten(0, 1), targets.flatten(), strict=True):
        keys, values = sequence[:-1:2].tolist(), sequence[1::2].tolist()
        assert len(set(keys)) == len(set(values)) == recall.PAIRS
        assert max(keys) < recall.VOCAB / 2 <= min(values)
        assert values[keys.index(int(sequence[-1]))] == target
    places = (tokens == targets[..., None]).int().argmax(-1)
    assert set(places.flatten().tolist()) == {1, 3, 5, 7, 9, 11}  # every pair is asked
    assert not torch.equal(tokens[0], tokens[1])
    assert torch.equal(tokens, recall.asked(3, 50, 7)[0])


def test_the_metrics_by_loops():
    task = dictionary.Dictionary(keys=256, bits=6, length=3, letters=4, zipf=1.0)
    keys, words = task.drawn([0, 1])
    model = dictionary.Learner(task, 5, 2, seed=3)
    found = dictionary.measures(model, keys, words)
    said = model.said(keys).detach().double()[1].exp()
    p = np.array([[said[i, j, words[1, i, j]] for j in range(3)] for i in range(256)])
    right = np.array(
        [[said[i, j].argmax() == words[1, i, j] for j in range(3)] for i in range(256)]
    )
    whole = right.all(1)
    often = 1 / np.arange(1, 257)
    by_hand = {
        "token": right.mean(),
        "exact": whole.mean(),
        "asked": (whole * often).sum() / often.sum(),
        "p": p.mean(),
        "geometric": np.exp(np.log(p).mean()),
        "sampled": p.prod(1).mean(),
        "places": right.mean(0).prod(),
        "band_2": whole[16:32].mean(),
        "band_5": whole[128:].mean(),
    }
    for name, value in by_hand.items():
        assert float(found[name][1]) == pytest.approx(value, abs=1e-6), name
    loss = -(np.log(p).mean(1) * often).sum() / often.sum()
    assert float(model.loss(keys, words)[1].detach()) == pytest.approx(loss, abs=1e-5)


def test_dealing_errors_keeps_each_place_and_parts_what_came_together():
    known = (torch.arange(4000) < 2000)[None, :, None].expand(1, 4000, 2)
    assert float(dictionary.shuffled_exact(known, 20, 0)) == pytest.approx(1 / 4, abs=0.02)
    places = known.clone()
    places[:, :, 1] = False  # one place is never right: no dealing makes a whole word
    assert float(dictionary.shuffled_exact(places, 20, 0)) == 0
    places[:, :, 1] = True  # and one that always is changes nothing
    assert float(dictionary.shuffled_exact(places, 20, 0)) == pytest.approx(1 / 2, abs=1e-9)


def test_the_chapter_shows_the_tasks_and_metrics_that_ran(chapter):
    for ours, theirs in zip(recall.asked(3, 50, 7), chapter["asked"](3, 50, 7), strict=True):
        assert torch.equal(ours, theirs)
    task = dictionary.Dictionary(keys=chapter["KEYS"])
    keys, words = chapter["dictionary"](2)
    theirs = chapter["Learner"]((32, 5, 80), 2, seed=1)
    ours = dictionary.Learner(task, 5, 2, seed=1)
    torch.testing.assert_close(ours.said(keys), theirs.said(keys))
    torch.testing.assert_close(ours.loss(keys, words), theirs.loss(keys, words))
    shown = chapter["measures"](theirs.said(keys).detach().double(), words)
    found = dictionary.measures(ours, keys, words)
    for name, renamed in (("token",) * 2, ("exact",) * 2, ("p",) * 2, ("geometric",) * 2):
        torch.testing.assert_close(shown[name], found[renamed], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(shown["dealt"], found["shuffled"])


def test_the_chapter_takes_the_mean_of_the_probabilities_and_not_of_their_logarithms(chapter):
    tokens, values = chapter["TEST"]

    def sure_of_half(sequences, without=None):
        logits = torch.zeros(*values.shape, chapter["VOCAB"])
        half = torch.arange(values.shape[1]) < values.shape[1] // 2
        rows = torch.nn.functional.one_hot(values, chapter["VOCAB"]) * 100.0
        return torch.where(half[:, None], rows, logits)

    by_hand = (1 + 1 / chapter["VOCAB"]) / 2  # the geometric mean would be 0.18
    assert chapter["right_value"](sure_of_half).tolist() == pytest.approx([by_hand] * len(tokens))


def test_questions_with_shares_of_their_own(chapter):
    together = chapter["together"]
    assert together(0.9, 2, 1e9) == pytest.approx(0.81)  # independent: a^k
    assert together(0.9, 20, 1e-9) == pytest.approx(0.9)  # wholly right or wholly wrong: a
    assert together(0.5, 2, 2) == pytest.approx(1 / 3)  # the mean of q^2, q uniform


def test_a_forecast_is_right_where_its_assumptions_hold(chapter):
    N = np.array([500.0, 700, 900, 1300])
    token = 0.1 + N / 2000
    got = chapter["forecast"](N, token, token**3, 1500.0)
    assert got["token"] == pytest.approx(0.85)
    assert got["through tokens"] == pytest.approx(0.85**3)
    assert got["independent"] == pytest.approx(0.85**8)
    assert got["no change"] == pytest.approx(0.75**3)
    assert chapter["forecast"](N, token, token**3, 9000.0)["through tokens"] == 1


def test_a_group_is_trained_once_and_both_parts_are_joined(tmp_path):
    calls = []

    def run():
        calls.append(1)
        return [{"seed": 0, "geometric": 0.5}]

    for _ in range(2):
        for task in record.STEPS:
            table = record.Table(tmp_path, task, {"commit": "none"})
            assert table.group("scored", "even", 4, 0.03, run)[0]["seed"] == 0
    assert len(calls) == 2
    record.join(tmp_path)
    joined = read_rows(tmp_path / "runs.csv")
    assert [row["task"] for row in joined] == ["dictionary", "recall"]
    for part in tmp_path.glob("*.part.csv"):
        part.unlink()
    again = record.Table(tmp_path, "recall", {})
    assert [row["task"] for row in again.rows] == ["recall"]


def test_the_rate_of_the_lowest_loss_is_taken(tmp_path):
    table = record.Table(tmp_path, "recall", {})

    def learn(rate):
        return [{"seed": s, "geometric": {1: 0.2, 2: 0.4, 3: 0.3}[rate]} for s in (100, 101)]

    assert record.tuned(table, "two layers", 8, (1, 2, 3), learn) == 2


def test_the_record_holds_what_was_registered():
    rows = read_rows(FOLDER / "runs.csv")
    scored = [row for row in rows if row["phase"] == "scored"]
    for task, arms, sizes in (
        ("dictionary", list(record.WORDS), record.HIDDEN),
        ("recall", [arm.name for arm in recall.ARMS], record.WIDTHS),
    ):
        for arm in arms:
            for size in sizes if arm in ("even", "zipf", "two layers") else sizes[-1:]:
                here = [r for r in scored if (r["task"], r["arm"], r["size"]) == (task, arm, size)]
                seeds = record.seeds_of(arm, size)
                assert sorted(row["seed"] for row in here) == seeds, (arm, size)
                tried = {}
                for row in rows:
                    if (row["phase"], row["arm"], row["size"]) == ("tuning", arm, size):
                        tried.setdefault(row["rate"], []).append(row["geometric"])
                assert sorted(tried) == list(record.RATES[task])
                best = max(tried, key=lambda rate: sum(tried[rate]))
                assert {row["rate"] for row in here} == {best}, (arm, size)
    assert {row["dirty"] for row in rows} <= {False, "False"}


def test_a_recorded_dictionary_is_learnt_again_here():
    rows = read_rows(FOLDER / "runs.csv")
    stored = [
        row for row in rows
        if (row["phase"], row["arm"], row["size"], row["rate"]) == ("tuning", "even", 4, 0.03)
    ]  # fmt: skip
    here = dictionary.learn(dictionary.Dictionary(), 4, 0.03, record.TUNING, 600)
    for ours, theirs in zip(here, stored, strict=True):
        assert ours["N"] == theirs["N"] == 4 * (32 + 1 + 80) + 80
        assert ours["token"] == pytest.approx(theirs["token"], abs=0.02)
        assert ours["geometric"] == pytest.approx(theirs["geometric"], rel=0.02)
