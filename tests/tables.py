"""The published run tables that the tests of fitting read, where they are at hand."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest


def shared_data() -> Path:
    """Return the folder of the run tables, or skip the test and say why.

    tests/notebook_cells.py sets SCALING_DATA where the tables lie beside the checkout.
    """
    named = os.environ.get("SCALING_DATA", "")
    if not named or not Path(named).is_dir():
        pytest.skip(f"SCALING_DATA names no folder with the published run tables: {named!r}")
    return Path(named)


def _columns(path: Path, *names: str) -> tuple[np.ndarray, ...]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple(np.array([float(row[name]) for row in rows]) for name in names)


def epoch_chinchilla(outliers: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return N, D, loss of the 240 runs that Besiroglu et al. (2024) fitted, or of all 245."""
    path = shared_data() / "epoch_chinchilla" / "svg_extracted_data.csv"
    N, C, loss = _columns(path, "Model Size", "Training FLOP", "loss")
    kept = loss < (np.inf if outliers else np.sort(loss)[-5])
    return N[kept], C[kept] / (6 * N[kept]), loss[kept]


def kyo_takano() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return N, D, loss of 234 runs read off Chinchilla's figure."""
    return _columns(shared_data() / "kyo_takano" / "df.csv", "N", "D", "loss")


def cs336() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return C, N, loss of 72 runs without noise over nine budgets."""
    runs = json.loads((shared_data() / "cs336" / "isoflops_curves.json").read_text())
    names = ("compute_budget", "parameters", "final_loss")
    return tuple(np.array([float(run[name]) for run in runs]) for name in names)
