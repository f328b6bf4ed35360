"""The guides for a short chapter, measured.

    python tools/form.py            # where a chapter is beyond a guide, and by how much

Code counts as lines that are neither blank nor only a comment, without solutions. A cell is
folded if it carries the tag ``hide-input`` or ``hide-cell``. Words are those of the Markdown,
without solutions; a formula counts as one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scaling_utils.notebook import IN_SHORT, TAKEAWAY  # noqa: E402

SCREEN = 358  # pixels of a page on a phone of 390
LETTER, PADDING, WIDEST = 7.5, 22, 224  # pixels: a letter in a table, a cell's sides, a column
SMALLEST_TEXT = 9.0  # pixels of the smallest text in a figure, on a phone
FOLDED = {"hide-input", "hide-cell"}
EXERCISES = {  # what the heading of at least one exercise says
    "by hand": re.compile(r"by hand", re.I),
    "write it yourself": re.compile(r"write it yourself", re.I),
    "referee": re.compile(r"referee", re.I),
}


def tags(cell) -> set[str]:
    return set(cell.metadata.get("tags", ()))


def code(book) -> list:
    """The code cells without solutions."""
    return [c for c in book.cells if c.cell_type == "code" and "solution" not in tags(c)]


def lines(cell) -> int:
    """Lines that are neither blank nor only a comment."""
    return sum(bool(re.match(r"\s*[^#\s]", line)) for line in cell.source.splitlines())


def code_lines(book) -> int:
    return sum(map(lines, code(book)))


def visible_lines(book) -> int:
    return sum(lines(cell) for cell in code(book) if not tags(cell) & FOLDED)


def longest_cell(book) -> int:
    shown = [c for c in code(book) if not tags(c) & (FOLDED | {"setup"})]
    return max(map(lines, shown), default=0)


def widest_line(book) -> int:
    """Of all code, solutions too; the setup cell is the same everywhere and is left out."""
    cells = [c for c in book.cells if c.cell_type == "code" and "setup" not in tags(c)]
    return max((len(line) for cell in cells for line in cell.source.splitlines()), default=0)


def words(book) -> int:
    texts = [cell.source for cell in book.cells if cell.cell_type == "markdown"]
    text = "\n".join(texts)
    text = re.sub(r"<details>.*?</details>", "", text, flags=re.S)
    text = re.sub(r"\$\$.+?\$\$|\$[^$\n]+\$", " formula ", text, flags=re.S)
    text = re.sub(r"\]\([^)]*\)|[|#>*_`-]", " ", text)
    return len(text.split())


def shown_tables(book) -> list[list[list[str]]]:
    """The tables among the outputs, as rows of cells; solutions are left out."""
    found = []
    for cell in code(book):
        for output in cell.outputs:
            text = output.get("data", {}).get("text/markdown", "")
            rows = [row for row in text.splitlines() if row.startswith("| ")]
            if len(rows) > 2:
                split = [re.split(r"(?<!\\)\|", row)[1:-1] for row in rows]
                found.append([split[0], *split[2:]])
    return found


def tables(book) -> int:
    return len(shown_tables(book))


def off_screen(book) -> int:
    """Tables whose last column, usually the result, starts off the screen of a phone."""
    return sum(last_column(table) > SCREEN for table in shown_tables(book))


def last_column(table: list[list[str]]) -> float:
    """Estimate where the last column of a table starts, in pixels."""

    def letters(cell: str) -> int:
        return len(re.sub(r"\]\([^)]*\)|[*`$\\{}\[]", "", cell.strip()))

    columns = list(zip(*table, strict=True))[:-1]
    return sum(min(WIDEST, PADDING + LETTER * max(map(letters, column))) for column in columns)


def in_short(book) -> int:
    """1 unless the box stands on top, as a cell of the chapter fills it in."""
    boxes = [c.source for c in book.cells if "in-short" in tags(c) and c.cell_type == "markdown"]
    shown = [
        output.get("data", {}).get("text/markdown", "")
        for cell in code(book)
        for output in cell.outputs
    ]
    made = [text for text in shown if text.startswith(IN_SHORT)]
    return int(len(boxes) != 1 or boxes != made)


def takeaways(book) -> int:
    """Sections of the theory and the experiment that do not end with what was learned."""
    missing, inside, open_section, learned = 0, False, False, False
    for cell in book.cells:
        if cell.cell_type == "code":
            outputs = (o.get("data", {}).get("text/markdown", "") for o in cell.outputs)
            learned |= any(text.startswith(TAKEAWAY) for text in outputs)
            continue
        for line in cell.source.splitlines():
            heading = re.match(r"(#{2,3}) (.*)", line)
            learned |= line.startswith(TAKEAWAY)
            if heading is None:
                continue
            missing += open_section and not learned
            if heading[1] == "##":
                inside = bool(re.match(r"The (theory|experiment)", heading[2]))
            open_section, learned = inside and heading[1] == "###", False
    return missing + (open_section and not learned)


def exercises(book) -> int:
    """Kinds of exercises that are missing: by hand, to write, as a referee."""
    headings = [
        line
        for cell in book.cells
        if cell.cell_type == "markdown"
        for line in re.findall(r"^### Exercise \d+.*", cell.source, re.M)
    ]
    return sum(not any(kind.search(one) for one in headings) for kind in EXERCISES.values())


def unlabelled(book) -> int:
    """Folded cells whose label does not say what they are."""
    folded = [cell for cell in code(book) if tags(cell) & FOLDED]
    return sum(not str(cell.metadata.get("label", "")).strip() for cell in folded)


def small_text(book) -> int:
    """Figures whose smallest text is too small on a phone, or that do not say."""
    figures = [
        output.metadata.get("image/png", {})
        for cell in code(book)
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    return sum(one.get("phone_text_px", 0) < SMALLEST_TEXT for one in figures)


GUIDES: dict[Callable, int] = {
    code_lines: 400,
    visible_lines: 200,
    longest_cell: 25,
    widest_line: 88,
    words: 2500,
    tables: 8,
    off_screen: 0,
    in_short: 0,
    takeaways: 0,
    exercises: 0,
    unlabelled: 0,
    small_text: 0,
}


def beyond(book) -> dict[str, int]:
    """What a chapter measures where it is beyond a guide, by the name of the guide."""
    measured = {guide.__name__: (int(guide(book)), most) for guide, most in GUIDES.items()}
    return {name: value for name, (value, most) in measured.items() if value > most}


def chapters(root: Path = ROOT) -> list[Path]:
    """The chapters: a study's page has another form."""
    return sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def measure(paths: Iterable[Path]) -> dict[tuple[str, str], int]:
    """What the chapters measure where they are beyond a guide, by chapter and guide."""
    return {
        (path.stem, guide): value
        for path in paths
        for guide, value in beyond(nbformat.read(path, as_version=4)).items()
    }


def main() -> int:
    now = measure(chapters())
    for (chapter, guide), value in sorted(now.items()):
        print(f"{chapter:28} {guide:14} {value:5}")
    return bool(now)


if __name__ == "__main__":
    sys.exit(main())
