"""The claims of the chapters: compare a run's with the stored ones, and list them all.

    python tools/claims.py            # write book/claims.csv and book/contents.csv
    python tools/claims.py --check    # change nothing; fail where they are out of date

`book/claims.csv` lists every claim with its expectation, and `book/contents.csv` counts what
each chapter holds. Both are generated and kept in git: a changed expectation, a claim less, a
removed check or a replaced solution shows in review as a line that has changed.
"""

from __future__ import annotations

import argparse
import csv
import difflib
import functools
import io
import json
import math
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parent))

import printed

ROOT = Path(__file__).resolve().parent.parent
MIME = "application/vnd.scaling-utils.claim+json"
CHECK = "# NBVAL_CHECK_OUTPUT"
# A claim of a cell that reads a clock or the memory measures the machine as well.
CLOCKS = re.compile(
    r"\b(perf_counter|process_time|monotonic|time\.time|psutil|timeit|getrusage|tracemalloc)\b"
)
SAFETY = 3  # how many times the spread between machines a claim may move
# Seven machines do not show all that the eighth can do, least of all where an optimiser stops: a
# claim that is known to move may also move by this share of its way to its bound.
SHARE = 0.1


@dataclass(frozen=True)
class Spread:
    """What one claim measured on several machines, and the claim's sentence there."""

    sentence: str
    lowest: float
    highest: float


@dataclass(frozen=True)
class Spreads:
    """How far the claims of one cell may move: a spread for each that has one.

    ``clock`` says that the cell measures time or memory, which no other run repeats.
    """

    by_place: Mapping[int, Spread] = field(default_factory=dict)
    clock: bool = False

    def allowed(self, place: int, made: Mapping) -> float:
        """Return how far the stored claim at a place may move beyond its last digit."""
        if self.clock:
            return math.inf
        known = self.by_place.get(place)
        if known is None or printed.differences(known.sentence, made["sentence"]):
            return 0.0
        spread = known.highest - known.lowest
        share = SHARE * room(made) if moves(known.lowest, known.highest) else 0.0
        return max(SAFETY * spread, share)


NO_SPREADS = Spreads()


@functools.cache
def read_spreads(root: Path = ROOT) -> dict[tuple[str, str, int], Spread]:
    """Read book/spread.csv, which `make machines` writes: by chapter, cell and place in it."""
    path = root / "book" / "spread.csv"
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {
            (row["chapter"], row["cell"], int(row["n"])): Spread(
                row["sentence"], float(row["lowest"]), float(row["highest"])
            )
            for row in csv.DictReader(file)
        }


def spreads_of(chapter: str, cell: str, source: str, table: Mapping) -> Spreads:
    """Return how far the claims of one cell may move, from the table of all of them."""
    here = {
        n - 1: known for (book, name, n), known in table.items() if (book, name) == (chapter, cell)
    }
    return Spreads(here, clock=bool(CLOCKS.search(source)))


def in_outputs(outputs: Iterable[Mapping]) -> list[dict]:
    """Return the claims among a cell's outputs, in order."""
    bundles = [one.get("data", {}) for one in outputs]
    return [dict(bundle[MIME]) for bundle in bundles if MIME in bundle]


def differences(stored: list[dict], now: list[dict], spreads: Spreads = NO_SPREADS) -> list[str]:
    """Compare the claims that a run of a cell made with the stored ones.

    Number, order and every field must be the same; numbers in sentences are compared as
    `printed.differences` does, and expectations to the five digits that are stored. What was
    measured may move by three times the claim's spread between machines, and one unit of its
    fifth digit; a claim that is known to move by more than that unit, also by a tenth of its way
    to its bound; a claim of which no spread is known, by the unit alone.
    """
    if len(stored) != len(now):
        return [f"it stored {len(stored)} claims and now makes {len(now)}"]
    found = []
    for place, (old, new) in enumerate(zip(stored, now, strict=True)):
        name = f"claim {place + 1} ({old['sentence']!r})"
        for key in sorted(old.keys() | new.keys()):
            before, after = old.get(key), new.get(key)
            if key == "measured":
                allowed = spreads.allowed(place, old)
                why = _moved(before, after, allowed)
            elif key in ("sentence", "relation"):
                why = "; ".join(printed.differences(before or "", after or ""))
            elif key == "expected":
                why = _expectation(before, after)
            else:
                why = "" if (before or None) == (after or None) else f"{before!r} became {after!r}"
            if why:
                found.append(f"{name}, {key}: {why}")
    return found


def _expectation(before, after) -> str:
    one, other = (
        value if isinstance(value, list | tuple) else [value] for value in (before, after)
    )
    if len(one) != len(other):
        return f"{before} became {after}"
    return "; ".join(filter(None, map(_moved, one, other)))


def _moved(before: float, after: float, allowed: float = 0.0) -> str:
    """Say that a stored number has moved too far, or return an empty string."""
    if max(abs(before), abs(after)) < float(printed.RESIDUE):
        return ""
    allowed += last_digit(before, after)
    off = abs(after - before)
    if off <= allowed * (1 + 1e-9):  # the two are decimal fractions: 0.71034 - 0.71033 > 1e-5
        return ""
    return f"stored {before}, now {after}: off by {off:.3g}, and {allowed:.3g} is allowed"


def last_digit(*values: float) -> float:
    """Return one unit of the fifth digit, to which claims are stored; 0 for whole numbers."""
    if all(value == int(value) and abs(value) < 1e7 for value in values):
        return 0.0
    return 10.0 ** (math.floor(math.log10(max(map(abs, values)))) - 4)


def moves(lowest: float, highest: float) -> bool:
    """Tell whether a claim moves between machines by more than rounding."""
    return highest - lowest > last_digit(lowest, highest)


def room(made: Mapping) -> float:
    """Return how far a claim's measured value could still move before the claim fails."""
    words, measured, expected = made["relation"], made["measured"], made["expected"]
    bounds = list(expected) if isinstance(expected, list | tuple) else [expected]
    if "±" in words:
        margins = words.partition("±")[2]
        numbers = [float(number.value) for number in printed.split(margins)[1]]
        relative = ["%" in part for part in margins.split(" or ")]
        widths = [
            value / 100 * abs(bounds[0]) if per_cent else value
            for value, per_cent in zip(numbers, relative, strict=True)
        ]
        return max(widths) - abs(measured - bounds[0])
    sides = re.findall(r"at (least|most)", words)
    return min(
        measured - bound if side == "least" else bound - measured
        for side, bound in zip(sides, bounds, strict=True)
    )


def disagreements(outputs: Iterable[Mapping]) -> list[str]:
    """Hold the text of each stored claim, which readers see, to its stored numbers.

    The text is written again from the numbers; it must be the same to the letter.
    """
    from scaling_utils.notebook import Claim, claim_texts

    found = []
    for output in outputs:
        data = output.get("data", {})
        if MIME not in data:
            continue
        made = dict(data[MIME])
        if isinstance(made["expected"], list):
            made["expected"] = tuple(made["expected"])
        unknown = made.keys() - {one.name for one in fields(Claim)}
        if unknown:
            found.append(f"the claim {made['sentence']!r} has the fields {sorted(unknown)}")
            continue
        for kind, text in claim_texts(Claim(**made)).items():
            if data.get(kind) != text:
                found.append(
                    f"the claim {made['sentence']!r} measured {made['measured']}, and its "
                    f"{kind} says something else"
                )
    return found


def listed(chapter: str, cells: Iterable[Mapping]) -> list[dict[str, str]]:
    """Return one row for each stored claim of a chapter: what is said and expected, and why."""
    return [
        {
            "chapter": chapter,
            "cell": cell.get("id", ""),
            "n": str(n),
            "sentence": made["sentence"],
            "relation": made["relation"],
            "expected": json.dumps(made["expected"]),
            "unit": made["unit"],
            "source": made["source"],
            "seen_first": "yes" if made.get("seen_first") else "no",
        }
        for cell in cells
        if cell["cell_type"] == "code"
        for n, made in enumerate(in_outputs(cell["outputs"]), start=1)
    ]


def counted(chapter: str, cells: Iterable[Mapping]) -> dict[str, str]:
    """Return how much of each kind a chapter holds."""
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    text = "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")
    shown = [output for cell in code for output in cell["outputs"]]
    tagged = [tag for cell in code for tag in cell["metadata"].get("tags", [])]
    counts = {
        "code_cells": len(code),
        "checked_cells": sum(cell["source"].startswith(CHECK) for cell in code),
        "claims": len(in_outputs(shown)),
        "figures": sum("image/png" in output.get("data", {}) for output in shown),
        "displayed_equations": text.count("$$") // 2,
        "numbered_equations": len(re.findall(r"\\tag\{", text)),
        "exercises": len(re.findall(r"^### Exercise \d", text, re.M)),
        "solutions_in_code": tagged.count("solution"),
        "solutions_in_prose": text.count("<details><summary>Solution"),
    }
    return {"chapter": chapter} | {name: str(count) for name, count in counts.items()}


def lists(root: Path = ROOT) -> dict[Path, str]:
    """Return the files that list the claims and count the contents, with their text."""
    books = {
        path.stem: nbformat.read(path, as_version=4).cells
        for path in sorted((root / "notebooks").glob("*.ipynb"))
    }
    rows = [row for name, cells in books.items() for row in listed(name, cells)]
    return {
        root / "book" / "claims.csv": _csv(rows),
        root / "book" / "contents.csv": _csv([counted(*book) for book in books.items()]),
    }


def _csv(rows: list[dict[str, str]]) -> str:
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def outdated(root: Path = ROOT) -> dict[Path, list[str]]:
    """Return the lists that differ from the notebooks, with the lines that do."""
    found = {}
    for path, text in lists(root).items():
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        if before != text:
            diff = difflib.unified_diff(before.splitlines(), text.splitlines(), n=0, lineterm="")
            found[path] = [line for line in diff if not line.startswith(("---", "+++", "@@"))]
    return found


def write_lists(root: Path = ROOT) -> list[Path]:
    """Write the lists that are out of date, and return them."""
    changed = list(outdated(root))
    texts = lists(root)
    for path in changed:
        path.write_text(texts[path], encoding="utf-8")
    return changed


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; fail if out of date")
    if not parser.parse_args(argv).check:
        for path in write_lists():
            print(f"wrote {path.relative_to(ROOT)}")
        return 0
    found = outdated()
    for path, lines in found.items():
        print(f"{path.relative_to(ROOT)} is out of date:", *lines, sep="\n  ")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
