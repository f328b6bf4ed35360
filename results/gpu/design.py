"""The runs of part 5: which sizes, lengths and rates, in which order, and what they cost.

Everything here follows from constants that PREREGISTRATION.md states.
"""

from __future__ import annotations

from dataclasses import dataclass

VOCAB, CONTEXT, BATCH, WARMUP, DECAY = 64, 3, 256, 100, 0.25
BASE_WIDTH = 32  # W2 and W3 use the rate times 32 / width, as in results/known_entropy
WIDTHS = (64, 91, 128, 181, 256, 362, 512, 724, 1024, 1448)
LINES = (3e11, 1e12, 3e12, 1e13, 3e13, 1e14, 3e14)  # FLOPs of one run
SHORTEST, LONGEST = 2**18, 2**27  # symbols
# The best size at C, by the law of the recorded runs: N* = 1.16e5 (C / 1e13)^0.383. A line has
# the sizes from 1 / 3.5 of it up to 20 times it, the large ones being cheap.
BEST_SIZE, BEST_AT, BEST_EXPONENT, BELOW, ABOVE = 1.16e5, 1e13, 0.383, 3.5, 20.0
# The best rate of the recorded cells of width 64 and above, by least squares of logarithms over
# 46 tuned cells of 2^18 symbols and more; their scatter around it is 6.5 %.
RATE, RATE_TOKENS, RATE_WIDTH = 0.00546, -0.449, -0.353
APART = 1.5  # the two rates of a cell differ by this factor
SEEDS = 2
# What a step costs on an H100: about 60 small launches, or the products at a third of the peak.
STEP_SECONDS, SPEED = 2.0e-4, 2.2e13


@dataclass(frozen=True)
class Run:
    """A cell: one width and length, with two rates and two seeds side by side."""

    line: float
    width: int
    tokens: int
    rates: tuple[float, float]
    seeds: tuple[int, int]

    @property
    def steps(self) -> int:
        """Optimiser steps."""
        return self.tokens // BATCH

    @property
    def seconds(self) -> float:
        """What it is expected to take on one H100."""
        members = len(self.rates) * len(self.seeds)
        work = members * 6 * size(self.width) * self.tokens
        return 1 + self.steps * STEP_SECONDS + work / SPEED


def size(width: int, vocab: int = VOCAB, context: int = CONTEXT) -> int:
    """Return N, the weights that multiply: 3 e h + h^2 + 64 h with e = h / 2."""
    return context * (width // 2) * width + width * width + width * vocab


def best_rate(width: int, tokens: int) -> float:
    """Return the rate that the recorded cells suggest for a width and a length."""
    return RATE * (tokens / 2**20) ** RATE_TOKENS * (width / 128) ** RATE_WIDTH


def runs() -> list[Run]:
    """Return all cells, line by line; within a line the shortest first.

    Each cell has seeds of its own, so that no two cells share data or initial weights.
    """
    found: list[Run] = []
    for line in LINES:
        best = BEST_SIZE * (line / BEST_AT) ** BEST_EXPONENT
        here = []
        for width in WIDTHS:
            tokens = BATCH * round(line / (6 * size(width)) / BATCH)
            near = best / BELOW <= size(width) <= best * ABOVE
            if near and SHORTEST <= tokens <= LONGEST:
                middle = best_rate(width, tokens)
                rates = (middle / APART**0.5, middle * APART**0.5)
                here.append(Run(line, width, tokens, rates, (0, 0)))
        here.sort(key=lambda run: run.seconds)
        for run in here:
            place = len(found)
            seeds = tuple(SEEDS * place + which for which in range(SEEDS))
            found.append(Run(run.line, run.width, run.tokens, run.rates, seeds))
    return found
