"""Small tables of runs of a known law, which tests of the commands fit and predict share.

A name apart from ``tables``, which reads the published ones.
"""

from __future__ import annotations

import json

import numpy as np

from scaling_utils.cli import main
from scaling_utils.laws import ParametricLaw

TRUE = ParametricLaw(E=1.8, A=420.0, B=900.0, alpha=0.34, beta=0.32)


def table_of_runs(noise: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return N, D and loss of 25 runs of ``TRUE``, with seeded noise."""
    N, D = (g.ravel() for g in np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(1e9, 1e11, 5)))
    scatter = np.random.default_rng(0).normal(scale=noise, size=N.shape)
    return N, D, TRUE.loss(N, D) * np.exp(scatter)


def as_csv(header: str, *columns) -> str:
    """Return columns of numbers, and of text, as CSV."""
    cells = [
        [cell if isinstance(cell, str) else repr(float(cell)) for cell in row]
        for row in zip(*columns, strict=True)
    ]
    return "\n".join((header, *map(",".join, cells))) + "\n"


def fitted(capsys, *arguments: str) -> dict:
    """Run `fit --json`, without intervals unless they are asked for: they take the time."""
    none = () if "--bootstrap" in arguments else ("--bootstrap", "0")
    assert main(["fit", "--json", *none, *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def codes(result: dict) -> list[str]:
    """Return the codes of a result's remarks."""
    return [remark["code"] for remark in result["remarks"]]
