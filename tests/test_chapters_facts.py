"""What chapters say where no claim in a cell can hold it."""

from __future__ import annotations

import ast
import importlib.util
import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from guards import code_cells, read, tree

from scaling_utils import studies
from scaling_utils.notebook import CLAIM_MIME
from scaling_utils.tasks.waves import WaveTask

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ORIGIN = ("device", "threads", "python", "torch", "numpy", "commit", "seconds")


def calls(path: Path, name: str):
    """Return the calls of a function in a chapter's code."""
    for _, cell in code_cells(read(path)):
        found = tree(cell)
        for node in ast.walk(found) if found else ():
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name:
                yield {"": node.args[0], **{word.arg: word.value for word in node.keywords}}


def texts(node: ast.AST) -> list[str]:
    """Return the constant strings in an expression, the parts of its f-strings too."""
    found = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return [text for text in found if isinstance(text, str)]


def experiment(study: str):
    """Import the script of a recorded study that is no sweep."""
    path = ROOT / "results" / study / "experiment.py"
    spec = importlib.util.spec_from_file_location(f"{study}_experiment", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_bound_from_nowhere_else_is_marked_as_seen_first(path):
    found = list(calls(path, "claim"))
    assert found
    for claim in found:
        if "abs" in claim and ast.unparse(claim["abs"]) == "0":
            continue  # equality leaves no bound to choose
        if any(text.startswith("this chapter") for text in texts(claim.get("source", claim[""]))):
            assert "seen_first" in claim, ast.unparse(claim[""])


def test_what_training_does_not_find_is_said_with_its_number_of_steps():
    (depth,) = (path for path in CHAPTERS if path.stem.startswith("37"))
    outputs = (output for _, cell in code_cells(read(depth)) for output in cell.outputs)
    said = [o.data[CLAIM_MIME]["sentence"] for o in outputs if CLAIM_MIME in o.get("data", {})]
    negative = [one for one in said if re.search(r"does not (find|learn)|starts finds", one)]
    assert negative
    assert [one for one in negative if not re.search(r"\d steps", one)] == []


def test_the_budgets_of_the_sawtooth_are_recorded_in_full():
    runs = studies.read_rows(studies.recorded("depth_budget") / "runs.csv")
    script = experiment("depth_budget")
    wanted = set(product(script.NETWORKS, script.BUDGETS, script.RATES, range(script.STARTS)))
    assert {(r["network"], r["steps"], r["rate"], r["start"]) for r in runs} == wanted
    assert len(runs) == len(wanted)
    assert all(run[name] not in ("", None) for run in runs for name in ORIGIN)
    assert {run["dirty"] for run in runs} == {"False"}


def test_a_recorded_sawtooth_can_be_learned_again():
    runs = studies.read_rows(studies.recorded("depth_budget") / "runs.csv")
    again = experiment("depth_budget").unexplained(("five", 400, 0.01))
    for row in again:
        (same,) = (
            run
            for run in runs
            if all(run[name] == row[name] for name in ("network", "steps", "rate", "start"))
        )
        assert row["N"] == same["N"]
        assert row["unexplained"] == pytest.approx(same["unexplained"], rel=0.05)


def test_a_recorded_shape_can_be_trained_again():
    script = experiment("shape_budget")
    runs = studies.read_rows(studies.recorded("shape_budget") / "runs.csv")
    assert {(r["layers"], r["steps"]) for r in runs} == set(product(script.HIDDEN, script.BUDGETS))
    task = WaveTask(4, script.INPUTS, 0.0, 2.0, 5, script.SEEDS, pool=32_768, held_out=4096)
    N, losses = script.held_out_losses(task, script.HIDDEN[3], script.BUDGETS[0])
    same = [r for r in runs if r["layers"] == 3 and r["steps"] == script.BUDGETS[0]]
    assert {run["N"] for run in same} == {N}
    recorded = {(run["seed"], run["rate"]): run["loss"] for run in same}
    low = script.RATES.index(0.003)  # at higher ones machines drift apart by rounding
    ours = losses[:, low] / [recorded[seed, script.RATES[low]] for seed in script.SEEDS]
    assert np.abs(ours - 1).max() < 0.001
