"""Render the book from the stored outputs of the notebooks, and say where it lies.

    make book

Nothing is built from a notebook whose outputs are not those of its run, nor while a chapter or a
published law lacks one of its parts (see tools/complete.py). The table of contents and the parts of
pages that are computed, such as the scoreboard, are written first. Warnings are errors. A page is
read again only when it has changed, so a page with a warning would pass unseen the next time; after
a failed build the next one therefore starts afresh.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import complete
import freshness
import nbformat
import pages
import toc
from bookdata import Book, read_book

# Where the book says that it lies; a link to a file of it, or to another project, is no such place.
ADDRESS = re.compile(r"git\+https://github\.com/([\w.-]+/[\w.-]+)")
ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build"
# Jupyter Book colours what it prints; in a log that is noise.
JUPYTER_BOOK = """\
import sys
from jupyter_book.cli.main import main
from sphinx.util.console import nocolor
sys.stdout.isatty() or nocolor()
main()
"""


def untrue(notebook) -> list[str]:
    """Say what was changed in a notebook's code or outputs since it was run."""
    recorded = notebook.metadata.get(freshness.KEY, {}).get("cells")
    changed = recorded not in (None, freshness.code_digest(notebook))
    return ["its code has changed since it was run"] * changed + freshness.altered(notebook)


def forged(paths: Iterable[Path]) -> bool:
    """Name the notebooks that do not show what their code gave when it was run."""
    found = {path: untrue(nbformat.read(path, as_version=4)) for path in paths}
    for path, why in found.items():
        if why:
            print(f"{path.name}: {'; '.join(why)}. Run tools/execute.py on it.", file=sys.stderr)
    return any(found.values())


def mixed(book: Book) -> list[str]:
    """Name the files that have another address than the package's constant."""
    files = [chapter.path for chapter in book.written]
    files += [book.root / name for name in ("README.md", "book/sweeps.md", "environment.yml")]
    return [
        f"{path.name}: {found}"
        for path in files
        if path.is_file()
        for found in sorted(set(ADDRESS.findall(path.read_text("utf-8"))))
        if found.lower() != book.repository.lower()
    ]


def main() -> int:
    start = time.perf_counter()
    if complete.main() != 0 or forged(freshness.all_notebooks(ROOT)):
        return 1
    toc.write()
    if pages.main([]) != 0:
        return 1
    others = mixed(read_book())
    if others:
        print(
            f"REPOSITORY in scaling_utils/notebook/_setup.py is {read_book().repository!r}, but "
            f"there are other addresses. {'; '.join(others)}. Run tools/execute.py on chapters.",
            file=sys.stderr,
        )
        return 1
    command = [sys.executable, "-c", JUPYTER_BOOK, "build", ".", "-W", "-n", "--keep-going"]
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode != 0:
        shutil.rmtree(BUILD / ".doctrees", ignore_errors=True)
        print("The book was not built: see the warnings above.", file=sys.stderr)
        return 1
    took = time.perf_counter() - start
    print(f"\nThe book lies at {(BUILD / 'html' / 'index.html').as_uri()} ({took:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
