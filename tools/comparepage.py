"""The page that compares packages: tables of results/compare_fits, as Markdown.

benchmarks/compare_fits.py measures fits.csv; features.csv was read from the packages' own text and
source by hand, and its first row says which of them were also run.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

FOLDER = Path("results") / "compare_fits"
OURS = "scaling_utils"
HEADS = {
    "package": "Package",
    "minimises": "It minimises",
    "over_ours": "Objective over ours",
    "E": "E",
    "alpha": "alpha",
    "beta": "beta",
    "fit_time": "Time of a fit",
    "resample_time": "Time of a resample",
}


def rows_of(root: Path, name: str) -> list[dict[str, str]]:
    """Return the rows of one of the two tables."""
    with (root / FOLDER / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def compare(root: Path, table: Callable) -> str:
    """Return both tables; ``table`` writes one from its head and rows."""
    if not (root / FOLDER).is_dir():
        return "No comparison is recorded.\n"
    features = rows_of(root, "features.csv")
    made = ["## What each can do", "", table(features[0], (row.values() for row in features))]
    fits = rows_of(root, "fits.csv")
    for name in dict.fromkeys(row["table"] for row in fits):
        rows = [row for row in fits if row["table"] == name]
        made += [
            f"## The table `{name}`, {rows[0]['runs']} runs",
            "",
            table(HEADS.values(), ([_shown(row, field) for field in HEADS] for row in rows)),
        ]
    return "\n".join(made)


def _shown(row: dict[str, str], field: str) -> str:
    """Return a cell; an empty one is a dash, and a time is a multiple of ours."""
    value = row[field] or "-"
    if field.endswith("_time") and row[field]:
        return f"{float(value):g} ×"
    return f"{value} ({row['version']})" if field == "package" else value
