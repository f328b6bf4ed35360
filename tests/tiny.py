"""A tiny chapter that passes every guard, and the means to break it in one place."""

from __future__ import annotations

import copy

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from scaling_utils.notebook import write_setup_cell

CLAIMS = """\
import math

notebook.claim("Two is two.", 1 + len("1"), 2, abs=0, source="this chapter")
notebook.claim("Three is at least two.", len("abc"), at_least=2, source="this chapter")
notebook.claim("Pi is near 22/7.", math.pi, 22 / 7, rel=1e-3, source="Archimedes")"""

FIGURE = """\
import matplotlib.pyplot as plt

fig, ax = plt.subplots()
ax.loglog([1, 10], [10, 1])
notebook.figure(fig, alt="A straight line that falls from ten to one on two logarithmic axes.")"""

SOLUTION = {
    "tags": ["hide-cell", "solution"],
    "jupyter": {"source_hidden": True, "outputs_hidden": True},
}
PROSE_SOLUTION = (
    "<details><summary>Solution</summary>\n\nBecause a chapter has to show that it can be solved, "
    "in words that a reader can follow from the question to the answer, step by step.\n\n</details>"
)


def _text(source: str, *tags: str):
    return new_markdown_cell(source, metadata={"tags": list(tags)} if tags else {})


def _code(source: str, *tags: str):
    return new_code_cell(source, metadata={"tags": list(tags)} if tags else {})


def unrun_chapter() -> nbformat.NotebookNode:
    """Return the chapter without outputs; its code cells are 0 to 7 in nbval's numbering."""
    cells = [
        _text("# What is a tiny chapter?"),
        _text("*Runs on CPU: 1 s, 0.1 GB.*", "runs-on"),
        _text("**Does it pass?**\n\n**What you will be able to do**\n\n- Break it."),
        _code(write_setup_cell(), "setup"),  # code cell 0
        _text(
            "## The theory\n\nOne and one is two.\n\n$$1 + 1 = 2 \\tag{1}$$\n\nBy equation (1), ..."
        ),
        _code("# NBVAL_CHECK_OUTPUT\nprint(1 + 1)"),  # 1
        _text("## The experiment"),
        _code(CLAIMS),  # 2
        _code(FIGURE),  # 3
        _code("device = 'a GPU'", "gpu"),  # 4
        _code("call = '''run_table('kyo_takano')'''", "needs-data"),  # 5
        _code("# NBVAL_CHECK_OUTPUT\nprint('still here')"),  # 6
        _text("## Where this fails\n\nNowhere."),
        _text("## Exercises\n\n### Exercise 1: why?"),
        _text(PROSE_SOLUTION),
        _text("### Exercise 2: how?"),
        _text(PROSE_SOLUTION),
        _text("### Exercise 3: compute"),
        new_code_cell(
            "# NBVAL_CHECK_OUTPUT\n# Solution to exercise 3\na = 2\nb = 3\na + b", metadata=SOLUTION
        ),  # 7
        _text("## Further reading\n\nNone."),
    ]
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "scaling_utils": {"cpu": {"seconds": 1.0, "peak_gb": 0.1}},
    }
    return new_notebook(cells=cells, metadata=metadata)


def run_chapter() -> nbformat.NotebookNode:
    """Return the chapter with the outputs of a real kernel."""
    chapter = unrun_chapter()
    NotebookClient(chapter, kernel_name="python3", record_timing=False, timeout=120).execute()
    return chapter


def code(chapter, number: int):
    """Return a code cell by nbval's number."""
    return [cell for cell in chapter.cells if cell.cell_type == "code"][number]


def broken(chapter, change) -> nbformat.NotebookNode:
    """Return a copy of the chapter that ``change`` has been applied to."""
    chapter = copy.deepcopy(chapter)
    change(chapter)
    return chapter
