"""Learning-rate schedules: the share of the peak rate that each step uses.

A schedule knows nothing of the peak rate. It maps a step to a factor in [0, 1], and the
training loop multiplies each parameter group's own rate by it. Steps count from 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scaling_utils._check import member, number, whole

SHAPES = ("linear", "cosine")


@dataclass(frozen=True)
class Schedule:
    """A linear warm-up, a stable phase at 1, and a decay to a floor; either end may be absent.

    Step s of the warm-up has the factor (s + 1) / warmup, so that the first step already
    moves. The decay ends at ``steps``, one step after the last one, so that the last step
    still moves too. From ``steps`` on the factor stays where the decay has arrived.

    Parameters
    ----------
    steps : length of the run, in optimiser steps.
    warmup : steps of the warm-up; 0 for none.
    decay : steps of the decay, the last ones of the run; 0 for none.
    floor : factor at the end of the decay, 0 up to 1.
    shape : "linear", or "cosine" (half a period), of the decay.

    Raises
    ------
    TypeError, ValueError : a number out of its range; a warm-up and a decay that together
        are longer than the run; an unknown shape.
    """

    steps: int
    warmup: int = 0
    decay: int = 0
    floor: float = 0.0
    shape: str = "linear"

    def __post_init__(self):
        object.__setattr__(self, "steps", whole("steps", self.steps))
        for name in ("warmup", "decay"):
            object.__setattr__(self, name, whole(name, getattr(self, name), at_least=0))
        object.__setattr__(self, "floor", number("floor", self.floor, at_least=0, at_most=1))
        member("shape", self.shape, SHAPES)
        if self.warmup + self.decay > self.steps:
            raise ValueError(
                f"warmup and decay must fit into steps, got {self.warmup} and {self.decay} "
                f"of {self.steps}"
            )

    @property
    def ends_at_zero(self) -> bool:
        """Whether the rate is 0 from ``steps`` on."""
        return self.decay > 0 and self.floor == 0

    def __call__(self, step: int) -> float:
        """Return the factor in [0, 1] of optimiser step ``step``, a whole number from 0."""
        step = whole("step", step, at_least=0)
        if step < self.warmup:
            return (step + 1) / self.warmup
        if self.decay == 0 or step < self.steps - self.decay:
            return 1.0
        left = max(0, self.steps - step) / self.decay  # from 1 to 0
        if self.shape == "cosine":
            left = (1 - math.cos(math.pi * left)) / 2
        return self.floor + (1 - self.floor) * left


def constant(steps: int, warmup: int = 0) -> Schedule:
    """Return a schedule that stays at 1 after a linear warm-up, however long the run.

    Raises
    ------
    TypeError, ValueError : ``steps`` below 1, ``warmup`` below 0 or above ``steps``.
    """
    return Schedule(steps, _warmup(warmup, steps))


def cosine(steps: int, warmup: int = 0, floor: float = 0.0) -> Schedule:
    """Return a warm-up followed by half a cosine from 1 to ``floor``.

    Source: Loshchilov and Hutter (2016), arXiv:1608.03983, Eq. 5, without restarts.
    Hoffmann et al. (2022), arXiv:2203.15556, Sec. 3.1 and App. B, found that its length
    has to match the length of the run.

    Raises
    ------
    TypeError, ValueError : ``steps`` below 1, ``warmup`` below 0 or not below ``steps``,
        ``floor`` outside [0, 1].
    """
    warmup = _warmup(warmup, steps, below=True)
    return Schedule(steps, warmup, whole("steps", steps) - warmup, floor, "cosine")


def wsd(steps: int, warmup: int = 0, decay: float = 0.25, floor: float = 0.0) -> Schedule:
    """Return warm-up, a stable phase, and a linear decay over the last share of the steps.

    Runs of different lengths share the stable phase: one long trunk gives each shorter run
    by a branch that decays.

    Sources: Hu et al. (2024), arXiv:2404.06395, Sec. 4 (warmup-stable-decay); Hägele et al.
    (2024), arXiv:2405.18392, who compare the linear decay with others.

    Parameters
    ----------
    steps, warmup, floor : as in ``Schedule``.
    decay : share of the steps, above 0 and at most 1; rounded to whole steps, at least one.

    Raises
    ------
    TypeError, ValueError : a number out of its range; a warm-up that reaches into the decay.
    """
    warmup = _warmup(warmup, steps)
    share = number("decay", decay, above=0, at_most=1)
    return Schedule(steps, warmup, max(1, round(share * whole("steps", steps))), floor)


def _warmup(warmup: int, steps: int, below: bool = False) -> int:
    """Return the warm-up as a whole number that the run has room for."""
    steps, warmup = whole("steps", steps), whole("warmup", warmup, at_least=0)
    if warmup > steps or (below and warmup == steps):
        bound = "below" if below else "at most"
        raise ValueError(f"warmup must be {bound} steps ({steps}), got {warmup}")
    return warmup
