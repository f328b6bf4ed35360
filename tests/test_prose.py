"""Numbers and equations in the chapters' prose: see tests/prose.py."""

from __future__ import annotations

from pathlib import Path

import nbformat
import prose
import pytest

CHAPTERS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_typed_number_stands_elsewhere_or_has_its_origin_listed(path):
    found = prose.typed(prose.read(path), prose.published())
    origins = {n: why for (chapter, n), why in prose.listed().items() if chapter == path.stem}
    assert found == set(origins), "book/typed_numbers.csv must list what is typed, and no more"
    assert all(why.strip() for why in origins.values())


def test_the_list_names_only_chapters():
    assert {chapter for chapter, _ in prose.listed()} <= {path.stem for path in CHAPTERS}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_equations_are_numbered_in_order_and_mentioned_rightly(path):
    assert prose.wrong_equations(prose.read(path)) == []


@pytest.fixture
def chapter(tmp_path):
    """Write a small chapter, with one thing changed, and read it."""

    def make(text: str = "", code: str = "N = 50_257", shown: str = "Loss 3.142.") -> prose.Prose:
        output = nbformat.v4.new_output("display_data", {"text/markdown": shown})
        cells = [
            nbformat.v4.new_markdown_cell(text),
            nbformat.v4.new_code_cell(code, outputs=[output]),
        ]
        path = tmp_path / "01_small.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        return prose.read(path)

    return make


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("The loss is 3.142, with 2 layers.", set()),
        ("The loss is 3.143, with 50,257 tokens.", {"3.143"}),
        ("It has 12,544 weights.", {"12,544"}),
        ("It has 1{,}024 weights and 125 seeds.", {"1{,}024", "125"}),
        ("See [Kaplan et al. (2020)](https://arxiv.org/abs/2001.08361).", set()),
        ("*Runs on CPU: 101 s, 0.3 GB.*\n\nThis chapter answers slide 003-1.2.", set()),
        ("GPT-3 took 0.5 of it.", {"0.5"}),
        ("About $\\alpha = 0.076$ of (2.5 %).", {"0.076", "2.5"}),
    ],
)
def test_typed_numbers_are_seen(chapter, text, typed):
    assert prose.typed(chapter(text), frozenset()) == typed


def test_a_published_figure_is_no_typed_number(chapter):
    assert prose.typed(chapter("The exponent is 0.076."), frozenset({"0.076"})) == set()
    assert "0.076" in prose.published()  # Kaplan's exponent of size


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (r"$$a \tag{1}$$ $$b \tag{2}$$ By Eqs. 1 and 2, and by Eq. 2.", 0),
        (r"$$a \tag{1}$$ By Eq. 2.", 1),
        (r"$$a \tag{1}$$ By Eqs. 1 and 3.", 1),
        (r"$$a \tag{2}$$ $$b \tag{1}$$", 1),
        (r"$$a \tag{1}$$ $$b \tag{1}$$", 1),
        ("As [Hoffmann et al. (2022)](https://arxiv.org/abs/2203.15556), Eq. 4, say.", 0),
        ("As Hoffmann et al. say. By Eq. 4 it follows.", 1),
        ("By Eq. 1.5 of the paper.", 0),
    ],
)
def test_equations_out_of_order_or_unknown_are_seen(chapter, text, wrong):
    assert len(prose.wrong_equations(chapter(text))) == wrong
