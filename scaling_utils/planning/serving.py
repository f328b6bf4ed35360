"""The cheapest model when serving counts too: smaller, and trained on more tokens.

Sardana et al. (2024), https://arxiv.org/abs/2401.00448, minimise 6 N D + 2 N D_served at a given
loss, in FLOPs or in money, where training, prompts and answers use the machine unequally well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils._check import number
from scaling_utils.laws import UnreachableLoss
from scaling_utils.planning.families import Family, family_of
from scaling_utils.units import INFERENCE_FLOPS, TRAINING_FLOPS

_HALVINGS = 60


@dataclass(frozen=True)
class Serving:
    """The cheapest model of a given loss, serving included.

    Attributes
    ----------
    N, D : float
        Parameters and training tokens.
    loss : float
        Nats per token.
    served_tokens : float
        Prompts and answers together.
    total, training, serving : float
        What it takes: FLOPs, or the unit of the prices where those were given.
    N_alone, D_alone, total_alone : float
        The model that is cheapest to train, and what that takes with the same serving.
    """

    N: float
    D: float
    loss: float
    served_tokens: float
    total: float
    training: float
    serving: float
    N_alone: float
    D_alone: float
    total_alone: float

    @property
    def saving(self) -> float:
        """Share of ``total_alone`` that the smaller model saves."""
        return 1 - self.total / self.total_alone


def serving_optimum(
    law,
    *,
    loss: float | None = None,
    parameters: float | None = None,
    flops: float | None = None,
    served_tokens: float,
    answer_share: float = 1.0,
    training_price: float = 1.0,
    prompt_price: float | None = None,
    answer_price: float | None = None,
) -> Serving:
    """Return the cheapest model of a given quality, its training and its serving counted.

    Source: Sardana et al. (2024), https://arxiv.org/abs/2401.00448, Eq. 2 for FLOPs and Eq. 4
    for money.

    Parameters
    ----------
    law : str, law, Fit or Resamples
        See ``family_of``; of resamples the medians of the constants.
    loss, parameters, flops : float, one of the three
        The quality: a loss in nats per token; that of the compute-optimal model of so many
        parameters; or that of the compute-optimal model of so many training FLOPs.
    served_tokens : float
        Tokens of prompts and answers in the model's life. Zero or above.
    answer_share : float
        Share of them that is generated; the rest are prompts.
    training_price, prompt_price, answer_price : float
        Price of one model FLOP of each kind, in any one unit: price per device-hour over (peak x
        MFU x 3,600). Left out, all are that of training, and the result is in FLOPs.

    Returns
    -------
    Serving

    Raises
    ------
    TypeError, ValueError
        If not exactly one quality is given, or an argument is out of range; UnreachableLoss, a
        ValueError, for a loss that no model reaches.
    """
    family = family_of(law).middle()
    target = _target(family, loss=loss, parameters=parameters, flops=flops)
    served = number("served_tokens", served_tokens, at_least=0)
    share = number("answer_share", answer_share, at_least=0, at_most=1)
    train = number("training_price", training_price, above=0)
    prompt = train if prompt_price is None else number("prompt_price", prompt_price, above=0)
    answer = train if answer_price is None else number("answer_price", answer_price, above=0)
    per_parameter = INFERENCE_FLOPS * served * ((1 - share) * prompt + share * answer)

    def cost(N, D) -> tuple[float, float]:
        return float(TRAINING_FLOPS * train * N * D), float(per_parameter * N)

    N, D = cheapest_served(family, target, per_parameter / (TRAINING_FLOPS * train))
    alone = family.cheapest(target)
    training, serving = cost(N[0], D[0])
    numbers = (float(x[0]) for x in alone)
    return Serving(
        N=float(N[0]),
        D=float(D[0]),
        loss=float(target),
        served_tokens=served,
        total=training + serving,
        training=training,
        serving=serving,
        N_alone=next(numbers),
        D_alone=next(numbers),
        total_alone=sum(cost(alone[0][0], alone[1][0])),
    )


def _target(family: Family, **quality) -> float:
    """Return the loss that stands for the quality."""
    given = {name: value for name, value in quality.items() if value is not None}
    if len(given) != 1:
        raise ValueError(
            "give exactly one of loss, parameters and flops for the model's quality, got "
            + (", ".join(given) or "none")
        )
    ((name, value),) = given.items()
    value = number(name, value, above=0)
    if name == "parameters":
        return float(family.loss(value, family.tokens_best_for(value))[0])
    if name == "flops":
        return float(family.loss(*family.optimal(value))[0])
    if value <= family.E[0]:
        raise UnreachableLoss(
            value, float(family.E[0]), np.inf, "the law has an irreducible loss E"
        )
    return value


def size_served(family: Family, D, worth):
    """Return the size that is cheapest with D tokens, where serving adds ``worth`` tokens.

    ``worth`` is what serving adds, in training tokens: a third of the served tokens where all
    FLOPs cost the same. Along a curve of equal loss N (D + worth) is least where
    alpha (A / N^alpha)^q = beta (B / D^beta)^q (D + worth) / D: the frontier, with nothing served.
    """
    data = np.log(family.B) - family.beta * np.log(D)
    size = data + (np.log(family.beta / family.alpha) + np.log1p(worth / D)) / family.q
    return np.exp((np.log(family.A) - size) / family.alpha)


def cheapest_served(family: Family, loss, worth):
    """Return N and D that reach ``loss`` with the least N (D + ``worth``), per draw.

    NaN where the loss is out of reach.
    """
    reachable = loss > family.E
    D = _bisect(lambda D: family.loss(size_served(family, D, worth), D) > loss, len(family))
    D = np.where(reachable, D, np.nan)
    return size_served(family, D, worth), D


def best_served(family: Family, budget, worth):
    """Return N and D of the lowest loss with N (D + ``worth``) = ``budget``, per draw."""
    D = _bisect(lambda D: size_served(family, D, worth) * (D + worth) < budget, len(family))
    return size_served(family, D, worth), D


def _bisect(too_few, draws: int):
    """Return the tokens at which ``too_few`` turns false, one per draw."""
    low, high = np.zeros(draws), np.full(draws, 120.0)  # of log D
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        more = too_few(np.exp(middle))
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    return np.exp((low + high) / 2)
