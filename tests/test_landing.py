"""The first page: results from the chapters' own outputs, and routes for its readers."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from pathlib import Path

import bookdata
import landing
import pytest
from site_pages import PHONE, ROOT, TOC, overflow, rendered

from scaling_utils.notebook import CLAIM_MIME

BOOK = bookdata.read_book()


def book(tmp_path: Path, row: str) -> bookdata.Book:
    """A book of one chapter with one cell, which shows a figure and a claim."""
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "highlights.csv").write_text(f"figure,claims,sentence\n{row}\n")
    outputs = [
        {
            "data": {"image/png": b64encode(b"png").decode()},
            "metadata": {"image/png": {"alt": "A"}},
        },
        {"data": {CLAIM_MIME: {"measured": 0.25}}, "metadata": {}},
    ]
    cell = {"cell_type": "code", "id": "one", "source": "", "outputs": outputs}
    path = tmp_path / "20_chinchilla.ipynb"
    path.write_text(json.dumps({"cells": [cell], "metadata": {}}))
    about = {"part": "Laws", "planned_title": "Title", "about": "About"}
    chapter = bookdata.Chapter(
        file="20_chinchilla", path=path, number=20, slides=frozenset(), **about
    )
    return bookdata.Book(root=tmp_path, chapters=[chapter])


def test_a_result_has_the_figure_and_the_number_of_its_chapter(tmp_path):
    files = landing.parts(book(tmp_path, "one,one:1,It wastes {0:.0%}."))
    assert files["results/one.png"] == b"png"
    assert "![A](_generated/results/one.png)" in files["highlights.md"]
    assert "It wastes 25%. [20. Title](../notebooks/20_chinchilla.ipynb)" in files["highlights.md"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("two,one:1,x", "no page has a cell 'two'"),
        ("one,one:2,x", "'one:2' must be CELL:N, N from 1 to 1"),
        ("one,one,x", "'one' must be CELL:N"),
    ],
)
def test_a_result_that_is_not_there_stops_the_build(tmp_path, row, message):
    with pytest.raises(bookdata.PageError, match=message):
        landing.parts(book(tmp_path, row))


def test_no_number_of_a_result_is_typed():
    """Budgets may stand in a sentence, as words of the question; what was found comes in braces."""
    rows = bookdata.read_rows(ROOT / "book" / "highlights.csv")
    assert len(rows) == 6
    for row in rows:
        names = row["claims"].split()
        used = {int(number) for number in re.findall(r"\{(\d):", row["sentence"])}
        assert used == set(range(len(names)))


def test_the_first_page_shows_six_results_and_three_routes(visit):
    page = visit(f"{TOC['root']}.html").page
    figures = page.locator(".results img")
    assert figures.count() == 6
    alts = figures.evaluate_all("all => all.map(image => image.alt)")
    stored = {
        row["figure"]: landing.figure(BOOK, row["figure"])[1]
        for row in bookdata.read_rows(ROOT / "book" / "highlights.csv")
    }
    assert all(len(alt) > 30 for alt in alts)
    assert len(stored) == 6
    routes = page.locator(".sd-card-title").all_text_contents()
    assert [route.strip() for route in routes] == [
        "You want to read",
        "You have runs, or a run to plan",
        "You teach",
    ]
    for size in (PHONE,):
        page.set_viewport_size(size)
        assert overflow(page) == []


def test_the_first_pages_numbers_are_those_of_the_claims():
    text = re.sub(r"[ \n]+", " ", re.sub(r"<[^>]+>", "", rendered(TOC["root"]).read_text("utf-8")))
    for row in bookdata.read_rows(ROOT / "book" / "highlights.csv"):
        values = [landing.measured(BOOK, name) for name in row["claims"].split()]
        assert landing.sentence(row["sentence"], values).replace("'", "’") in text.replace("'", "’")


def test_a_negative_number_has_a_minus_and_a_percent_sign_keeps_its_number():
    found = landing.sentence("a well-known power {0:.1f}, {1:.0f} % of it", [-0.8, 30.0])
    assert found == "a well-known power −0.8, 30\u00a0% of it"
