"""The Makefile finds an interpreter that is new enough, or says what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def checkout(tmp_path):
    """Return a folder with the Makefile, a fake set-up, and a PATH with chosen interpreters."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "tools").mkdir()
    (tmp_path / "requirements.lock").touch()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "bash", "cat", "echo", "make", "env", "mkdir", "grep", "sed", "test"):
        if found := shutil.which(tool):
            (tmp_path / "bin" / tool).symlink_to(found)
    (tmp_path / "tools" / "install.py").write_text(
        "import pathlib, sys\n"
        "pathlib.Path('.venv/bin').mkdir(parents=True)\n"
        "pathlib.Path('.venv/bin/python').symlink_to('/bin/echo')\n"
        "print('SET UP', *sys.argv[1:])\n"
    )
    return tmp_path


def interpreter(checkout: Path, name: str, works: bool) -> None:
    """Put an interpreter on the PATH: this one, or one that is too old."""
    file = checkout / "bin" / name
    if works:
        file.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    else:
        file.write_text("#!/bin/sh\nexit 1\n")
    file.chmod(0o755)


def make(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHON", "MAKEFLAGS", "TORCH")}
    env["PATH"] = str(checkout / "bin")
    return subprocess.run(["make", *words], cwd=checkout, env=env, capture_output=True, text=True)


def test_a_newer_interpreter_is_found_beside_an_old_python3(checkout):
    interpreter(checkout, "python3", works=False)
    interpreter(checkout, "python3.12", works=True)
    done = make(checkout, "book")
    assert done.returncode == 0, done.stderr
    assert "python3.12 tools/install.py" in done.stdout
    assert "SET UP --torch auto --venv .venv" in done.stdout


def test_no_interpreter_is_explained(checkout):
    interpreter(checkout, "python3", works=False)
    done = make(checkout, "book")
    assert done.returncode != 0
    assert "No Python 3.11 or later found" in done.stderr
    assert "SET UP" not in done.stdout


def test_a_named_interpreter_that_is_too_old_is_explained(checkout):
    interpreter(checkout, "python3", works=True)
    interpreter(checkout, "python3.9", works=False)
    done = make(checkout, "book", "PYTHON=python3.9")
    assert done.returncode != 0
    assert "PYTHON=python3.9 is not that" in done.stderr


def test_the_set_up_is_done_once_and_again_when_another_torch_is_asked_for(checkout):
    interpreter(checkout, "python3", works=True)
    assert "SET UP" in make(checkout, "book").stdout
    assert "SET UP" not in make(checkout, "book").stdout
    shutil.rmtree(checkout / ".venv" / "bin")
    assert "SET UP --torch cuda" in make(checkout, "book", "TORCH=cuda").stdout


def test_python_keeps_what_it_compiles(checkout, monkeypatch):
    """The import of a module that was compiled before takes a fraction of the time."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (checkout / "tools" / "install.py").write_text("import other\n")
    (checkout / "tools" / "other.py").touch()
    interpreter(checkout, "python3", works=True)
    make(checkout, "book")
    assert list((checkout / "tools" / "__pycache__").glob("other.*.pyc"))


def test_help_is_what_make_shows_and_lists_the_targets(checkout):
    done = make(checkout)
    assert done.returncode == 0
    for target in (
        "book",
        "test",
        "quick",
        "package",
        "chapters",
        "site",
        "kernels",
        "machines",
        "execute",
        "lab",
        "serve",
        "bench",
        "gpu",
        "lint",
        "lock",
        "clean",
    ):
        assert f"\n  {target} " in done.stdout
