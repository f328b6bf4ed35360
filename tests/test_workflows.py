"""The workflow files and other YAML follow their schemas, and call what exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MAKE_TARGETS = set(
    re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
)


def check_schema(schema: str, *files: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    done = subprocess.run([*command, *map(str, files)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def workflow(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps(path: Path) -> list[dict]:
    return [step for job in workflow(path)["jobs"].values() for step in job["steps"]]


def test_workflows_follow_the_schema():
    assert WORKFLOWS
    check_schema("vendor.github-workflows", *WORKFLOWS)


def test_the_citation_file_follows_the_schema():
    check_schema("vendor.citation-file-format", ROOT / "CITATION.cff")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_and_each_job_has_an_end(path):
    assert workflow(path)["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job for job in workflow(path)["jobs"].values())


def zizmor(project: Path) -> subprocess.CompletedProcess:
    """Read workflows as an attacker would; a finding gives an exit status of 11 or more."""
    folder = project / ".github" / "workflows"
    program = Path(sys.executable).with_name("zizmor")
    command = [str(program), "--offline", "--no-progress", "--color=never", str(folder)]
    return subprocess.run(command, capture_output=True, text=True)


def test_an_attacker_finds_nothing_in_the_workflows():
    done = zizmor(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "finding"),
    [
        ("gpu.yml", "  pull_request:", "  pull_request_target:", "dangerous-triggers"),
        ("ci.yml", r"@[0-9a-f]{40} # v\d\.\d\.\d", "@v5", "unpinned-uses"),
        ("ci.yml", "persist-credentials: false", "show-progress: false", "artipacked"),
        ("ci.yml", "contents: read", "contents: write", "excessive-permissions"),
        (
            "ci.yml",
            "make lint PYTHON=python",
            "make lint PYTHON=${{ github.head_ref }}",
            "template-injection",
        ),
    ],
    ids=["trigger", "pin", "credentials", "permission", "injection"],
)
def test_an_attacker_finds_what_is_wrong(tmp_path, file, old, new, finding):
    text, changed = re.subn(old, new, (ROOT / ".github" / "workflows" / file).read_text())
    assert changed
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / file).write_text(text)
    done = zizmor(tmp_path)
    assert done.returncode >= 11  # below that it could not do its work
    assert finding in done.stdout


def test_who_may_start_what():
    """The machine with the GPU is ours: it runs a stranger's code only when one of us says so."""
    triggers = {path.name: workflow(path)[True] for path in WORKFLOWS}  # YAML reads `on` as true
    assert triggers["gpu.yml"] == {
        "workflow_dispatch": None,
        "pull_request": {"types": ["labeled"]},
    }
    assert set(triggers["ci.yml"]) == {"push", "pull_request", "workflow_dispatch"}
    (job,) = workflow(ROOT / ".github/workflows/gpu.yml")["jobs"].values()
    assert job["if"] == (
        "github.event_name == 'workflow_dispatch' || github.event.label.name == 'gpu'"
    )


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_the_makers_own_pinned_by_hash(path):
    text = path.read_text(encoding="utf-8")
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert used
    for action in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action)
        # What the hash stands for, for the eye and for tools that propose updates.
        assert re.search(rf"{action} # v\d+\.\d+\.\d+$", text, flags=re.MULTILINE)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_run_only_targets_of_the_makefile(path):
    for step in steps(path):
        if "run" in step:
            assert step["run"].split()[0] == "make"
            assert step["run"].split()[1] in MAKE_TARGETS


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_where_all_tests_run_the_whole_history_is_there(path):
    """Registered predictions are held to it, and without it those tests are skipped."""
    for job in workflow(path)["jobs"].values():
        if any(
            re.search(r"\bmake (test|chapters)\b", step.get("run", "")) for step in job["steps"]
        ):
            (checkout,) = (s for s in job["steps"] if "actions/checkout" in s.get("uses", ""))
            assert checkout["with"]["fetch-depth"] == 0


def test_the_chapters_run_under_other_kernels_too():
    runs = [step.get("run", "") for step in steps(ROOT / ".github" / "workflows" / "ci.yml")]
    assert any("make kernels" in run for run in runs)
    assert "make kernels" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_matrix_covers_both_systems_and_the_supported_pythons():
    jobs = workflow(ROOT / ".github/workflows/ci.yml")["jobs"]
    systems = ["ubuntu-latest", "macos-latest"]
    assert jobs["package"]["strategy"]["matrix"] == {
        "os": systems,
        "python": ["3.11", "3.12", "3.13"],
    }
    assert jobs["chapters"]["strategy"]["matrix"] == {"os": systems}


def test_the_parts_that_ci_runs_are_all_of_the_tests():
    """What `make test` runs at once, CI runs in parts: no test module is in none of them."""
    runs = {
        step["run"].split()[1] for step in steps(ROOT / ".github/workflows/ci.yml") if "run" in step
    }
    assert runs >= {"package", "chapters", "site"}
    done = subprocess.run(
        ["make", "-n", "-o", ".venv/.installed", "package", "chapters", "site"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    named = re.findall(r"tests/test_\w+\.py", done.stdout)
    assert sorted(named) == sorted(
        f"tests/{file.name}" for file in (ROOT / "tests").glob("test_*.py")
    )
    assert re.search(r" notebooks\b", done.stdout)


def test_the_ci_script_is_valid_bash_and_runs_make_test():
    script = ROOT / ".ci" / "run"
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert re.search(r"^make test\b", script.read_text(), flags=re.MULTILINE)
    assert script.stat().st_mode & 0o111


def test_yaml_is_tidy():
    command = [sys.executable, "-m", "yamllint", "--strict", str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout


def test_pre_commit_fetches_nothing():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    for hook in config["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/python ")
