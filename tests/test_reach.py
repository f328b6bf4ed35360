"""How many chapters a change of the package makes stale, on the book as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import freshness
import nbformat
import pytest
import reach
from dependencies import Package

ROOT = Path(__file__).parent.parent
GOAL = 1 / 3  # of the chapters, in the mean over all modules


@pytest.fixture(scope="module")
def chapters():
    return {p.stem: nbformat.read(p, as_version=4) for p in freshness.all_notebooks()}


def inputs(chapters, root: Path) -> dict[str, dict[str, str]]:
    package = Package(root)
    return {name: freshness.input_texts(book, package) for name, book in chapters.items()}


@pytest.fixture(scope="module")
def before(chapters):
    return inputs(chapters, ROOT)


@pytest.fixture
def root(tmp_path) -> Path:
    """Return a copy of what the chapters depend on."""
    for folder in ("scaling_utils", "results"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def edit(root: Path, name: str, old: str, new: str) -> None:
    text = (root / name).read_text(encoding="utf-8")
    assert text.count(old) == 1, (name, old)
    (root / name).write_text(text.replace(old, new), encoding="utf-8")


def stale(chapters, before, root: Path) -> set[str]:
    after = inputs(chapters, root)
    return {name[:2] for name in chapters if freshness.changed_inputs(before[name], after[name])}


def list_in(root: Path, room: str, line: str) -> None:
    """Add a line to the names that a room lists."""
    edit(root, f"scaling_utils/{room}/__init__.py", "    {\n", f"    {{\n        {line},\n")


def test_a_change_of_a_module_makes_a_third_of_the_chapters_stale_at_most():
    found = reach.chapters_by_file()
    assert set(found) >= {"scaling_utils/_check.py", "scaling_utils/data/accelerators.csv"}
    assert len(found["scaling_utils/_check.py"]) == len(freshness.all_notebooks())
    assert reach.mean_share(found, len(freshness.all_notebooks())) <= GOAL


def test_adding_what_no_chapter_uses_and_setting_the_address_make_none_stale(
    chapters, before, root
):
    package = root / "scaling_utils"
    (package / "fitting" / "newest.py").write_text("def fit_newest(x):\n    return x\n")
    list_in(root, "fitting", '"newest": ("fit_newest",)')
    (package / "laws" / "newest.py").write_text(
        "from scaling_utils.laws.power import PowerLaw\nNEWEST = PowerLaw(1.0, 0.1)\n"
    )
    list_in(root, "laws", '"newest": ("NEWEST",)')
    (package / "models" / "newest.py").write_text("from torch import nn\nclass New(nn.Module): ...")
    list_in(root, "models", '"newest": ("New",)')
    table = package / "data" / "accelerators.csv"
    lines = table.read_text(encoding="utf-8").rstrip("\n").split("\n")
    added = lines[-1].replace(lines[-1].split(",")[0], "Newest-1")
    table.write_text("\n".join([*lines, added, ""]), encoding="utf-8")
    for name in ("laws/published.py", "fitting/parametric.py", "_check.py", "training/loop.py"):
        text = (package / name).read_text(encoding="utf-8")
        (package / name).write_text(text + "\n\nNEWEST = (1, 2)\n", encoding="utf-8")
    edit(
        root, "scaling_utils/notebook/_setup.py", 'REPOSITORY = "OWNER/REPO"', 'REPOSITORY = "a/b"'
    )
    assert stale(chapters, before, root) == set()


def test_a_change_two_imports_away_makes_the_chapters_stale_that_come_down_to_it(
    chapters, before, root
):
    """The book's rule of 6 FLOPs per parameter and token lies below every law in N and D."""
    edit(root, "scaling_utils/units.py", "TRAINING_FLOPS = 6.0", "TRAINING_FLOPS = 5.0")
    found = stale(chapters, before, root)
    assert {"19", "20", "21"} <= found
    assert "25" not in found  # it fits powers of the data alone
