"""Recorded tables name experiments by the address that they had; every address still works."""

from pathlib import Path

import pytest

from scaling_utils.experiments import EXPERIMENTS, MOVED
from scaling_utils.studies import read_rows
from scaling_utils.sweeps import Ledger, LedgerError, find_experiment, job_key, read_config, sweep

RESULTS = Path(__file__).parent.parent / "results"
STUDIES = sorted(path.parent.name for path in RESULTS.glob("*/jobs.csv"))


def recorded_addresses(study: str) -> set[str]:
    return {job["experiment"] for job in read_rows(RESULTS / study / "jobs.csv")}


@pytest.mark.parametrize("study", STUDIES)
def test_a_recorded_address_and_the_config_beside_it_lead_to_one_function(study):
    _, wanted = find_experiment(read_config(RESULTS / study / "sweep.toml").experiment)
    for address in recorded_addresses(study):
        now, function = find_experiment(address)
        assert function is wanted
        assert now in EXPERIMENTS.values()
        assert function.__name__ == address.partition(":")[2]


def test_the_list_of_moves_holds_what_tables_need_and_nothing_else():
    needed = {address for study in STUDIES for address in recorded_addresses(study)}
    assert set(MOVED) == needed - set(EXPERIMENTS.values())


def test_a_ledger_from_before_the_move_is_of_the_same_experiment_with_other_code(tmp_path):
    job = {"width": 8}
    then = {"modules": {"scaling_utils.sweeps.ngrams": "0" * 16}}
    for name, address in (("old", "scaling_utils.sweeps.ngrams:neural_ngrams"), ("other", "a:b")):
        with Ledger(tmp_path / f"{name}.jsonl") as book:
            book.append(
                job_key(job), job, [{"N": 1}], experiment=address, seconds=1.0, provenance=then
            )
    with pytest.raises(LedgerError, match="the experiment has changed since 1 of its 1 jobs"):
        sweep("neural_ngrams", [job], tmp_path / "old.jsonl", progress=False)
    rows = sweep(
        "neural_ngrams", [job], tmp_path / "old.jsonl", progress=False, accept_changed=True
    )
    assert [row["N"] for row in rows] == [1]
    with pytest.raises(LedgerError, match="holds results of 'a:b'"):
        sweep("neural_ngrams", [job], tmp_path / "other.jsonl", progress=False)
