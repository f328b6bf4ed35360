"""The drawn evaluations of results/evaluation: their truth, and a part of the counts again."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from scaling_utils.studies import read_rows

RESULTS = Path(__file__).resolve().parent.parent / "results"
# Under a name of its own: another folder of results has a record.py too.
SPEC = importlib.util.spec_from_file_location(
    "evaluation_record", RESULTS / "evaluation" / "record.py"
)
record = sys.modules["evaluation_record"] = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(record)


@pytest.mark.parametrize("name", ["independent", "documents"])
def test_the_drawn_items_have_the_accuracies_and_disagreements_that_are_said(name):
    design, rng = record.DESIGNS[name], np.random.default_rng(5)
    drawn = [design.draw(rng) for _ in range(300)]
    a, b = (np.stack([one[k] for one in drawn]) for k in (0, 1))
    error = 0.5 / len(drawn) ** 0.5 / design.documents**0.5  # at most, from the documents
    assert a.mean() == pytest.approx(record.A, abs=3 * error)
    assert b.mean() == pytest.approx(record.B, abs=3 * error)
    apart = record.disagreement(design.of_document + design.of_item)
    assert (a != b).mean() == pytest.approx(apart, abs=3 * error)


def test_two_models_that_share_nothing_disagree_by_chance():
    a, b = record.A, record.B
    assert record.disagreement(0.0) == pytest.approx(a * (1 - b) + b * (1 - a), abs=1e-6)


def test_the_recorded_table_is_whole():
    rows = read_rows(RESULTS / "evaluation" / "runs.csv")
    assert {row["design"] for row in rows} == set(record.DESIGNS)
    for row in rows:
        design = record.DESIGNS[row["design"]]
        assert row["items"] == design.documents * design.items
        assert row["evaluations"] == record.EVALUATIONS
        assert row["dirty"] is False or row["dirty"] == "False"


def test_a_smaller_count_agrees_with_the_recorded_one():
    rows = read_rows(RESULTS / "evaluation" / "runs.csv")
    stored = {row["method"]: row["share"] for row in rows if row["design"] == "few"}
    for row in record.count("few", 150):
        error = (stored[row["method"]] * (1 - stored[row["method"]]) / 150) ** 0.5
        assert row["share"] == pytest.approx(stored[row["method"]], abs=4 * error)
