"""What was looked at after the score: is the arm of endless data converged?

    python results/associative_memory/afterwards.py

Twice the steps and higher rates than registered, at g = 1.2 and 1.5. Nothing here was predicted.
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
from scaling_utils.studies import read_rows
from scaling_utils.sweeps.provenance import collect_provenance
from scaling_utils.sweeps.tables import write_csv

WIDTHS, STEPS = (128, 512), 2000
RATES = {1.2: (0.06, 0.12), 1.5: (0.1, 0.3)}


def main() -> None:
    """Train what it lacks, and write afterwards.csv."""
    torch.set_num_threads(1)
    file = HERE / "afterwards.csv"
    rows = read_rows(file) if file.exists() else []
    done = {(row["g"], row["n"]) for row in rows}
    for g, n in ((g, n) for g in RATES for n in WIDTHS if (g, n) not in done):
        seed = record.Cell("size", g, n, 0).seed
        for row in converged_memory(g, n, RATES[g], steps=STEPS, seed=seed):
            rows.append(row | {"steps": STEPS} | collect_provenance())
        write_csv(rows, file)


if __name__ == "__main__":
    main()
