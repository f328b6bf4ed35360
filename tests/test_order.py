"""The longest files are handed out first."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import order

TESTS = Path(__file__).parent


def item(path: Path, name: str) -> SimpleNamespace:
    return SimpleNamespace(path=path, name=name)


def test_the_longest_files_come_first_and_the_tests_of_a_file_keep_their_order(tmp_path):
    for name, took in (("quick", 1.5), ("slow", 70.0), ("never_run", None)):
        cpu = {} if took is None else {"scaling_utils": {"cpu": {"seconds": took}}}
        (tmp_path / f"{name}.ipynb").write_text(json.dumps({"metadata": cpu}))
    files = ["test_short.py", "quick.ipynb", "never_run.ipynb", "slow.ipynb", "test_site.py"]
    items = [item(tmp_path / file, name) for file in files for name in ("z", "a")]
    order.longest_first(items)
    found = [(one.path.name, one.name) for one in items]
    expected = ["test_site.py", "slow.ipynb", "quick.ipynb", "test_short.py", "never_run.ipynb"]
    assert found == [(file, name) for file in expected for name in ("z", "a")]


def test_the_files_that_are_said_to_be_long_are_there():
    assert [name for name in order.SECONDS if not (TESTS / name).is_file()] == []


def test_the_order_is_made_for_workers_and_is_not_undone():
    config = SimpleNamespace(option=SimpleNamespace(loadscopereorder=True))
    order.pytest_configure(config)
    assert config.option.loadscopereorder is False
    items = [item(Path("test_short.py"), "a"), item(Path("test_site.py"), "a")]
    order.pytest_collection_modifyitems(config, items)
    assert items[0].path.name == "test_short.py"
    config.workerinput = {}
    order.pytest_collection_modifyitems(config, items)
    assert items[0].path.name == "test_site.py"
