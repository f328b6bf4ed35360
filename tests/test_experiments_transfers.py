"""Tiny runs of the experiment on transfer, from scratch and after a source."""

import hashlib
import math
from pathlib import Path

import numpy as np
import pytest

from scaling_utils.corpora import texts
from scaling_utils.corpora.languages import dirichlet_language
from scaling_utils.corpora.related import related_language
from scaling_utils.experiments import transfers as module
from scaling_utils.experiments.transfers import run_lengths, transfer
from scaling_utils.models import NeuralNgrams
from scaling_utils.sweeps import read_config

STUDY = Path(__file__).resolve().parent.parent / "results" / "transfer"
LANGUAGE = {"vocab": 8, "order": 2, "strength": 3.0}
JOB = {
    "language": LANGUAGE,
    "shared": 1,
    "width": 8,
    "seeds": [0, 1],
    "rates": [0.02, 0.005],
    "unique": [64, 256],
    "batch": 32,
    "passes": [2, 16],
    "steps": [8, 64],
}
AFTER = JOB | {"before": 2048}


def test_one_row_for_each_size_seed_and_rate(tmp_path):
    rows = transfer(JOB, tmp_path)
    assert [(r["D"], r["seed"], r["rate"]) for r in rows] == [
        (D, seed, rate) for D in (64, 256) for seed in (0, 1) for rate in (0.02, 0.005)
    ]
    target = related_language(1, **LANGUAGE)
    e, h = 4, 8
    assert {r["N"] for r in rows} == {2 * e * h + h * h + 8 * h}
    assert {r["entropy"] for r in rows} == {target.entropy}
    assert all(target.entropy < r["loss"] < math.log(8) for r in rows)
    assert {r["best_steps"] for r in rows if r["D"] == 64} <= {8, 16, 32}
    assert {r["se"] for r in rows} == {0.0}


def test_rows_say_what_they_cost_and_what_they_were_trained_on(tmp_path):
    scratch = transfer(JOB, tmp_path / "a")
    after = transfer(AFTER, tmp_path / "b")
    for row in scratch:
        assert row["flops"] == 6 * row["N"] * row["best_steps"] * 32
        assert "source_corpus" not in row
    for row in after:
        assert row["flops"] == 6 * row["N"] * (2048 + row.get("best_steps", 0) * 32)
    assert NeuralNgrams(8, 2, 8, [0]).flops_per_token == 6 * scratch[0]["N"]
    assert {row["corpus"] for row in scratch + after} == {digest(related_language(1, **LANGUAGE))}
    assert {row["source_corpus"] for row in after} == {digest(dirichlet_language(**LANGUAGE))}


def digest(language):
    return hashlib.sha256(np.ascontiguousarray(language.rows)).hexdigest()


def test_pretraining_on_a_relative_helps_with_little_data_and_is_reported(tmp_path):
    scratch = transfer(JOB, tmp_path / "a")
    after = transfer(AFTER, tmp_path / "b")
    before = [r for r in after if r["D"] == 0]
    assert [r["seed"] for r in before] == [0, 1]
    assert all(r["source_loss"] < r["loss"] for r in before)
    at = {name: min(r["loss"] for r in rows if r["D"] == 64)
          for name, rows in (("scratch", scratch), ("after", after))}  # fmt: skip
    assert at["after"] < at["scratch"]
    # Fine-tuning can always be stopped after hardly any change.
    assert at["after"] < np.mean([r["loss"] for r in before]) + 0.05


@pytest.mark.parametrize("calls", [1, 20, 60, 130])
def test_a_killed_job_goes_on_to_the_same_rows(tmp_path, monkeypatch, calls):
    whole = transfer(AFTER, tmp_path / "whole")
    real, left = NeuralNgrams.loss, calls

    def dying(self, *batch):
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return real(self, *batch)

    monkeypatch.setattr(NeuralNgrams, "loss", dying)
    with pytest.raises(KeyboardInterrupt):
        transfer(AFTER, tmp_path / "killed")
    monkeypatch.setattr(NeuralNgrams, "loss", real)
    again = transfer(AFTER, tmp_path / "killed")
    for one, other in zip(whole, again, strict=True):
        assert one | {"seconds": 0} == other | {"seconds": 0}


@pytest.mark.slow
def test_a_text_job(tmp_path):
    settings = {"source": "english", "target": "python", "context": 4, "before": 64}
    job = {k: v for k, v in JOB.items() if k not in ("language", "shared")} | settings
    rows = transfer(job | {"unique": [500], "seeds": [0]}, tmp_path)
    assert [r["D"] for r in rows] == [0, 500, 500]
    assert all(2.0 < r["loss"] < 6.5 for r in rows)
    assert {r["entropy"] for r in rows} == {None}
    assert all(0.0 < r["se"] < 0.2 for r in rows)
    assert {r["corpus"] for r in rows} == {texts.text("python").sha256}
    assert {r["source_corpus"] for r in rows} == {texts.text("english").sha256}


@pytest.mark.parametrize(
    ("unique", "passes", "steps", "lengths"),
    [
        (1024, [1, 64], [32, 1024], [32, 64, 128, 256]),
        (1024, [16, 64], [32, 1024], [64, 128, 256]),
        (512, [1, 4], [32, 1024], [32]),  # at least 32 steps, whatever the passes
        (2**20, [1, 4], [32, 1024], [1024]),  # and at most 1024
        (1000, [20, 20], [32, 1024], [79]),  # no power of two fits: the fewest
    ],
)
def test_lengths_by_hand(unique, passes, steps, lengths):
    assert run_lengths(unique, 256, passes, steps) == lengths


def test_the_best_number_of_steps_is_that_of_the_mean_over_seeds():
    # Two lengths, two seeds, two rates; losses in the order (seed, rate).
    runs = [
        {"end": 8, "loss": [1.0, 5.0, 2.0, math.nan], "se": [0.1, 0.2, 0.3, 0.4]},
        {"end": 16, "loss": [0.5, 4.0, 3.0, 4.0], "se": [0.5, 0.6, 0.7, 0.8]},
    ]
    rows = module._stopped(runs, [0, 1], [0.1, 0.2])
    assert [r["se"] for r in rows] == [0.1, 0.6, 0.3, 0.8]
    assert [(r["seed"], r["rate"], r["loss"], r["best_steps"], r["longest"]) for r in rows] == [
        (0, 0.1, 1.0, 8, False),
        (0, 0.2, 4.0, 16, True),
        (1, 0.1, 2.0, 8, False),
        (1, 0.2, 4.0, 16, True),
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": 1}, r"unknown keys \['colour'\]"),
        ({"unique": []}, "unique must be rising sizes"),
        ({"unique": [256, 64]}, "unique must be rising sizes"),
        ({"unique": [0]}, "unique must be at least 1"),
        ({"before": 100}, "before must be whole batches of 32, got 100"),
        ({"before": -32}, "before must be at least 0"),
        ({"passes": [4, 2]}, "passes must be a fewest and a most"),
        ({"steps": [8]}, "steps must be a fewest and a most"),
        ({"shared": None}, "a job needs language and shared, or source, target, context"),
        ({"source": "english"}, "a job needs language and shared, or source"),
        ({"shared": 3}, "shared must be at most the order 2"),
    ],
)
def test_bad_jobs_are_named(tmp_path, change, words):
    with pytest.raises(ValueError, match=words):
        transfer(JOB | change, tmp_path)
    lacking = {name: value for name, value in JOB.items() if name != "width"}
    with pytest.raises(ValueError, match=r"lacks \['width'\]"):
        transfer(lacking, tmp_path)


def test_the_study_is_what_its_file_says():
    config = read_config(STUDY / "sweep.toml")
    assert config.experiment == "transfer"
    for job in config.jobs:
        module._checked(job)
    near = [job for job in config.jobs if job.get("kept") == 0.8 and len(job["seeds"]) == 3]
    assert sorted({job["width"] for job in near}) == [16, 26, 42, 64]
