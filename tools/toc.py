"""Write the table of contents from the list of chapters and the notebooks that exist.

    python tools/toc.py              # `make book` does it too

Each notebook stands under the part that book/chapters.csv names, in the order of that file. What
_toc.yml lists besides chapters (the first page, the appendix) is written there by hand and stays.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent


def text(root: Path = ROOT) -> str:
    """Return what _toc.yml has to say, its opening comment included."""
    old = (root / "_toc.yml").read_text(encoding="utf-8")
    head = old[: old.index("parts:")]
    with (root / "book" / "chapters.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    parts: dict[str, list[str]] = {row["part"]: [] for row in rows}
    for row in rows:
        if (root / "notebooks" / f"{row['file']}.ipynb").is_file():
            parts[row["part"]].append(f"notebooks/{row['file']}")
    for part in yaml.safe_load(old)["parts"]:
        listed = [entry["file"] for entry in part["chapters"]]
        by_hand = [file for file in listed if not file.startswith("notebooks/")]
        parts.setdefault(part["caption"], []).extend(by_hand)
    return head + "parts:\n" + "".join(_part(*item) for item in parts.items() if item[1])


def _part(caption: str, files: list[str]) -> str:
    lines = "".join(f"      - file: {file}\n" for file in files)
    return f"  - caption: {caption}\n    chapters:\n{lines}"


def write(root: Path = ROOT) -> bool:
    """Write _toc.yml if it is out of date, and tell whether it was."""
    new, file = text(root), root / "_toc.yml"
    if file.read_text(encoding="utf-8") == new:
        return False
    file.write_text(new, encoding="utf-8")
    return True


if __name__ == "__main__":
    write()
    sys.exit()
