"""What tools/execute.py stores in a notebook, and what it leaves alone."""

from __future__ import annotations

import execute
import freshness
import nbformat
import outputs
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from scaling_utils.notebook import write_setup_cell


def tagged(source: str, *tags: str, **more):
    return new_code_cell(source, metadata={"tags": list(tags), **more})


def save(path, *cells):
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Return a notebook after a run on a machine without a GPU, and the run."""
    path = tmp_path_factory.mktemp("chapter") / "01_tiny.ipynb"
    recorded = tagged("train_on_gpu()", "gpu", scaling_utils={"source": "0"})
    recorded.outputs = [new_output("stream", text="loss 1.23")]
    recorded.execution_count = 7
    recorded.id = "kept"
    save(
        path,
        new_markdown_cell("# Tiny"),
        new_markdown_cell("*Not yet run.*", metadata={"tags": ["runs-on"]}),
        tagged("an old setup cell", "setup"),
        new_code_cell("import os\nprint(os.getcwd())\nprint(os.environ['OMP_NUM_THREADS'])"),
        new_code_cell("print(object())\nprint('a')\nobject()"),
        new_code_cell("held = bytearray(200_000_000)"),
        recorded,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "has_gpu", lambda: False)
        took = execute.execute(path)
    return nbformat.read(path, as_version=4), took, path


def test_outputs_and_counts_are_stored(ran):
    notebook, _, path = ran
    folder, threads = notebook.cells[3].outputs[0].text.split()
    assert folder == str(path.parent)
    assert threads == "1"
    assert [cell.execution_count for cell in notebook.cells[2:6]] == [1, 2, 3, 4]


def test_the_setup_cell_is_refreshed(ran):
    assert ran[0].cells[2].source == write_setup_cell()


def test_what_differs_on_every_run_is_removed(ran):
    notebook, _, _ = ran
    stream, value = notebook.cells[4].outputs
    assert stream.text == "<object object at 0x...>\na\n"
    assert value.data["text/plain"] == "<object at 0x...>"
    assert all("execution" not in cell.metadata for cell in notebook.cells)
    assert notebook.metadata.language_info == {"name": "python", "file_extension": ".py"}


def test_time_and_memory_are_measured_and_written_under_the_title(ran):
    notebook, took, _ = ran
    stored = notebook.metadata.scaling_utils.cpu
    assert took.seconds > 0
    assert 0.2 < took.peak_gb < 2  # the kernel holds 0.2 GB on purpose
    assert notebook.cells[1].source == execute.runs_on({"cpu": stored})


def test_a_gpu_cell_keeps_its_output_where_there_is_no_gpu(ran):
    cell = ran[0].cells[6]
    assert cell.outputs[0].text == "loss 1.23"
    assert cell.execution_count == 7
    assert cell.metadata.scaling_utils.source == "0"


def test_the_run_is_recorded_with_digests_and_versions(ran):
    notebook, _, _ = ran
    stored = notebook.metadata.scaling_utils
    assert {"python", "torch", "numpy"} <= set(stored.versions)
    assert stored.cells == freshness.digests(notebook)["cells"]
    assert "scaling_utils/notebook/_setup.py" in stored["inputs"]


def test_the_digest_of_every_output_is_recorded(ran):
    notebook, _, _ = ran
    assert freshness.altered(notebook) == []
    stored = notebook.metadata.scaling_utils.outputs
    assert set(stored) == {cell.id for cell in notebook.cells if cell.cell_type == "code"}


def test_a_kept_output_keeps_the_digest_of_its_own_run():
    """Otherwise an edited output would be taken for a run's on a machine that cannot run it."""
    cell = tagged("train()", "gpu")
    cell.outputs = [new_output("stream", text="loss 1.23")]
    notebook = new_notebook(cells=[cell])
    took = execute.Run(1.0, 1.0, "")
    execute.record(notebook, took, missing=set())
    cell.outputs[0].text = "loss 0.23"
    execute.record(notebook, took, missing={"gpu"})
    assert len(freshness.altered(notebook)) == 1
    execute.record(notebook, took, missing=set())
    assert freshness.altered(notebook) == []


def test_the_notebook_is_valid_and_no_half_file_is_left(ran):
    notebook, _, path = ran
    nbformat.validate(notebook)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_box_in_short_is_copied_to_its_place(tmp_path):
    path = save(
        tmp_path / "01_tiny.ipynb",
        new_markdown_cell("> an old box", metadata={"tags": ["in-short"]}),
        new_code_cell(
            "from scaling_utils import notebook\n"
            "numbers = [(f'{k / 10:.1f} %', 'is a share.') for k in (1, 2, 3)]\n"
            "notebook.in_short(*numbers, do='Go.')"
        ),
    )
    execute.execute(path)
    box = nbformat.read(path, as_version=4).cells[0].source
    assert box.splitlines()[::2] == [
        "> **In short**",
        "> - **0.1 %** is a share.",
        "> - **0.3 %** is a share.",
        "> **Do this:** Go.",
    ]


def test_a_chapter_without_a_box_keeps_what_it_has():
    book = new_notebook(cells=[new_markdown_cell("old", metadata={"tags": ["in-short"]})])
    execute.fill_in_short(book)
    assert book.cells[0].source == "old"


def test_a_failing_cell_leaves_the_file_untouched_and_is_named(tmp_path, capsys):
    path = save(tmp_path / "bad.ipynb", new_code_cell("x = 1"), new_code_cell("y = 0\nx / y"))
    before = path.read_bytes()
    assert execute.main([str(path)]) == 1
    said = capsys.readouterr().out
    assert "bad.ipynb" in said
    assert "cell 1" in said
    assert "x / y" in said
    assert "ZeroDivisionError: division by zero" in said
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_dead_kernel_is_a_failure_too(tmp_path, capsys):
    path = save(tmp_path / "dead.ipynb", new_code_cell("import os\nos._exit(1)"))
    assert execute.main([str(path)]) == 1
    assert "DeadKernelError" in capsys.readouterr().out


def test_a_cell_that_needs_tables_is_kept_where_they_cannot_be_had(monkeypatch, tmp_path):
    monkeypatch.setenv("SCALING_DATA", str(tmp_path))
    cells = [tagged("corpora.run_table('cs336')", "needs-data")]
    assert execute.missing_means(new_notebook(cells=cells)) == {"needs-data"}


@pytest.mark.parametrize("tag", ["needs-peft", "needs-lm-eval"])
def test_a_cell_that_needs_a_package_is_kept_where_it_is_not_installed(monkeypatch, tag):
    book = new_notebook(cells=[tagged("1", tag)])
    for found, missing in ((None, {tag}), (True, set())):
        monkeypatch.setattr("importlib.util.find_spec", lambda name, found=found: found)
        assert execute.missing_means(book) == missing


def test_no_gpu_is_looked_for_where_no_cell_asks(monkeypatch):
    monkeypatch.delattr(execute, "has_gpu")
    assert execute.missing_means(new_notebook(cells=[new_code_cell("1")])) == set()


def test_a_run_with_the_means_records_which_code_the_output_is_of():
    cell = tagged("train()", "gpu")
    notebook = new_notebook(cells=[cell])
    execute.record(notebook, execute.Run(5.2, 1.0, "NVIDIA T4"), missing=set())
    assert cell.metadata[freshness.KEY] == {"source": freshness.short_hash("train()")}
    assert notebook.metadata[freshness.KEY]["gpu"]["device"] == "NVIDIA T4"


@pytest.mark.parametrize(
    ("stored", "line"),
    [
        ({"cpu": {"seconds": 23.6, "peak_gb": 0.61}}, "*Runs on CPU: 24 s, 0.6 GB.*"),
        ({"cpu": {"seconds": 0.2, "peak_gb": 0.2}}, "*Runs on CPU: 1 s, 0.2 GB.*"),
        (
            {
                "cpu": {"seconds": 24, "peak_gb": 0.6},
                "gpu": {"seconds": 5.1, "peak_gb": 1.0, "device": "NVIDIA T4"},
            },
            "*Runs on CPU: 24 s, 0.6 GB · GPU (NVIDIA T4): 5 s.*",
        ),
    ],
)
def test_the_line_under_the_title(stored, line):
    assert execute.runs_on(stored) == line


def test_temporary_paths_are_removed_and_short_hex_numbers_are_not():
    text = "/tmp/ipykernel_12/345.py:1: UserWarning, 0x1F at 0x7f3a2b1c"
    assert outputs.tidy_text(text) == "<cell>:1: UserWarning, 0x1F at 0x..."


def test_no_notebook_named_is_an_error(capsys):
    with pytest.raises(SystemExit):
        execute.main([])
    assert "--all" in capsys.readouterr().err
