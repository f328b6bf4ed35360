"""What is noticed about the rows of a table: repeats, checkpoints, a C that is not 6 N D."""

from __future__ import annotations

import numpy as np

from scaling_utils._remarks import Remark
from scaling_utils.tables._gather import MOST_NOTICED, Gathered
from scaling_utils.tables.runs import Runs


def notices(runs: Runs, got: Gathered, group: str | None) -> list[Remark]:
    """Return a remark for each thing noticed."""
    found = []
    missing = {why: n for why, n in runs.left_out.items() if why.startswith("no ")}
    if missing:
        counts = ", ".join(f"{n} with {why}" for why, n in missing.items())
        found.append(Remark("rows-left-out", f"{counts}: left out of the fit"))
    if runs.disagrees:
        used = " and ".join(runs.read_from)
        found.append(
            Remark(
                "c-not-6nd",
                f"6 N D is not the column C; {used} are used. Is that meant? --sizes N,C would "
                f"use C ({runs.six_nd_over_c[1]:.3g} times, in the middle)",
            )
        )
    repeated = _repeated(runs)
    if repeated:
        found.append(
            Remark(
                "repeated-rows",
                f"{repeated} rows say what another row says, number for number: they count "
                "twice. Leave out the copies, or say --weights",
            )
        )
    if not group:
        found += _several_per_run(runs, got)
    for column, labels in got.kinds.items():
        if 1 < len(labels.known) <= min(50, len(runs) // 2):
            names = ", ".join(list(labels.known)[:4])
            found.append(
                Remark(
                    "mixed-rows",
                    f"column {column} has {len(labels.known)} values ({names}"
                    f"{', ...' if len(labels.known) > 4 else ''}): one law is fitted through all. "
                    f"--where {column}=VALUE takes one of them",
                )
            )
    return found


def _several_per_run(runs: Runs, got: Gathered) -> list[Remark]:
    for column, labels in got.noticed.items():
        if len(labels.known) > MOST_NOTICED or not labels.seen:
            continue
        if 1 <= len(labels.known) <= labels.seen // 2:
            return [
                Remark(
                    "several-rows-per-run",
                    f"column {column} names {len(labels.known)} runs for {len(runs)} rows; the "
                    f"checkpoints of a run share its luck: --group {column} draws whole runs",
                )
            ]
    sizes = len(np.unique(runs["N"])) if "N" in runs.columns else len(runs)
    if got.steps and not got.noticed and len(runs) >= 4 * sizes:
        return [
            Remark(
                "several-rows-per-run",
                f"column {got.steps[0]} counts steps, and {len(runs)} rows have {sizes} sizes: "
                "checkpoints of a run share its luck. --group COLUMN draws whole runs",
            )
        ]
    return []


def _repeated(runs: Runs) -> int:
    """Return how many rows are copies of others."""
    key = np.zeros(len(runs), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for name, odd in zip(
            runs.columns,
            (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5) * 3,
            strict=False,
        ):
            bits = np.ascontiguousarray(runs[name], dtype=float).view(np.uint64)
            key = (key ^ bits) * np.uint64(odd)
            key ^= key >> np.uint64(29)
    if runs.group is not None:
        key ^= runs.group.astype(np.uint64) << np.uint64(32)
    return len(key) - len(np.unique(key))
