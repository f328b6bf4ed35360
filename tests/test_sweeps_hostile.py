"""Configs that are refused soon and in little memory, and modules that fail as they are imported.

Each is read by a process of its own, with limits on its processor time, which other processes do
not count against, and on its memory.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from dask_here import environment

SECONDS = 15  # of processor time; to start takes one of them
BYTES = 2 << 30  # of addresses; to start takes a fifth
HEAD = 'experiment = "sweep_jobs:power"\n'
YAML = "experiment: sweep_jobs:power\n"


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))


def refused(folder: Path, config: str, *more: str, made: bool = False) -> str:
    """Return the one line with which the command refuses."""
    done = subprocess.run(
        [sys.executable, "-m", "scaling_utils.cli", "sweep", config, "--out", "out", *more],
        cwd=folder,
        env=environment(),
        preexec_fn=limited,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("scaling-utils sweep: ")
    assert done.stderr.count("\n") == 1
    assert made or not (folder / "out" / "ledger.jsonl").exists()
    return done.stderr


def bomb() -> str:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    for level in range(1, 12):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]")
    return (
        YAML + "fixed:\n" + "".join(f"  {line}\n" for line in lines) + "grid: [{vary: {x: [1]}}]\n"
    )


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def wide(grid: str) -> str:
    """Return a grid of 1000 to the third jobs."""
    values = str(list(range(1000)))
    return grid.format(values=values)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("bomb.yaml", bomb(), "line 3: anchors (&) and aliases (*) are not read"),
        ("deep.yaml", YAML + "fixed: " + nested(40_000), "is nested too deeply"),
        ("deep.toml", HEAD + "fixed = " + nested(40_000), "nested too deeply"),
        ("rather.toml", HEAD + f"[[grid]]\nvary = {{x = [{nested(30)}]}}\n", "levels deep at most"),
        ("large.toml", HEAD + "# " + 100_000_000 * "x", "is too large"),
        ("large.yaml", YAML + "# " + 100_000_000 * "x", "is too large"),
        ("full.yaml", YAML + "fixed: {a: [" + 49_000 * "1," + "]}\n", "the key 'grid' is missing"),
        (
            "many.toml",
            HEAD + wide("[[grid]]\nvary = {{a = {values}, b = {values}, c = {values}}}\n"),
            "the grids make 1,000,000,000 jobs; a sweep may have 100,000",
        ),
        (
            "many.yaml",
            YAML + wide("grid: [{{vary: {{a: {values}, b: {values}, c: {values}}}}}]\n"),
            "the grids make 1,000,000,000 jobs",
        ),
        ("long.toml", HEAD + f"[[grid]]\nvary = {{a = [1{90_000 * '0'}]}}\n", "is not TOML"),
        ("long.yaml", YAML + f"grid: [{{vary: {{a: [1{90_000 * '0'}]}}}}]\n", "is too long"),
    ],
    ids=lambda value: value if len(value) < 12 else "",
)
def test_a_hostile_config_is_refused_in_little_time_and_memory(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    assert message in refused(tmp_path, name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.toml", "none.toml: cannot be read: No such file"),
        ("folder.toml", "folder.toml: is a folder"),
        ("latin.toml", "latin.toml: is not a text file in UTF-8"),
        ("/dev/zero", "must end in .toml"),
        ("endless.toml", "endless.toml: is not a file"),
    ],
)
def test_what_is_no_config_at_all(tmp_path, name, message):
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "latin.toml").write_bytes('experiment = "é"'.encode("latin-1"))
    (tmp_path / "endless.toml").symlink_to("/dev/zero")
    assert message in refused(tmp_path, name)
    (tmp_path / "good.toml").write_text(HEAD + "[[grid]]\nvary = {base = [2], exponent = [3]}\n")
    if name != "/dev/zero":
        words = message.replace("must end in", "")
        assert words in refused(tmp_path, "good.toml", "--slurm", name)


MODULE = 'experiment = "broken:f"\n[[grid]]\nvary = {n = [1]}\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "x = 1\ny = x / 0\n",
            "ZeroDivisionError: division by zero (broken.py, line 2: y = x / 0)",
        ),
        ("import sys\nsys.exit('bye')\n", "SystemExit: bye (broken.py, line 2: sys.exit('bye'))"),
        ("def f(:\n", "SyntaxError: invalid syntax (broken.py, line 1)"),
        (
            "import no_such_module_here\n",
            "No module named 'no_such_module_here' (broken.py, line 1",
        ),
        ("def f(job, folder):\n    pass\nf.cost = lambda job: 1 / 0\n", "cost fails for {'n': 1}"),
        ("g = 1\n", "the module 'broken' has no 'f'"),
    ],
)
def test_a_module_that_fails_as_it_is_imported_is_named_with_its_line(tmp_path, text, message):
    (tmp_path / "study.toml").write_text(MODULE)
    (tmp_path / "broken.py").write_text(text)
    assert message in refused(tmp_path, "study.toml", made=True)
