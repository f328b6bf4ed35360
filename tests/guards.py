"""Checks of a chapter's file that running it cannot make.

nbval tells whether a notebook runs and repeats its outputs. It does not see a notebook that
was never run, a cell whose whole body is switched off, or a figure that nobody can describe.
Each guard takes a notebook and returns one sentence per problem; ``GUARDS`` lists them all.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import nbformat
from claims import CHECK, CLOCKS, disagreements
from extras import SKIPPABLE
from guards_alt import alt_numbers
from guards_code import CODE_GUARDS, code_cells, tree
from guards_text import STUDY_TEXT_GUARDS, TEXT_GUARDS, tags

from scaling_utils.notebook import CLAIM_MIME, write_setup_cell

LARGEST_FILE = 1.5e6  # bytes: a chapter opens quickly in Colab and on GitHub
LONGEST_RUN = 60.0  # seconds on two CPU cores
SHORTEST_ALT = 30  # characters
FEWEST_CLAIMS = 3
NO_GPU_YET = "**No GPU result is recorded yet**"
REFUSED_TAGS = {"skip", "skip-execution", "raises-exception"}


def read(path: Path) -> nbformat.NotebookNode:
    """Read a notebook as it is: nbformat.read would mend repeated cell ids."""
    return nbformat.v4.reads(path.read_text(encoding="utf-8"))


def file_format(book) -> list[str]:
    """The file is valid, has unique cell ids and the plain kernel, and no jupytext left-overs."""
    problems = []
    if (book.nbformat, book.nbformat_minor) < (4, 5):
        problems.append(f"nbformat is {book.nbformat}.{book.nbformat_minor}, not 4.5 with cell ids")
    ids = [cell.get("id") for cell in book.cells]
    if None in ids or len(set(ids)) < len(ids):
        problems.append("cell ids are missing or repeated")
    else:  # validate() would give repeated ids new ones
        try:
            nbformat.validate(book)
        except nbformat.ValidationError as error:
            problems.append(f"not a valid notebook: {str(error).splitlines()[0]}")
    if book.metadata.get("kernelspec", {}).get("name") != "python3":
        problems.append("the kernelspec is not python3")
    if "jupytext" in book.metadata:
        problems.append("jupytext metadata is left in the file")
    size = len(json.dumps(book, indent=1, ensure_ascii=False).encode())
    if size > LARGEST_FILE:
        problems.append(f"the file has {size / 1e6:.2f} MB, more than {LARGEST_FILE / 1e6:g}")
    return problems


def setup_cell(book) -> list[str]:
    """The first code cell, and no other, is the book's setup cell, word for word."""
    cells = code_cells(book)
    marked = [number for number, cell in cells if "setup" in tags(cell)]
    if marked != [0]:
        return [f"the tag setup belongs to the first code cell alone, found on {marked}"]
    if cells[0][1].source != write_setup_cell():
        return ["the setup cell differs from notebook.write_setup_cell()"]
    return []


def magics(book) -> list[str]:
    """No magics, shell lines or installations outside the setup cell."""
    problems = []
    for number, cell in code_cells(book):
        if "setup" in tags(cell):
            continue
        parsed = tree(cell)
        if parsed is None:
            problems.append(f"cell {number} is not Python")
            continue
        names = {ast.unparse(node.func) for node in ast.walk(parsed) if isinstance(node, ast.Call)}
        words = {node.value for node in ast.walk(parsed) if isinstance(node, ast.Constant)}
        if "get_ipython" in names:
            problems.append(f"cell {number} has a magic or a shell line")
        if names & {"os.system", "os.popen", "subprocess.getoutput"}:
            problems.append(f"cell {number} calls the shell")
        if words & {"pip", "conda"} or any("pip install" in str(word) for word in words):
            problems.append(f"cell {number} installs packages")
    return problems


def _waits_for_its_first_gpu(book, cell) -> bool:
    """Whether a cell needs a GPU, shows nothing, and the text right above says that none ran it."""
    above = book.cells[book.cells.index(cell) - 1]
    said = above.cell_type == "markdown" and NO_GPU_YET in above.source
    return "gpu" in tags(cell) and not cell.outputs and said


def executed(book) -> list[str]:
    """Every code cell was run, once, from top to bottom, and says nothing on stderr.

    A cell that needs a GPU or the run tables may keep its outputs from an earlier run on
    another machine: the counts of the other cells may jump over it, or go on as if it were
    not there. One that has never found a GPU is allowed where the text above it says so.
    """
    cells = code_cells(book)
    problems = []
    last, most = 0, 1  # count of the cell before, and the largest step to the next one
    for number, cell in cells:
        count = cell.execution_count
        if count is None and not _waits_for_its_first_gpu(book, cell):
            problems.append(f"cell {number} was never run")
        elif tags(cell) & SKIPPABLE:
            most += 1
        else:
            if not 1 <= count - last <= most:
                problems.append(f"cell {number} was run out of order: count {count} after {last}")
            last, most = count, 1
    for number, cell in cells:
        for output in cell.outputs:
            if output.output_type == "error":
                problems.append(f"cell {number} has a stored error: {output.ename}")
            elif output.get("name") == "stderr":
                first = output.text.strip().splitlines()[0]
                problems.append(f"cell {number} has a stored warning: {first}")
    return problems


def gpu_cells(book) -> list[str]:
    """Code for a GPU carries the tag ``gpu``: under an ``if`` it would pass without running."""
    problems = []
    for number, cell in code_cells(book):
        parsed = tree(cell)
        for node in ast.walk(parsed) if parsed and "gpu" not in tags(cell) else ():
            if isinstance(node, ast.If) and re.search("gpu|cuda", ast.unparse(node.test), re.I):
                otherwise = [s for s in node.orelse if not isinstance(s, ast.Pass) and not _talk(s)]
                if not otherwise:
                    problems.append(f"cell {number} hides code under an if: tag it gpu instead")
    return problems


def _talk(statement: ast.stmt) -> bool:
    """Tell whether a statement only prints."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and bool(
        re.search(r"\b(print|say|display)$", ast.unparse(call.func))
    )


def markers(book) -> list[str]:
    """No cell asks nbval to look away; the marker and the tags that are allowed are used right."""
    cells = code_cells(book)
    reads = {number for number, cell in cells if "run_table(" in cell.source}
    tagged = {number for number, cell in cells if "needs-data" in tags(cell)}
    problems = [f"cell {n} reads a run table without the tag needs-data" for n in reads - tagged]
    if tagged and not reads:
        problems.append(f"cells {sorted(tagged)} have the tag needs-data, but no table is read")
    for number, cell in cells:
        refused = {tag for tag in tags(cell) if tag in REFUSED_TAGS or tag.startswith("nbval-")}
        if refused:
            problems.append(f"cell {number} has the tag {', '.join(sorted(refused))}")
        first, *rest = cell.source.splitlines() or [""]
        for line in [first] * (first != CHECK) + rest:
            if re.search(r"#.*(NBVAL|PYTEST_VALIDATE)_", line, re.I):
                problems.append(f"cell {number} has {line.strip()!r}; allowed: {CHECK!r}, line 1")
    return problems


def checked_outputs(book) -> list[str]:
    """At least one cell is compared; each of those has text to compare, and reads no clock."""
    problems, checked = [], 0
    for number, cell in code_cells(book):
        if not cell.source.startswith(CHECK):
            continue
        checked += 1
        if not any("text" in o or _text_types(o) for o in cell.outputs):
            problems.append(f"cell {number} is checked, but has no text to compare")
        if CLOCKS.search(cell.source):
            problems.append(f"cell {number} is checked, but reads a clock or the memory")
    return problems if checked else ["no cell starts with " + CHECK]


def _text_types(output) -> set[str]:
    return {kind for kind in output.get("data", {}) if not kind.startswith("image/")}


def claims(book) -> list[str]:
    """Three different claims or more; all of those stored hold, and say what they measured."""
    stored = [
        output.data[CLAIM_MIME]
        for _, cell in code_cells(book)
        for output in cell.outputs
        if CLAIM_MIME in output.get("data", {})
    ]
    problems = [
        f"does not hold: {made['sentence']}" for made in stored if made["holds"] is not True
    ]
    for _, cell in code_cells(book):
        problems += disagreements(cell.outputs)
    different = len({made["sentence"] for made in stored})
    if different < FEWEST_CLAIMS:
        problems.append(f"{different} different claims are stored, fewer than {FEWEST_CLAIMS}")
    return problems


def alt_texts(book) -> list[str]:
    """Every figure has a description for those who cannot see it."""
    problems = []
    for number, cell in code_cells(book):
        for output in cell.outputs:
            for kind in output.get("data", {}):
                alt = output.metadata.get(kind, {}).get("alt", "")
                if kind.startswith("image/") and len(alt.strip()) < SHORTEST_ALT:
                    problems.append(f"cell {number} has a figure with the alt text {alt!r}")
    for cell in book.cells:
        if cell.cell_type == "markdown":
            shown = re.findall(r"!\[([^\]]*)\]\(", cell.source)
            problems += [f"image with the alt text {a!r}" for a in shown if len(a) < SHORTEST_ALT]
    return problems


def run_time(book) -> list[str]:
    """The recorded time of the last run without a GPU is inside what a chapter may take.

    The machine may have done other work: by how much that slowed it was measured in the same run.
    """
    took = book.metadata.get("scaling_utils", {}).get("cpu", {})
    seconds, slowed = took.get("seconds"), took.get("slowed", 1.0)
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return ["the time of the last run is not recorded in metadata scaling_utils.cpu.seconds"]
    if not (slowed >= 1 and 0 < seconds <= LONGEST_RUN * slowed):
        return [
            f"the last run took {seconds} s on a machine slowed {slowed} times by other work, more "
            f"than {LONGEST_RUN:g} s"
        ]
    return []


SHARED = (
    file_format,
    setup_cell,
    magics,
    executed,
    gpu_cells,
    markers,
    checked_outputs,
    claims,
    alt_texts,
    alt_numbers,
    run_time,
    *CODE_GUARDS,
)
GUARDS = (*SHARED, *TEXT_GUARDS)
BY_KIND = {"chapter": GUARDS, "study": (*SHARED, *STUDY_TEXT_GUARDS)}  # see bookdata.kind_of
