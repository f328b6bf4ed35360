"""A table shows formulas, emphasis and links, and what a reader's file holds does no harm."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_utils import notebook
from scaling_utils.notebook import _shown

EVIL = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a | b",
    "a \\| b",
    "a\n\n# Title\n\n<b>",
    "a\r\n| x | y |",
    "a\u2028b",
    "[click](javascript:alert(1))",
    "[click](JavaScript:alert(1))",
    "[click](javascript\\:alert(1))",
    "[click](java&#115;cript:alert(1))",
    "[click](<javascript:alert(1)>)",
    "[click]( javascript:alert(1))",
    "[click](\tjavascript:alert(1))",
    "[click](data:text/html,<script>alert(1)</script>)",
    "[click](vbscript:x)",
    "![track](https://example.org/track.png)",
    "<https://example.org>",
    "<javascript:alert(1)>",
    "`<script>alert(1)</script>`",
    "\\`<script>alert(1)</script>`",
    "$<script>alert(1)</script>$",
    "\\$<script>alert(1)</script>$",
    "$[x](javascript:alert(1))$",
    "$ [x](javascript:alert(1)) $",
    "{{ [].__class__ }}",
    "${{ 7 * 7 }}$",
    "{{{ 7 * 7 }}}",
    "{download}`x`",
    "{raw:html}`x`",
    "<!-- x",
    "&lt;script&gt;",
    "<![CDATA[x]]>",
]


def markdown(monkeypatch, header, rows, caption=""):
    """Return the Markdown that a table is shown as."""
    shown = []
    monkeypatch.setattr(_shown, "say", shown.append)
    notebook.table(header, rows, caption)
    return shown[0]


@pytest.fixture(scope="module")
def render():
    """Return what renders Markdown as the book's pages do."""
    pytest.importorskip("myst_parser", reason="renders the book; not among the test extras")
    from markdown_it.renderer import RendererHTML
    from myst_parser.config.main import MdParserConfig
    from myst_parser.parsers.mdit import create_md_parser

    extensions = {"amsmath", "colon_fence", "deflist", "dollarmath", "substitution", "tasklist"}
    return create_md_parser(MdParserConfig(enable_extensions=extensions), RendererHTML).render


class Page(HTMLParser):
    """Collects the tags, the addresses, and the text of each cell of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]
        if tag in ("th", "td"):
            self.cells.append("")

    def handle_data(self, data):
        if self.cells and data.strip():
            self.cells[-1] += data


def test_table_writes_markdown(monkeypatch):
    rows = [["Kaplan", 0.076], ["refit", "0.35"]]
    assert markdown(monkeypatch, ["law", "α"], rows, caption="Exponents.") == (
        "Exponents.\n\n| law | α |\n| --- | --- |\n| Kaplan | 0.076 |\n| refit | 0.35 |"
    )


@pytest.mark.parametrize(
    ("header", "rows", "words"),
    [
        ([], [["a"]], "must not be empty, got 0"),
        (["a"], [], "must not be empty, got 1 and 0"),
        (["a", "b"], [["x"]], r"each row must have 2 cells like the header, got 1: \['x'\]"),
    ],
)
def test_table_refuses_ragged_rows(header, rows, words):
    with pytest.raises(ValueError, match=words):
        notebook.table(header, rows)


ESCAPED = [
    ("a | b", r"a \| b"),
    (r"a \| b", r"a \\| b"),  # read as `\|`, which is a bar again
    ("a\nb\r\nc\u2028d", "a b c d"),
    ("a < b & c > d", "a &lt; b & c &gt; d"),
    ("&lt;", "&amp;lt;"),
    ("$a < b$ and c < d", r"$a \lt  b$ and c &lt; d"),
    ("$|x| \\ge 0$", r"$\|x\| \ge 0$"),
    ("[x](javascript:alert(1))", r"[x]\(javascript:alert(1))"),
    ("![x](a.png)", r"!\[x](a.png)"),
    ("{{ x }} {a}", "&#123;{ x }} {a}"),
    ("{role}`x`", "&#123;role}`x`"),
]
KEPT = [
    "**0.71**",
    "*0.71*",
    "`gpt2-xl`",
    "$8.8 \\times 10^{13}$",
    "$N^{-\\alpha}$ (known)",
    "[Hoffmann et al. (2022)](https://arxiv.org/abs/2203.15556), Table A3",
    "[the list](../book/references.md#works)",
    "[above](#title)",
    "Q&A, R&D, 12 %, ± 0.5, → ∞, C_min",
    "[0.31, 24.63] (known)",
    "- 3",
]


@pytest.mark.parametrize(("cell", "escaped"), ESCAPED)
def test_what_could_do_harm_is_escaped(monkeypatch, cell, escaped):
    text = markdown(monkeypatch, ["a", cell], [[cell, "b"]])
    assert text == f"| a | {escaped} |\n| --- | --- |\n| {escaped} | b |"


@pytest.mark.parametrize("cell", KEPT)
def test_what_chapters_write_on_purpose_is_kept(monkeypatch, cell):
    text = markdown(monkeypatch, [cell, "b"], [["a", cell]])
    assert text == f"| {cell} | b |\n| --- | --- |\n| a | {cell} |"


def test_the_caption_is_the_authors(monkeypatch):
    text = markdown(monkeypatch, ["a"], [["b"]], caption="A <b>caption</b>.")
    assert text.startswith("A <b>caption</b>.\n\n| a |")


@pytest.mark.parametrize("evil", EVIL)
def test_nothing_of_a_readers_file_runs_or_leaves_its_cell(monkeypatch, render, evil):
    page = Page(render(markdown(monkeypatch, ["a", evil], [["b", "c"], [evil, "d"]])))
    assert page.tags.count("table") == 1
    assert len(page.cells) == 6
    assert not {"script", "img", "b", "h1", "a"} & set(page.tags)
    assert page.links == []
    assert page.cells[5] == "d"


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", "a | b", "&lt;", "{{ x }}"])
def test_a_reader_sees_what_the_file_holds(monkeypatch, render, evil):
    assert Page(render(markdown(monkeypatch, [evil], [["b"]]))).cells[0] == evil


def test_formulas_emphasis_and_links_are_rendered(monkeypatch, render):
    text = render(markdown(monkeypatch, ["a", "b"], [KEPT[2:4], [KEPT[0], KEPT[5]]]))
    assert "<code>gpt2-xl</code>" in text
    assert r"8.8 \times 10^{13}" in text
    assert "math" in text
    assert "<strong>0.71</strong>" in text
    assert 'href="https://arxiv.org/abs/2203.15556"' in text


@given(st.text("<>&|$`[]()!{}\\ \nabjs:/\"'=#", max_size=30))
def test_no_text_makes_a_tag_an_image_or_another_cell(render, text):
    cell = _shown._cell(text)
    page = Page(render(f"| a | b |\n| --- | --- |\n| x{cell}x | d |"))
    assert set(page.tags) <= {
        "table", "thead", "tbody", "tr", "th", "td", "code", "a", "span", "div", "eqn", "em",
    }  # fmt: skip
    assert page.cells[-1] == "d"
    assert all(re.match(r"https?:|mailto:|#|\.{0,2}/|[\w-]", link) for link in page.links)
    assert not any("script:" in link for link in page.links)
