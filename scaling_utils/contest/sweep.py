"""Sweeps: which configurations a lab is to run."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from scaling_utils._check import finite_array, positive_array
from scaling_utils.contest.rules import Run


class Sweep:
    """Configurations to run: every combination of the budgets, widths and rates given.

    Sweeps are added: ``Sweep(1e9, [20, 26], 1) + Sweep(4e9, 32, [1, 2])`` has four runs. What
    stands there twice is run once.

    Parameters
    ----------
    C : float or sequence of float
        Training FLOPs of a run, above zero.
    width : int or sequence of int
        Units of a hidden layer, even.
    rate : float or sequence of float
        Peak learning rates in the lab's own unit, above zero.

    Attributes
    ----------
    runs : tuple of Run
        The configurations, in the order in which they are run.

    Raises
    ------
    TypeError, ValueError
        If an argument is not numeric, finite and above zero, or a width not whole. What a lab
        allows beyond that it says itself.
    """

    def __init__(self, C, width, rate):
        budgets, widths, rates = (
            np.atleast_1d(positive_array(name, value)).ravel().tolist()
            for name, value in (("C", C), ("width", width), ("rate", rate))
        )
        broken = [each for each in finite_array("width", widths).tolist() if each != int(each)]
        if broken:
            raise ValueError(f"width must be a whole number, got {broken[0]:g}")
        self.runs = _once(Run(c, int(h), r) for c, h, r in product(budgets, widths, rates))

    @classmethod
    def _of(cls, runs) -> Sweep:
        made = cls.__new__(cls)
        made.runs = _once(runs)
        return made

    def __add__(self, other: Sweep) -> Sweep:
        """Return a sweep of the runs of both."""
        if not isinstance(other, Sweep):
            return NotImplemented
        return self._of((*self.runs, *other.runs))

    def __iter__(self) -> Iterator[Run]:
        """Go through the configurations."""
        return iter(self.runs)

    def __len__(self) -> int:
        """Return the number of configurations."""
        return len(self.runs)

    def __eq__(self, other) -> bool:
        """Whether both have the same runs in the same order."""
        return isinstance(other, Sweep) and self.runs == other.runs

    def __hash__(self) -> int:
        """Return a hash of the runs."""
        return hash(self.runs)

    def __repr__(self) -> str:
        """Return the runs, the first ones where there are many."""
        shown = "; ".join(str(run) for run in self.runs[:3])
        more = f"; and {len(self) - 3} more" if len(self) > 3 else ""
        return f"<Sweep of {len(self)}: {shown}{more}>"


def _once(runs) -> tuple[Run, ...]:
    return tuple(dict.fromkeys(runs))


# The one run with which you try out whether all works: it is billed and takes no round.
TRIAL = Sweep(1e8, 16, 1.0)
