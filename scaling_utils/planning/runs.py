"""Measured utilisation of published training runs, each with its source.

The table is ``scaling_utils/data/measured_mfu.csv``. ``mfu`` is the share of the **dense** peak of
``dtype`` that the model's own FLOPs took. How it was reached stands in ``basis``:

- ``printed``: the source prints an MFU;
- ``hours``: 6 N D over all device-hours that the source prints, so that restarts and evaluation
  count against it, and attention is left out;
- ``three quarters of printed``: the source counts the recomputed forward pass, 8 N D, which is
  hardware utilisation; the model's own FLOPs are 6 of the 8.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache

from scaling_utils._check import member
from scaling_utils._lazy import DATA

BASES = ("printed", "hours", "three quarters of printed")


@dataclass(frozen=True)
class MeasuredRun:
    """One published run.

    Attributes
    ----------
    model, device, dtype : str
        The device as ``hardware`` names it.
    year : int
        Of the run or its report.
    mfu : float
        A share of the dense peak.
    basis : str
        One of ``BASES``.
    attention : str
        "dense" where the source counts all pairs of tokens, "none" where it is left out.
    parameters : float
        Those active per token.
    tokens, device_hours : float or None
        Where ``basis`` is "hours".
    devices : int or None
        Side by side.
    source, note : str
        Where it is printed, and what to watch out for.
    """

    model: str
    year: int
    device: str
    dtype: str
    devices: int | None
    mfu: float
    basis: str
    attention: str
    parameters: float
    tokens: float | None
    device_hours: float | None
    source: str
    note: str


@cache
def measured_runs() -> tuple[MeasuredRun, ...]:
    """Return the published runs, in the table's order."""
    with (DATA / "measured_mfu.csv").open(encoding="utf-8", newline="") as stream:
        return tuple(_run(row) for row in csv.DictReader(stream))


def _run(row: dict[str, str]) -> MeasuredRun:
    numbers = {
        name: float(row[name]) if row[name] else None
        for name in ("mfu", "parameters", "tokens", "device_hours")
    }
    member("basis", row["basis"], BASES)
    devices = int(row["devices"]) if row["devices"] else None
    return MeasuredRun(**{**row, **numbers, "year": int(row["year"]), "devices": devices})
