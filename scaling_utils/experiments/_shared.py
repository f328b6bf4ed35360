"""What experiments share: their jobs are checked, and go on where they were interrupted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scaling_utils.sweeps.jobs import job_key


def with_defaults(job: dict, needed: set[str], defaults: dict) -> dict[str, Any]:
    """Return the job with its defaults; raise unless its keys are right."""
    unknown, missing = set(job) - needed - set(defaults), needed - set(job)
    if unknown or missing:
        raise ValueError(f"job has unknown keys {sorted(unknown)} and lacks {sorted(missing)}")
    return defaults | job


def check_tokens(job: dict, per_step: int) -> None:
    """Raise unless the lengths of the runs are whole steps of so many tokens."""
    if per_step < 1 or any(tokens % per_step for tokens in job["tokens"]):
        raise ValueError(
            f"tokens must be multiples of the {per_step} tokens of a step: {job['tokens']}"
        )


def resumed(folder: Path, job: Mapping[str, Any]):
    """Return the last good state in ``folder`` (None at a first start) and how to save one.

    Raises
    ------
    training.checkpoint.CheckpointOwnerError
        If the state is that of another job.
    """
    from scaling_utils.training import checkpoint

    owner = job_key(job)
    number, saved = checkpoint.latest(folder, owner=owner) or (0, None)

    def save(state: dict[str, Any]) -> None:
        nonlocal number  # saves are counted: a branch of a run ends at an earlier step
        number += 1
        checkpoint.save(folder, number, state, owner=owner)

    return saved, save


class Stopwatch:
    """Seconds of work, carried over interruptions."""

    def __init__(self, before: float = 0.0):
        self.before, self.start = before, time.monotonic()

    def seconds(self) -> float:
        """Return the seconds so far."""
        return self.before + time.monotonic() - self.start
