"""A sweep on a real Slurm, with a worker's job cancelled on the way.

    SLURM_TEST=1 .venv/bin/python -m pytest tests/test_sweeps_slurm.py

The test starts a Slurm of its own, of one node, in a scratch folder. It needs the programs of
the Debian packages slurm-wlm and munge.
"""

import csv
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from dask_here import environment, wait_for
from slurm_here import Slurm, missing_programs

pytestmark = pytest.mark.skipif(
    os.environ.get("SLURM_TEST") != "1", reason="SLURM_TEST=1 is not set; needs Slurm's daemons"
)

CONFIG = """\
experiment = "sweep_jobs:counting"
[fixed]
to = 40
pause = 0.2
trace = "{trace}"
[[grid]]
vary = {{ seed = [0, 1, 2, 3] }}
"""
OPTIONS = """\
cores = 1
memory = "500MB"
walltime = "00:10:00"
queue = "scratch"
interface = "lo"
log_directory = "{folder}"
job_script_prologue = ["export PYTHONPATH={path}"]
"""


@pytest.fixture(scope="module")
def slurm():
    """Return a running Slurm; its folder is open to all, which munge asks for."""
    assert missing_programs() == []
    with tempfile.TemporaryDirectory() as folder:
        running = Slurm(Path(folder))
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture
def command(slurm, tmp_path) -> list[str]:
    trace = tmp_path / "trace"
    trace.mkdir()
    (tmp_path / "study.toml").write_text(CONFIG.format(trace=trace))
    path = environment()["PYTHONPATH"]
    (tmp_path / "slurm.toml").write_text(OPTIONS.format(folder=tmp_path / "logs", path=path))
    (tmp_path / "logs").mkdir()
    words = ["study.toml", "--out", "out", "--csv", "t.csv", "--slurm", "slurm.toml"]
    return [sys.executable, "-m", "scaling_utils.cli", "sweep", *words, "--workers", "2"]


def start(command: list[str], folder: Path, slurm: Slurm) -> subprocess.Popen:
    log = (folder / "log").open("ab")
    return subprocess.Popen(
        command, cwd=folder, env=environment() | slurm.environment, stdout=log, stderr=log
    )


def starts(folder: Path) -> list[tuple[int, int, int]]:
    """Return seed, count and process of each start of a job."""
    return [tuple(map(int, file.name.split("-"))) for file in (folder / "trace").iterdir()]


def test_a_cancelled_worker_and_a_killed_client_lose_nothing(slurm, command, tmp_path):
    process = start(command, tmp_path, slurm)
    try:
        wait_for(lambda: len(starts(tmp_path)) >= 2, "two jobs to start")
        seed, _, worker = starts(tmp_path)[0]
        checkpoints = tmp_path / "out" / "ledger.jobs"
        wait_for(lambda: len(list(checkpoints.glob("*/count"))) >= 2, "counts of both jobs")
        victim = psutil.Process(worker).environ()["SLURM_JOB_ID"]
        assert victim in slurm.jobs()
        slurm.says("scancel", victim)
        wait_for(
            lambda: [s for s in starts(tmp_path) if s[0] == seed and s[2] != worker],
            "the job to start on another worker",
        )
        wait_for(lambda: len(slurm.jobs()) == 2, "a new worker in place of the cancelled one")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_for(lambda: not slurm.jobs(), "the workers to notice that the client is gone")

    done = start(command, tmp_path, slurm)
    assert done.wait(timeout=180) == 0, (tmp_path / "log").read_text()
    rows = list(csv.DictReader((tmp_path / "t.csv").open()))
    assert [(int(row["seed"]), float(row["value"])) for row in rows] == [
        (seed, total / share)
        for seed, total in enumerate(sum(range(41)) + 1000 * seed for seed in range(4))
        for share in (1, 2)
    ]
    resumed = [count for s, count, _ in starts(tmp_path) if s == seed]
    assert sorted(resumed)[0] == 0
    assert all(count > 0 for count in sorted(resumed)[1:])
    wait_for(lambda: not slurm.jobs(), "Slurm's queue to be empty again")


def test_workers_that_slurm_would_never_run_are_an_error(slurm, command, tmp_path):
    options = tmp_path / "slurm.toml"
    options.write_text(options.read_text().replace("500MB", "500GB"))
    done = start(command, tmp_path, slurm)
    assert done.wait(timeout=60) == 2
    log = (tmp_path / "log").read_text()
    assert "scaling-utils sweep: Slurm refuses the workers: " in log
    assert "Traceback" not in log
    assert slurm.jobs() == []
