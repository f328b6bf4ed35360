"""pyproject.toml, requirements.lock and environment.yml name the same things."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from install import TORCH_VERSION
from lock import EXTRAS, NOT_LOCKED
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PYTHONS = ("3.11", "3.12", "3.13")


def own_requirements(extra: str | None = None) -> list[Requirement]:
    """Return the requirements of the project or of one extra, its own extras followed."""
    listed = PROJECT["dependencies"] if extra is None else PROJECT["optional-dependencies"][extra]
    found = []
    for requirement in map(Requirement, listed):
        if requirement.name == PROJECT["name"]:
            for inner in requirement.extras:
                found += own_requirements(inner)
        else:
            found.append(requirement)
    return found


def locked() -> dict[str, Version]:
    """Return the versions in the lock by name."""
    pinned = re.findall(r"^([\w.-]+)==([^\s;\\]+)", LOCK, flags=re.MULTILINE)
    return {name: Version(version) for name, version in pinned}


def floors(requirements: list[Requirement]) -> dict[str, str]:
    return {r.name: str(r.specifier) for r in requirements}


def test_the_packages_floors_are_those_that_hosted_notebooks_meet():
    assert floors(own_requirements()) == {
        "numpy": ">=2.0",
        "scipy": ">=1.13",
        "matplotlib": ">=3.9",
        "torch": ">=2.6",
        "pooch": ">=1.8",
        "click": ">=8.1",
        "rich": ">=13.8",
    }


@pytest.mark.parametrize("extra", [None, *EXTRAS])
def test_the_lock_satisfies_every_requirement(extra):
    versions = locked() | {"torch": Version(TORCH_VERSION)}
    for requirement in own_requirements(extra):
        assert requirement.name in versions, f"{requirement.name} is not in the lock: make lock"
        assert versions[requirement.name] in requirement.specifier, str(requirement)


def test_the_lock_covers_every_extra_that_is_not_part_of_another():
    nested = {e for extra in EXTRAS for r in PROJECT["optional-dependencies"][extra]
              if Requirement(r).name == PROJECT["name"] for e in Requirement(r).extras}  # fmt: skip
    assert {*EXTRAS, *nested, *NOT_LOCKED} == set(PROJECT["optional-dependencies"])


def test_the_lock_names_no_host_and_nothing_for_cuda():
    for line in LOCK.splitlines():
        assert "://" not in line
        assert not line.startswith("-")
        assert not re.match(r"(torch|triton|nvidia|cuda)\b", line)


def test_the_lock_pins_each_package_once_and_with_a_hash():
    starts = re.findall(r"^[\w.-]+==.*$", LOCK, flags=re.MULTILINE)
    assert len(locked()) == len(starts)
    assert all(line.endswith("\\") for line in starts)
    assert LOCK.count("--hash=sha256:") >= len(starts)


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_holds_what_torchs_cpu_build_needs(python):
    markers = dict(re.findall(r"^([\w.-]+)==[^;\\\n]+;([^\\\n]*)", LOCK, flags=re.MULTILINE))
    environment = {"python_full_version": f"{python}.0", "sys_platform": "linux"}
    for name in ("filelock", "fsspec", "jinja2", "networkx", "sympy", "typing-extensions"):
        assert name in locked()
        assert name not in markers or Marker(markers[name]).evaluate(environment)


def test_conda_has_the_same_floors():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = floors([Requirement(item) for item in listed if isinstance(item, str)])
    conda["torch"] = conda.pop("pytorch")
    assert conda.pop("python") == PROJECT["requires-python"]
    for requirement in own_requirements() + own_requirements("chapters"):
        assert conda.pop(requirement.name) == str(requirement.specifier)
    lab = floors(own_requirements("lab"))
    assert {name: lab.get(name, "") for name in conda} == conda | {"pip": ""}
