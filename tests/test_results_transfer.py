"""The recorded study on transfer: work, errors and corpora of its rows, and one run made again."""

from collections import defaultdict
from pathlib import Path

import pytest

from scaling_utils.corpora import text
from scaling_utils.experiments.transfers import _checked, transfer
from scaling_utils.studies import read_record
from scaling_utils.studies.records import read_rows
from scaling_utils.sweeps import job_key, read_config
from scaling_utils.tasks.limited import transfer_tasks

STUDY = Path(__file__).resolve().parent.parent / "results" / "transfer"
TOLERANCE = 2e-3  # of a loss, as for the other studies


@pytest.fixture(scope="module")
def runs():
    """Each run with its job, defaults filled in."""
    jobs = {job_key(job): _checked(job) for job in read_config(STUDY / "sweep.toml").jobs}
    return [(run, jobs[run["key"]]) for run in read_record(STUDY)[1]]


def test_the_work_is_that_of_all_passes_and_of_the_source(runs):
    """Every value of the column that was added after the sweep, made again from the settings."""
    for run, job in runs:
        windows = job["before"] + (run["best_steps"] or 0) * job["batch"]
        assert run["flops"] == 6 * run["N"] * windows


def test_a_run_without_target_data_is_a_pretrained_network(runs):
    for run, job in runs:
        if run["D"]:
            assert run["D"] in job["unique"]
            assert run["best_steps"] > 0
        else:
            assert job["before"] > 0
            assert run["source_loss"] < run["loss"]


def test_the_loss_on_a_language_is_exact_and_every_cell_has_two_seeds_or_more(runs):
    seeds = defaultdict(set)
    for run, job in runs:
        seeds[run["key"], run["D"], run["rate"]].add(run["seed"])
        if job["language"]:
            assert run["se"] == 0
            assert run["entropy"] < run["loss"]
        else:  # a text's error was not recorded; a study that is run again has it
            assert run["se"] == "" or run["se"] > 0
    assert min(map(len, seeds.values())) >= 2


def test_the_corpora_are_those_of_the_jobs(runs):
    """Every value of the two columns of hashes, made again: a language is drawn anew, a text is
    the one that results/domains/references.csv names."""
    references = read_rows(STUDY.parent / "domains" / "references.csv")
    texts = {row["corpus"]: row["sha256"] for row in references}
    groups = {}
    for run, job in runs:
        pair = str([job[name] for name in ("language", "shared", "relative", "kept", "source")])
        found = run["corpus"], run["source_corpus"]
        groups.setdefault(pair, (job, set()))[1].add(found)
        assert bool(run["source_corpus"]) == (job["before"] > 0)
    assert len(groups) == 3  # near, far, text
    for job, found in groups.values():
        if job["source"]:
            source, target = texts[job["source"]], texts[job["target"]]
        else:
            of_source, of_target = transfer_tasks(job)
            source, target = of_source.sha256[:16], of_target(None).sha256[:16]
        assert found == {(target, ""), (target, source)}


def test_the_texts_are_those_of_this_python_or_it_says_which_were_expected():
    references = read_rows(STUDY.parent / "domains" / "references.csv")
    expected = {row["corpus"]: row["sha256"] for row in references}
    here = {name: text(name).sha256[:16] for name in expected}
    if here != expected:
        jobs, _ = read_record(STUDY)
        python = {job["python"] for job in jobs.values()}
        pytest.skip(f"another Python's standard library: {expected} of {python}, here {here}")
    assert here == expected


@pytest.mark.parametrize("before", [0, 2**15])
def test_a_recorded_run_can_be_trained_again(runs, before, tmp_path):
    run, job = next(
        (run, job)
        for run, job in runs
        if (run["D"], job["before"], job["width"]) == (512, before, 26) and job["kept"]
    )
    # All seeds, because the number of steps is chosen by their mean.
    job = {name: value for name, value in job.items() if value is not None}
    again = transfer(job | {"unique": [512], "rates": [run["rate"]]}, tmp_path)
    recorded = {
        one["seed"]: one
        for one, _ in runs
        if all(one[name] == run[name] for name in ("key", "D", "rate"))
    }
    again = {one["seed"]: one for one in again if one["D"]}
    assert set(again) == set(recorded)
    for seed, one in recorded.items():
        assert again[seed]["loss"] == pytest.approx(one["loss"], rel=TOLERANCE)
        assert again[seed]["best_steps"] == one["best_steps"]
        assert again[seed]["flops"] == one["flops"]
        assert again[seed]["corpus"][:16] == one["corpus"]
