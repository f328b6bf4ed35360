"""Count how many chapters a change makes stale, for every module and every data file.

    python tools/reach.py              # a table: chapters, of how many, by module

A chapter counts where some change of the module makes it stale: a change of any of the
definitions that the chapter comes down to. Most changes touch fewer.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parent))

from dependencies import Package
from freshness import ROOT, all_notebooks, input_texts
from inputs import DATA, RESULTS
from modules import PACKAGE


def chapters_by_file(root: Path = ROOT) -> dict[str, set[str]]:
    """Return the chapters that depend on each module and data file, by the file's path."""
    package = Package(root)
    files = [package.path(name) for name in package.below(PACKAGE)]
    files += [f"{DATA}/{file.name}" for file in sorted((root / DATA).iterdir())]
    files.append(f"{RESULTS}/registered.toml")
    found: dict[str, set[str]] = {file: set() for file in files}
    for path in all_notebooks(root):
        for name in input_texts(nbformat.read(path, as_version=4), package):
            found.get(name.partition(" (")[0], set()).add(path.stem)
    return found


def mean_share(found: dict[str, set[str]], chapters: int) -> float:
    """Return the mean share of the chapters that a change of a module makes stale."""
    counts = [len(names) for file, names in found.items() if file.endswith(".py")]
    return sum(counts) / len(counts) / chapters


def main() -> int:
    found, chapters = chapters_by_file(), len(all_notebooks())
    for file, names in sorted(found.items(), key=lambda item: (-len(item[1]), item[0])):
        some = ", ".join(sorted(name[:2] for name in names)) if len(names) < chapters else "all"
        print(f"{len(names):3}  {file}  {some}".rstrip())
    share = mean_share(found, chapters)
    used = {file: names for file, names in found.items() if names}
    print(f"A change of a module makes {share * chapters:.2f} of {chapters} chapters stale in the")
    print(f"mean ({share:.0%}), and {mean_share(used, chapters):.0%} where any chapter uses it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
