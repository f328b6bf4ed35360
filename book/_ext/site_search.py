"""Let the search find a chapter by its subject, also where the title has other words.

book/keywords.csv lists the subjects of each page, separated by semicolons; a notebook may name
more in its metadata, as ``"keywords": ["..."]``. A search for one of them shows its page first.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

BOOK = Path(__file__).resolve().parent.parent


def listed(path: Path = BOOK / "keywords.csv") -> dict[str, list[str]]:
    """Return the subjects of each page in the table."""
    with path.open(newline="", encoding="utf-8") as file:
        return {
            row["page"]: [word.strip() for word in row["keywords"].split(";")]
            for row in csv.DictReader(file)
        }


def own(notebook: Path) -> list[str]:
    """Return the subjects that a notebook names itself."""
    if not notebook.is_file():
        return []
    return json.loads(notebook.read_text("utf-8"))["metadata"].get("keywords", [])


def feed_keywords(app):
    """Enter the subjects in the index of the search, when all pages are in it."""
    indexer = app.builder.indexer
    table = listed()
    for page in app.env.found_docs:
        subjects = [*table.get(page, []), *own(Path(app.srcdir, f"{page}.ipynb"))]
        # Entries are kept between builds: those of an older table must not stay.
        indexer._index_entries[page] = [(subject, "", "main") for subject in subjects]
        for word in {word for subject in subjects for word in indexer.lang.split(subject)}:
            indexer._title_mapping.setdefault(indexer.lang.stem(word.lower()), set()).add(page)
    return ()
