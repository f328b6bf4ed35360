"""Numbers and equations in the chapters' prose: see tests/prose.py."""

from __future__ import annotations

from pathlib import Path

import nbformat
import prose
import pytest

CHAPTERS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def test_a_typed_number_stands_elsewhere_or_has_its_origin_listed():
    printed, listed = prose.published(), prose.listed()
    found, known = set(), set()
    for chapter in map(prose.read, CHAPTERS):
        found |= {(chapter.name, number) for number in prose.typed(chapter, printed)}
        # A number that a table comes to hold as well may stay in the list.
        known |= {(chapter.name, number) for number in prose.typed(chapter, frozenset())}
    assert sorted(found - set(listed)) == [], "add them to book/typed_numbers.csv"
    assert sorted(set(listed) - known) == [], "take them from book/typed_numbers.csv"
    assert [place for place, why in listed.items() if not why.strip()] == []


def test_the_list_names_only_chapters():
    assert {chapter for chapter, _ in prose.listed()} <= {path.stem for path in CHAPTERS}


def test_equations_are_numbered_in_order_and_mentioned_rightly():
    wrong = {path.stem: prose.wrong_equations(prose.read(path)) for path in CHAPTERS}
    assert {name: problems for name, problems in wrong.items() if problems} == {}


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
        ("In Sec. 5.1 it is 5.2.", {"5.2"}),
        ("About $\\alpha = 0.076$ of (2.5 %).", {"0.076", "2.5"}),
    ],
)
def test_typed_numbers_are_seen(chapter, text, typed):
    assert prose.typed(chapter(text), frozenset()) == typed


def test_the_address_in_a_drawing_is_no_origin(chapter):
    drawn = '<svg xmlns="http://www.w3.org/2000/svg"><text>3,000</text></svg>'
    text = "It waits for 2,000 steps of 3,000."
    assert prose.typed(chapter(text, shown=drawn), frozenset()) == {"2,000"}


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
