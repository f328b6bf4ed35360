"""The price of a model that is too small or too large for its budget."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils._check import number
from scaling_utils.planning.answers import Answer
from scaling_utils.planning.families import family_of
from scaling_utils.units import TRAINING_FLOPS


@dataclass(frozen=True)
class WrongSize:
    """What a size ``factor`` times the best one costs.

    Attributes
    ----------
    factor : float
        0.25 is four times too small.
    flops : float
        The budget.
    best, size, tokens : Answer
        The best size; the wrong one; and the tokens it gets from the same budget.
    loss_best, loss, extra_loss : Answer
        Nats per token of the best and of the wrong size, and their difference.
    more_compute : Answer
        How many times the budget the wrong size takes to reach the loss of the best one. None
        where it never does.
    worth : Answer
        Share of the budget with which the best size reaches the loss of the wrong one.
    """

    factor: float
    flops: float
    best: Answer
    size: Answer
    tokens: Answer
    loss_best: Answer
    loss: Answer
    extra_loss: Answer
    more_compute: Answer
    worth: Answer


def wrong_size(law, flops: float, factor: float) -> WrongSize:
    """Return what a model ``factor`` times the best size costs, in loss and in compute.

    Parameters
    ----------
    law : str, law, Fit or Resamples
        See ``family_of``; of resamples each answer has its 10, 50 and 90 %.
    flops : float
        Training budget, C = 6 N D.
    factor : float
        Above 0: 0.25 for four times too small, 4 for four times too large.

    Returns
    -------
    WrongSize

    Raises
    ------
    TypeError, ValueError
        If an argument is not a number above 0, or the law none of size and data.
    """
    family = family_of(law)
    C, k = number("flops", flops, above=0), number("factor", factor, above=0)
    N, D = family.optimal(C)
    best = family.loss(N, D)
    wrong = k * N
    left = C / (TRAINING_FLOPS * wrong)
    loss = family.loss(wrong, left)
    # k = 1 is exact but for rounding, which must not put the best loss out of its own reach.
    needed = family.tokens_for(wrong, best) if k != 1 else D
    cheapest_N, cheapest_D = family.cheapest(loss)
    share = TRAINING_FLOPS * cheapest_N * cheapest_D / C

    def answer(values, unit: str) -> Answer:
        return Answer.of(np.asarray(values, dtype=float), unit)

    return WrongSize(
        k,
        C,
        answer(N, "parameters"),
        answer(wrong, "parameters"),
        answer(left, "tokens"),
        answer(best, "nats per token"),
        answer(loss, "nats per token"),
        answer(loss - best, "nats per token"),
        answer(TRAINING_FLOPS * wrong * needed / C, "of the budget"),
        answer(share, "of the budget"),
    )
