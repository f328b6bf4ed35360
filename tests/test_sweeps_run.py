"""Sweeps on real Dask workers: what is run, in which order, and what a death costs."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import sweep_jobs
from dask_here import Dask, in_background, wait_for

from scaling_utils.sweeps import (
    JobsFailed,
    Ledger,
    LedgerError,
    job_key,
    read_ledger,
    sweep,
    table,
)

POWERS = [{"base": base, "exponent": exponent} for base in (2, 3) for exponent in (1, 2, 3)]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Return the address of a scheduler with two workers, shared by the tests."""
    running = Dask(tmp_path_factory.mktemp("dask"))
    yield running.address
    running.stop()


@pytest.fixture
def ledger(tmp_path):
    return tmp_path / "ledger.jsonl"


@pytest.mark.slow
def test_rows_come_in_the_order_of_the_jobs(address, ledger):
    rows = sweep("sweep_jobs:power", POWERS, ledger, scheduler=address, progress=False)
    assert rows == [
        {"key": job_key(job), "row": 0, **job, "value": job["base"] ** job["exponent"]}
        for job in POWERS
    ]
    assert sorted(table(ledger), key=str) == sorted(rows, key=str)
    jobs, sources = read_ledger(ledger)
    assert {line["experiment"] for line in jobs.values()} == {"sweep_jobs:power"}
    assert all("experiment_sha256" in source for source in sources.values())
    assert list(ledger.with_suffix(".jobs").iterdir()) == []


def test_what_is_done_is_not_run_again_and_needs_no_workers(address, ledger):
    first = sweep("sweep_jobs:power", POWERS[:2], ledger, scheduler=address, progress=False)
    content = ledger.read_bytes()
    again = sweep("sweep_jobs:power", POWERS[:2], ledger, scheduler="tcp://127.0.0.1:1")
    assert again == first
    assert ledger.read_bytes() == content
    more = sweep("sweep_jobs:power", POWERS, ledger, scheduler=address, progress=False)
    assert more[:2] == first
    assert ledger.read_bytes().startswith(content)
    assert len(more) == len(POWERS)


def test_a_failing_job_is_reported_the_others_go_on_and_the_next_call_tries_again(
    address, ledger, tmp_path
):
    luck = tmp_path / "luck"
    jobs = [{"n": 1, "bad": str(luck)}, {"n": 2}, {"n": 3}]
    with pytest.raises(JobsFailed, match="RuntimeError: no luck with 1") as caught:
        sweep(sweep_jobs.grumpy, jobs, ledger, scheduler=address, progress=False)
    (failure,) = caught.value.failures
    assert failure.key == job_key(jobs[0])
    assert failure.job == jobs[0]
    assert [row["double"] for row in caught.value.rows] == [4, 6]
    error = ledger.with_suffix(".jobs") / failure.key / "error.txt"
    assert "in grumpy" in error.read_text()
    assert len(read_ledger(ledger)[0]) == 2
    luck.touch()
    rows = sweep(sweep_jobs.grumpy, jobs, ledger, scheduler=address, progress=False)
    assert [row["double"] for row in rows] == [2, 4, 6]
    assert list(ledger.with_suffix(".jobs").iterdir()) == []


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "must return a list of one or more dicts, got \\[\\]"),
        ({"loss": 1}, "must return a list of one or more dicts"),
        ([1], "must return a list of one or more dicts"),
        ([{"key": 1}], "not key or row, got 'key'"),
    ],
)
def test_an_experiment_that_returns_no_rows_has_failed(address, ledger, rows, message):
    jobs = [{"rows": rows}]
    with pytest.raises(JobsFailed, match=message):
        sweep(sweep_jobs.odd, jobs, ledger, scheduler=address, progress=False)
    assert table(ledger) == []


def test_the_dearest_jobs_start_first(address, ledger):
    jobs = [{"size": size} for size in (1, 8, 3, 5, 2, 13)]
    rows = sweep("sweep_jobs:costly", jobs, ledger, scheduler=address, progress=False)
    started = {row["size"]: row["started"] for row in rows}
    assert max(started[13], started[8]) < min(started[1], started[2])


@pytest.mark.slow
def test_workers_use_one_thread_and_arrays_become_lists(address, ledger):
    jobs = [{"n": n} for n in range(2)]
    rows = sweep("sweep_jobs:surroundings", jobs, ledger, scheduler=address, progress=False)
    for row in rows:
        assert row["torch"] == 1
        assert row["variable"] == "1"
        assert row["array"] == [1.5, 2.5]
        assert row["scalar"] == 0.5
    _, sources = read_ledger(ledger)
    assert {source["threads"] for source in sources.values()} == {1}
    assert os.getpid() not in {row["process"] for row in rows}


def test_a_ledger_belongs_to_one_experiment(address, ledger):
    sweep("sweep_jobs:power", POWERS[:1], ledger, scheduler=address, progress=False)
    with pytest.raises(LedgerError, match="holds results of 'sweep_jobs:power'"):
        sweep("sweep_jobs:odd", POWERS, ledger, scheduler=address)


def test_two_sweeps_on_one_ledger_are_refused(ledger):
    with Ledger(ledger), pytest.raises(LedgerError, match="another sweep is writing"):
        sweep("sweep_jobs:power", POWERS, ledger)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"jobs": []}, ValueError, "at least one job"),
        ({"function": 3}, TypeError, "function must be"),
        ({"function": "sweep_jobs:none"}, ValueError, "has no 'none'"),
        ({"workers": 0}, ValueError, "workers must be at least 1, got 0"),
        ({"workers": 1.5}, ValueError, "workers must be a whole number"),
        ({"slurm": {}, "scheduler": "tcp://127.0.0.1:1"}, ValueError, "not both"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_written(ledger, change, error, message):
    arguments = {"function": "sweep_jobs:power", "jobs": POWERS, "ledger": ledger, **change}
    with pytest.raises(error, match=message):
        sweep(**arguments)
    assert not ledger.exists()


@pytest.mark.parametrize("module", ["dask", "distributed"])
def test_without_dask_the_way_to_get_it_is_named(ledger, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"pip install '\.\[sweeps\]'"):
        sweep("sweep_jobs:power", POWERS, ledger)


def test_without_dask_jobqueue_the_way_to_get_it_is_named(ledger, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    with pytest.raises(ImportError, match=r"pip install '\.\[slurm\]'"):
        sweep("sweep_jobs:power", POWERS, ledger, slurm={"cores": 1, "memory": "1GB"})


def starts(trace: Path) -> list[tuple[int, int, int]]:
    """Return seed, count and process of each start of a counting job."""
    return [tuple(map(int, file.name.split("-"))) for file in trace.iterdir()]


def listening() -> set[str]:
    """Return the addresses at which this process and its workers wait for connections."""
    own = psutil.Process()
    workers = [p for p in own.children(recursive=True) if "--multiprocessing-fork" in p.cmdline()]
    sockets = [socket for process in [own, *workers] for socket in process.net_connections()]
    return {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}


def counting_jobs(trace: Path, seeds: int, to: int = 12) -> list[dict]:
    fixed = {"to": to, "pause": 0.1, "trace": str(trace)}
    return [{**fixed, "seed": seed} for seed in range(seeds)]


def totals(jobs: list[dict]) -> list[tuple[int, int, float]]:
    expected = [sum(range(job["to"] + 1)) + 1000 * job["seed"] for job in jobs]
    return [
        (job["seed"], row, total / (row + 1))
        for job, total in zip(jobs, expected, strict=True)
        for row in (0, 1)
    ]


@pytest.mark.slow
def test_a_killed_worker_costs_only_what_came_after_the_checkpoint(ledger, tmp_path):
    trace = tmp_path / "trace"
    trace.mkdir()
    jobs = counting_jobs(trace, seeds=3)
    thread, outcome = in_background("sweep_jobs:counting", jobs, ledger, workers=2)
    seed, _, victim = wait_for(lambda: starts(trace), "a job to start")[0]
    checkpoint = ledger.with_suffix(".jobs") / job_key(jobs[seed]) / "count"
    reached = int(wait_for(lambda: checkpoint.exists() and checkpoint.read_text(), "a count"))
    assert listening() == {"127.0.0.1"}
    settings = psutil.Process(victim).environ()
    assert settings["OMP_NUM_THREADS"] == settings["MKL_NUM_THREADS"] == "1"
    assert "MALLOC_TRIM_THRESHOLD_" not in settings  # slows training down
    os.kill(victim, signal.SIGKILL)
    thread.join(timeout=300)
    assert [(row["seed"], row["row"], row["value"]) for row in outcome[0]] == totals(jobs)
    begun = sorted((count, process) for s, count, process in starts(trace) if s == seed)
    assert len(begun) == 2
    assert begun[0] == (0, victim)
    assert begun[1][0] >= reached
    assert begun[1][1] != victim


@pytest.mark.slow
def test_a_scheduler_that_goes_away_is_an_error_and_the_next_call_goes_on(ledger, tmp_path):
    trace = tmp_path / "trace"
    trace.mkdir()
    jobs = counting_jobs(trace, seeds=2)
    dask = Dask(tmp_path, workers=1)
    try:
        thread, outcome = in_background("sweep_jobs:counting", jobs, ledger, scheduler=dask.address)
        wait_for(lambda: starts(trace), "a job to start")
    finally:
        dask.stop()
    thread.join(timeout=300)
    assert isinstance(outcome[0], ConnectionError)
    assert "went away" in str(outcome[0])
    rows = sweep("sweep_jobs:counting", jobs, ledger, workers=2, progress=False)
    assert [(row["seed"], row["row"], row["value"]) for row in rows] == totals(jobs)


def test_a_scheduler_that_does_not_answer_is_named(ledger):
    import dask

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(ConnectionError, match=r"no Dask scheduler answers at tcp://127.0.0.1:1"),
    ):
        sweep("sweep_jobs:power", POWERS, ledger, scheduler="tcp://127.0.0.1:1", progress=False)


def test_folders_that_a_killed_sweep_left_are_removed(address, ledger):
    sweep("sweep_jobs:power", POWERS[:1], ledger, scheduler=address, progress=False)
    left = ledger.with_suffix(".jobs") / job_key(POWERS[0])
    left.mkdir()
    (left / "checkpoint").touch()
    other = ledger.with_suffix(".jobs") / job_key(POWERS[1])
    other.mkdir()
    sweep("sweep_jobs:power", POWERS[:1], ledger, scheduler=address, progress=False)
    assert not left.exists()
    assert other.exists()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_worker_leaves_signals_to_the_sweep(name):
    """What a terminal, `timeout` or a batch system sends to every process of a command."""
    words = (
        "import os, signal; from scaling_utils.sweeps.preload import dask_setup; dask_setup(None); "
        f"os.kill(os.getpid(), signal.{name}); print('goes on')"
    )
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "goes on\n")
