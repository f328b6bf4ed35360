"""Tell whether a notebook's stored outputs still belong to its code, and are those of its run.

When `tools/execute.py` has run a notebook it stores in the notebook's metadata a digest of
its code cells and of each file that these depend on: the rooms of `scaling_utils` that it
imports, directly or through another room; the package data that those rooms name; and the
tables in `results/` of the studies that the notebook names. A module's digest is taken from its
syntax tree without docstrings, so comments, docstrings and formatting make nothing stale.
Prose does not count either: it changes no output.

A digest of each cell's outputs is stored too (see tools/outputs.py). `altered` compares them: an
output that was edited, moved or removed after the run is named, and `make book` refuses it.

    python tools/freshness.py                # list the stale notebooks; exit 1 if there are any
"""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

sys.path.insert(0, str(Path(__file__).resolve().parent))

import outputs

from scaling_utils.sweeps.code import canonical

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "scaling_utils"
KEY = "scaling_utils"  # where a notebook's metadata holds the record of its last run
SKIPPABLE = {"gpu", "needs-data"}  # tags of cells that not every machine can run


def short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def parse_cell(source: str) -> ast.Module:
    """Parse a code cell, its IPython magics turned into calls."""
    return ast.parse(TransformerManager().transform_cell(source))


def imported_rooms(tree: ast.AST) -> set[str]:
    """Return the modules of the package that a tree imports, as dotted names."""
    found: set[str] = set()
    aliases: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name == PACKAGE:
                    aliases.add(name.asname or PACKAGE)
                elif name.name.startswith(PACKAGE + "."):
                    found.add(name.name)
        elif isinstance(node, ast.ImportFrom) and _package_of(node) == PACKAGE:
            found.add(node.module)
            found.update(f"{node.module}.{name.name}" for name in node.names)
    for node in ast.walk(tree):  # `import scaling_utils as su`, then `su.laws`
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) in aliases:
            found.add(f"{PACKAGE}.{node.attr}")
    return found


def _package_of(node: ast.ImportFrom) -> str:
    """Return the first part of `from PART.x import y`; a relative import has none."""
    return "" if node.level else node.module.split(".")[0]


def module_file(name: str, root: Path) -> Path | None:
    """Return the file of a dotted module name; None where it names no module."""
    base = root.joinpath(*name.split("."))
    for file in (base.with_suffix(".py"), base / "__init__.py"):
        if file.is_file():
            return file
    return None


def room_files(names: Iterable[str], root: Path) -> set[Path]:
    """Return the files of the named rooms and of all rooms that they import in turn.

    The package's own `__init__.py` is left out: it holds no more than the version and the
    list of rooms.
    """
    top = root / PACKAGE / "__init__.py"
    waiting, files = set(names), set()
    while waiting:
        file = module_file(waiting.pop(), root)
        if file is None or file == top or file in files:
            continue
        files.add(file)
        waiting |= imported_rooms(ast.parse(file.read_text(encoding="utf-8")))
    return files


def _named_in(texts: Iterable[str], folder: Path) -> Iterator[Path]:
    """Yield the files below a folder whose name occurs in one of the texts."""
    texts = list(texts)
    for file in sorted(folder.rglob("*")):
        if file.is_file() and any(file.name in text for text in texts):
            yield file


def _recorded(sources: Iterable[str], folder: Path) -> Iterator[Path]:
    """Yield the tables of the recorded studies whose folder a cell names, in quotes or a path.

    Both tables of a study count, for a cell may read them without naming them.
    """
    text = "\n".join(sources)
    for file in sorted(folder.rglob("*.csv")):
        name = file.name if file.parent == folder else file.parent.name
        if re.search(rf"""["'/]{re.escape(name)}["'/]""", text):
            yield file


def _bounds(sources: Iterable[str], root: Path) -> set[Path]:
    """Return the file of registered predictions where a cell takes a bound from it."""
    file = root / "results" / "registered.toml"
    asks = any(re.search(r"\b(registered|verdict)\(", source) for source in sources)
    return {file} if asks and file.is_file() else set()


def code_cells(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def input_files(notebook, root: Path = ROOT) -> set[Path]:
    """Return all files that the outputs of a notebook depend on."""
    sources = [cell.source for cell in code_cells(notebook)]
    names = set().union(*(imported_rooms(parse_cell(source)) for source in sources))
    # A cell may import in one line and use the alias in a later cell.
    names |= imported_rooms(parse_cell("\n".join(sources)))
    rooms = room_files(names, root)
    texts = [file.read_text(encoding="utf-8") for file in rooms]
    data = _named_in(texts, root / PACKAGE / "data")
    return rooms | set(data) | set(_recorded(sources, root / "results")) | _bounds(sources, root)


def file_digest(file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    return short_hash(canonical(ast.parse(text)) if file.suffix == ".py" else text)


def digests(notebook, root: Path = ROOT) -> dict:
    """Return the digests that belong to a notebook's present code and inputs."""
    files = sorted(input_files(notebook, root))
    return {
        "cells": short_hash("\0".join(cell.source for cell in code_cells(notebook))),
        "inputs": {file.relative_to(root).as_posix(): file_digest(file) for file in files},
    }


def output_digests(notebook) -> dict[str, str]:
    """Return a digest of what each code cell shows, by the cell's id."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return {cell.get("id", ""): outputs.digest(cell.outputs) for cell in cells}


def altered(notebook) -> list[str]:
    """Name the cells that show something else than their last run did."""
    recorded = notebook.metadata.get(KEY, {}).get("outputs")
    now = output_digests(notebook)
    if recorded is None:
        shown = any(cell.get("outputs") for cell in notebook.cells)
        return ["it shows outputs that tools/execute.py has not recorded"] if shown else []
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


def reasons(notebook, root: Path = ROOT) -> list[str]:
    """Say in words why a notebook's outputs are stale; an empty list means that they are not."""
    stored = notebook.metadata.get(KEY, {})
    if "cells" not in stored:
        return ["it was never run by tools/execute.py"]
    now = digests(notebook, root)
    found = [] if stored["cells"] == now["cells"] else ["its code cells have changed"]
    before = stored.get("inputs", {})
    for name in sorted(before.keys() | now["inputs"].keys()):
        if name not in before:
            found.append(f"it now depends on {name}")
        elif name not in now["inputs"]:
            found.append(f"it no longer depends on {name}")
        elif before[name] != now["inputs"][name]:
            found.append(f"{name} has changed")
    for cell in code_cells(notebook):
        recorded = cell.metadata.get(KEY, {}).get("source")
        if cell.outputs and recorded is not None and recorded != short_hash(cell.source):
            tags = ", ".join(sorted(SKIPPABLE & set(cell.metadata.get("tags", []))))
            found.append(f"the cell {cell.source.splitlines()[0]!r} ({tags}) has changed")
    return found + altered(notebook)


def stale(paths: Iterable[Path], root: Path = ROOT) -> dict[Path, list[str]]:
    """Return the stale notebooks among `paths`, each with its reasons."""
    found = {path: reasons(nbformat.read(path, as_version=4), root) for path in paths}
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
