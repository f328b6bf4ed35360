"""What claims in five chapters cannot hold: where the numbers of descriptions come from.

A description for readers who cannot see a figure repeats its numbers. Typed there, they drift
when the figure changes, and nobody who can see the figure notices.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = (
    "01_what_scaling_is",
    "02_counting",
    "15_power_laws",
    "20_chinchilla",
    "21_refitting_published_laws",
)
NAMES = re.compile(r"GPT-[234]|log(?:2|10)\b|LLaMA-?[123]\b")  # digits that belong to a name


def constants(value: ast.expr) -> Iterator[str]:
    """Yield the parts of a string expression that are typed and not computed."""
    for node in ast.walk(value):
        if isinstance(node, ast.FormattedValue):
            node.value = ast.Constant(None)  # what is computed, and how it is formatted,
            node.format_spec = None  # is no typed text
    for node in ast.walk(value):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def typed_digits(source: str) -> list[str]:
    """Return the typed parts of ``alt`` arguments that hold digits outside a name."""
    found = []
    for call in ast.walk(ast.parse(TransformerManager().transform_cell(source))):
        if isinstance(call, ast.Call):
            for keyword in call.keywords:
                if keyword.arg == "alt":
                    texts = constants(keyword.value)
                    found += [text for text in texts if re.search(r"\d", NAMES.sub("", text))]
    return found


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_numbers_in_descriptions_come_from_the_code(chapter):
    cells = nbformat.read(ROOT / "notebooks" / f"{chapter}.ipynb", as_version=4).cells
    typed = [
        (number, text)
        for number, cell in enumerate(cells)
        if cell.cell_type == "code"
        for text in typed_digits(cell.source)
    ]
    assert typed == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("figure(fig, alt='from 5 to 50')", ["from 5 to 50"]),
        ("figure(fig, alt='a' + f'{x:.2f} and 7')", [" and 7"]),
        ("figure(fig, alt=f'{x:.2f} nats, by GPT-3, on log10 axes')", []),
        ("figure(fig, alt=f'{f(1e6):.2f} nats')", []),
    ],
)
def test_typed_digits(source, found):
    assert typed_digits(source) == found
