"""Runs of several lengths from one trunk: a decayed branch for each length."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from scaling_utils._check import number, whole
from scaling_utils.training.loop import Trainer
from scaling_utils.training.schedules import wsd

CHUNK = 100  # steps between two looks at the clock


def train_branches(
    trainer: Trainer,
    ends: Sequence[int],
    measure: Callable[[Trainer, int], list[dict[str, Any]]],
    *,
    warmup: int = 0,
    decay: float = 0.25,
    save: Callable[[dict[str, Any]], None] | None = None,
    saved: dict[str, Any] | None = None,
    seconds: float = 60.0,
) -> list[dict[str, Any]]:
    """Train to each length in ``ends`` with warm-up, a stable phase and a linear decay.

    Before its decay a run does not know how long it will be, so runs of all lengths share
    one trunk: the trainer follows it to the place where the decay of the next length
    begins, decays there, is measured, and goes back. Each result is bit for bit that of a
    separate run with ``schedules.wsd``. All lengths together cost the longest one and the
    decays of the others (Hägele et al. 2024, https://arxiv.org/abs/2405.18392, Sec. 4).
    At the end the trainer stands where the decay of the last length began.

    Results of one trunk share their first steps, so they are not independent. Resample
    whole trunks when you bootstrap.

    Parameters
    ----------
    trainer : Trainer
        At step 0, or set up as the one that made ``saved``.
    ends : sequence of int
        Lengths in optimiser steps, rising, at least one.
    measure : callable
        Called as ``measure(trainer, end)`` at the end of each branch; returns a list of rows.
    warmup : int
        Steps of the warm-up, 0 or more; all of them before the first decay.
    decay : float
        Share of each length, above 0 and at most 1.
    save : callable, optional
        Called with a state every ``seconds`` and after each branch.
    saved : dict, optional
        Such a state, to go on from, of the same plan (``ends``, ``warmup``, ``decay``) and of a
        trainer with the same settings.
    seconds : float
        Time between two saves within a branch, above 0. The clock is looked at every 100 steps.

    Returns
    -------
    list of dict
        The rows of all branches, in order; those in ``saved`` come first.

    Raises
    ------
    TypeError, ValueError
        If ``ends`` are empty, not whole or not rising; ``decay``, ``warmup`` or ``seconds`` is out
        of range; the warm-up reaches into a decay; the trainer has made steps, and there is no
        ``saved``; or another plan, or a trainer with other settings, made ``saved``.
    FloatingPointError
        If the loss of every member is no longer finite where it is recorded.
    """
    ends = [whole("ends", end) for end in ends]
    if not ends or any(a >= b for a, b in pairwise(ends)):
        raise ValueError(f"ends must be rising lengths, at least one; got {ends}")
    seconds = number("seconds", seconds, above=0)
    plan = {"ends": ends, "warmup": warmup, "decay": decay}
    rows, first, trunk = [], 0, None
    if saved is None and trainer.step:
        raise ValueError(f"trainer must be at step 0 unless saved is given, got {trainer.step}")
    if saved is not None:
        _check_plan(saved.get("plan"), plan)
        rows, first, trunk = list(saved["rows"]), saved["branch"], saved["trunk"]
        trainer.restore(saved["now"])
    clock = time.monotonic()

    def keep(branch: int, at_once: bool = False) -> None:
        nonlocal clock
        if save is None or (not at_once and time.monotonic() - clock < seconds):
            return
        save({"plan": plan, "rows": rows, "branch": branch, "trunk": trunk, "now": trainer.state()})
        clock = time.monotonic()

    def advance(until: int, schedule, branch: int) -> None:
        while trainer.step < until:
            trainer.train(min(until, trainer.step + CHUNK), schedule, every=until)
            keep(branch)

    for branch in range(first, len(ends)):
        schedule = wsd(ends[branch], warmup, decay)
        if trunk is None:
            advance(schedule.steps - schedule.decay, schedule, branch)
            trunk = trainer.state()
        advance(ends[branch], schedule, branch)
        rows = rows + measure(trainer, ends[branch])
        trainer.restore(trunk)
        trunk = None
        keep(branch + 1, at_once=True)
    return rows


def _check_plan(saved: dict[str, Any] | None, plan: dict[str, Any]) -> None:
    """Raise unless a saved state belongs to this plan: its branches are counted, not named."""
    if saved is None:
        raise ValueError(
            "saved must say to which ends it belongs, and an earlier version that did not wrote "
            "this one; start the run again"
        )
    other = {name: value for name, value in plan.items() if saved.get(name) != value}
    if other:
        found = "; ".join(
            f"{name} was {saved.get(name)!r} and is {value!r}" for name, value in other.items()
        )
        raise ValueError(f"saved belongs to a run of another plan: {found}. Start a new run for it")
