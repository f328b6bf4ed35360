"""A run of the chapters fails where it should: real pytest runs over a tiny, broken project."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import notebook_cells
import pytest
import tiny
from nbformat.v4 import new_code_cell, new_notebook, new_output

from scaling_utils.notebook import CLAIM_MIME

ROOT = Path(__file__).parents[1]
SHARED = ("conftest.py", "pyproject.toml")
TESTS = (
    "notebook_cells.py",
    "order.py",
    "guards.py",
    "guards_alt.py",
    "guards_code.py",
    "guards_text.py",
    "test_chapters.py",
)
TOOLS = (
    "bookdata.py",
    "claims.py",
    "extras.py",
    "figures.py",
    "outputs.py",
    "printed.py",
    "verdicts.py",
)


@pytest.fixture(scope="module")
def chapter():
    return tiny.run_chapter()


def project(folder: Path, **chapters) -> Path:
    """Write a project with these chapters and the book's own rules for running them."""
    for name in SHARED:
        shutil.copy(ROOT / name, folder)
    (folder / "tests").mkdir()
    for name in TESTS:
        shutil.copy(ROOT / "tests" / name, folder / "tests")
    (folder / "tools").mkdir()
    for name in TOOLS:
        shutil.copy(ROOT / "tools" / name, folder / "tools")
    (folder / "notebooks").mkdir()
    for name, chapter in chapters.items():
        nbformat.write(chapter, folder / "notebooks" / f"{name}.ipynb")
    return folder


def pytest_run(folder: Path, *options: str, **variables: str) -> tuple[int, str]:
    """Run pytest there, on a machine that shows no GPU and has no run tables."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    (folder / "no-tables").mkdir()
    environment |= {
        "CUDA_VISIBLE_DEVICES": "",
        "SCALING_DATA": str(folder / "no-tables"),
        "REQUIRE_GPU": "",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "200",
    } | variables
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", *options]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1800
    )
    return done.returncode, done.stdout + done.stderr


def outcomes(report: str) -> dict[str, str]:
    """Read the short summary: the outcome of each test."""
    found = {}
    for line in report.splitlines():
        word, _, rest = line.partition(" ")
        if word in {"PASSED", "FAILED", "ERROR", "SKIPPED"} and "::" in rest:
            found.setdefault(rest.split(" - ")[0].strip(), word)
    return found


@pytest.mark.slow
def test_good_chapters_pass_in_two_workers(chapter, tmp_path):
    folder = project(tmp_path, one=chapter, two=chapter)
    status, report = pytest_run(folder, "notebooks", "-n2", "--dist", "loadfile")
    assert status == 0, report
    assert "16 cells, 4 skipped; GPU cells: 2 of 2 skipped; data cells: 2 of 2 skipped" in report
    assert "needs a GPU: torch.cuda.is_available() is False" in report
    assert "needs the run tables: " in report
    assert outcomes(report)["notebooks/one.ipynb::Cell 6"] == "PASSED"  # after the skipped ones


@pytest.mark.slow
def test_faults_fail_the_run(chapter, tmp_path):
    def spoil(book):
        tiny.code(book, 1).source = "# NBVAL_CHECK_OUTPUT\nprint(1 + 2)"
        tiny.code(
            book, 2
        ).source += "\nnotebook.claim('No.', float('nan'), at_least=0, source='this chapter')"
        tiny.code(book, 3).source = "%no_such_magic"
        tiny.code(book, 6).source = "# NBVAL_SKIP\n1 / 0"
        tiny.code(book, 6).execution_count = None
        tiny.code(book, 6).outputs = []
        tiny.code(book, 7).source = "GPU = False\nif GPU:\n    1 / 0\n!pip install --no-such-option"

    def forge(book):
        tiny.code(book, 2).outputs[1].data[CLAIM_MIME]["measured"] = 30.0  # not a checked cell
        tiny.code(book, 6).outputs[0].text = "still there\n"
        tiny.code(book, 7).outputs = []

    spoilt, forged = tiny.broken(chapter, spoil), tiny.broken(chapter, forge)
    chapters = {"91_bad": spoilt, "92_forged": forged}
    status, report = pytest_run(project(tmp_path, **chapters))
    assert status == 1, report
    found = outcomes(report)
    cells = {n: found.get(f"notebooks/91_bad.ipynb::Cell {n}") for n in range(8)}
    # nbval itself lets the last one pass, and skips cell 6: the guards do not.
    assert {n for n, outcome in cells.items() if outcome == "FAILED"} == {1, 2, 3}
    assert {n for n, outcome in cells.items() if outcome == "PASSED"} == {0, 7}
    forged = {n for n in range(8) if found.get(f"notebooks/92_forged.ipynb::Cell {n}") == "FAILED"}
    assert forged == {2, 6, 7}
    assert "claim 2 ('Three is at least two.'), measured: stored 30.0, now 3.0" in report
    assert "the text 'still there" in report
    assert "it stored nothing, and now shows text/plain" in report
    assert found["tests/test_chapters.py::test_chapter[92_forged-claims]"] == "FAILED"
    assert (
        "wrong: notebooks/91_bad.ipynb::Cell 6 was skipped, and its tags give no reason" in report
    )
    assert "Measured nan, expected at least 0" in report
    for guard in ("magics", "executed", "gpu_cells", "markers"):
        assert found[f"tests/test_chapters.py::test_chapter[91_bad-{guard}]"] == "FAILED"
    for guard in ("file_format", "setup_cell", "sections", "portable_markdown", "run_time"):
        assert found[f"tests/test_chapters.py::test_chapter[91_bad-{guard}]"] == "PASSED"


@pytest.mark.slow
def test_a_required_gpu_is_required(chapter, tmp_path):
    folder = project(tmp_path, good=chapter)
    status, report = pytest_run(folder, "notebooks", REQUIRE_GPU="1")
    assert status == 1, report
    bad = [node for node, word in outcomes(report).items() if word in {"FAILED", "ERROR"}]
    assert bad == ["notebooks/good.ipynb::Cell 4"]
    assert "REQUIRE_GPU is set, but torch.cuda.is_available() is False" in report
    assert "GPU cells: 0 of 1 skipped" in report


@pytest.fixture
def machine(monkeypatch):
    """Pretend to a machine with or without a GPU and the run tables."""

    def pretend(gpu: bool, data: bool, require: str = ""):
        monkeypatch.setenv("REQUIRE_GPU", require)
        monkeypatch.setattr(notebook_cells, "missing_gpu", lambda: None if gpu else "none here")
        monkeypatch.setattr(
            notebook_cells, "missing_data", lambda names: None if data else "offline"
        )

    return pretend


@pytest.mark.parametrize(
    ("gpu", "data", "require", "skipped"),
    [
        (False, False, "", {4, 5}),
        (False, True, "", {4}),
        (True, False, "", {5}),
        (True, True, "", set()),
        (False, True, "1", set()),
        (False, True, "0", {4}),
    ],
)
def test_skips_are_compared_with_the_tags(machine, chapter, tmp_path, gpu, data, require, skipped):
    machine(gpu, data, require)
    nbformat.write(chapter, tmp_path / "a.ipynb")
    right = {f"a.ipynb::Cell {n}": "skipped" if n in skipped else "passed" for n in range(8)}
    right["tests/test_x.py::test_y"] = "skipped"  # not a cell
    assert notebook_cells.wrong_skips(right, tmp_path) == []
    for number in range(8):
        node = f"a.ipynb::Cell {number}"
        for outcome in ("passed", "failed", "skipped"):
            wrong = (outcome == "skipped") != (number in skipped)
            problems = notebook_cells.wrong_skips(right | {node: outcome}, tmp_path)
            assert len(problems) == wrong
            assert all(node in problem for problem in problems)


def test_a_table_that_is_missing_stops_only_the_cells_from_it_on(monkeypatch, tmp_path):
    def without_gadre(names):
        return "no gadre" if "gadre" in names else None

    monkeypatch.setattr(notebook_cells, "missing_data", without_gadre)
    sources = ["run_table('cs336')", "use_it()", "run_table('gadre')", "use_both()"]
    cells = [new_code_cell(text, metadata={"tags": ["needs-data"]}) for text in sources]
    nbformat.write(new_notebook(cells=cells), tmp_path / "a.ipynb")
    reasons = [cell.reason_to_skip() for cell in notebook_cells.code_cells(tmp_path / "a.ipynb")]
    assert [reason is None for reason in reasons] == [True, True, False, False]


@pytest.mark.parametrize(
    ("tag", "words"), [("needs-peft", "peft cells"), ("needs-lm-eval", "harness cells")]
)
def test_cells_that_need_a_package_are_skipped_without_it_and_counted(
    monkeypatch, tmp_path, tag, words
):
    cells = [new_code_cell("1"), new_code_cell("1", metadata={"tags": [tag]})]
    nbformat.write(new_notebook(cells=cells), tmp_path / "a.ipynb")
    outcome = {"a.ipynb::Cell 0": "passed", "a.ipynb::Cell 1": "skipped"}
    for reason, wrong in (("not here", 0), (None, 1)):
        monkeypatch.setattr("extras.missing", lambda tag, reason=reason: reason)
        assert len(notebook_cells.wrong_skips(outcome, tmp_path)) == wrong
    check = notebook_cells.SkipCheck(tmp_path)
    check.outcomes = outcome
    assert "2 cells, 1 skipped" in check.summary()
    assert f"{words}: 1 of 1 skipped" in check.summary()


@pytest.mark.parametrize(("outcome", "status"), [("skipped", 1), ("passed", 0)])
def test_a_wrong_skip_alone_fails_the_run(machine, chapter, tmp_path, outcome, status):
    machine(gpu=False, data=False)
    nbformat.write(chapter, tmp_path / "a.ipynb")
    check = notebook_cells.SkipCheck(tmp_path)
    for when, word in (("setup", "passed"), ("call", outcome), ("teardown", "passed")):
        check.pytest_runtest_logreport(
            SimpleNamespace(nodeid="a.ipynb::Cell 6", outcome=word, when=when)
        )
    session = SimpleNamespace(exitstatus=pytest.ExitCode.OK)
    check.pytest_sessionfinish(session)
    assert session.exitstatus == status
    assert len(check.problems) == status


def ran(cell, *shown, root):
    """Return what nbval's item for a cell looks like after it has run."""
    config = SimpleNamespace(rootpath=root)
    return SimpleNamespace(cell=cell, test_outputs=list(shown), path="01_tiny.ipynb", config=config)


def test_rounding_passes_in_a_checked_cell_and_more_does_not(tmp_path):
    cell = new_code_cell("print(x)", execution_count=1, outputs=[printed("0.71034, 1.7e-14\n")])
    for text, problems in (("0.71033, 2e-16\n", 0), ("0.71134, 1e-14\n", 1), ("0.71034\n", 1)):
        item = ran(cell, printed(text), root=tmp_path)
        assert len(notebook_cells.changes(item, checked=True)) == problems
        assert notebook_cells.changes(item, checked=False) == []


def printed(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def test_a_claim_is_compared_within_its_spread_in_any_cell(tmp_path, chapter):
    (tmp_path / "book").mkdir()
    cell = tiny.code(chapter, 2)
    moved = tiny.code(tiny.broken(chapter, lambda book: None), 2).outputs
    moved[2].data[CLAIM_MIME]["measured"] = 3.1420  # of pi, within its tolerance of 0.1 %
    (said,) = notebook_cells.changes(ran(cell, *moved, root=tmp_path), checked=False)
    assert "claim 3 ('Pi is near 22/7.'), measured: stored 3.1416, now 3.142" in said
    other = tmp_path / "measured"
    (other / "book").mkdir(parents=True)
    (other / "book" / "spread.csv").write_text(
        "chapter,cell,n,sentence,lowest,highest,machines\n"
        f"01_tiny,{cell.id},3,Pi is near 22/7.,3.1415,3.1417,7\n"
    )
    assert notebook_cells.changes(ran(cell, *moved, root=other), checked=False) == []


def test_a_refused_line_is_told(tmp_path):
    said = printed("UsageError: Line magic function `%x` not found.\n", name="stderr")
    cell = new_code_cell("%x", execution_count=1)
    (problem,) = notebook_cells.changes(ran(cell, said, root=tmp_path), checked=False)
    assert "IPython refused a line" in problem
