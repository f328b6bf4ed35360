"""The points: 60 for the loss, 40 for the prediction."""

from __future__ import annotations

import math

from scaling_utils._check import number

LOSS_POINTS, PREDICTION_POINTS = 60.0, 40.0
BEHIND = 4 / 3  # excess over the reference that earns nothing for the loss
WORTHLESS = 0.5  # the interval score that earns nothing
MISSED = 10.0  # 2 / alpha, for intervals that are to hold 80 % of results
TIE = 0.03  # a second seed moves the excess of a final run by 2.6 %


def loss_points(excess: float, reference: float) -> float:
    """Return the points for the final loss, 0 to 60.

    60 (1 - ln(x / reference) / ln(4 / 3)), cut to 0 ... 60: all for the best recorded result, none
    for an excess a third above it, and even steps of the logarithm between. So 3 % of the excess
    are worth the same on every language.

    Parameters
    ----------
    excess : float
        x, of the final run over the entropy, nats per symbol. Infinite for a run that diverged.
    reference : float
        The least of the recorded games on the language, nats per symbol.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If a number is not above zero.
    """
    reference = number("reference", reference, above=0)
    if excess == math.inf:
        return 0.0
    behind = math.log(number("excess", excess, above=0) / reference) / math.log(BEHIND)
    return LOSS_POINTS * min(1.0, max(0.0, 1 - behind))


def interval_score(excess: float, low: float, high: float) -> float:
    """Return how good an 80 % interval was, in logarithms of the excess; less is better.

    The width, and ten times what it misses by: Gneiting and Raftery (2007),
    https://doi.org/10.1198/016214506000001437, Eq. 43, with alpha = 0.2. Who gives the interval
    that he believes in does best on average.

    Parameters
    ----------
    excess : float
        Of the final run, nats per symbol. Infinite for a run that diverged.
    low, high : float
        Ends of the interval, nats per symbol, above zero.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If a number is not above zero, or the ends are in the wrong order.
    """
    low = number("low", low, above=0)
    high = number("high", high, at_least=low)
    if excess == math.inf:
        return math.inf
    x, low, high = map(math.log, (number("excess", excess, above=0), low, high))
    return high - low + MISSED * max(0.0, low - x, x - high)


def prediction_points(excess: float, low: float, high: float) -> float:
    """Return the points for the prediction: 40 max(0, 1 - S / 0.5), S the interval score.

    Parameters
    ----------
    excess, low, high : float
        As for :func:`interval_score`.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        As :func:`interval_score`.
    """
    return PREDICTION_POINTS * max(0.0, 1 - interval_score(excess, low, high) / WORTHLESS)
