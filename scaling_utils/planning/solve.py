"""From a question and a budget to size and tokens, for all draws of a law at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils.planning.families import Family
from scaling_utils.planning.inputs import Question
from scaling_utils.planning.repeats import (
    cheapest_repeated,
    optimal_repeated,
    repeated_loss,
    tokens_for_repeated,
)
from scaling_utils.planning.serving import best_served, cheapest_served
from scaling_utils.units import TRAINING_FLOPS


@dataclass(frozen=True)
class Limits:
    """What binds a plan beside its budget.

    Attributes
    ----------
    largest : float or None
        Parameters of the largest model that can be deployed.
    unique : float or None
        Fresh tokens that exist.
    served : float
        Tokens that the model serves in its life; a budget then pays for these too.
    flops_per_token : float or None
        Training FLOPs per token of a known architecture; 6 N where None.
    """

    largest: float | None = None
    unique: float | None = None
    served: float = 0.0
    flops_per_token: float | None = None

    @property
    def worth(self) -> float:
        """What serving adds to the training tokens of equal work: 2 N per token against 6 N."""
        return self.served / 3.0

    def per_token(self, N):
        """Return the training FLOPs per token."""
        if self.flops_per_token is not None:
            return np.full(np.shape(N), self.flops_per_token)
        return TRAINING_FLOPS * N


def loss_of(family: Family, N, D, limits: Limits):
    """Return the loss in nats per token, repeated tokens counted for what they are worth."""
    if limits.unique is None:
        return family.loss(N, D)
    return repeated_loss(family, N, D, limits.unique)


def size_and_tokens(question: Question, family: Family, flops, limits: Limits):
    """Return N and D, each of shape (draws,); NaN where a draw of the law cannot do it.

    ``flops`` is the budget, shape (draws,), or None where the question has none.
    """
    ones = np.ones(len(family))
    mode, N, D = question.mode, question.parameters, question.tokens
    if mode == "size and tokens":
        return N * ones, D * ones
    if mode == "best tokens":
        return N * ones, family.tokens_best_for(N) * ones
    if mode == "best size":
        return family.size_best_for(D) * ones, D * ones
    if mode == "size":
        per_token = limits.per_token(N)
        left = flops - TRAINING_FLOPS * N * limits.worth
        return N * ones, np.where(left > 0, left, np.nan) / per_token * ones
    if mode == "tokens":
        return flops / (TRAINING_FLOPS * (D + limits.worth)) * ones, D * ones
    if mode == "free":
        return _free(family, flops / TRAINING_FLOPS * ones, limits)
    return _for_loss(question, family, ones, limits)


def _free(family: Family, budget, limits: Limits):
    worth = limits.worth
    if limits.unique is not None:
        N, D = optimal_repeated(family, budget, limits.unique, worth)
    elif worth:
        N, D = best_served(family, budget, worth)
    else:
        N, D = family.optimal(TRAINING_FLOPS * budget)
    if limits.largest is None:
        return N, D
    # On the line of one budget the loss has a single valley: the best size allowed is the limit.
    N = np.minimum(N, limits.largest)
    return N, np.where(limits.largest > N, D, budget / N - worth)


def _for_loss(question: Question, family: Family, ones, limits: Limits):
    loss = question.loss
    if question.mode == "loss and size":
        N = question.parameters * ones
        return N, _tokens(family, N, loss, limits)
    if question.mode == "loss and tokens":
        D = question.tokens * ones
        fresh = D if limits.unique is None else np.minimum(D, limits.unique)
        if limits.unique is not None and limits.unique < question.tokens:
            raise ValueError(
                f"tokens = {question.tokens:g} are more than unique_tokens = {limits.unique:g}, "
                "which with a loss is not solved for the size: give the loss with parameters, or "
                "without tokens"
            )
        return family.size_for(fresh, loss), D
    if limits.unique is not None:
        N, D = cheapest_repeated(family, loss, limits.unique, limits.worth)
    else:
        N, D = cheapest_served(family, loss, limits.worth)
    if limits.largest is None:
        return N, D
    capped = np.minimum(N, limits.largest)
    return capped, np.where(capped < N, _tokens(family, capped, loss, limits), D)


def _tokens(family: Family, N, loss, limits: Limits):
    if limits.unique is None:
        return family.tokens_for(N, loss)
    return tokens_for_repeated(family, N, loss, limits.unique)
