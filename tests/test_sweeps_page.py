"""The example of book/sweeps.md runs as it is printed, here and through a stand-in for Slurm."""

import csv
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import ClassVar

import pytest

from scaling_utils.cli import main
from scaling_utils.sweeps import clusters, read_config, run, sweep
from scaling_utils.sweeps.config import LARGEST_FILE
from scaling_utils.sweeps.jobs import MOST_JOBS
from scaling_utils.sweeps.worker import TRIES
from scaling_utils.tables import read as read_runs

PAGE = (Path(__file__).parent.parent / "book" / "sweeps.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def example(tmp_path, monkeypatch):
    """Return a folder with the page's files, as the current one; forget its module after."""
    (tmp_path / "students.py").write_text(blocks("python")[0])
    (tmp_path / "students.toml").write_text(blocks("toml")[0])
    (tmp_path / "slurm.toml").write_text(blocks("toml")[1])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    sys.modules.pop("students", None)


@pytest.mark.slow
def test_the_command_of_the_page_makes_the_table_and_python_the_same_rows(example):
    command = blocks("bash")[0].split()
    assert command[:2] == ["scaling-utils", "sweep"]
    assert main(command[1:]) == 0
    jobs = read_config("students.toml").jobs
    rows = list(csv.DictReader(Path("students.csv").read_text().splitlines()))
    assert [(int(row["width"]), int(row["steps"]), int(row["seed"])) for row in rows] == [
        (job["width"], job["steps"], job["seed"]) for job in jobs
    ]
    assert all(0 < float(row["loss"]) < 2.4 for row in rows)  # below guessing, ln 10 = 2.30
    table = read_runs("students.csv", units={"N": 1, "D": 1})  # so small that it would ask
    N, D = table["N"], table["D"]
    assert N.tolist() == [(8 + 1) * job["width"] + (job["width"] + 1) * 10 for job in jobs]
    assert D.tolist() == [64 * job["steps"] for job in jobs]
    names = {}
    exec(blocks("python")[1], names)
    assert [repr(row["loss"]) for row in names["rows"]] == [row["loss"] for row in rows]


def test_the_page_names_limits_and_commands_as_they_are():
    """Of the extras only those of a clone: the package is in no registry."""
    assert re.findall(r"pip install '([^']*)'", PAGE) == [".[sweeps]", ".[slurm]"]
    assert "scaling-utils[" not in PAGE
    assert f"{MOST_JOBS:,} jobs, and a config {LARGEST_FILE // 1000} kB" in PAGE
    assert TRIES == 3
    assert "three times in all" in PAGE
    assert run._PATIENCE == 30
    assert "half a minute" in PAGE


@pytest.mark.slow
def test_what_the_page_says_of_changed_code(example, capsys):
    config = Path("students.toml")
    config.write_text(
        config.read_text().replace("[4, 8, 16], steps = [100, 200, 400]", "[4], steps = [100]")
    )
    arguments = ["sweep", "students.toml", "--out", "students", "--quiet", "--workers", "1"]
    assert main(arguments) == 0
    text = (example / "students.py").read_text()
    (example / "students.py").write_text("# a comment\n" + text)
    assert main(arguments) == 0
    (example / "students.py").write_text(text.replace("warmup=20", "warmup=10"))
    assert main(arguments) == 2
    assert "changed since 3 of its 3 jobs ran (students)" in capsys.readouterr().err
    assert main([*arguments, "--accept-changed"]) == 0


SBATCH = """\
#!/bin/sh
if [ "$1" = --test-only ]; then cat > "{folder}/asked"; exit {refuse}; fi
cp "$1" "{folder}/script"  # the caller removes its file soon
{run} "{folder}/script" > "{folder}/worker.log" 2>&1 &
echo "Submitted batch job $!"
echo $! >> "{folder}/started"
"""
SQUEUE = """\
#!/bin/sh
cat "{folder}/{queue}"
"""
SCANCEL = """\
#!/bin/sh
kill "$1"
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Return a function that puts commands named like Slurm's before all others.

    They run a worker here, or refuse it.
    """
    folder = tmp_path / "bin"
    folder.mkdir()

    def install(refuse: int = 0, run: str = "sh", queue: str = "started") -> None:
        (tmp_path / "empty").touch()
        for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL), ("squeue", SQUEUE)):
            (folder / name).write_text(
                text.format(folder=tmp_path, refuse=refuse, run=run, queue=queue)
            )
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    return install


OPTIONS = tomllib.loads(blocks("toml")[1]) | {"interface": "lo"}
JOBS = [{"base": 2, "exponent": exponent} for exponent in range(4)]


@pytest.mark.slow
def test_workers_that_slurm_starts_run_the_jobs(tmp_path, monkeypatch, stand_in):
    stand_in()
    monkeypatch.chdir(tmp_path)
    path = [Path(__file__).parent]
    rows = sweep(
        "sweep_jobs:power", JOBS, "ledger.jsonl", slurm=OPTIONS, workers=1, path=path,
        progress=False,
    )  # fmt: skip
    assert [row["value"] for row in rows] == [1, 2, 4, 8]
    script = (tmp_path / "asked").read_text()
    assert "#SBATCH -p normal" in script
    assert "#SBATCH --mem=2G" in script
    assert "--nthreads 1" in script
    assert (tmp_path / "started").read_text().count("\n") == 1


def test_workers_that_slurm_refuses_are_an_error(tmp_path, monkeypatch, stand_in):
    stand_in(refuse=1)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="Slurm refuses the workers"):
        sweep("sweep_jobs:power", JOBS, "ledger.jsonl", slurm=OPTIONS, progress=False)
    assert not (tmp_path / "started").exists()


@pytest.mark.slow
def test_workers_that_die_before_they_connect_are_an_error(tmp_path, monkeypatch, stand_in):
    stand_in(run="false", queue="empty")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "_LOOK", 1.0)
    with pytest.raises(ConnectionError, match="ended before their workers could connect"):
        sweep("sweep_jobs:power", JOBS, "ledger.jsonl", slurm=OPTIONS, progress=False)


def test_jobs_that_wait_in_the_queue_are_waited_for(tmp_path, monkeypatch):
    class Job:
        job_id = 17

    class Cluster:
        workers: ClassVar = {"a": Job}

    waiting, unknown, gone = (0, "16\n17\n"), (1, ""), (0, "16\n")
    answers = iter([waiting, gone, unknown, gone, gone, gone])

    def squeue(command, **_):
        assert command[0] == "squeue"
        return subprocess.CompletedProcess(command, *next(answers))

    monkeypatch.setattr(subprocess, "run", squeue)
    check = clusters._SlurmCheck(Cluster)
    for _ in range(4):
        check(workers=0)
    check(workers=1)
    check(workers=0)
    with pytest.raises(ConnectionError, match="ended before their workers"):
        check(workers=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (OPTIONS, "the command sbatch is not found"),
        ({"memory": "1GB"}, "cores"),
        ({"cores": 1, "memory": "1GB", "colour": "red"}, "unexpected keyword argument 'colour'"),
    ],
)
def test_options_that_cannot_be_used_are_an_error(tmp_path, monkeypatch, options, message):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match=message):
        sweep("sweep_jobs:power", JOBS, tmp_path / "ledger.jsonl", slurm=options, progress=False)
