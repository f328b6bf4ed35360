"""How the chapters are run as tests: which cells may be skipped, and who checks the skips.

nbval runs each code cell of each notebook. The outputs of the cells that start with
``# NBVAL_CHECK_OUTPUT`` are then compared with the stored ones, numbers as numbers (see
tools/outputs.py); of every other cell the claims and the outcomes of registered predictions are.
Four tags say what a machine may lack:

- ``gpu``: skipped, with the reason, where torch sees no GPU. ``REQUIRE_GPU=1`` makes a
  missing GPU a failure instead.
- ``needs-data``: skipped, with the reason, where the published run tables cannot be read.
- ``needs-peft``: skipped, with the reason, where the package peft is not installed.
- ``needs-lm-eval``: the same for lm-eval, the harness.

After the run the cells that were skipped are compared with the tags in the files. A cell
that was skipped without need, or run although its tag forbids it, fails the run.
"""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path

import claims
import extras
import nbformat
import outputs
import pytest

ROOT = Path(__file__).parents[1]
NODE = re.compile(r"^(?P<path>.+\.ipynb)::Cell (?P<number>\d+)$")
TABLE = re.compile(r"""run_table\(\s*["'](\w+)["']""")

MESSAGE_TIMEOUT = 120  # seconds that nbval waits for an output; its own 5 are few on a busy machine

# Small models train faster on one thread, and losses then move less between machines.
os.environ.setdefault("OMP_NUM_THREADS", "1")
_TABLES = ROOT.parent / "shared" / "data"
if "SCALING_DATA" not in os.environ and _TABLES.is_dir():
    os.environ["SCALING_DATA"] = str(_TABLES)


@functools.cache
def missing_gpu() -> str | None:
    """Return why no GPU can be used, or None where there is one."""
    try:
        import torch
    except ImportError:
        return "torch is not installed"
    return None if torch.cuda.is_available() else "torch.cuda.is_available() is False"


@functools.cache
def missing_data(names: frozenset[str]) -> str | None:
    """Return why one of these published run tables cannot be read, or None where all can."""
    from scaling_utils import corpora

    try:
        for name in sorted(names):
            corpora.run_table(name)
    except corpora.DataUnavailable as error:
        return str(error)
    return None


def gpu_required() -> bool:
    """Tell whether a missing GPU is a failure rather than a reason to skip."""
    return os.environ.get("REQUIRE_GPU", "") not in ("", "0")


@dataclass(frozen=True)
class Cell:
    """A code cell's tags, and the run tables that are named in it or before it."""

    tags: frozenset[str]
    tables: frozenset[str]

    def reason_to_skip(self) -> str | None:
        """Return why this machine must skip the cell, or None to run it."""
        if "gpu" in self.tags and not gpu_required() and missing_gpu():
            return f"needs a GPU: {missing_gpu()}"
        if "needs-data" in self.tags and missing_data(self.tables):
            return f"needs the run tables: {missing_data(self.tables)}"
        for tag, package in extras.PACKAGES.items():
            if tag in self.tags and (why := extras.missing(tag)):
                return f"needs {package.role}: {why}"
        return None


@functools.cache
def code_cells(path: Path) -> list[Cell]:
    """Read the code cells of a notebook; their places are nbval's numbers."""
    tables: frozenset[str] = frozenset()
    found = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            tables |= frozenset(TABLE.findall(cell.source))
            found.append(Cell(frozenset(cell.metadata.get("tags", ())), tables))
    return found


def find_cell(node: str, root: Path) -> Cell | None:
    """Return the code cell that a node id names, or None for any other test."""
    found = NODE.match(node)
    return code_cells(root / found["path"])[int(found["number"])] if found else None


def wrong_skips(outcomes: dict[str, str], root: Path) -> list[str]:
    """Compare what happened to each notebook cell with what its tags ask for.

    Parameters
    ----------
    outcomes : ``passed``, ``failed`` or ``skipped`` for each node id of the run.
    root : folder that the node ids are relative to.

    Returns
    -------
    One sentence for each cell that was skipped or run against its tags.
    """
    problems = []
    for node, outcome in outcomes.items():
        cell = find_cell(node, root)
        if cell is None:
            continue
        reason = cell.reason_to_skip()
        if outcome == "skipped" and reason is None:
            problems.append(f"{node} was skipped, and its tags give no reason to")
        elif outcome != "skipped" and reason is not None:
            problems.append(f"{node} was run, but should be skipped: {reason}")
    return problems


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Skip a tagged cell before nbval touches it, and always say why."""
    cell = find_cell(item.nodeid, item.config.rootpath)
    if cell is None:
        return
    if "gpu" in cell.tags and gpu_required() and missing_gpu():
        pytest.fail(f"REQUIRE_GPU is set, but {missing_gpu()}", pytrace=False)
    reason = cell.reason_to_skip()
    if reason:
        pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Compare a cell's outputs as numbers, where nbval would compare them as text."""
    if find_cell(item.nodeid, item.config.rootpath) is None:
        return (yield)
    checked, item.options["check"] = item.options["check"], False
    item.output_timeout = MESSAGE_TIMEOUT
    result = yield
    problems = changes(item, checked)
    if problems:
        item.raise_cell_error("Cell outputs differ", "\n".join(problems))
    return result


def changes(item, checked: bool) -> list[str]:
    """Return what a cell that has run shows otherwise than the notebook.

    IPython only prints that it refuses a magic, and nbval lets that pass; here it does not.
    """
    refused = [
        f"IPython refused a line: {output['text'].strip()}"
        for output in item.test_outputs
        if output.get("name") == "stderr" and "UsageError:" in output.get("text", "")
    ]
    if refused or item.cell.execution_count is None:
        return refused
    place = (Path(item.path).stem, item.cell.get("id", ""))
    known = claims.spreads_of(*place, item.cell.source, claims.read_spreads(item.config.rootpath))
    stored, now = item.cell.outputs, item.test_outputs
    if checked:
        return outputs.differences(stored, now, known)
    return outputs.unchecked_differences(stored, now, known)


class SkipCheck:
    """Collects the outcome of every cell, also from the workers of pytest-xdist."""

    def __init__(self, root: Path):
        self.root = root
        self.outcomes: dict[str, str] = {}
        self.problems: list[str] = []

    def pytest_runtest_logreport(self, report):
        """Keep the worst outcome of a cell's setup, call and teardown."""
        if NODE.match(report.nodeid) and self.outcomes.get(report.nodeid) in (None, "passed"):
            self.outcomes[report.nodeid] = report.outcome

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session):
        """Turn a wrong skip into a failed run."""
        self.problems = wrong_skips(self.outcomes, self.root)
        if self.problems and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        """Say how many cells ran, and how many of those with a tag were skipped."""
        if not self.outcomes:
            return
        terminalreporter.section("notebook cells")
        terminalreporter.line(self.summary())
        for problem in self.problems:
            terminalreporter.line(f"wrong: {problem}", red=True)

    def summary(self) -> str:
        """Count the cells, and of those with a tag the skipped ones."""
        skipped = {node for node, outcome in self.outcomes.items() if outcome == "skipped"}
        parts = [f"{len(self.outcomes)} cells, {len(skipped)} skipped"]
        kinds = {"gpu": "GPU cells", "needs-data": "data cells"}
        for tag, package in extras.PACKAGES.items():
            kinds[tag] = f"{package.role.removeprefix('the ')} cells"
        for tag, words in kinds.items():
            tagged = {node for node in self.outcomes if tag in find_cell(node, self.root).tags}
            parts.append(f"{words}: {len(tagged & skipped)} of {len(tagged)} skipped")
        return "; ".join(parts)


def pytest_configure(config):
    """Check the skips where the reports come together: not in a worker of pytest-xdist."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkipCheck(config.rootpath), "skip-check")
