"""Stored outputs belong to the code beside them, and the means to tell hold what they promise."""

from __future__ import annotations

import ast
import csv
import shutil
import subprocess
import sys
from pathlib import Path

import execute
import freshness
import inputs
import nbformat
import pytest
from dependencies import Package
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from scaling_utils._syntax import canonical
from scaling_utils.notebook._registered import read_predictions

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def package():
    return Package(ROOT)


@pytest.mark.parametrize("path", freshness.all_notebooks(), ids=lambda path: path.name)
def test_the_stored_outputs_are_up_to_date(path, package):
    why = freshness.reasons(nbformat.read(path, as_version=4), package=package)
    name = path.relative_to(ROOT)
    assert not why, (
        f"{name} shows outputs of other code: {'; '.join(why)}. "
        f"Run: .venv/bin/python tools/execute.py {name}   (or: make execute STALE=1)"
    )


@pytest.mark.parametrize("path", freshness.all_notebooks(), ids=lambda path: path.name)
def test_the_line_under_the_title_tells_the_recorded_run(path):
    notebook = nbformat.read(path, as_version=4)
    (line,) = [c.source for c in notebook.cells if "runs-on" in c.metadata.get("tags", [])]
    assert line == execute.runs_on(notebook.metadata[freshness.KEY])


def test_each_data_file_is_named_by_a_module(package):
    """Only then does a change of the file make the notebooks stale that depend on it."""
    modules = [package.module(name) for name in package.below("scaling_utils")]
    said = {text for module in modules for n in range(len(module.statements))
            for text in module.said(n)}  # fmt: skip
    for file in (ROOT / "scaling_utils" / "data").iterdir():
        assert any(inputs.names_file(text, file.name) for text in said), file.name


def test_each_lookup_is_a_function_and_its_columns_are_those_of_its_file(package):
    for (module, name), (file, columns) in inputs.LOOKUPS.items():
        assert name in package.module(module).definitions
        if (ROOT / file).is_dir():  # a file for each name
            assert columns == ()
            continue
        text = (ROOT / file).read_text(encoding="utf-8")
        for column in columns:
            column = "id" if column == inputs.STUDY else column  # its part before the dot
            assert f"\n{column} = " in text or column in text.split("\n")[0].split(",")


def test_a_prediction_is_the_same_with_all_others_gone(tmp_path):
    text = (ROOT / "results" / "registered.toml").read_text(encoding="utf-8")
    entries = text.split("[[prediction]]")[1:]
    (entry,) = [one for one in entries if 'id = "text.q"' in one]
    (tmp_path / "one.toml").write_text("[[prediction]]" + entry, encoding="utf-8")
    alone = read_predictions(tmp_path / "one.toml")
    assert alone == {"text.q": read_predictions(ROOT / "results" / "registered.toml")["text.q"]}


@pytest.mark.parametrize(
    ("call", "file", "key"),
    [
        ("hardware.get('H100-SXM')", "accelerators.csv", "H100-SXM"),
        ("shapes.get('gpt2-small')", "transformers.csv", "gpt2-small"),
        ("laws.facts.get('gpt3.D1.175B')", "published_numbers.csv", "gpt3.D1.175B"),
    ],
)
def test_a_lookup_gives_the_same_with_all_other_rows_gone(tmp_path, call, file, key):
    shutil.copytree(ROOT / "scaling_utils", tmp_path / "scaling_utils")
    table = tmp_path / "scaling_utils" / "data" / file
    code = f"import scaling_utils; from scaling_utils import hardware, laws, shapes; print({call})"

    def answer() -> str:
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout

    before = answer()
    with table.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    kept = [row for row in rows if key in row]
    assert 0 < len(kept) < len(rows)
    with table.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *kept])
    assert answer() == before


def test_a_row_that_is_added_was_not_asked_for_and_the_others_count_one_by_one(tmp_path):
    table = tmp_path / "scaling_utils" / "data" / "accelerators.csv"
    table.parent.mkdir(parents=True)
    rows = "device,aliases,peak\nA,,1\nB,,2\n"
    table.write_text(rows)
    (tmp_path / "scaling_utils" / "__init__.py").write_text("")
    (tmp_path / "scaling_utils" / "hardware.py").write_text("def get(device):\n    ...")
    cell = new_code_cell("from scaling_utils.hardware import get\n[get(name) for name in names]")
    notebook = run(new_notebook(cells=[cell]), tmp_path)
    name = "scaling_utils/data/accelerators.csv (row B)"
    for text, found in (
        (rows, []),
        (rows + "C,,3\n", []),
        (rows.replace("B,,2", "B,,3"), [f"{name} has changed"]),
        (rows.replace("B,,2\n", "C,,3\n"), [f"it no longer depends on {name}"]),
    ):
        table.write_text(text)
        assert freshness.reasons(notebook, tmp_path) == found


@pytest.fixture
def book(tmp_path):
    """Return a small book: rooms that import one another, data, a recorded run, a notebook."""
    files = {
        "scaling_utils/__init__.py": "__version__ = '1'",
        "scaling_utils/_check.py": "def number(x):\n    return x",
        "scaling_utils/laws/__init__.py": "from scaling_utils.laws.chinchilla import LAW",
        "scaling_utils/laws/chinchilla.py": "LAW = 1",
        "scaling_utils/hardware.py": (
            '"""Devices."""\nfrom scaling_utils._check import number\n\n\n'
            'def read():\n    """Read."""\n    return number("devices.csv")  # a comment'
        ),
        "scaling_utils/planning.py": (
            "def plan():\n    from scaling_utils import hardware\n    hardware.read()"
        ),
        "scaling_utils/unused.py": "read = 1",
        "scaling_utils/data/devices.csv": "a,b\n",
        "scaling_utils/data/other.csv": "c,d\n",
        "results/sweep.csv": "N,loss\n",
        "results/text/runs.csv": "N,loss\n",
        "results/text/jobs.csv": "key\n",
        "results/text_longer/runs.csv": "N,loss\n",
        "results/PLAN.md": "held out: text",
    }
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    cells = [
        new_markdown_cell("# Title"),
        new_code_cell("import scaling_utils as su\n%pip --version"),
        new_code_cell(
            "from scaling_utils import planning\nplanning.plan(su.laws.LAW)\nopen('sweep.csv')"
        ),
        new_code_cell("folder = recorded('text')\nfolder / 'runs.csv'\nfolder / 'jobs.csv'"),
    ]
    return tmp_path, run(new_notebook(cells=cells), tmp_path)


def run(notebook, root):
    """Record what a run of the notebook would record."""
    digests = freshness.digests(notebook, root)
    notebook.metadata[freshness.KEY] = digests | {"outputs": freshness.output_digests(notebook)}
    return notebook


def edit(root: Path, name: str, old: str, new: str) -> None:
    file = root / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_the_inputs_are_the_rooms_their_rooms_their_data_and_the_recorded_runs(book):
    root, notebook = book
    assert set(notebook.metadata[freshness.KEY]["inputs"]) == {
        "scaling_utils/_check.py",
        "scaling_utils/laws/__init__.py",  # the import that hands LAW on
        "scaling_utils/laws/chinchilla.py",
        "scaling_utils/hardware.py",
        "scaling_utils/planning.py",
        "scaling_utils/data/devices.csv",
        "results/sweep.csv",
        "results/text/jobs.csv",
        "results/text/runs.csv",
    }
    assert freshness.reasons(notebook, root) == []


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("scaling_utils/laws/chinchilla.py", "1", "2"),
        ("scaling_utils/_check.py", "return x", "return float(x)"),
        ("scaling_utils/data/devices.csv", "a,b", "a,c"),
        ("results/sweep.csv", "N", "D"),
        ("results/text/jobs.csv", "key", "id"),
    ],
)
def test_a_change_that_can_change_outputs_is_named(book, name, old, new):
    root, notebook = book
    edit(root, name, old, new)
    assert freshness.reasons(notebook, root) == [f"{name} has changed"]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("scaling_utils/hardware.py", "# a comment", "# another"),
        ("scaling_utils/hardware.py", '"""Devices."""', '"""All devices."""'),
        ("scaling_utils/hardware.py", '    """Read."""\n', ""),
        ("scaling_utils/hardware.py", '    """Read."""\n', '    """Read."""\n\n\n'),
        ("scaling_utils/unused.py", "= 1", "= 2"),
        ("scaling_utils/data/other.csv", "c", "e"),
        ("scaling_utils/__init__.py", "'1'", "'2'"),
        ("results/text_longer/runs.csv", "N", "D"),
        ("results/PLAN.md", "text", "nothing"),
    ],
)
def test_a_change_that_cannot_change_outputs_is_not(book, name, old, new):
    root, notebook = book
    edit(root, name, old, new)
    assert freshness.reasons(notebook, root) == []


def test_a_changed_code_cell_makes_stale_and_prose_does_not(book):
    root, notebook = book
    notebook.cells[0].source = "# Another title"
    assert freshness.reasons(notebook, root) == []
    notebook.cells[2].source += "\n1 + 1"
    assert freshness.reasons(notebook, root) == ["its code cells have changed"]


def test_the_public_address_makes_nothing_stale(book):
    root, notebook = book
    setup = "%pip install -q git+https://github.com/OWNER/REPO\nx = 1"
    notebook.cells.append(new_code_cell(setup, metadata={"tags": ["setup"]}))
    run(notebook, root)
    notebook.cells[-1].source = setup.replace("OWNER/REPO", "someone/neural-scaling")
    assert freshness.reasons(notebook, root) == []
    notebook.cells[-1].source = setup.replace("x = 1", "x = 2")
    assert freshness.reasons(notebook, root) == ["its code cells have changed"]


def test_a_new_and_a_lost_input_are_named(book):
    root, notebook = book
    edit(root, "scaling_utils/planning.py", "hardware", "unused")
    found = freshness.reasons(notebook, root)
    assert "it now depends on scaling_utils/unused.py" in found
    assert "it no longer depends on scaling_utils/data/devices.csv" in found


def test_an_output_that_was_edited_is_named(book):
    root, notebook = book
    notebook.cells[2].outputs = [new_output("stream", text="7\n")]
    assert freshness.reasons(run(notebook, root), root) == []
    notebook.cells[2].outputs[0].text = "8\n"
    (why,) = freshness.reasons(notebook, root)
    assert "the outputs of the cell 'from scaling_utils import planning'" in why


def test_a_notebook_that_was_never_run_says_so(book):
    root, notebook = book
    del notebook.metadata[freshness.KEY]
    assert freshness.reasons(notebook, root) == ["it was never run by tools/execute.py"]


def test_a_skipped_cell_whose_output_is_of_other_code_is_named(book):
    root, notebook = book
    cell = new_code_cell("train()", metadata={"tags": ["gpu"]})
    cell.outputs = [new_output("stream", text="done")]
    cell.metadata[freshness.KEY] = {"source": freshness.short_hash(cell.source)}
    notebook.cells.append(cell)
    assert freshness.reasons(run(notebook, root), root) == []
    cell.source = "train(longer=True)"
    (why,) = freshness.reasons(run(notebook, root), root)
    assert "(gpu)" in why


def test_values_that_differ_have_different_digests():
    trees = ["x = None", "x = 0", "x = False", "x = ''", "x = b''", "x: int", "x = []", "x = 0.0"]
    assert len({canonical(ast.parse(tree)) for tree in trees}) == len(trees)


def test_the_digest_of_code_is_the_same_on_every_python():
    """The expected digest was computed on Python 3.11; CI repeats this on later ones."""
    source = (
        "class A(B, k=1):\n    '''d'''\n    x: int = 1\n"
        "async def f(a, /, b=2, *c, d, **e) -> None:\n    return f'{a!r:>{b}} {{}} {c=}'\n"
        "match x:\n    case {'a': [1, *_]} | None if y:\n        lambda: (yield)\n"
    )
    assert freshness.short_hash(canonical(ast.parse(source))) == "3f0f307d8b656fe4"
