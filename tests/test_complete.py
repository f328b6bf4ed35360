"""A chapter or a law that lacks a part is refused with words that say which; the rest is made."""

from __future__ import annotations

import shutil
from pathlib import Path

import complete
import nbformat
import pytest
import tiny
import toc

ROOT = Path(__file__).resolve().parent.parent
LAW = """\
form = "PowerLaw"
source = "Kaplan et al. (2020), https://arxiv.org/abs/2001.08361, Eq. 1.1"
certainty = "secondary"
"""
FIGURES = 'id,inputs\nmine.one,"{{""laws"": [""{law}""]}}"\n'
PLAN = "number,file,part,title,about,slides\n01,01_tiny,Foundations,Tiny,All of it.,\n"
CONTENTS = """\
# Kept.
format: jb-book
root: book/intro
parts:
  - caption: Foundations
    chapters:
      - file: notebooks/01_tiny
  - caption: Appendix
    chapters:
      - file: book/errata
"""


@pytest.fixture
def project(tmp_path) -> Path:
    """A project with one chapter and one law, both complete."""
    data = tmp_path / "scaling_utils" / "data"
    for folder in (data / "laws", tmp_path / "book", tmp_path / "notebooks"):
        folder.mkdir(parents=True)
    (data / "laws" / "mine.toml").write_text(LAW)
    (data / "published_numbers.csv").write_text(FIGURES.format(law="mine"))
    shutil.copy(ROOT / "book" / "references.bib", tmp_path / "book")
    (tmp_path / "book" / "chapters.csv").write_text(PLAN)
    (tmp_path / "_toc.yml").write_text(CONTENTS)
    nbformat.write(tiny.unrun_chapter(), tmp_path / "notebooks" / "01_tiny.ipynb")
    return tmp_path


def test_the_book_is_complete():
    assert complete.problems() == []


def test_a_complete_project_has_no_problem(project):
    assert complete.problems(project) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("laws/mine.toml", "https://arxiv.org/abs/2001.08361", "", "mine.toml has no source"),
        ("laws/mine.toml", "(2020)", "", "mine.toml has no source"),
        ("laws/mine.toml", "2001.08361", "2001.00001", "arXiv:2001.00001, which has no entry in"),
        ("laws/mine.toml", "secondary", "sure", "certainty must be one of 'primary text', "),
        ("published_numbers.csv", '""mine""', '""other""', "mine.toml has no test: add a row to"),
    ],
)
def test_a_law_without_source_or_test_is_refused(project, file, old, new, message):
    path = project / "scaling_utils" / "data" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    (problem,) = complete.problems(project)
    assert message in problem


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("01_tiny", "01_huge", "01_tiny.ipynb is in no table of contents: add its row to book/cha"),
        ("01,01", "02,01", "file must be the number 02 in two digits"),
        ("01_tiny", "01-tiny", "lower-case words, got '01-tiny'"),
        ("All of it.", "", "about of 01_tiny is empty"),
        ("Foundations,", ",", "part of 01_tiny is empty"),
        (PLAN[-45:], PLAN[-45:] + "01,01_other,Foundations,T,A,\n", "has 2 rows with 1"),
        (PLAN[-45:], PLAN[-45:] + "1,01_other,Foundations,T,A,\n", "has 2 rows with 1"),
        ("01,01", "x,01", "file must be the number x in two digits"),
        ("All of it.", "All, of it.,", "the row of 01_tiny has too many columns: quote a text"),
        (
            PLAN[-45:],
            PLAN[-45:] + "02,02_other,Foundation,T,A,\n03,03_third,Foundations,T,A,\n",
            "part of 02_other must be that of others, 'Foundations', got 'Foundation'",
        ),
    ],
)
def test_a_chapter_whose_row_is_missing_or_wrong_is_refused(project, old, new, message):
    path = project / "book" / "chapters.csv"
    assert old in PLAN
    path.write_text(PLAN.replace(old, new, 1))
    assert any(message in problem for problem in complete.problems(project))


def test_a_chapter_without_its_parts_is_refused(project):
    path = project / "notebooks" / "01_tiny.ipynb"
    path.write_text(path.read_text().replace("## Where this fails", "## Where this works"))
    (problem,) = complete.problems(project)
    assert problem == "notebooks/01_tiny.ipynb: missing: ## Where this fails"


def test_half_a_notebook_is_named(project):
    (project / "notebooks" / "01_tiny.ipynb").write_text('{"cells": [')
    (problem,) = complete.problems(project)
    assert problem.startswith("notebooks/01_tiny.ipynb is no whole notebook: ")


def test_the_table_of_contents_is_made_from_the_chapters_that_exist(project):
    assert toc.write(project) is False
    plan = project / "book" / "chapters.csv"
    plan.write_text(PLAN + "02,02_next,Scaling,Next,More.,\n03,03_later,Foundations,L,More.,\n")
    assert toc.write(project) is False  # they are not written yet
    for name in ("02_next", "03_later"):
        shutil.copy(project / "notebooks" / "01_tiny.ipynb", project / f"notebooks/{name}.ipynb")
    assert toc.write(project) is True
    assert (project / "_toc.yml").read_text() == CONTENTS.replace(
        "  - caption: Appendix",
        "      - file: notebooks/03_later\n"
        "  - caption: Scaling\n    chapters:\n      - file: notebooks/02_next\n"
        "  - caption: Appendix",
    )


def test_the_books_own_table_of_contents_is_up_to_date():
    assert (ROOT / "_toc.yml").read_text(encoding="utf-8") == toc.text()
