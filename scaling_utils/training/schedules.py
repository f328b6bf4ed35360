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

    Call it with a step, a whole number from 0, for that step's factor of the peak rate.

    Parameters
    ----------
    steps : int
        Length of the run, in optimiser steps, at least 1.
    warmup : int
        Steps of the warm-up; 0 for none.
    decay : int
        Steps of the decay, the last ones of the run; 0 for none.
    floor : float
        Factor at the end of the decay, 0 up to 1.
    shape : {"linear", "cosine"}
        Of the decay; "cosine" is half a period.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range, warm-up and decay together are longer than the run, or
        the shape is unknown.
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
        """Return the factor of a step.

        Parameters
        ----------
        step : int
            Optimiser step, from 0.

        Returns
        -------
        float
            Share of the peak rate, in [0, 1].

        Raises
        ------
        TypeError, ValueError
            If the step is not a whole number from 0.
        """
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

    Parameters
    ----------
    steps : int
        Length of the run, in optimiser steps, at least 1.
    warmup : int
        Steps of the warm-up, 0 up to ``steps``.

    Returns
    -------
    Schedule
        Without a decay.

    Raises
    ------
    TypeError, ValueError
        If ``steps`` is below 1, or ``warmup`` below 0 or above ``steps``.
    """
    return Schedule(steps, _warmup(warmup, steps))


def cosine(steps: int, warmup: int = 0, floor: float = 0.0) -> Schedule:
    """Return a warm-up followed by half a cosine from 1 to ``floor``.

    Source: Loshchilov and Hutter (2016), arXiv:1608.03983, Eq. 5, without restarts.
    Hoffmann et al. (2022), arXiv:2203.15556, Sec. 3.1 and App. B, found that its length
    has to match the length of the run.

    Parameters
    ----------
    steps : int
        Length of the run, in optimiser steps, at least 1.
    warmup : int
        Steps of the warm-up, 0 or more and below ``steps``.
    floor : float
        Factor at the end, 0 up to 1.

    Returns
    -------
    Schedule
        Its decay fills all steps after the warm-up.

    Raises
    ------
    TypeError, ValueError
        If ``steps`` is below 1, ``warmup`` below 0 or not below ``steps``, or ``floor`` outside
        [0, 1].
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
    steps : int
        Length of the run, in optimiser steps, at least 1.
    warmup : int
        Steps of the warm-up, 0 or more.
    decay : float
        Share of the steps, above 0 and at most 1; rounded to whole steps, at least one.
    floor : float
        Factor at the end of the decay, 0 up to 1.

    Returns
    -------
    Schedule
        With a linear decay.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range, or the warm-up reaches into the decay.
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
