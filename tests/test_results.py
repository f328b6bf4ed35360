"""The recorded studies: complete, with their origin, and a few runs trained again.

Set RESULTS_SEED to draw the same runs as an earlier call, which prints its seed.
"""

from __future__ import annotations

import functools
import itertools
import os
import random
import re
from pathlib import Path

import history
import languages
import pytest
from history import needs_history
from repeat import Study, repeat

from scaling_utils.studies import read_record, read_rows
from scaling_utils.sweeps import job_key, read_config

RESULTS = Path(__file__).parent.parent / "results"
STUDIES = sorted(path.parent.name for path in RESULTS.glob("*/jobs.csv"))
# Losses repeat to all digits on one machine. Between machines, of 147 runs at no more than half of
# the best rate none moved by more than 1e-3 (tools/repeat.py): machines drift apart with the rate.
TOLERANCE = 2e-3
CALM = 0.5
SHORT = 2**17  # tokens
FEW = 1024  # steps: a small batch takes many, and machines drift apart with each
NARROW = 64
DRAWN = 2
# Studies of another kind, and where the rest of their columns is tested: D counts different
# windows, or the data are a function without end.
OTHERS = {
    "transfer": "test_results_transfer.py",
    "task_complexity": "test_experiments_complexity.py",
}
ORIGIN = ("device", "threads", "python", "torch", "numpy", "commit", "seconds", "experiment")
# Recorded while files of the package were changed and not committed. README.md says so, and the
# runs were trained again from a clean checkout: results/verified.csv.
CHANGED = {"repetition", "task_complexity"}
# Worker processes of one test run must draw the same runs; each test run draws others.
SEED = os.environ.get("RESULTS_SEED") or os.environ.get("PYTEST_XDIST_TESTRUNUID") or os.urandom(4)


@functools.cache
def record(study: str) -> tuple[dict[str, dict], list[dict]]:
    return read_record(RESULTS / study)


@pytest.mark.parametrize("study", STUDIES)
def test_every_job_of_the_config_is_recorded_with_its_origin(study):
    jobs, runs = record(study)
    config = read_config(RESULTS / study / "sweep.toml")
    assert set(jobs) == {job_key(job) for job in config.jobs}
    assert {run["key"] for run in runs} == set(jobs)
    for job in jobs.values():
        assert all(job[name] not in ("", None) for name in ORIGIN)


def expected_runs(job: dict) -> list[tuple]:
    """Return (length, seed, rate) of every run that a job makes, from its settings alone."""
    rates, seeds = job.get("rates") or [job["rate"]], job.get("seeds") or [job["seed"]]
    lengths = job.get("unique") if isinstance(job.get("unique"), list) else None
    lengths = lengths or job.get("tokens") or job["steps"]
    found = [*itertools.product(lengths, seeds, rates)]
    if job.get("before"):  # a pretrained network before its first target data, at its own rate
        found += [(0, seed, job.get("before_rate", 0.01)) for seed in seeds]
    return sorted(found)


@pytest.mark.parametrize("study", STUDIES)
def test_no_run_of_a_job_is_missing_or_there_twice(study):
    opened = Study(study)
    for key, job in opened.jobs.items():
        runs = [opened.identity(run) for run in record(study)[1] if run["key"] == key]
        assert sorted(runs) == expected_runs(job)


@pytest.mark.parametrize("study", STUDIES)
def test_every_run_has_its_size_loss_seed_and_rate(study):
    _, runs = record(study)
    for run in runs:
        assert run["N"] > 0
        assert run["seed"] >= 0
        assert run["rate"] > 0
        assert run["seconds"] > 0
        assert run["loss"] == run["loss"]


@pytest.mark.parametrize("study", sorted(set(STUDIES) - set(OTHERS)))
def test_every_run_on_a_source_has_its_work_corpus_and_error(study):
    _, runs = record(study)
    for run in runs:
        assert run["N"] < run["N_total"]
        assert run["D"] > 0
        assert run["corpus"]
        # 6 per weight and token; attention scores add to it.
        assert 1 <= run["flops"] / (6 * run["N"] * run["D"]) < 1.6
        assert run["se"] >= 0


@pytest.mark.parametrize("study", STUDIES)
def test_each_job_names_a_commit_and_a_digest_and_only_known_studies_a_changed_checkout(study):
    jobs, _ = record(study)
    for job in jobs.values():
        assert re.fullmatch(r"[0-9a-f]{40}", job["commit"])
        assert set(job["commit"]) != {"0"}
        assert re.fullmatch(r"[0-9a-f]{16}", job["experiment_sha256"])
        assert job["dirty"] == ("True" if study in CHANGED else "False")
    readme = (RESULTS / "README.md").read_text(encoding="utf-8")
    (said,) = re.findall(
        r"## Recorded from a changed checkout\n(.*?)(?:\n## |\Z)", readme, re.DOTALL
    )
    assert (f"`{study}`" in said) == (study in CHANGED)


@needs_history
@pytest.mark.parametrize("study", STUDIES)
def test_each_job_ran_the_experiment_as_a_commit_of_the_history_has_it(study):
    jobs, _ = record(study)
    for commit, experiment, digest in {
        (job["commit"], job["experiment"], job["experiment_sha256"]) for job in jobs.values()
    }:
        assert history.exists(commit)
        file = experiment.split(":")[0].replace(".", "/") + ".py"
        assert digest in {full[:16] for full in history.digests(file)}
        if study not in CHANGED:
            assert history.digest_at(commit, file)[:16] == digest


@pytest.mark.parametrize("study", sorted(set(STUDIES) - {"transfer", "task_complexity"}))
def test_every_run_names_the_corpus_of_its_job(study):
    """The table of a language is computed again; a text is the one that references.csv names."""
    opened = Study(study)
    references = read_rows(RESULTS / "domains" / "references.csv")
    texts = {row["corpus"]: row["sha256"] for row in references}
    for key, job in opened.jobs.items():
        (corpus,) = {run["corpus"] for run in opened.runs if run["key"] == key}
        if job.get("text"):
            assert corpus == texts[job["text"]]
        else:
            assert languages.is_recorded(corpus, job["language"])


def drawn() -> list:
    """Return a few short runs of stacked n-gram models, drawn at random."""
    draw = random.Random(SEED)
    found = []
    for study in map(Study, STUDIES):
        if study.experiment.__name__ != "neural_ngrams":
            continue
        short = [
            run
            for run in study.runs
            if run["D"] <= min(SHORT, FEW * study.jobs[run["key"]].get("batch", 256))
            and run["width"] <= NARROW
            and study.is_firm(run, CALM)
        ]
        found += [(study, run) for run in draw.sample(short, min(DRAWN, len(short)))]
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("study", "run"),
    drawn(),
    ids=lambda x: x.name if isinstance(x, Study) else f"{x['N']}-{x['D']}",
)
def test_a_recorded_run_can_be_trained_again(study, run):
    print(f"RESULTS_SEED={SEED!r} {run}")
    (again,) = repeat(study, [run])
    if not again.comparable and "text" in study.jobs[run["key"]]:
        pytest.skip(f"another Python's standard library is another corpus: {again.why}")
    assert again.why == ""
    assert again.repeated == pytest.approx(run["loss"], rel=TOLERANCE)
