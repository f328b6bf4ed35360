"""``scaling-utils sweep``: killed in every way and gone on with, and every kind of bad input."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from dask_here import environment, wait_for

from scaling_utils.cli import main
from scaling_utils.sweeps import Ledger

COUNTING = """\
experiment = "sweep_jobs:counting"
[fixed]
to = 25
pause = 0.02
[[grid]]
vary = { seed = [0, 1, 2, 3] }
"""
POWER = """\
experiment = "sweep_jobs:power"
[[grid]]
vary = { base = [2, 3], exponent = [3] }
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(COUNTING)
    return path


def command(config: Path, out: Path, *more: str) -> list[str]:
    words = ["sweep", str(config), "--out", str(out), "--csv", str(out / "table.csv"), *more]
    return [sys.executable, "-m", "scaling_utils.cli", *words]


def complete(config: Path, out: Path, *more: str) -> str:
    """Run a sweep to its end; return its table."""
    done = subprocess.run(
        command(config, out, *more), env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return (out / "table.csv").read_text()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, address) -> str:
    """Return the table of the sweep that the tests interrupt."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "study.toml").write_text(COUNTING)
    return complete(folder / "study.toml", folder / "out", "--scheduler", address)


@pytest.mark.slow
def test_the_table_is_what_the_jobs_say(uninterrupted):
    rows = list(csv.DictReader(uninterrupted.splitlines()))
    assert [(row["seed"], row["row"], row["value"]) for row in rows] == [
        (str(seed), str(row), str(value))
        for seed in range(4)
        for row, value in enumerate((325 + 1000 * seed, (325 + 1000 * seed) / 2))
    ]


def jobs_done(out: Path) -> int:
    ledger = out / "ledger.jsonl"
    return ledger.read_text().count('"kind": "job"') if ledger.exists() else 0


def heed_interrupts() -> None:
    """Undo what a shell does to commands in the background: they ignore Ctrl-C, and so would
    the sweep that a test interrupts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def started(config: Path, out: Path) -> subprocess.Popen:
    """Start a sweep on two local workers; return when two jobs are done and others run.

    The others cannot end: the gate that they wait for is never opened.
    """
    log = (out.parent / "log").open("w")
    closed = environment() | {"COUNTING_GATE": str(out.parent / "gate")}
    process = subprocess.Popen(
        command(config, out),
        env=closed,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )
    try:
        wait_for(lambda: jobs_done(out) >= 2, "two jobs to end")
        wait_for(lambda: list(out.glob("ledger.jobs/*/count")), "another job to count")
    except AssertionError:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process


@pytest.mark.slow
@pytest.mark.parametrize("everything", [True, False], ids=["group", "client"])
def test_a_killed_sweep_goes_on_and_ends_with_the_same_table(
    config, tmp_path, uninterrupted, everything
):
    out = tmp_path / "out"
    process = started(config, out)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert len(workers) >= 2
    if everything:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=300)
    assert alive == []
    assert jobs_done(out) < 4
    assert complete(config, out) == uninterrupted
    assert list((out / "ledger.jobs").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_sweep_says_so_and_leaves_no_process(config, tmp_path, number):
    out = tmp_path / "out"
    process = started(config, out)
    workers = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, number)
    assert process.wait(timeout=300) == 130
    _, alive = psutil.wait_procs(workers, timeout=300)
    assert alive == []
    words = (tmp_path / "log").read_text()
    assert "interrupted; the same command goes on" in words
    assert "Traceback" not in words


def run(capsys, *arguments) -> tuple[int, str, str]:
    code = main(["sweep", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_failed_jobs_are_named_and_the_exit_code_is_1(tmp_path, capsys, address):
    config = tmp_path / "study.toml"
    config.write_text(
        'experiment = "sweep_jobs:grumpy"\n[[grid]]\nvary = {n = [1, 2]}\n'
        f'[[grid]]\nvary = {{n = [3]}}\nbad = "{tmp_path}/luck"\n'
    )
    arguments = (config, "--out", tmp_path / "out", "--scheduler", address)
    code, out, err = run(capsys, *arguments)
    assert code == 1
    assert "2 of 3 jobs done, 2 rows" in out
    assert "2 of 3 jobs done, 1 failed" in err
    assert "RuntimeError: no luck with 3" in err.splitlines()[-1]
    (tmp_path / "luck").touch()
    code, out, err = run(capsys, *arguments, "--quiet")
    assert (code, err) == (0, "")
    assert f"3 of 3 jobs done, 3 rows\nledger: {tmp_path}" in out


def test_an_experiment_may_lie_beside_its_config(tmp_path, capsys, address):
    (tmp_path / "my_own_runs.py").write_text("def f(job, folder):\n    return [{'y': job['x']}]\n")
    config = tmp_path / "study.yaml"
    config.write_text('experiment: "my_own_runs:f"\ngrid:\n  - vary: {x: [1, 2]}\n')
    code, _, _ = run(
        capsys, config, "--out", tmp_path / "out", "--csv", tmp_path / "t.csv", "--scheduler",
        address,
    )  # fmt: skip
    assert code == 0
    rows = list(csv.DictReader((tmp_path / "t.csv").open()))
    assert [(row["x"], row["y"]) for row in rows] == [("1", "1"), ("2", "2")]


def test_two_sweeps_in_one_folder_are_refused(tmp_path, config, capsys):
    with Ledger(tmp_path / "out" / "ledger.jsonl"):
        code, _, err = run(capsys, config, "--out", tmp_path / "out")
    assert code == 2
    assert "another sweep is writing to it" in err


@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        ("", (), "the key 'experiment' is missing"),
        (POWER.replace("sweep_jobs:power", "powers"), (), "experiment must be 'module:function'"),
        (POWER.replace("[2, 3]", "[]"), (), "must hold at least one value"),
        (POWER.replace("[2, 3]", "[2, 2]"), (), "repeats a job"),
        (POWER.replace("[2, 3]", "[2, 2.0]"), (), "written as"),
        (POWER, ("--slurm", "none.toml"), "none.toml: cannot be read"),
        (POWER, ("--scheduler", "nonsense://"), "no Dask scheduler answers at nonsense://"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, capsys, text, more, message):
    config = tmp_path / "study.toml"
    config.write_text(text)
    code, out, err = run(capsys, config, "--out", tmp_path / "out", "--quiet", *more)
    assert code == 2
    assert out == ""
    assert err.startswith("scaling-utils sweep: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--csv", "file/t.csv"), "--csv: file/t.csv cannot be written: "),
        (("--csv", "folder"), "--csv: folder cannot be written: is a folder"),
        (("--csv", "/proc/none/t.csv"), "--csv: /proc/none/t.csv cannot be written: "),
        (("--record", "file"), "--record: file/jobs.csv cannot be written: "),
        (("--record", "/proc/none"), "--record: /proc/none/jobs.csv cannot be written: "),
        (("--out", "file"), "--out: file/ledger.jsonl cannot be written: "),
        (("--out", "taken"), "--out: taken/ledger.jsonl cannot be written: is a folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_noticed_before_a_job_runs(
    tmp_path, capsys, monkeypatch, words, message
):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("folder").mkdir()
    Path("taken/ledger.jsonl").mkdir(parents=True)
    Path("study.toml").write_text(POWER)
    monkeypatch.setattr("scaling_utils.sweeps.sweep", None)  # no job could run
    places = ("--out", "out") if "--out" not in words else ()
    code, _, err = run(capsys, "study.toml", *places, *words)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert list(tmp_path.rglob(".*")) == []  # nothing of the trial is left


def test_a_table_that_cannot_be_written_in_the_end_costs_no_results(
    tmp_path, capsys, address, monkeypatch
):
    config = tmp_path / "study.toml"
    config.write_text(POWER)
    arguments = (config, "--out", tmp_path / "out", "--csv", tmp_path / "t.csv", "--quiet")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("scaling_utils.sweeps.write_csv", full)
        code, _, err = run(capsys, *arguments, "--scheduler", address)
    assert code == 2
    assert "No space left on device; all results are in" in err
    code, out, _ = run(capsys, *arguments, "--scheduler", "tcp://127.0.0.1:1")
    assert (code, out.splitlines()[0]) == (0, "2 of 2 jobs done, 2 rows")
    assert (tmp_path / "t.csv").exists()


def test_runs_that_diverged_are_counted_and_marked(tmp_path, capsys, address):
    (tmp_path / "some_diverge.py").write_text(
        "def f(job, folder):\n    return [{'N': 1, 'loss': float(job['x'])}]\n"
    )
    config = tmp_path / "study.toml"
    config.write_text('experiment = "some_diverge:f"\n[[grid]]\nvary = { x = ["2.5", "nan"] }\n')
    table = tmp_path / "t.csv"
    code, out, _ = run(
        capsys, config, "--out", tmp_path / "out", "--csv", table, "--scheduler", address
    )
    assert code == 0
    assert "1 of 2 rows have no finite loss: diverged is True in the table" in out
    rows = list(csv.DictReader(table.open()))
    assert [(row["loss"], row["diverged"]) for row in rows] == [("2.5", "False"), ("nan", "True")]


def test_a_changed_experiment_is_refused_until_it_is_accepted(tmp_path, capsys, address):
    module = tmp_path / "it_changes.py"
    module.write_text("def f(job, folder):\n    return [{'y': job['x']}]\n")
    config = tmp_path / "study.toml"
    config.write_text('experiment = "it_changes:f"\n[[grid]]\nvary = { x = [1, 2] }\n')
    arguments = (config, "--out", tmp_path / "out", "--scheduler", address, "--quiet")
    assert run(capsys, *arguments)[0] == 0
    module.write_text("def f(job, folder):\n    return [{'y': -job['x']}]\n")
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert "the experiment has changed since 2 of its 2 jobs ran (it_changes)" in err
    assert run(capsys, *arguments, "--accept-changed")[0] == 0


def test_without_dask_the_extra_is_named(tmp_path, config, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)
    code, _, err = run(capsys, config, "--out", tmp_path / "out")
    assert code == 2
    assert "pip install '.[sweeps]'" in err


@pytest.mark.parametrize(
    "arguments",
    ["study.toml", "study.toml --out x --workers 0", "study.toml --out x --slurm a --scheduler b"],
)
def test_words_that_are_not_understood_are_refused_in_one_line(capsys, arguments):
    assert main(["sweep", *arguments.split()]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("scaling-utils sweep: ")
    assert captured.err.count("\n") == 1


def test_help_has_an_example(capsys):
    assert main(["sweep", "--help"]) == 0
    assert "  scaling-utils sweep study.toml --out study" in capsys.readouterr().out
