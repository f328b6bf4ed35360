"""What a sweep does when processes die and disks fill up, on a machine that is busy."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from dask_here import TESTS, Dask, environment, in_background, wait_for

from scaling_utils.sweeps import JobsFailed, Ledger, LedgerError, job_key, read_ledger, sweep
from scaling_utils.sweeps.execute import Task, execute
from scaling_utils.sweeps.folders import ERROR_FILE
from scaling_utils.sweeps.loaded import Notes

DEADLY = """\
experiment = "sweep_jobs:deadly"
[[grid]]
vary = { n = [0, 2, 3] }
[[grid]]
vary = { n = [1] }
bad = true
"""


@pytest.fixture
def ledger(tmp_path):
    return tmp_path / "ledger.jsonl"


@pytest.fixture
def busy():
    """Keep every core busy twice over."""
    command = [sys.executable, "-c", "while True: pass"]
    loops = [subprocess.Popen(command) for _ in range(2 * (os.cpu_count() or 1))]
    yield
    for loop in loops:
        loop.kill()
        loop.wait()


def processes_of(folder: Path) -> list[int]:
    """Return the processes that name the folder in their command or environment."""
    found = []
    for process in psutil.process_iter():
        try:
            place = process.environ().get("SWEEP_TEST")
        except psutil.Error:
            continue
        if place == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


def command_line(folder: Path, config: str, *more: str) -> subprocess.CompletedProcess:
    """Run a sweep in a process of its own; all processes that it starts carry the folder's name."""
    (folder / "study.toml").write_text(config)
    words = ["sweep", "study.toml", "--out", "out", "--csv", "t.csv", "--quiet", *more]
    return subprocess.run(
        [sys.executable, "-m", "scaling_utils.cli", *words],
        cwd=folder,
        env=environment() | {"SWEEP_TEST": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.usefixtures("busy")
def test_a_job_whose_process_dies_is_tried_three_times_and_the_others_end(tmp_path):
    done = command_line(tmp_path, DEADLY)
    assert done.returncode == 1, done.stderr
    assert "3 of 4 jobs done, 3 rows" in done.stdout
    last = done.stderr.splitlines()[-1]
    assert "its process died in each of 3 tries: exit code 9, exit code 9, exit code 9" in last
    jobs, _ = read_ledger(tmp_path / "out" / "ledger.jsonl")
    assert sorted(line["job"]["n"] for line in jobs.values()) == [0, 2, 3]
    assert {line["rows"][0]["starts"] for line in jobs.values()} == {1}  # no one else paid for it
    (folder,) = (tmp_path / "out" / "ledger.jobs").glob("*/starts")
    pids = folder.read_text().split()
    assert len(set(pids)) == len(pids) == 3
    wait_for(lambda: not processes_of(tmp_path), "all processes to end")


@pytest.mark.slow
def test_a_job_that_dies_leaves_the_workers_of_a_running_scheduler_standing(tmp_path, ledger):
    dask = Dask(tmp_path, workers=1)
    try:
        jobs = [{"n": 1, "bad": True}, {"n": 2}]
        with pytest.raises(JobsFailed, match="died in each of 3 tries") as caught:
            sweep("sweep_jobs:deadly", jobs, ledger, scheduler=dask.address, progress=False)
        assert [row["double"] for row in caught.value.rows] == [4]
        assert all(process.poll() is None for process in dask.processes)
    finally:
        dask.stop()


def test_a_job_that_leaves_by_sys_exit_has_failed(tmp_path, ledger):
    with pytest.raises(JobsFailed, match="SystemExit: 3"):
        sweep("sweep_jobs:leaving", [{"n": 1}], ledger, workers=1, progress=False)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_the_signal_that_ended_a_job_is_named(number):
    from scaling_utils.sweeps.worker import _how

    killed = subprocess.run(["sh", "-c", f"kill -{int(number)} $$"], check=False)
    words = _how(killed.returncode)
    assert (
        words
        == {
            signal.SIGKILL: "killed, perhaps for want of memory",
            signal.SIGSEGV: "ended by SIGSEGV",
        }[number]
    )


def counting(trace: Path, to: int) -> list[dict]:
    trace.mkdir()
    return [{"to": to, "pause": 0.1, "trace": str(trace), "seed": seed} for seed in (0, 1)]


def started(trace: Path) -> list[tuple[int, int, int]]:
    """Return seed, count and process of each start of a counting job."""
    return [tuple(map(int, file.name.split("-"))) for file in trace.iterdir()]


@pytest.mark.slow
def test_a_killed_worker_takes_its_jobs_process_along_and_is_replaced(ledger, tmp_path):
    jobs = counting(tmp_path / "trace", to=15)
    thread, outcome = in_background("sweep_jobs:counting", jobs, ledger, workers=2)
    seed, _, victim = wait_for(lambda: started(tmp_path / "trace"), "a job to start")[0]
    orphan = psutil.Process(victim)
    orphan.parent().kill()
    _, alive = psutil.wait_procs([orphan], timeout=60)
    assert alive == []
    thread.join(timeout=300)
    assert [row["value"] for row in outcome[0]] == [120, 60, 1120, 560]  # sum of 1 to 15
    assert len([start for start in started(tmp_path / "trace") if start[0] == seed]) == 2


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_a_scheduler_that_goes_away_is_an_error_within_minutes(ledger, tmp_path, how, monkeypatch):
    monkeypatch.setattr("scaling_utils.sweeps.run._LOOK", 2.0)
    monkeypatch.setattr("scaling_utils.sweeps.run._PATIENCE", 5.0)
    jobs = counting(tmp_path / "trace", to=100_000)
    dask = Dask(tmp_path, workers=2)
    try:
        thread, outcome = in_background("sweep_jobs:counting", jobs, ledger, scheduler=dask.address)
        wait_for(lambda: len(started(tmp_path / "trace")) == 2, "both jobs to start")
        dask.processes[0].send_signal(how)
        thread.join(timeout=240)
        assert not thread.is_alive()
    finally:
        dask.stop()
    assert isinstance(outcome[0], ConnectionError)
    assert "went away" in str(outcome[0])
    pids = [pid for _, _, pid in started(tmp_path / "trace")]
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids), "the jobs' processes to end")


# --- a disk that fills up ----------------------------------------------------------------


def test_a_line_that_the_disk_has_no_room_for_leaves_the_ledger_as_it_was(ledger):
    def add(book: Ledger, n: int) -> None:
        job = {"n": n}
        rows = [{"text": "x" * 500}]
        book.append(job_key(job), job, rows, experiment="m:f", seconds=1.0, provenance={"a": 1})

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Ledger(ledger) as book:
        add(book, 1)
        content = ledger.read_bytes()
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(content) + 100, hard))
        try:
            with pytest.raises(LedgerError, match=r"cannot be written: .*; the 1 jobs in it are"):
                add(book, 2)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert ledger.read_bytes() == content
        assert job_key({"n": 2}) not in book.jobs
        add(book, 2)
    assert len(read_ledger(ledger)[0]) == 2


@pytest.mark.slow
def test_a_sweep_on_a_full_disk_ends_with_an_error_and_keeps_what_is_done(tmp_path):
    config = 'experiment = "sweep_jobs:wordy"\n[fixed]\nlength = 3000\n[[grid]]\n'
    config += f"vary = {{ n = {list(range(20))} }}\n"
    (tmp_path / "study.toml").write_text(config)
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000)); "
        "from scaling_utils.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    words = ["sweep", "study.toml", "--out", "out", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", limited, *words],
        cwd=tmp_path,
        env=environment() | {"SWEEP_TEST": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "ledger.jsonl: cannot be written: File too large" in done.stderr
    assert "Traceback" not in done.stderr
    jobs, _ = read_ledger(tmp_path / "out" / "ledger.jsonl")
    assert 5 <= len(jobs) <= 9  # 3 kB each, and the line about their origin
    wait_for(lambda: not processes_of(tmp_path), "all processes to end")
    done = command_line(tmp_path, config)
    assert done.returncode == 0, done.stderr
    assert "20 of 20 jobs done, 20 rows" in done.stdout


def task(folder: Path, experiment: str, **job) -> Task:
    module = experiment.partition(":")[0]
    return Task(experiment, module, None, job_key(job), job, str(folder), [str(TESTS)], {})


def test_a_full_disk_is_the_jobs_error_even_where_that_cannot_be_written_down(
    tmp_path, monkeypatch
):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def refuse(*_, **__):
        raise full

    monkeypatch.setattr("sweep_jobs.Path.replace", refuse)  # of the checkpoint
    monkeypatch.setattr("sweep_jobs.Path.write_text", refuse)
    outcome = execute(task(tmp_path / "j", "sweep_jobs:counting", to=3, seed=0), Notes([]))
    assert outcome == {"error": "OSError: [Errno 28] No space left on device"}
    assert not (tmp_path / "j" / ERROR_FILE).exists()


# --- whose a folder is -------------------------------------------------------------------


def test_a_folder_of_another_job_is_refused(tmp_path):
    there = task(tmp_path / "there", "sweep_jobs:counting", to=3, seed=0)
    assert "rows" in execute(there, Notes([]))
    here = task(tmp_path / "there", "sweep_jobs:counting", to=3, seed=1)
    outcome = execute(here, Notes([]))
    assert f"holds the files of the job {there.key}, not of {here.key}" in outcome["error"]


def test_a_damaged_claim_on_a_folder_is_an_error(tmp_path):
    (tmp_path / "j").mkdir()
    for text in ("", "[]", json.dumps({"key": 3, "code": []})):
        (tmp_path / "j" / ".job.json").write_text(text)
        outcome = execute(task(tmp_path / "j", "sweep_jobs:power", base=2, exponent=3), Notes([]))
        assert ".job.json is damaged" in outcome["error"]
