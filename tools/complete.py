"""Say what a chapter or a published law still lacks before it can be part of the book.

    python tools/complete.py         # exit 1 if anything is missing; `make book` asks first

CONTRIBUTING.md says how to add each. What can be made from the rest is made, and not asked for:
see tools/toc.py and tools/claims.py.
"""

from __future__ import annotations

import csv
import json
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

import nbformat
from bookdata import PageError, kind_of

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from guards_text import STUDY_TEXT_GUARDS, TEXT_GUARDS  # noqa: E402

from scaling_utils.laws.facts import CERTAINTY  # noqa: E402

ARXIV = re.compile(r"arxiv\.org/abs/(\d{4}\.\d{4,5})")
PARTS = {"chapter": TEXT_GUARDS, "study": STUDY_TEXT_GUARDS}  # what a page of each kind has
CHAPTER = re.compile(r"\d\d_[a-z0-9_]+")


def laws(root: Path = ROOT) -> list[str]:
    """Name the laws without a source or its entry in the bibliography, or without a figure.

    A law's figure is what shows that its constants were copied and its form was written
    correctly: a row in scaling_utils/data/published_numbers.csv that names the law in its inputs.
    """
    data = root / "scaling_utils" / "data"
    known = (root / "book" / "references.bib").read_text(encoding="utf-8")
    figures = _rows(data / "published_numbers.csv")
    named = {text for row in figures for text in _texts(json.loads(row["inputs"]))}
    problems = []
    for file in sorted((data / "laws").glob("*.toml")):
        place, name = file.relative_to(root), file.stem
        entry = tomllib.loads(file.read_text(encoding="utf-8"))
        source, certainty = entry.get("source", ""), entry.get("certainty")
        cited = ARXIV.findall(source)
        if "https://" not in source or not re.search(r"\(\d{4}\)", source):
            problems.append(
                f'{place} has no source: write source = "Authors (year), https://..., Eq. n"'
            )
        if certainty not in CERTAINTY:
            allowed = ", ".join(map(repr, CERTAINTY))
            problems.append(f"{place}: certainty must be one of {allowed}; got {certainty!r}")
        problems += [
            f"{place} cites arXiv:{id}, which has no entry in book/references.bib"
            for id in cited
            if id not in known
        ]
        if name not in named:
            problems.append(
                f"{place} has no test: add a row to scaling_utils/data/published_numbers.csv with "
                f'a figure that the law gives, and {{"law": "{name}", ...}} in its inputs'
            )
    return problems


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _texts(value) -> Iterator[str]:
    """Yield all texts in the inputs of a row."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, str):
        yield value


def chapters(root: Path = ROOT) -> list[str]:
    """Name the notebooks without a row in book/chapters.csv or without one of a chapter's parts."""
    plan = _rows(root / "book" / "chapters.csv")
    files = {row["file"] for row in plan}
    problems = plan_problems(plan)
    for file in sorted((root / "notebooks").glob("*.ipynb")):
        try:
            kind = kind_of(file.stem)
        except PageError as error:
            problems.append(f"{file.relative_to(root)}: {error}")
            continue
        if kind == "chapter" and file.stem not in files:
            problems.append(
                f"{file.relative_to(root)} is in no table of contents: add its row to "
                "book/chapters.csv (number, file, part, title, about, slides)"
            )
        try:
            book = nbformat.v4.reads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            problems.append(f"{file.relative_to(root)} is no whole notebook: {error}")
            continue
        problems += [
            f"{file.relative_to(root)}: {problem}"
            for guard in PARTS[kind]
            for problem in guard(book)
        ]
    return problems


def plan_problems(plan: list[dict]) -> list[str]:
    """Say what is wrong with the rows of book/chapters.csv."""
    place = "book/chapters.csv"
    files = Counter(row["file"] for row in plan)
    numbers = Counter(row["number"].lstrip("0") for row in plan)  # 1 and 01 are one number
    found = [
        f"{place} has {count} rows with {what}"
        for what, count in [*files.items(), *numbers.items()]
        if count > 1
    ]
    parts = Counter(row["part"] for row in plan)
    for row in plan:
        file, number = row["file"], row["number"]
        if None in row:
            found.append(f"{place}: the row of {file} has too many columns: quote a text with ','")
        if not CHAPTER.fullmatch(file) or not number.isdecimal() or int(file[:2]) != int(number):
            found.append(
                f"{place}: file must be the number {number} in two digits, '_' and lower-case "
                f"words, got {file!r}"
            )
        found += [
            f"{place}: {column} of {file} is empty"
            for column in ("part", "title", "about")
            if not row[column]
        ]
        near = get_close_matches(row["part"], [one for one in parts if one != row["part"]], 1, 0.9)
        if near and parts[row["part"]] <= parts[near[0]]:
            found.append(
                f"{place}: part of {file} must be that of others, {near[0]!r}, got {row['part']!r}"
            )
    return found


def problems(root: Path = ROOT) -> list[str]:
    """Return everything that is missing, one sentence each."""
    return chapters(root) + laws(root)


def main() -> int:
    found = problems()
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
