"""Write the table of contents from the list of chapters and the notebooks that exist.

    python tools/toc.py              # `make book` does it too

Each notebook stands under the part that book/chapters.csv names, in the order of that file, and
the pages of studies under their own. What _toc.yml lists besides (the first page, the appendix) is
written there by hand and stays.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import yaml

STUDIES = "Studies"  # the part of the pages notebooks/study_*.ipynb
ROOT = Path(__file__).resolve().parent.parent


def text(root: Path = ROOT) -> str:
    """Return what _toc.yml has to say, its opening comment included."""
    old = (root / "_toc.yml").read_text(encoding="utf-8")
    head = old[: old.index("parts:")]
    with (root / "book" / "chapters.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    parts: dict[str, list[dict]] = {row["part"]: [] for row in rows}
    for row in rows:
        if (root / "notebooks" / f"{row['file']}.ipynb").is_file():
            parts[row["part"]].append({"file": f"notebooks/{row['file']}"})
    studies = sorted(path.stem for path in (root / "notebooks").glob("study_*.ipynb"))
    parts[STUDIES] = [{"file": f"notebooks/{name}"} for name in studies]
    for part in yaml.safe_load(old)["parts"]:
        by_hand = [one for one in part["chapters"] if not one["file"].startswith("notebooks/")]
        parts.setdefault(part["caption"], []).extend(by_hand)
    listed = [{"caption": name, "chapters": pages} for name, pages in parts.items() if pages]
    return head + yaml.dump({"parts": listed}, Dumper=_Indented, sort_keys=False, width=100)


class _Indented(yaml.SafeDumper):
    """Writes a list one step further in than its key, as people do."""

    def increase_indent(self, flow=False, indentless=False):
        return super().increase_indent(flow, False)


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
