"""Tell whether a notebook's stored outputs still belong to its code, and are those of its run.

When `tools/execute.py` has run a notebook it stores in the notebook's metadata a digest of
its code cells and of what these depend on: of each module of `scaling_utils`, the definitions
that the cells come down to (tools/dependencies.py); of package data and registered predictions,
the rows or the file; and the recorded tables that are read (tools/inputs.py). Digests are taken
from syntax trees without docstrings, so comments, docstrings and formatting make nothing stale.
Prose does not count either: it changes no output. Nor does the public address in the set-up.

A digest of each cell's outputs is stored too (see tools/outputs.py). `altered` compares them: an
output that was edited, moved or removed after the run is named, and `make book` refuses it.

    python tools/freshness.py                # list the stale notebooks; exit 1 if there are any
"""

from __future__ import annotations

import ast
import functools
import hashlib
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

sys.path.insert(0, str(Path(__file__).resolve().parent))

import outputs
from dependencies import Package, Reached
from extras import SKIPPABLE
from inputs import Inputs, is_added_row

ROOT = Path(__file__).resolve().parent.parent
NEVER_RUN = "it was never run by tools/execute.py"
KEY = "scaling_utils"  # where a notebook's metadata holds the record of its last run


def short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=4096)
def parse_cell(source: str) -> ast.Module:
    """Parse a code cell, its IPython magics turned into calls. Nobody changes the tree."""
    return ast.parse(TransformerManager().transform_cell(source))


def code_cells(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def cells_tree(notebook) -> ast.Module:
    """Return the code of all cells as one tree: a cell may use what another one imports."""
    trees = [parse_cell(cell.source) for cell in code_cells(notebook)]
    return ast.Module(body=[node for tree in trees for node in tree.body], type_ignores=[])


def input_texts(notebook, package: Package) -> dict[str, str]:
    """Return what the outputs of a notebook depend on: of each input, the text that counts."""
    tree = cells_tree(notebook)
    uses = package.used(tree)
    found = {
        package.path(name): package.module(name).digested(numbers)
        for name, numbers in Reached(package, uses).statements.items()
    }
    return found | Inputs(package, tree, uses).texts()


def without_address(source: str) -> str:
    """Return the set-up cell's code without the public address, which changes no output."""
    return re.sub(r"(?<=git\+https://github\.com/)\S+", "", source)


def cell_source(cell) -> str:
    """Return the code of a cell as it counts."""
    setup = "setup" in cell.metadata.get("tags", [])
    return without_address(cell.source) if setup else cell.source


def digests(notebook, root: Path = ROOT, package: Package | None = None) -> dict:
    """Return the digests that belong to a notebook's present code and inputs.

    `package` is the package below `root` where it was read before, to save time.
    """
    texts = input_texts(notebook, package or Package(root))
    return {
        "cells": code_digest(notebook),
        "inputs": {name: short_hash(texts[name]) for name in sorted(texts)},
    }


def code_digest(notebook) -> str:
    """Return a digest of a notebook's code."""
    return short_hash("\0".join(cell_source(cell) for cell in code_cells(notebook)))


def output_digests(notebook) -> dict[str, str]:
    """Return a digest of what each code cell shows, by the cell's id."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return {cell.get("id", ""): outputs.digest(cell.outputs) for cell in cells}


def altered(notebook) -> list[str]:
    """Name the cells that show something else than their last run did."""
    recorded = notebook.metadata.get(KEY, {}).get("outputs")
    now = output_digests(notebook)
    if recorded is None:
        return [NEVER_RUN]
    sources = {cell.get("id", ""): cell.source for cell in notebook.cells}
    first = {name: (source.splitlines() or [""])[0] for name, source in sources.items()}
    found = [
        f"the outputs of the cell {first[name]!r} (id {name}) are not those of its run"
        for name, value in now.items()
        if recorded.get(name) != value
    ]
    return found + [
        f"a cell whose outputs were recorded is gone (id {name})" for name in recorded.keys() - now
    ]


def changed_inputs(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Say what has become of the inputs that outputs depend on, by their names and digests."""
    found = []
    for name in sorted(before.keys() | now.keys()):
        if name not in before:
            if not is_added_row(name, before):
                found.append(f"it now depends on {name}")
        elif name not in now:
            found.append(f"it no longer depends on {name}")
        elif before[name] != now[name]:
            found.append(f"{name} has changed")
    return found


def reasons(notebook, root: Path = ROOT, package: Package | None = None) -> list[str]:
    """Say in words why a notebook's outputs are stale; an empty list means that they are not."""
    stored = notebook.metadata.get(KEY, {})
    if "cells" not in stored:
        return [NEVER_RUN]
    now = digests(notebook, root, package)
    found = [] if stored["cells"] == now["cells"] else ["its code cells have changed"]
    found += changed_inputs(stored.get("inputs", {}), now["inputs"])
    for cell in code_cells(notebook):
        recorded = cell.metadata.get(KEY, {}).get("source")
        if cell.outputs and recorded is not None and recorded != short_hash(cell.source):
            tags = ", ".join(sorted(SKIPPABLE & set(cell.metadata.get("tags", []))))
            found.append(f"the cell {cell.source.splitlines()[0]!r} ({tags}) has changed")
    return found + altered(notebook)


def stale(paths: Iterable[Path], root: Path = ROOT) -> dict[Path, list[str]]:
    """Return the stale notebooks among `paths`, each with its reasons."""
    package = Package(root)
    found = {path: reasons(nbformat.read(path, as_version=4), root, package) for path in paths}
    return {path: why for path, why in found.items() if why}


def all_notebooks(root: Path = ROOT) -> list[Path]:
    return sorted((root / "notebooks").glob("*.ipynb"))


def main() -> int:
    found = stale(all_notebooks())
    for path, why in found.items():
        print(f"{path.relative_to(ROOT)}: {'; '.join(why)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
