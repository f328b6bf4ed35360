"""Several workers start with the longest files: none is left with one when the others have ended.

A worker takes a whole file. By itself pytest-xdist hands out first what has the most tests, and
last what has few, such as the chapters.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

# Seconds on one core of the test files that take long; a chapter says itself how long it took.
# They need not be exact: only their order counts.
SECONDS = {
    "test_site.py": 200,
    "test_notebook_run.py": 60,
    "test_fitting_report.py": 45,
    "test_chapters.py": 40,
    "test_cli_sweep.py": 40,
    "test_reach.py": 30,
    "test_sweeps_failures.py": 30,
}


@cache
def seconds(path: Path) -> float:
    """Return about how long the tests of a file take; 0 for one that is not long."""
    if path.suffix != ".ipynb":
        return SECONDS.get(path.name, 0)
    metadata = json.loads(path.read_text(encoding="utf-8")).get("metadata", {})
    return metadata.get("scaling_utils", {}).get("cpu", {}).get("seconds", 0)


def longest_first(items: list) -> None:
    """Sort tests by the time that their files take; the tests of a file keep their order."""
    items.sort(key=lambda item: -seconds(item.path))


def pytest_configure(config):
    """Keep pytest-xdist from sorting the files by their numbers of tests."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    if hasattr(config, "workerinput"):  # one process alone keeps the order that it was given
        longest_first(items)
