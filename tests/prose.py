"""What a reader is told in a chapter's Markdown, and where its numbers come from.

A number in prose may repeat one that the chapter's code states, that its outputs show, or that
the table of published figures holds. Any other is typed from a source or worked by hand, and
is listed with that origin in ``book/typed_numbers.csv``; so a digit that changes is noticed.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "book" / "typed_numbers.csv"
DATA = ROOT / "scaling_utils" / "data"  # the tables of published figures

LINK = re.compile(r"\]\([^)]*\)")
# Lines that other tests hold: the time of the last run, and the slides that a chapter answers.
HELD = re.compile(r"^\*Runs on CPU.*|^This chapter answers slides?.*", re.M)
SECTION = re.compile(r"\bSecs?\.[ ~][\d.]+\b")  # a place in a paper measures nothing
YEAR = re.compile(r"\b(?:19|20)\d\d\b")
# Three digits or more, or a decimal point: below that, numbers count things and are everywhere.
NUMBER = re.compile(r"(?<![\w.,])(\d{1,3}(?:(?:,|\{,\})\d{3})+|\d+)(\.\d+)?(?![\w]|\.\d)")
DIGITS = re.compile(r"\d[\d,_]*\.?\d*")
TAG = re.compile(r"\\tag\{(\d+)\}")
EQUATION = re.compile(r"\bEqs?\.[ ~](\d+)(?!\.?\d)((?:(?:,| and| to| or) \d+(?!\.?\d))*)")
NAMESPACE = re.compile(r'\bxmlns="[^"]*"')  # the address in a drawing holds a number: 2000
CITED = re.compile(r"(?:\(\d{4}\)|al\.|\]\(http[^)]*\))[^.;]{0,120}$|\btheir $|\bpaper \($")


@dataclass(frozen=True)
class Prose:
    """The text of a chapter, and all that its code and its outputs say."""

    name: str
    markdown: tuple[str, ...]
    elsewhere: frozenset[str]


def plain(number: str) -> str:
    return re.sub(r"\{,\}|[,_]", "", number)


def numbers(text: str) -> list[str]:
    """The numbers of a text, as written, that are long enough to have an origin."""
    text = SECTION.sub("", YEAR.sub("", LINK.sub("]", HELD.sub("", text))))
    found = [match[0] for match in NUMBER.finditer(text)]
    return [number for number in found if "." in number or len(plain(number)) >= 3]


def shown(output) -> str:
    data = output.get("data", {})
    text = str(output.get("text", "")) + "".join(
        str(value) for kind, value in data.items() if kind.startswith("text/")
    )
    return NAMESPACE.sub("", text)


def read(path: Path) -> Prose:
    """Read a chapter; its numbers elsewhere are those of its code and of its text outputs."""
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    said = [cell.source for cell in code] + [shown(o) for cell in code for o in cell.outputs]
    return Prose(
        path.stem,
        tuple(cell.source for cell in cells if cell.cell_type == "markdown"),
        frozenset(plain(n) for text in said for n in DIGITS.findall(text)),
    )


def published() -> frozenset[str]:
    """The figures in the tables: constants of laws, and all cells but names and sources."""
    texts = [
        file.read_text(encoding="utf-8").partition("[constants]")[2]
        for file in sorted((DATA / "laws").glob("*.toml"))
    ]
    for file in sorted(DATA.rglob("*.csv")):
        with file.open(newline="", encoding="utf-8") as stream:
            texts += [
                cell
                for row in csv.DictReader(stream)
                for column, cell in row.items()
                if column not in ("id", "citation", "source")
            ]
    return frozenset(plain(number) for text in texts for number in DIGITS.findall(text))


def typed(prose: Prose, printed: frozenset[str]) -> set[str]:
    """The numbers of a chapter's prose that stand nowhere else."""
    known = {form for number in prose.elsewhere | printed for form in (number, number.rstrip(".,"))}
    return {n for text in prose.markdown for n in numbers(text) if plain(n) not in known}


def listed() -> dict[tuple[str, str], str]:
    """The origin of each typed number, by chapter and number."""
    with LIST.open(newline="", encoding="utf-8") as file:
        return {(row["chapter"], row["number"]): row["origin"] for row in csv.DictReader(file)}


def wrong_equations(prose: Prose) -> list[str]:
    """Equations out of order, and mentions of one that the chapter does not have.

    A mention right behind a citation is one of that work's equations.
    """
    tags = [int(tag) for text in prose.markdown for tag in TAG.findall(text)]
    problems = []
    if tags != list(range(1, len(tags) + 1)):
        problems.append(f"the equations are numbered {tags}")
    for text in prose.markdown:
        for match in EQUATION.finditer(text):
            meant = {int(n) for n in re.findall(r"\d+", match[1] + match[2])}
            if not meant <= set(tags) and not CITED.search(text[: match.start()]):
                around = " ".join(text[max(0, match.start() - 40) : match.end()].split())
                problems.append(f"no equation of this chapter: ...{around}")
    return problems
