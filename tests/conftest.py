"""What all tests share: repeatable randomness, closed figures, repeatable property tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import tables
from hypothesis import HealthCheck, settings
from site_pages import browser, site_address, visit, walk, window  # noqa: F401  (the site's tests)

# The same examples on every run, so that a red build can be repeated. To search for new ones:
# HYPOTHESIS_PROFILE=explore pytest
# No test fails because the machine is slow: neither by a deadline nor by a check of speed.
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same in every run."""
    return np.random.default_rng(20240229)


@pytest.fixture(autouse=True)
def _no_width(monkeypatch):
    """Let no terminal around the tests decide where the command line breaks its lines."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(autouse=True)
def _close_figures():
    """Close what a test has drawn; costs nothing where matplotlib was never imported."""
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")


@pytest.fixture
def shared_data() -> Path:
    """Return the folder of the published run tables, or skip the test and say why."""
    return tables.shared_data()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Return the address of a Dask scheduler with one worker, shared by the tests of a module."""
    from dask_here import Dask

    running = Dask(tmp_path_factory.mktemp("dask"), workers=1)
    yield running.address
    running.stop()
