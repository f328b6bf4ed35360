"""The strongest results of the chapters for the first page: figures, and sentences on claims.

book/highlights.csv names, for each, the cell that shows the figure, the claims whose measured
values the sentence takes, as CELL:N for the Nth claim of a cell, and the sentence. A cell is known
by its id alone, so that it may move to another chapter.
"""

from __future__ import annotations

import re
from base64 import b64decode

from bookdata import CLAIM_MIME, Book, Page, PageError, read_rows

PNG = "image/png"


def cells(book: Book) -> dict[str, tuple[Page, dict]]:
    """Return all code cells of chapters and studies with their pages, by id."""
    return {
        cell["id"]: (page, cell)
        for page in book.pages
        for cell in page.notebook["cells"]
        if cell["cell_type"] == "code" and "id" in cell
    }


def measured(book: Book, name: str) -> float:
    """Return what the claim CELL:N measured when its chapter was last run."""
    cell, _, number = name.partition(":")
    made = [out["data"] for out in _outputs(book, cell) if CLAIM_MIME in out.get("data", {})]
    if not number.isdigit() or not 1 <= int(number) <= len(made):
        raise PageError(f"book/highlights.csv: {name!r} must be CELL:N, N from 1 to {len(made)}")
    return made[int(number) - 1][CLAIM_MIME]["measured"]


def figure(book: Book, cell: str) -> tuple[bytes, str]:
    """Return the figure that a cell shows, as PNG, and its description."""
    for output in _outputs(book, cell):
        if PNG in output.get("data", {}):
            return b64decode(output["data"][PNG]), output["metadata"][PNG]["alt"]
    raise PageError(f"book/highlights.csv: cell {cell!r} shows no figure")


def _outputs(book: Book, cell: str) -> list[dict]:
    found = cells(book).get(cell)
    if found is None:
        raise PageError(f"book/highlights.csv: no page has a cell {cell!r}")
    return found[1].get("outputs", [])


def parts(book: Book) -> dict[str, str | bytes]:
    """Return the files of the first page: its cards, and the figures on them."""
    path = book.root / "book" / "highlights.csv"
    files: dict[str, str | bytes] = {}
    text = "::::{grid} 1 1 2 2\n:gutter: 3\n:class-container: results\n\n"
    for row in read_rows(path) if path.is_file() else []:
        image, alt = figure(book, row["figure"])
        files[f"results/{row['figure']}.png"] = image
        values = [measured(book, name) for name in row["claims"].split()]
        page = cells(book)[row["figure"]][0]
        text += (
            ":::{grid-item}\n"
            f"![{_described(alt)}](_generated/results/{row['figure']}.png)\n\n"
            f"{sentence(row['sentence'], values)} {page.link}\n:::\n\n"
        )
    files["highlights.md"] = text + "::::\n"
    return files


def sentence(form: str, values: list[float]) -> str:
    """Return a sentence with its numbers, as a printer sets them: a true minus, no lonely %."""
    return re.sub(r"(?<![\w.])-(?=\d)", "−", form.format(*values)).replace(
        " %", "\N{NO-BREAK SPACE}%"
    )


def _described(alt: str) -> str:
    return " ".join(alt.split()).replace("[", "(").replace("]", ")").replace("$", "")
