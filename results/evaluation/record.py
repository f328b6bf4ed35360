"""How often intervals hold the truth: the evaluations of PREREGISTRATION.md, drawn and counted.

python results/evaluation/record.py                      # counts what runs.csv lacks
python results/evaluation/record.py --toy --out FOLDER
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from scaling_utils import judging
from scaling_utils.studies import read_rows
from scaling_utils.sweeps.code import combined, modules_of
from scaling_utils.sweeps.provenance import collect_provenance
from scaling_utils.sweeps.tables import write_csv

HERE = Path(__file__).resolve().parent
A, B = 0.62, 0.65  # shares of the items that the two models have right
EVALUATIONS, DRAWS, SEED = 2000, 1000, 0


@dataclass(frozen=True)
class Design:
    """Documents, items of each, and shares of the variance that models share."""

    documents: int
    items: int
    of_document: float
    of_item: float

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the scores of both models (items,) each, and the document of each item."""
        groups = np.repeat(np.arange(self.documents), self.items)
        shared = self.of_document**0.5 * rng.normal(size=self.documents)[groups]
        shared = shared + self.of_item**0.5 * rng.normal(size=groups.size)
        own = (1 - self.of_document - self.of_item) ** 0.5 * rng.normal(size=(2, groups.size))
        right = shared + own < stats.norm.ppf([[A], [B]])  # (2, items)
        return right[0].astype(float), right[1].astype(float), groups


def disagreement(shared: float) -> float:
    """Return the share of items that exactly one of the two models has right."""
    both = stats.multivariate_normal(cov=[[1, shared], [shared, 1]])
    return A + B - 2 * float(both.cdf(stats.norm.ppf([A, B])))


PLANNED = judging.items_needed(A, B, disagree=disagreement(0.7))
DESIGNS = {
    "independent": Design(500, 1, 0.0, 0.7),
    "documents": Design(50, 10, 0.3, 0.4),
    "few": Design(8, 60, 0.3, 0.4),
    "planned": Design(PLANNED, 1, 0.0, 0.7),
}


def held(design: str, rng: np.random.Generator, seed: int) -> dict[str, bool]:
    """Draw one evaluation; say of each method whether its interval does what is counted."""
    a, b, groups = DESIGNS[design].draw(rng)
    if design == "planned":
        return {"found": judging.difference(a, b).interval()[0] > 0}
    if design == "independent":
        truth, values, units = B - A, b - a, None
        intervals = {
            "unpaired": judging.difference(a, b, paired=False).interval(),
            "paired": judging.difference(a, b).interval(),
        }
    else:
        truth, values, units = A, a, groups
        intervals = {
            "items": judging.mean(a).interval(),
            "clustered": judging.mean(a, groups).interval(),
        }
    intervals["bootstrap"] = judging.bootstrap_mean(values, units, draws=DRAWS, seed=seed)
    return {name: low <= truth <= high for name, (low, high) in intervals.items()}


def count(design: str, evaluations: int) -> list[dict]:
    """Draw the evaluations of a design and return a row for each method."""
    rng = np.random.default_rng([SEED, list(DESIGNS).index(design)])
    begun = time.monotonic()
    outcomes = [held(design, rng, seed) for seed in range(evaluations)]
    shape = DESIGNS[design]
    return [
        {
            "design": design,
            "method": method,
            "documents": shape.documents,
            "items": shape.documents * shape.items,
            "evaluations": evaluations,
            "share": float(np.mean([one[method] for one in outcomes])),
            "seconds": round(time.monotonic() - begun, 1),
        }
        for method in outcomes[0]
    ]


def main(words: Sequence[str] | None = None) -> None:
    """Record what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--toy", action="store_true", help="few evaluations: does it run here?")
    asked = parser.parse_args(words)
    origin = collect_provenance() | {"code_sha256": combined(modules_of("record"))}
    file = asked.out / "runs.csv"
    rows = read_rows(file) if file.exists() else []
    for design in DESIGNS:
        if all(row["design"] != design for row in rows):
            found = count(design, 4 if asked.toy else EVALUATIONS)
            rows += [row | origin for row in found]
            write_csv(rows, file)
            print(*(f"{row['design']} {row['method']}: {row['share']}" for row in found), sep="\n")


if __name__ == "__main__":
    main()
