"""What was looked at after the score: is the arm of endless data converged?

    python results/associative_memory/afterwards.py

Twice the steps and higher rates than registered, at g = 1.2. Nothing here was predicted.
"""

# ruff: noqa: E402 - the package has to be found before it is imported
from __future__ import annotations

import sys
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import record

from scaling_utils.experiments.associative import converged_memory
from scaling_utils.sweeps.provenance import collect_provenance
from scaling_utils.sweeps.tables import write_csv

G, WIDTHS, RATES, STEPS = 1.2, (128, 512), (0.06, 0.12), 2000


def main() -> None:
    """Train both widths, and write afterwards.csv."""
    torch.set_num_threads(1)
    rows = []
    for n in WIDTHS:
        seed = record.Cell("size", G, n, 0).seed
        for row in converged_memory(G, n, RATES, steps=STEPS, seed=seed):
            rows.append(row | {"steps": STEPS} | collect_provenance())
        write_csv(rows, HERE / "afterwards.csv")


if __name__ == "__main__":
    main()
