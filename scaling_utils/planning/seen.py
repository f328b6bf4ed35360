"""The runs that a law was fitted on, and how far beyond them a plan lies."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache

import numpy as np

from scaling_utils._lazy import DATA
from scaling_utils.units import TRAINING_FLOPS

Span = tuple[float | None, float | None]  # least and largest; None where no source says
UNKNOWN: Span = (None, None)


@dataclass(frozen=True)
class Seen:
    """The span of a law's runs.

    Attributes
    ----------
    N, D, C, ratio : tuple of two floats or None
        Least and largest parameters, tokens, FLOPs, and tokens per parameter.
    source : str
        Who says so; empty where nobody does.
    """

    N: Span = UNKNOWN
    D: Span = UNKNOWN
    C: Span = UNKNOWN
    ratio: Span = UNKNOWN
    source: str = ""

    @classmethod
    def of_fit(cls, fit) -> Seen:
        """Return the span of the rows of a fit."""
        data = fit.data
        if "N" not in data or "D" not in data:
            return cls()
        N, D = np.asarray(data["N"]), np.asarray(data["D"])
        spans = [(float(x.min()), float(x.max())) for x in (N, D, TRAINING_FLOPS * N * D, D / N)]
        return cls(*spans, source=f"the {len(N)} rows of the fit")

    def decades(self, N: float, D: float, C: float) -> dict[str, float | None]:
        """Return how many powers of ten N, D and C lie beyond the runs; None where unknown.

        0 is inside. A span of which one end is unknown counts at the known end alone.
        """
        values = {"N": N, "D": D, "C": C}
        return {name: _beyond(x, getattr(self, name)) for name, x in values.items()}


def _beyond(x: float, span: Span) -> float | None:
    low, high = span
    if low is None and high is None:
        return None
    over = np.log10(x / high) if high is not None else 0.0
    under = np.log10(low / x) if low is not None else 0.0
    return float(max(over, under, 0.0))


@cache
def _table() -> dict[str, Seen]:
    with (DATA / "law_runs.csv").open(encoding="utf-8", newline="") as stream:
        return {row["law"]: _row(row) for row in csv.DictReader(stream)}


def _row(row: dict[str, str]) -> Seen:
    def end(name: str) -> float | None:
        return float(row[name]) if row[name] else None

    spans = {x: (end(f"{x}_low"), end(f"{x}_high")) for x in ("N", "D", "C", "ratio")}
    return Seen(**spans, source=row["source"])


def seen_by(name: str) -> Seen:
    """Return the span of a published law's runs; unknown where the table has no row."""
    return _table().get(name, Seen())
