"""The manifest of the recorded results: any edit of a file shows, and what it says is true."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import manifest
import pytest

from scaling_utils.studies import read_record

RESULTS = Path(__file__).resolve().parent.parent / "results"


@pytest.fixture(scope="module")
def stored():
    return manifest.read(RESULTS)


@pytest.fixture
def copy(tmp_path):
    """A copy of two studies and their manifest."""
    for name in ("text", "shape"):
        shutil.copytree(RESULTS / name, tmp_path / name)
    (tmp_path / "MANIFEST.toml").write_text(manifest.as_toml(manifest.describe(tmp_path)))
    assert manifest.differences(manifest.read(tmp_path), manifest.describe(tmp_path)) == []
    return tmp_path


def test_every_file_is_as_the_manifest_says(stored):
    wrong = manifest.differences(stored, manifest.describe(RESULTS))
    assert wrong == [], "a deliberate change? python tools/manifest.py --write"


def test_the_manifest_is_written_by_the_tool_alone(stored):
    text = (RESULTS / "MANIFEST.toml").read_text(encoding="utf-8")
    assert text == manifest.as_toml(stored)


def test_it_lists_every_study_with_the_numbers_of_its_rows(stored):
    for folder in (path.parent for path in RESULTS.glob("*/jobs.csv")):
        jobs, runs = read_record(folder)
        assert stored["files"][f"{folder.name}/jobs.csv"]["rows"] == len(jobs)
        assert stored["files"][f"{folder.name}/runs.csv"]["rows"] == len(runs)
        commits = {job["commit"] for job in jobs.values()}
        assert set(stored["studies"][folder.name]["commits"]) == commits
    assert len(stored["studies"]) == len(list(RESULTS.glob("*/jobs.csv")))
    # A folder without jobs holds the script that wrote its table.
    others = {
        path.parent
        for path in RESULTS.glob("*/runs.csv")
        if not (path.parent / "jobs.csv").exists()
    }
    scripts = {
        "depth_budget": "experiment.py",
        "shape_budget": "experiment.py",
        "evaluation": "record.py",
        "staged_training": "record.py",
        "pretrained": "record.py",
        "lora": "record.py",
        "recall": "record.py",
        "adapting": "record.py",
        "mixture": "record.py",
        "emergence": "record.py",
        "contest": "record.py",
        "associative_memory": "record.py",
        "known_entropy_domain": "record.py",
    }
    assert {folder.name for folder in others} == set(scripts)
    for folder in others:
        rows = len((folder / "runs.csv").read_text(encoding="utf-8").splitlines()) - 1
        assert stored["files"][f"{folder.name}/runs.csv"]["rows"] == rows
        assert f"{folder.name}/{scripts[folder.name]}" in stored["files"]
    assert "PREREGISTRATION.md" in stored["files"]


def edit(file: Path, change) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join(change(lines)) + "\n", encoding="utf-8")


def larger_loss(lines):
    place = lines[0].split(",").index("loss")
    cells = lines[-1].split(",")
    cells[place] = f"{1.005 * float(cells[place]):.7g}"
    return [*lines[:-1], ",".join(cells)]


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("text/runs.csv", larger_loss, "file text/runs.csv: sha256 was"),
        ("text/runs.csv", lambda lines: lines[:-1], "file text/runs.csv: rows was 288, is 287"),
        (
            "text/runs.csv",
            lambda lines: [line.replace("d202a78d6a9aeb9a", "d202a78d6a9aeb9b") for line in lines],
            "study text: corpora was ['d202a78d6a9aeb9a'], is ['d202a78d6a9aeb9b']",
        ),
        (
            "shape/jobs.csv",
            lambda lines: [re.sub("de0c637096[0-9a-f]{30}", "0" * 40, line) for line in lines],
            "study shape: commits was",
        ),
        (
            "shape/jobs.csv",
            lambda lines: [line.replace("0c6c2b6a044b456f", "0" * 16) for line in lines],
            "study shape: experiment_sha256 was",
        ),
        (
            "shape/jobs.csv",
            lambda lines: [line.replace(",False,", ",True,") for line in lines],
            "study shape: dirty was False, is True",
        ),
        (
            "shape/sweep.toml",
            lambda lines: [line.replace("batch = 16", "batch = 17") for line in lines],
            "file shape/sweep.toml: sha256 was",
        ),
    ],
)
def test_an_edited_file_is_told(copy, name, change, message):
    edit(copy / name, change)
    wrong = manifest.differences(manifest.read(copy), manifest.describe(copy))
    assert any(message in one for one in wrong), wrong


def test_swapped_lost_and_new_files_are_told(copy):
    (copy / "text" / "runs.csv").rename(copy / "kept")
    (copy / "shape" / "runs.csv").rename(copy / "text" / "runs.csv")
    (copy / "kept").rename(copy / "shape" / "runs.csv")
    (copy / "text" / "sweep.toml").unlink()
    (copy / "shape" / "more.csv").write_text("a\n1\n")
    wrong = manifest.differences(manifest.read(copy), manifest.describe(copy))
    assert "file text/sweep.toml is gone" in wrong
    assert "file shape/more.csv is not listed" in wrong
    assert sum("runs.csv: sha256 was" in one for one in wrong) == 2


def test_line_ends_of_a_checkout_on_windows_change_nothing(copy):
    for file in copy.glob("*/*"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert manifest.differences(manifest.read(copy), manifest.describe(copy)) == []


def test_the_command_compares_and_writes(copy, monkeypatch, capsys):
    monkeypatch.setattr(manifest, "RESULTS", copy)
    monkeypatch.setattr(manifest, "read", lambda results=copy, read=manifest.read: read(results))
    assert manifest.main([]) == 0
    edit(copy / "text" / "runs.csv", larger_loss)
    assert manifest.main([]) == 1
    assert "sha256 was" in capsys.readouterr().out
    assert manifest.main(["--write"]) == 0
    assert manifest.main([]) == 0
