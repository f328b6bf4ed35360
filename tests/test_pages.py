"""The book's data and the pages made from it: tools/bookdata.py, tools/pages.py, book/_ext."""

from __future__ import annotations

import csv
import json
import shutil
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import book_site
import bookdata
import build
import numpy as np
import pages
import pytest
import site_assets
import site_body
import site_cells
import sliders
import verdicts
import yaml
from docutils import nodes
from matplotlib.figure import Figure
from PIL import Image

from scaling_utils.notebook import CLAIM_MIME, COLOURS, REPOSITORY, UNSET, VERDICT_MIME

ROOT = Path(__file__).resolve().parent.parent

CLAIM = {
    "sentence": "Loss falls | with size.",
    "measured": 21.299999,
    "relation": "expected 20 ± 10 %",
    "expected": 20.0,
    "unit": "tokens/parameter",
    "source": "Hoffmann et al. (2022), Table 3",
    "holds": True,
}

PLANNED = 35  # chapters that were numbered in the order of the book


def chapter_file(path: Path) -> None:
    """Write a notebook with one claim, one checked cell and a recorded run."""
    slides = "003-1.2, 004-c12, 004-c13\nand 004-c16"
    cells = [
        {"cell_type": "markdown", "source": ["Not a title\n", "# A question?"]},
        {
            "cell_type": "code",
            "source": "try:\n    import scaling_utils\nexcept ImportError:\n    %pip install x\n",
            "outputs": [],
        },
        {
            "cell_type": "code",
            "source": "# NBVAL_CHECK_OUTPUT\nimport os\nfrom scipy.optimize import minimize\n",
            "outputs": [{"output_type": "display_data", "data": {CLAIM_MIME: CLAIM}}],
        },
        {
            "cell_type": "markdown",
            "source": f"This chapter answers slides {slides} of the [decks](x).",
        },
    ]
    record = {"cpu": {"seconds": 23.7, "peak_gb": 0.614}, "versions": {"numpy": "2.0"}}
    notebook = {"cells": cells, "metadata": {"scaling_utils": record}}
    path.write_text(json.dumps(notebook), encoding="utf-8")


@pytest.fixture
def project(tmp_path) -> Path:
    """A copy of the project's data with one chapter, number 20, and nothing else."""
    for name in ("book/chapters.csv", "book/slides.csv", "scaling_utils/notebook/_setup.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "book" / "sliders", tmp_path / "book" / "sliders")
    for page in ("resources", "errata"):
        (tmp_path / "book" / f"{page}.md").write_text("# Page\n", encoding="utf-8")
    (tmp_path / "notebooks").mkdir()
    chapter_file(tmp_path / "notebooks" / "20_chinchilla.ipynb")
    return tmp_path


def toc() -> dict:
    return yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))


def toc_pages() -> list[str]:
    chapters = [entry for part in toc()["parts"] for entry in part["chapters"]]
    below = [entry for chapter in chapters for entry in chapter.get("sections", [])]
    return [toc()["root"], *(entry["file"] for entry in chapters + below if "file" in entry)]


# Parts of the table of contents that hold no chapters.
OTHER_PARTS = {"The package", "Appendix"}
# A page with sliders stands with the chapters whose subject it is.
BESIDE_CHAPTERS = {
    "book/memory_page": "Training at scale",
    "book/planner": "Planning",
    "book/valley": "Scaling laws",
}


# The data


def test_every_slide_of_the_decks_has_one_page():
    ids = [row["id"] for row in bookdata.read_book().slides]
    per_deck = {deck: sum(name.startswith(deck) for name in ids) for deck in bookdata.DECKS}
    assert per_deck == {"000": 15, "001": 14, "002": 10, "003": 15, "004": 17}
    assert len(set(ids)) == 71


def change(rows: list[dict], what: str) -> list[dict]:
    match what:
        case "missing":
            return rows[1:]
        case "doubled":
            return [*rows, rows[0]]
        case "unknown":
            return [*rows, {**rows[0], "id": "000-99"}]
        case "nowhere":
            return [{**rows[0], "page": "notebooks/99_nothing"}, *rows[1:]]
        case "empty":
            return [{**rows[0], "here": ""}, *rows[1:]]
        case "moved":
            return [{**rows[0], "page": "notebooks/20_chinchilla"}, *rows[1:]]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("missing", "slide 000-01 has no row"),
        ("doubled", "slide 000-01 has several rows"),
        ("unknown", "slide 000-99 is in no deck"),
        ("nowhere", "slide 000-01 names no page of the book: 'notebooks/99_nothing'"),
        ("empty", "slide 000-01 has an empty column"),
        ("moved", "notebooks/20_chinchilla in slides.csv has slide 000-01, the plan has not"),
        ("moved", "notebooks/01_what_scaling_is in slides.csv lacks slide 000-01"),
    ],
)
def test_a_wrong_row_of_the_slides_stops_the_build(project, what, message):
    path = project / "book" / "slides.csv"
    rows = change(bookdata.read_rows(path), what)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(bookdata.PageError, match=message):
        bookdata.read_book(project)


def test_chapters_keep_the_number_of_their_file():
    chapters = bookdata.read_book().chapters
    numbers = [chapter.number for chapter in chapters]
    assert len(set(numbers)) == len(numbers)
    planned = [number for number in numbers if number <= PLANNED]
    assert planned == sorted(planned)  # later ones stand beside the chapter they grew from
    for chapter in chapters:
        assert book_site.chapter_number(chapter.page) == chapter.number


def test_the_table_of_contents_lists_the_chapters_that_exist():
    book = bookdata.read_book()
    known = {page.page for page in (*book.chapters, *book.studies)}
    files = {f"notebooks/{path.stem}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert files <= known
    assert [page for page in toc_pages() if page.startswith("notebooks/")] == [
        page.page for page in book.pages
    ]


def test_the_parts_of_the_table_of_contents_are_those_of_the_chapters():
    part_of = {page.page: page.part for page in bookdata.read_book().pages} | BESIDE_CHAPTERS
    for part in toc()["parts"]:
        for entry in part["chapters"]:
            allowed = {part_of[entry["file"]]} if entry["file"] in part_of else OTHER_PARTS
            assert part["caption"] in allowed


def test_every_page_of_the_book_is_in_the_table_of_contents():
    pages_in_book = {f"book/{path.stem}" for path in (ROOT / "book").glob("*.md")}
    assert pages_in_book == {page for page in toc_pages() if page.startswith("book/")}


def test_one_repository_address():
    assert bookdata.read_book().repository == REPOSITORY
    assert UNSET == bookdata.UNSET_REPOSITORY


def set_address(project: Path, address: str) -> None:
    path = project / "scaling_utils" / "notebook" / "_setup.py"
    text = path.read_text("utf-8")
    path.write_text(text.replace(f'REPOSITORY = "{REPOSITORY}"', f'REPOSITORY = "{address}"'))


def test_mixed_addresses_stop_the_build(project):
    book = bookdata.read_book(project)
    chapter = book.written[0].path
    text = chapter.read_text("utf-8")
    chapter.write_text(text.replace("%pip install x", "BOOK = 'git+https://github.com/a/b'"))
    assert build.mixed(book) == ["20_chinchilla.ipynb: a/b"]
    set_address(project, "a/b")
    assert build.mixed(book) == []


def config() -> SimpleNamespace:
    return SimpleNamespace(html_theme_options={"navbar_persistent": []})


def test_buttons_lead_to_the_packages_address_once_it_is_set(project, monkeypatch):
    monkeypatch.setattr(book_site, "PACKAGE", project / "scaling_utils" / "notebook" / "_setup.py")
    set_address(project, UNSET)
    unset, known = config(), config()
    book_site.know_repository(None, unset)
    assert "repository_url" not in unset.html_theme_options
    set_address(project, "a/b")
    book_site.know_repository(None, known)
    assert known.html_theme_options["repository_url"] == "https://github.com/a/b"
    assert "colab_url" in known.html_theme_options["launch_buttons"]
    assert known.html_theme_options["navbar_persistent"] == []


def test_the_claims_type_is_one_word_everywhere():
    assert bookdata.CLAIM_MIME == book_site.CLAIM_MIME == CLAIM_MIME
    assert bookdata.VERDICT_MIME == book_site.VERDICT_MIME == verdicts.MIME == VERDICT_MIME


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("004-c13", "004-c11", "the text of notebooks/20_chinchilla lacks slide 004-c13"),
        ("004-c13", "004-c11", "the text of notebooks/20_chinchilla has slide 004-c11"),
        ("This chapter answers", "It answers", "lacks slide 003-1.2"),
    ],
)
def test_a_chapter_whose_text_answers_other_slides_stops_the_build(project, old, new, message):
    path = project / "notebooks" / "20_chinchilla.ipynb"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(bookdata.PageError, match=message):
        bookdata.read_book(project)


def test_a_slide_that_is_moved_in_the_plan_too_is_missed_in_the_chapter(project):
    for name in ("chapters", "slides"):
        path = project / "book" / f"{name}.csv"
        text = path.read_text().replace("004-c13", "004-cXX").replace("004-c10", "004-c13")
        path.write_text(text.replace("004-cXX", "004-c10"))
    with pytest.raises(bookdata.PageError, match="the text of notebooks/20_chinchilla has slide"):
        bookdata.read_book(project)


# A chapter as the pages see it


def test_a_chapter_tells_its_title_claims_and_imports(project):
    book = bookdata.read_book(project)
    (chapter,) = book.written
    assert chapter.title == "A question?"
    assert chapter.claims == [CLAIM]
    assert chapter.imports == {"scaling_utils", "os", "scipy"}
    assert chapter.link == "[20. A question?](../notebooks/20_chinchilla.ipynb)"


def test_a_chapter_to_come_has_its_planned_title_and_nothing_else(project):
    chapter = bookdata.read_book(project).chapters[0]
    assert chapter.link == "1. What scaling is (to come)"
    assert (chapter.claims, chapter.code, chapter.imports) == ([], [], set())


# The parts of pages


def test_scoreboard_shows_every_claim_with_its_numbers(project):
    text = pages.scoreboard(bookdata.read_book(project))
    assert text.startswith("**1 claim** in 1 chapter")
    assert "Loss falls | with size.\n: measured **21.3 tokens/parameter**" in text
    assert "expected 20 ± 10 % · Hoffmann et al. (2022), Table 3" in text


def test_scoreboard_counts_apart_what_was_seen_first(project):
    path = project / "notebooks" / "20_chinchilla.ipynb"
    notebook = json.loads(path.read_text())
    outputs = notebook["cells"][2]["outputs"]
    late = {**CLAIM, "sentence": "It bends.", "seen_first": True}
    outputs += [{"output_type": "display_data", "data": {CLAIM_MIME: late}}] * 2
    path.write_text(json.dumps(notebook))
    text = pages.scoreboard(bookdata.read_book(project))
    assert text.startswith("**1 claim** in 1 chapter, each held to")
    assert "**2 claims** more, marked *seen first*" in text
    assert text.count("expected 20 ± 10 % · *seen first* · Hoffmann") == 2
    assert text.count("expected 20 ± 10 % · Hoffmann") == 1


def test_scoreboard_shows_failed_predictions_like_any_other(project):
    path = project / "notebooks" / "20_chinchilla.ipynb"
    notebook = json.loads(path.read_text())
    made = {
        "sentence": "Errors stay below 2 %.",
        "measured": 2.5,
        "bound": "at most 2",
        "unit": "%",
        "registered": "2026-11-22",
    }
    for number, outcome in enumerate(("held", "failed", "failed")):
        data = {VERDICT_MIME: {**made, "id": f"study.{number}", "verdict": outcome}}
        notebook["cells"][2]["outputs"].append({"output_type": "display_data", "data": data})
    path.write_text(json.dumps(notebook))
    text = pages.scoreboard(bookdata.read_book(project))
    assert (
        "3 verdicts on predictions that were committed before their runs: 2 failed, 1 held" in text
    )
    row = (
        "| **failed** | Errors stay below 2 %. | 2.5 % | at most 2 | 2026-11-22 | [20. A question?]"
    )
    assert text.count(row) == 2


def test_errata_links_written_chapters_and_marks_the_others(project):
    text = pages.errata(bookdata.read_book(project))
    assert "003-1.2 · [20. A question?](../notebooks/20_chinchilla.ipynb)\n: *Was:*" in text
    assert "000-01 · 1. What scaling is (to come)" in text
    assert "004-c01 · [Errata](errata.md)" in text
    assert sum(line.startswith(": *Here:*") for line in text.splitlines()) == 71


def test_chapters_count_those_that_are_written(project):
    book = bookdata.read_book(project)
    text = pages.chapters(book)
    assert text.startswith(f"1 of {len(book.chapters)} chapters are written.")
    assert text.count("(to come)") == len(book.chapters) - 1


def test_build_record_takes_time_memory_and_versions_from_the_notebook(project):
    text = pages.build_record(bookdata.read_book(project))
    link = "[20. A question?](../notebooks/20_chinchilla.ipynb)"
    assert f"| {link} | 24 s | 0.61 GB | none | 2 | 1 | 1 |" in text
    assert "| numpy 2.0 | [20. A question?]" in text


def test_tools_lists_third_party_imports_only(project):
    assert pages.tools(bookdata.read_book(project)).splitlines()[2:] == ["| `scipy` | 20 |"]


def test_run_names_the_repository_or_says_how_to_set_it(project):
    set_address(project, UNSET)
    said = pages.run(bookdata.read_book(project))
    assert "no public address yet" in said
    assert "github.com" not in said
    set_address(project, "a/b")
    assert "git clone https://github.com/a/b\n" in pages.run(bookdata.read_book(project))


def test_a_bar_in_a_table_cell_is_escaped():
    assert pages.table(["a"], [["x | y\nz"]]) == "| a |\n| --- |\n| x \\| y z |\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (20.0, "20"),
        (1234567.0, "1,234,567"),
        (0.34178, "0.34178"),
        (5.76e23, "5.76e+23"),
        (-2.0, "-2"),
    ],
)
def test_digits(value, text):
    assert pages.digits(value) == text


def test_parts_are_written_once_and_then_left_alone(project):
    book = bookdata.read_book(project)
    moving = {f"sliders/{page}.html" for page in sliders.CONTROLS} | {f"beside/{sliders.SHARED}"}
    assert set(pages.write_parts(book)) == {*pages.PARTS, "highlights.md"} | moving
    assert pages.write_parts(book) == []


def test_check_names_what_is_old_and_writes_nothing(project):
    book = bookdata.read_book(project)
    pages.write_parts(book)
    part = project / "book" / "_generated" / "errata.md"
    part.write_text("old", encoding="utf-8")
    assert pages.write_parts(book, check=True) == ["errata.md"]
    assert part.read_text(encoding="utf-8") == "old"


# The Sphinx extension


@pytest.mark.parametrize(
    ("docname", "number"),
    [
        ("notebooks/01_what_scaling_is", 1),
        ("notebooks/35_capstone", 35),
        ("book/20_chinchilla", None),
        ("notebooks/chinchilla", None),
        ("notebooks/120_x", None),
        ("notebooks/study_known_entropy", None),
    ],
)
def test_chapter_number_comes_from_a_notebook_file_name(docname, number):
    assert book_site.chapter_number(docname) == number


@dataclass(frozen=True)
class Output:
    """What MyST-NB hands to a plugin, as far as ours looks at it."""

    mime_type: str
    content: str = ""
    output_metadata: dict = field(default_factory=dict)


def png(ground: str = "white") -> bytes:
    """A figure like the book's: lines in its colours, with letters and a grid."""
    figure = Figure(figsize=(3, 2))
    axes = figure.add_subplot()
    for power, colour in enumerate(COLOURS, start=1):
        axes.loglog([1, 10, 100], [1, 10**-power, 100**-power], color=colour)
    axes.grid(alpha=0.3)
    out = BytesIO()
    figure.savefig(out, format="png", facecolor=ground)
    return out.getvalue()


def shown(output: Output) -> list[nodes.Node]:
    renderer = SimpleNamespace(render_image=lambda data: [nodes.image(uri=data.content)])
    return book_site.NotebookOutputs.handle_mime(renderer, output, False)


def test_an_image_carries_the_description_from_its_metadata():
    alt = {"image/png": {"alt": " Loss falls with size. "}}
    (image,) = shown(Output("image/png", b64encode(png()).decode(), alt))
    assert image["alt"] == "Loss falls with size."
    assert b64decode(image["uri"]) == book_site.lighter(png())


def test_an_image_without_description_is_left_as_it_is():
    (image,) = shown(Output("image/svg+xml", "<svg/>"))
    assert "alt" not in image
    assert image["uri"] == "<svg/>"


def test_a_claim_is_not_shown_twice_and_other_outputs_are_left_alone():
    assert shown(Output(CLAIM_MIME)) == shown(Output(VERDICT_MIME)) == []
    assert shown(Output("text/plain")) is None


def test_a_figure_becomes_lighter_and_looks_the_same():
    before, after = png(), book_site.lighter(png())
    assert len(after) < 0.6 * len(before)
    one, two = (
        np.asarray(Image.open(BytesIO(data)).convert("RGB"), int) for data in (before, after)
    )
    assert (np.abs(one - two).max(axis=-1) > 32).mean() < 1e-3
    assert (two[0, 0] == 255).all(), "white stays white"


def test_a_figure_with_transparent_parts_is_left_alone():
    assert book_site.lighter(png("none")) == png("none")


@pytest.mark.parametrize(
    "heading", ['<th class="head"><p></p></th>', '<th class="head text-left"></th>']
)
def test_an_empty_heading_becomes_a_cell(heading):
    context = {"body": f'<tr>{heading}<th class="head"><p>N</p></th></tr>'}
    site_body.mend_body(book_of_images({}), "page", "page.html", context, None)
    assert context["body"] == '<tr><td></td><th class="head"><p>N</p></th></tr>'


def book_of_images(images: dict, folder: Path = ROOT) -> SimpleNamespace:
    """Stand in for Sphinx with some images."""
    return SimpleNamespace(env=SimpleNamespace(images=images, srcdir=folder))


def test_an_image_gets_its_size_and_a_link_to_the_whole(tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    app = book_of_images({"a.png": ({"page"}, "a1.png")}, tmp_path)
    context = {"body": '<img alt="Loss" src="../_images/a1.png" /><img src="_static/logo.png"/>'}
    site_body.mend_body(app, "page", "page.html", context, None)
    figure, logo = context["body"].split("</a>")
    assert 'loading="lazy"' in figure
    assert 'width="30" height="20"' in figure
    assert '<a class="full-size" href="../_images/a1.png">' in figure
    assert 'loading="lazy"' in logo
    assert "width" not in logo
    assert context["has_formulas"] is False


def test_a_drawing_says_how_large_it_is(tmp_path):
    path = tmp_path / "drawing.svg"
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 200"></svg>')
    assert site_body.size(path) == (320, 200)


@pytest.mark.parametrize(
    ("metadata", "output", "words"),
    [
        ({"tags": ["hide-cell", "solution"]}, None, "Show the solution"),
        (
            {"label": "Show the code of figure 2", "tags": ["hide-input"]},
            None,
            "Show the code of figure 2",
        ),
        ({}, nodes.container("", nodes.image(uri="x")), "Show the code of this figure"),
        ({}, nodes.container("", nodes.table()), "Show the code of this table"),
        (
            {},
            nodes.container("", nodes.raw("", '<div class="claim">')),
            "Show the code of this claim",
        ),
        ({}, nodes.container("", nodes.paragraph()), "Show the code of this result"),
        ({}, None, "Show the code"),
    ],
)
def test_a_folded_cell_is_called_by_its_label_or_by_what_it_shows(metadata, output, words):
    assert site_cells.label(metadata, output) == words


def test_styles_that_no_page_meets_are_left_out():
    css = (
        "/* a remark */ .used { color: red } .unused, .used.on:hover { color: blue }"
        "@media print { .unused { top: 0 } .used { top: 1px } }"
        "@media screen { .unused { top: 0 } }"
        ":not(.unused) p { top: 2px } @keyframes turn { to { top: 0 } }"
    )
    kept = site_assets.trimmed(css, {"used", "on"})
    assert kept.split("\n") == [
        ".used{color: red}",
        ".used.on:hover{color: blue}",
        ["@media print{.used{top: 1px}", "}"][0],
        "}",
        ":not(.unused) p{top: 2px}",
        "@keyframes turn{ to { top: 0 } }",
        "",
    ]


def contents(*anchors: str) -> nodes.bullet_list:
    links = [nodes.reference("", "", anchorname=anchor) for anchor in anchors]
    return nodes.bullet_list("", *(nodes.list_item("", link) for link in links))


def test_a_chapter_gets_its_number_and_its_sections_none():
    page = "notebooks/20_chinchilla"
    env = SimpleNamespace(
        found_docs={page, "book/intro"},
        tocs={page: contents("", "#theory"), "book/intro": contents("")},
        titles={page: nodes.title(), "book/intro": nodes.title()},
        toc_secnumbers={},
    )
    assert book_site.number_chapters(None, env) == [page]
    assert env.toc_secnumbers == {page: {"": (20,), "#theory": None}}
    assert env.titles[page]["secnumber"] == (20,)
    assert "secnumber" not in env.titles["book/intro"]
    assert book_site.number_chapters(None, env) == []


def test_a_mark_for_the_tests_is_not_shown():
    text = "# NBVAL_CHECK_OUTPUT\nx = 1\ny = 2"
    page = nodes.container("", nodes.literal_block(text, text), nodes.literal_block("z", "z"))
    book_site.hide_test_marks(None, page)
    assert [(code.rawsource, code.astext()) for code in page] == [("x = 1\ny = 2",) * 2, ("z",) * 2]


# Pages of studies


@pytest.mark.parametrize(
    ("file", "kind"),
    [("20_chinchilla", "chapter"), ("study_known_entropy", "study"), ("study_x2", "study")],
)
def test_the_name_of_a_notebook_tells_its_kind(file, kind):
    assert bookdata.kind_of(file) == kind


@pytest.mark.parametrize("file", ["known_entropy", "study_", "study-x", "2_short", "20-dash"])
def test_a_notebook_of_no_kind_is_refused(file):
    with pytest.raises(bookdata.PageError, match=rf"20_topic or study_name, got '{file}'"):
        bookdata.kind_of(file)


def a_page(file: str, *verdicts_: dict, kind=bookdata.Study, **more):
    """Make a page that exists and shows some verdicts, without a file."""

    class Shown(kind):
        exists, title, verdicts = True, file, list(verdicts_)

    return Shown(file=file, part="", planned_title="", about="", path=ROOT, **more)


def a_verdict(outcome: str) -> dict:
    return {
        "id": "text.q",
        "sentence": "On text q is above 1.5.",
        "measured": 2.8,
        "bound": "at least 1.5",
        "unit": "",
        "verdict": outcome,
        "registered": "2026-11-22",
    }


def test_a_prediction_on_two_pages_is_counted_once():
    chapter = a_page(
        "26_x", a_verdict("held"), kind=bookdata.Chapter, number=26, slides=frozenset()
    )
    study = a_page("study_text", a_verdict("held"))
    book = bookdata.Book(root=ROOT, chapters=[chapter], studies=[study])
    text = pages.predictions(book)
    assert "1 verdict on predictions" in text
    assert (
        "[26. 26_x](../notebooks/26_x.ipynb); [study_text](../notebooks/study_text.ipynb)" in text
    )


def test_a_prediction_that_held_on_one_page_only_is_refused():
    studies = [a_page("study_a", a_verdict("held")), a_page("study_b", a_verdict("failed"))]
    with pytest.raises(bookdata.PageError, match=r"text\.q is 'held' on .*'failed' on .*study_b"):
        pages.predictions(bookdata.Book(root=ROOT, studies=studies))


def test_a_study_is_about_its_question(tmp_path):
    text = "# A study\n\n**Does it\nhold?**\n\nMore."
    book = {"cells": [{"cell_type": "markdown", "source": [text]}]}
    path = tmp_path / "study_a.ipynb"
    path.write_text(json.dumps(book), encoding="utf-8")
    study = bookdata.read_study(path)
    assert (study.title, study.about) == ("A study", "Does it\nhold?")
    assert study.link == "[A study](../notebooks/study_a.ipynb)"
