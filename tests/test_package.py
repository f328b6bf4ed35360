"""The package builds, holds its data, and is described by the same facts everywhere."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import scaling_utils

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """Build a wheel from a copy of the sources, without a network."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for folder in ("scaling_utils", "results"):
        shutil.copytree(ROOT / folder, source / folder)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run([*command, "--no-build-isolation", "-w", out, source], check=True)
    (file,) = out.glob("*.whl")
    with zipfile.ZipFile(file) as opened:
        yield opened


def test_the_wheel_holds_every_room_and_every_data_file(wheel):
    inside = set(wheel.namelist())
    for file in (ROOT / "scaling_utils").rglob("*"):
        if file.suffix in (".py", ".csv"):
            assert file.relative_to(ROOT).as_posix() in inside
    for file in (ROOT / "results").rglob("*.*"):
        assert f"scaling_utils/{file.relative_to(ROOT).as_posix()}" in inside
    assert any(name.endswith(".csv") for name in inside)
    assert any(name.endswith("/LICENSE") for name in inside)


def test_the_wheel_holds_nothing_else_of_the_book(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"scaling_utils"}


def test_a_recorded_study_is_found_where_only_the_wheel_is_installed(wheel, tmp_path):
    site = tmp_path / "site"
    wheel.extractall(site)
    code = (
        "from scaling_utils import studies; "
        "folder = studies.recorded('known_entropy'); print(folder); "
        "print(len(studies.read_rows(folder / 'runs.csv')))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(site)},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert found[0] == str(site / "scaling_utils" / "results" / "known_entropy")
    assert int(found[1]) > 900


def test_the_version_is_the_same_everywhere(wheel):
    version = scaling_utils.__version__
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version
    assert f"scaling_utils-{version}.dist-info/METADATA" in wheel.namelist()


def test_the_licences_are_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["license"] == [project["license"], "CC-BY-4.0"]
    assert (ROOT / "LICENSE").read_text().startswith("BSD 3-Clause License")
    assert "Attribution 4.0 International" in (ROOT / "LICENSE-text").read_text()


README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_links_and_make_targets_in_the_text_exist(text):
    for target in re.findall(r"\]\((?!\w+:)([^)#]+)", text):
        assert (ROOT / target).exists(), f"a link to {target}"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:`|^)make ([a-z-]+)", text, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), f"make {target}"


def test_the_readme_lists_every_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^([a-z-]+):.*##", makefile, flags=re.MULTILINE):
        assert f"make {target}" in README


def test_the_readme_leaves_the_address_to_the_package():
    assert scaling_utils.notebook.REPOSITORY not in README + CONTRIBUTING


def test_the_readmes_example_runs():
    (block,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    ast.parse(block)
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "parameters" in done.stdout
