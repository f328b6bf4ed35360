"""What a run costs and what a lab may do: the numbers of the contest in one place."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

from scaling_utils._check import number, whole
from scaling_utils.units import INFERENCE_FLOPS, TRAINING_FLOPS

WIDEST = 1024  # units of a hidden layer; 3.7 million weights
FASTEST = 1e9  # the largest rate, in units of the lab


class Run(NamedTuple):
    """One configuration of a run.

    Attributes
    ----------
    C : float
        Training budget in FLOPs; the run takes as many whole steps as it pays for.
    width : int
        Units of a hidden layer.
    rate : float
        Peak learning rate, in the lab's own unit.
    """

    C: float
    width: int
    rate: float

    def __str__(self) -> str:
        """Return the configuration in words."""
        return f"C = {self.C:g}, width = {self.width}, rate = {self.rate:g}"


@dataclass(frozen=True)
class Rules:
    """The numbers of the contest.

    Attributes
    ----------
    budget : int
        FLOPs for everything that a lab runs.
    rounds : int
        Sweeps that a lab may run.
    least_steps : int
        Optimiser steps that every run has at least.
    batch : int
        Windows of a step; each teaches one symbol.
    contexts : int
        Contexts on which a run is scored.
    vocab, order : int
        Symbols of the language, and how many of them decide on the next one.
    """

    budget: int = 1_000_000_000_000
    rounds: int = 3
    least_steps: int = 100
    batch: int = 128
    contexts: int = 16_384
    vocab: int = 16
    order: int = 5

    def size(self, width: int) -> int:
        """Return N, the weights that multiply: with order 5 and 16 symbols 3.5 h^2 + 16 h.

        ``order`` embeddings of h / 2 numbers enter a layer of h units; a second one of h units
        follows, then the output. Embedding and biases are not counted.
        """
        return self.order * (width // 2) * width + width**2 + self.vocab * width

    def steps(self, C: float, width: int) -> int:
        """Return the whole optimiser steps that C FLOPs pay for, at 6 N FLOPs a symbol."""
        return int(C // (int(TRAINING_FLOPS) * self.size(width) * self.batch))

    def tokens(self, C: float, width: int) -> int:
        """Return D, the symbols that a run learns from."""
        return self.steps(C, width) * self.batch

    def price(self, run: Run) -> int:
        """Return what a run is billed, in FLOPs: 6 N a symbol, and 2 N a scored context."""
        training = int(TRAINING_FLOPS) * self.tokens(run.C, run.width)
        return self.size(run.width) * (training + int(INFERENCE_FLOPS) * self.contexts)

    def checked(self, C, width, rate) -> Run:
        """Return a configuration that may be run.

        Parameters
        ----------
        C : float
            Training FLOPs, enough for ``least_steps`` steps and at most the budget.
        width : int
            Even, from 4 to 1,024.
        rate : float
            Peak learning rate in the lab's unit, above 0 and at most 1e9.

        Returns
        -------
        Run

        Raises
        ------
        TypeError, ValueError
            If one of them is out of range; a run of fewer steps is told with the least C.
        """
        C = number("C", C, above=0, at_most=self.budget)
        width = whole("width", width, at_least=4)
        if width % 2 or width > WIDEST:
            raise ValueError(f"width must be an even number from 4 to {WIDEST}, got {width}")
        rate = number("rate", rate, above=0, at_most=FASTEST)
        if self.steps(C, width) < self.least_steps:
            least = int(TRAINING_FLOPS) * self.size(width) * self.batch * self.least_steps
            raise ValueError(
                f"C must pay for at least {self.least_steps} steps, which take {least:.4g} FLOPs "
                f"at width {width}, got {C:g}"
            )
        return Run(C, width, rate)

    def as_dict(self) -> dict[str, int]:
        """Return the numbers by name, as a ledger's first line has them."""
        return asdict(self)


RULES = Rules()
