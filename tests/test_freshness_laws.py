"""A chapter that uses a published law depends on that law's table, and on no other law's."""

from __future__ import annotations

import shutil
from pathlib import Path

import freshness
import nbformat
import pytest
from dependencies import Package

ROOT = Path(__file__).resolve().parent.parent
FOLDER = "scaling_utils/data/laws"
USES = {
    "by attribute": "from scaling_utils import laws\nlaws.CHINCHILLA.loss(1, 2)",
    "by import": "from scaling_utils.laws import CHINCHILLA\nCHINCHILLA.loss(1, 2)",
    "through the package": "import scaling_utils as su\nsu.laws.CHINCHILLA.loss(1, 2)",
}
ALL_LAWS = {
    "by name": "from scaling_utils import laws\nlaws.get('chinchilla').loss(1, 2)",
    "all": "from scaling_utils import laws\nlist(laws.PUBLISHED)",
    "one of three": "from scaling_utils import laws\nlaws.Chinchilla('rounded')",
}


def inputs(code: str, root: Path = ROOT) -> set[str]:
    cells = [nbformat.v4.new_code_cell(code)]
    return set(freshness.input_texts(nbformat.v4.new_notebook(cells=cells), Package(root)))


def tables(found: set[str]) -> set[str]:
    return {Path(name).stem for name in found if name.startswith(FOLDER)}


@pytest.mark.parametrize("code", USES.values(), ids=USES)
def test_a_law_is_its_own_table_its_form_and_what_reads_it(code):
    found = inputs(code)
    assert tables(found) == {"chinchilla"}
    assert {"scaling_utils/laws/parametric.py", "scaling_utils/laws/_tables.py"} <= found
    assert "scaling_utils/laws/kaplan.py" not in found
    assert not any(name.startswith("results/") for name in found)


def test_the_forms_inside_a_law_count_too():
    found = inputs("from scaling_utils.laws import MUENNIGHOFF\nMUENNIGHOFF.law")
    assert tables(found) == {"muennighoff"}
    assert {f"scaling_utils/laws/{m}.py" for m in ("parametric", "data_constrained")} <= found


@pytest.mark.parametrize("code", ALL_LAWS.values(), ids=ALL_LAWS)
def test_where_the_syntax_does_not_say_which_law_all_count(code):
    assert tables(inputs(code)) == {file.stem for file in (ROOT / FOLDER).glob("*.toml")}


def test_a_law_that_is_added_is_no_input_of_a_chapter_that_uses_another(tmp_path):
    shutil.copytree(ROOT / "scaling_utils", tmp_path / "scaling_utils")
    before = inputs(USES["by attribute"], tmp_path)
    shutil.copy(tmp_path / FOLDER / "gpt3.toml", tmp_path / FOLDER / "new-law.toml")
    assert inputs(USES["by attribute"], tmp_path) == before
    assert "new-law" in tables(inputs(ALL_LAWS["all"], tmp_path))
