"""The book's own data: its chapters, the slides that it answers, the published numbers.

Reads book/chapters.csv, book/slides.csv, the notebooks and the package's tables of published
numbers, and checks that they fit together. `tools/pages.py` writes pages from them.
"""

from __future__ import annotations

import ast
import csv
import json
import re
import sys
from collections.abc import Set
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import figures

ROOT = Path(__file__).resolve().parent.parent
CLAIM_MIME = "application/vnd.scaling-utils.claim+json"
VERDICT_MIME = "application/vnd.scaling-utils.verdict+json"

# The five teaching decks that the book grew from, and how many slides each has.
DECKS = {
    "000": "Neural scaling in Python",
    "001": "Scaling laws for neural language models",
    "002": "Technical notes on neural scaling laws",
    "003": "Scaling laws and compute-optimal training",
    "004": "A damaged notebook on the laws of 2020",
}
_SECTIONS_003 = ["0.0", *(f"{n}.{m}" for n in (1, 2, 3) for m in (1, 2, 3))]
_SECTIONS_003 += ["4.1", "4.2", "5.1", "5.2", "6.0"]
SLIDES = frozenset(
    [f"000-{n:02}" for n in range(1, 16)]
    + [f"001-{n:02}" for n in range(1, 15)]
    + [f"002-{n:02}" for n in range(1, 11)]
    + [f"003-{part}" for part in _SECTIONS_003]
    + [f"004-c{n:02}" for n in range(17)]
)

# What stands in the package while the book has no public address.
UNSET_REPOSITORY = "OWNER/REPO"

# The sentence in which a chapter says which slides it answers.
ANSWERS = re.compile(r"This chapter answers slides? (.+?) of the \[decks\]", flags=re.DOTALL)


class PageError(Exception):
    """The project's data cannot make the pages; the message says which row and why."""


# A notebook is a chapter, with the number of its place in the book, or the page of one study.
KINDS = {"chapter": re.compile(r"\d\d_\w+"), "study": re.compile(r"study_\w+")}


def kind_of(file: str) -> str:
    """Return "chapter" or "study" for the name of a notebook, without its ending.

    Raises
    ------
    PageError : a name that is neither.
    """
    for kind, pattern in KINDS.items():
        if pattern.fullmatch(file):
            return kind
    raise PageError(f"a notebook is named 20_topic or study_name, got {file!r}")


@dataclass(frozen=True)
class Page:
    """A page of the book that is a notebook, and what that stores."""

    file: str
    part: str
    planned_title: str
    about: str
    path: Path

    @property
    def page(self) -> str:
        return f"notebooks/{self.file}"

    @property
    def exists(self) -> bool:
        return self.path.is_file()

    @cached_property
    def notebook(self) -> dict:
        return json.loads(self.path.read_text(encoding="utf-8"))

    @property
    def title(self) -> str:
        """The notebook's own title; before it exists, the planned one."""
        if self.exists:
            for cell in self.notebook["cells"]:
                for line in "".join(cell["source"]).splitlines():
                    if cell["cell_type"] == "markdown" and line.startswith("# "):
                        return line.removeprefix("# ").strip()
        return self.planned_title

    @property
    def outputs(self) -> list[dict]:
        cells = self.notebook["cells"] if self.exists else []
        return [output for cell in cells for output in cell.get("outputs", [])]

    @property
    def claims(self) -> list[dict]:
        return self._stored(CLAIM_MIME)

    @property
    def verdicts(self) -> list[dict]:
        """What came of registered predictions."""
        return self._stored(VERDICT_MIME)

    def _stored(self, kind: str) -> list[dict]:
        bundles = [output.get("data", {}) for output in self.outputs]
        return [bundle[kind] for bundle in bundles if kind in bundle]

    @property
    def code(self) -> list[str]:
        """The sources of the code cells."""
        cells = self.notebook["cells"] if self.exists else []
        return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]

    @property
    def imports(self) -> set[str]:
        """The top-level modules that the code imports; the setup cell's magic is no Python."""
        plain = "\n".join(re.sub(r"^(\s*)%.*", r"\1pass", text, flags=re.M) for text in self.code)
        names = set()
        for node in ast.walk(ast.parse(plain)):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
        return {name.split(".")[0] for name in names}

    @property
    def label(self) -> str:
        """The page as a table names it."""
        return self.title

    @property
    def link(self) -> str:
        """The page as a reader of a page in book/ sees it."""
        return f"[{self.label}](../{self.page}.ipynb)" if self.exists else f"{self.label} (to come)"


@dataclass(frozen=True)
class Chapter(Page):
    """One planned chapter, and its notebook where that exists."""

    number: int
    slides: frozenset[str]  # those that it is planned to answer

    @property
    def label(self) -> str:
        return f"{self.number}. {self.title}"

    @property
    def answers(self) -> frozenset[str]:
        """The slides that the chapter's own text says it answers."""
        cells = self.notebook["cells"] if self.exists else []
        texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
        return frozenset(
            slide
            for text in texts
            for said in ANSWERS.findall(text)
            for slide in re.findall(r"\d{3}-[c\d.]+\d", said)
        )


@dataclass(frozen=True)
class Study(Page):
    """The page of one recorded study; what it is about is the question that it opens with."""


def read_study(path: Path) -> Study:
    """Read the page of a study: all of it stands in the notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    question = re.search(r"^\*\*([^*]+\?)\*\*", "\n".join(texts), flags=re.M)
    about = question[1] if question else ""
    return Study(file=path.stem, part="Studies", planned_title="", about=about, path=path)


@dataclass(frozen=True)
class Book:
    """The data that the pages are made from."""

    root: Path
    chapters: list[Chapter] = field(default_factory=list)
    studies: list[Study] = field(default_factory=list)
    slides: list[dict[str, str]] = field(default_factory=list)
    published: list[dict[str, str]] = field(default_factory=list)

    @property
    def repository(self) -> str:
        """The package's constant REPOSITORY, read without importing it."""
        text = (self.root / "scaling_utils" / "notebook" / "_setup.py").read_text("utf-8")
        return re.search(r'^REPOSITORY = "(\S+/\S+)"$', text, flags=re.M)[1]

    @property
    def published_address(self) -> bool:
        """Whether the book's address has been set."""
        return self.repository != UNSET_REPOSITORY

    @property
    def written(self) -> list[Chapter]:
        return [chapter for chapter in self.chapters if chapter.exists]

    @property
    def pages(self) -> list[Page]:
        """All pages that are notebooks: the chapters that are written, then the studies."""
        return [*self.written, *self.studies]


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_book(root: Path = ROOT) -> Book:
    """Read and check the data.

    Raises
    ------
    PageError : a slide is missing, doubled, unknown or incomplete, or names no page.
    """
    chapters = [
        Chapter(
            number=int(row["number"]),
            file=row["file"],
            part=row["part"],
            planned_title=row["title"],
            about=row["about"],
            slides=frozenset(row["slides"].split()),
            path=root / "notebooks" / f"{row['file']}.ipynb",
        )
        for row in read_rows(root / "book" / "chapters.csv")
    ]
    notebooks = sorted((root / "notebooks").glob("*.ipynb"))
    book = Book(
        root=root,
        chapters=chapters,
        studies=[read_study(path) for path in notebooks if kind_of(path.stem) == "study"],
        slides=read_rows(root / "book" / "slides.csv"),
        published=figures.rows(root),
    )
    check_slides(book)
    return book


def check_slides(book: Book) -> None:
    """Hold that every slide of the decks is answered by exactly one page, and by the right one.

    Three places have to agree on a written chapter: its row in the plan, its rows in
    slides.csv, and its own text.
    """
    seen = [row["id"] for row in book.slides]
    problems = [f"slide {name} has no row" for name in sorted(SLIDES - set(seen))]
    problems += [f"slide {name} is in no deck" for name in sorted(set(seen) - SLIDES)]
    problems += [
        f"slide {name} has several rows" for name in sorted(set(seen)) if seen.count(name) > 1
    ]
    planned = {chapter.page for chapter in book.chapters}
    for row in book.slides:
        if any(not row[column] for column in ("page", "wrong", "here")):
            problems.append(f"slide {row['id']} has an empty column")
        if row["page"] not in planned and not (book.root / f"{row['page']}.md").is_file():
            problems.append(f"slide {row['id']} names no page of the book: {row['page']!r}")
    for chapter in book.chapters:
        listed = {row["id"] for row in book.slides if row["page"] == chapter.page}
        problems += _differ(f"{chapter.page} in slides.csv", listed, chapter.slides)
        if chapter.exists:
            problems += _differ(f"the text of {chapter.page}", chapter.answers, chapter.slides)
    if problems:
        raise PageError("book/slides.csv: " + "; ".join(problems))


def _differ(place: str, found: Set[str], planned: Set[str]) -> list[str]:
    """Say in which slides a place departs from the plan in chapters.csv."""
    extra = [f"{place} has slide {name}, the plan has not" for name in sorted(found - planned)]
    return extra + [
        f"{place} lacks slide {name}, which the plan has" for name in sorted(planned - found)
    ]
