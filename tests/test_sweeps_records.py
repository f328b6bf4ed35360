"""A recorded study: what is kept of a ledger, and that it reads back whole."""

import pytest

from scaling_utils.studies import read_record
from scaling_utils.sweeps import Ledger, job_key, record
from scaling_utils.sweeps.ledger import LedgerError

SOURCE = {"device": "a processor", "threads": 1, "commit": "12e45", "dirty": False}


@pytest.fixture
def ledger(tmp_path):
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as book:
        for width in (16, 8):
            job = {"width": width, "rates": [0.5, 0.25]}
            rows = [
                {"N": width**2, "D": 10, "loss": 2.123456789, "seed": 0, "rate": rate}
                for rate in job["rates"]
            ]
            book.append(job_key(job), job, rows, experiment="m:f", seconds=2.0, provenance=SOURCE)
    return path


def test_jobs_and_runs_read_back(ledger, tmp_path):
    record(ledger, tmp_path)
    jobs, runs = read_record(tmp_path)
    assert [(run["N"], run["rate"]) for run in runs] == [
        (64, 0.25),
        (64, 0.5),
        (256, 0.25),
        (256, 0.5),
    ]
    assert {run["loss"] for run in runs} == {2.123457}  # seven digits
    for run in runs:
        job = jobs[run["key"]]
        assert job["width"] ** 2 == run["N"]
        assert (job["device"], job["commit"], job["threads"]) == ("a processor", "12e45", 1)


def test_a_run_without_its_job_is_refused(ledger, tmp_path):
    record(ledger, tmp_path)
    runs = (tmp_path / "runs.csv").read_text()
    (tmp_path / "runs.csv").write_text(runs + "ffff,1,10,2.0,0,0.5\n")
    with pytest.raises(ValueError, match=r"jobs.csv lacks: \['ffff'\]"):
        read_record(tmp_path)


def test_an_empty_or_missing_ledger_is_refused(tmp_path):
    with Ledger(tmp_path / "empty.jsonl"):
        pass
    with pytest.raises(ValueError, match="holds no jobs yet"):
        record(tmp_path / "empty.jsonl", tmp_path)
    with pytest.raises(LedgerError, match="cannot be read"):
        record(tmp_path / "absent.jsonl", tmp_path)
