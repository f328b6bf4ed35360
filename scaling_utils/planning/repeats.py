"""Plans with too little fresh data: tokens that are seen more than once.

The law is that of Muennighoff et al. (2023), https://arxiv.org/abs/2305.16264, Eq. 5; see
``laws.DataConstrainedLaw``. Here it works on all draws of a law at once.
"""

from __future__ import annotations

import numpy as np

from scaling_utils.planning.families import Family
from scaling_utils.planning.serving import best_served, cheapest_served

HARMLESS = 4.0  # epochs; up to here the source finds no difference to fresh data (abstract)
WORTHLESS = 40.0  # epochs; beyond, further passes do next to nothing (Sec. 5)
_POINTS = 41
_DECADES = 3.0  # the best size lies within these of that with endless data


def worth(total, unique, scale):
    """Return the unique tokens that ``total`` tokens out of ``unique`` are worth (Eq. 5)."""
    repeats = np.maximum(total / unique - 1.0, 0.0)
    return np.minimum(total, unique) * (1.0 - scale * np.expm1(-repeats / scale))


def repeated_loss(family: Family, N, D, unique):
    """Return the loss of N parameters on D tokens, of which ``unique`` are fresh.

    Nats per token. Where D is below ``unique`` every token is seen once.
    """
    fresh = np.minimum(D, unique)
    usable = np.minimum(N, family.size_best_for(fresh))
    return family.loss(worth(N, usable, family.R_N_star), worth(D, fresh, family.R_D_star))


def optimal_repeated(family: Family, budget, unique, worth=0.0):
    """Return N and D of the lowest loss with N (D + ``worth``) = ``budget``.

    ``worth`` is what serving adds, see ``serving``; a budget is FLOPs over 6.
    """
    free, D = best_served(family, budget, worth)
    limit = np.inf if np.all(worth == 0) else budget / worth

    def loss(N):
        tokens = np.where(limit > N, budget / N - worth, 1.0)
        return np.where(limit > N, repeated_loss(family, N, tokens, unique), np.inf)

    N = np.where(unique >= D, free, _best(loss, free))
    return N, budget / N - worth


def cheapest_repeated(family: Family, loss, unique, worth=0.0):
    """Return N and D that reach ``loss`` with the least N (D + ``worth``); NaN where none do."""
    free, D_free = cheapest_served(family, loss, worth)
    start = np.where(np.isfinite(free), free, 1.0)
    N = _best(lambda N: N * (_tokens_for(family, N, loss, unique) + worth), start)
    N = np.where(D_free <= unique, free, N)
    D = np.where(D_free <= unique, D_free, _tokens_for(family, N, loss, unique))
    bad = ~np.isfinite(D) | ~np.isfinite(free)
    return np.where(bad, np.nan, N), np.where(bad, np.nan, D)


def tokens_for_repeated(family: Family, N, loss, unique):
    """Return the tokens, passes counted, with which N parameters reach a loss; NaN where none."""
    D = _tokens_for(family, N, loss, unique)
    return np.where(np.isfinite(D), D, np.nan)


def _tokens_for(family: Family, N, loss, unique):
    """The same; infinity where no number of passes reaches the loss."""
    once = family.tokens_for(N, loss)
    usable = np.minimum(N, family.size_best_for(unique))
    size = worth(N, usable, family.R_N_star)
    needed = family.tokens_for(size, loss)
    scale = family.R_D_star
    with np.errstate(invalid="ignore", divide="ignore"):
        repeats = -scale * np.log1p(-(needed / unique - 1.0) / scale)
    D = np.where(once <= unique, once, unique * (1.0 + repeats))
    return np.where(np.isfinite(D), D, np.inf)


def _best(value, middle):
    """Return the size with the lowest ``value`` near ``middle``, by two grids and a parabola."""
    middle = np.log(middle)[:, None]
    width = _DECADES * np.log(10)
    for _ in range(3):
        steps = np.linspace(-width, width, _POINTS)
        values = value_on_grid(value, np.exp(middle + steps))
        best = values.argmin(axis=1)[:, None]
        middle = middle + steps[best]
        width = 2 * width / (_POINTS - 1)
    return np.exp(middle[:, 0])


def value_on_grid(value, grid):
    """Return ``value`` at each column of ``grid``, shape (draws, points)."""
    return np.stack([value(column) for column in grid.T], axis=1)
