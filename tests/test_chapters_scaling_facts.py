"""The chapters on size, data, theory, complexity and breaks: what no claim in them can hold.

An equation that a browser shows as an error and a number typed into the description of a figure
both pass every run of a notebook.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
NAMES = (
    "16_model_size",
    "17_dataset_size",
    "22_why_power_laws",
    "25_task_complexity",
    "26_where_laws_break",
)
CHAPTERS = [NOTEBOOKS / f"{name}.ipynb" for name in NAMES]
DISPLAYED = re.compile(r"\$\$(.+?)\$\$", re.S)


def cells(path: Path, kind: str) -> list[str]:
    return [c.source for c in nbformat.read(path, 4).cells if c.cell_type == kind]


def tags_in_split(source: str) -> list[str]:
    """Return displayed equations that Sphinx would put, with their \\tag, inside a split.

    Sphinx wraps an equation with a double backslash in \\begin{split}, where MathJax allows no
    \\tag. Rows of cases can end in \\cr instead.
    """
    return [eq for eq in DISPLAYED.findall(source) if r"\tag" in eq and r"\\" in eq]


def typed_digits(source: str) -> list[str]:
    """Return the constant parts of ``alt=`` that contain a digit: numbers come from the code."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg == "alt":
                    found += _constants(keyword.value)
    return [text for text in found if re.search(r"\d", text)]


def _constants(node: ast.expr) -> list[str]:
    """Return the strings of an expression that are shown as they stand, not those inside {}."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.JoinedStr):
        return [part.value for part in node.values if isinstance(part, ast.Constant)]
    if isinstance(node, ast.BinOp):
        return _constants(node.left) + _constants(node.right)
    return []


@pytest.mark.parametrize("path", CHAPTERS, ids=NAMES)
def test_no_equation_with_a_tag_inside_a_split(path):
    assert [eq for source in cells(path, "markdown") for eq in tags_in_split(source)] == []


@pytest.mark.parametrize("path", CHAPTERS, ids=NAMES)
def test_no_number_is_typed_into_a_description(path):
    plain = [source for source in cells(path, "code") if "%pip" not in source]
    assert [text for source in plain for text in typed_digits(source)] == []


def test_both_checks_see_what_they_look_for():
    assert tags_in_split(r"$$a = \begin{cases} 1 \\ 2 \end{cases} \tag{2}$$")
    assert not tags_in_split(r"$$a = \begin{cases} 1 \cr 2 \end{cases} \tag{2}$$")
    assert typed_digits('figure(fig, alt="six " f"lengths of {n}" + " and 7 more")') == [
        " and 7 more"
    ]
    assert typed_digits('figure(fig, alt=f"{2**14} windows, {x:.2f} nats")') == []
