"""The recorded studies: complete, with their origin, and a few runs trained again.

Set RESULTS_SEED to draw the same runs as an earlier call, which prints its seed.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

from scaling_utils.sweeps import find_experiment, job_key, read_config, read_record

RESULTS = Path(__file__).parent.parent / "results"
STUDIES = sorted(path.parent.name for path in RESULTS.glob("*/jobs.csv"))
# Losses repeat bit for bit on one machine. Between machines they move by about 2e-4 after a
# few hundred steps, and by more at rates far above the best, so those are not drawn.
TOLERANCE = 2e-3
SHORT = 2**17  # tokens
FEW = 1024  # steps: a small batch takes many, and machines drift apart with each
NARROW = 64
DRAWN = 2
# Studies of another kind, and where the rest of their columns is tested: D counts different
# windows, or the data are a function without end.
OTHERS = {"transfer": "test_results_transfer.py", "task_complexity": "test_complexity.py"}
ORIGIN = ("device", "threads", "python", "torch", "numpy", "commit", "seconds", "experiment")
# Worker processes of one test run must draw the same runs; each test run draws others.
SEED = os.environ.get("RESULTS_SEED") or os.environ.get("PYTEST_XDIST_TESTRUNUID") or os.urandom(4)


@pytest.mark.parametrize("study", STUDIES)
def test_every_job_of_the_config_is_recorded_with_its_origin(study):
    jobs, runs = read_record(RESULTS / study)
    config = read_config(RESULTS / study / "sweep.toml")
    assert set(jobs) == {job_key(job) for job in config.jobs}
    assert {run["key"] for run in runs} == set(jobs)
    for job in jobs.values():
        assert all(job[name] not in ("", None) for name in ORIGIN)


@pytest.mark.parametrize("study", STUDIES)
def test_every_run_has_its_size_loss_seed_and_rate(study):
    _, runs = read_record(RESULTS / study)
    for run in runs:
        assert run["N"] > 0
        assert run["seed"] >= 0
        assert run["rate"] > 0
        assert run["seconds"] > 0
        assert run["loss"] == run["loss"]


@pytest.mark.parametrize("study", sorted(set(STUDIES) - set(OTHERS)))
def test_every_run_on_a_source_has_its_work_corpus_and_error(study):
    _, runs = read_record(RESULTS / study)
    for run in runs:
        assert run["N"] < run["N_total"]
        assert run["D"] > 0
        assert run["corpus"]
        # 6 per weight and token; attention scores add to it.
        assert 1 <= run["flops"] / (6 * run["N"] * run["D"]) < 1.6
        assert run["se"] >= 0


def drawn() -> list:
    """Return a few short runs of stacked n-gram models, drawn at random."""
    draw = random.Random(SEED)
    found = []
    for study in STUDIES:
        jobs, runs = read_record(RESULTS / study)
        short = [
            run
            for run in runs
            if jobs[run["key"]]["experiment"].endswith(":neural_ngrams")
            and run["D"] <= min(SHORT, FEW * (jobs[run["key"]].get("batch") or 256))
            and run["width"] <= NARROW
            and run["rate"] <= 0.032
        ]
        found += [(study, run) for run in draw.sample(short, min(DRAWN, len(short)))]
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("study", "run"), drawn(), ids=lambda x: x if isinstance(x, str) else f"{x['N']}-{x['D']}"
)
def test_a_recorded_run_can_be_trained_again(study, run, tmp_path):
    config = read_config(RESULTS / study / "sweep.toml")
    job = next(job for job in config.jobs if job_key(job) == run["key"])
    alone = {**job, "seeds": [run["seed"]], "rates": [run["rate"]], "tokens": [run["D"]]}
    (again,) = find_experiment(config.experiment)[1](alone, tmp_path)
    if again["corpus"][:16] != run["corpus"] and "text" in job:
        pytest.skip("another Python's standard library is another corpus")
    assert again["corpus"][:16] == run["corpus"]
    print(f"RESULTS_SEED={SEED!r} {json.dumps(alone)}")
    assert again["loss"] == pytest.approx(run["loss"], rel=TOLERANCE)
    assert again["flops"] == run["flops"]
