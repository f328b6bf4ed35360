"""What Approach 2 answers where the truth is known: the error that the parabola brings in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils._check import number, positive_array, whole
from scaling_utils.fitting.isoflop import fit_isoflop
from scaling_utils.laws import ParametricLaw
from scaling_utils.units import TRAINING_FLOPS


@dataclass(frozen=True)
class IsoFlopBias:
    """What Approach 2 answers where the truth is known.

    Attributes
    ----------
    exponent : float
        a, with N growing as C^a, from the parabolas.
    true_exponent : float
        a of the law.
    size_ratio : array, shape (budgets,)
        Best size from the parabola over the law's own, by rising budget.
    """

    exponent: float
    true_exponent: float
    size_ratio: np.ndarray


def isoflop_bias(
    law: ParametricLaw, C, *, width: float = 10.0, centre=1.0, points: int = 9
) -> IsoFlopBias:
    """Run Approach 2 on losses taken from ``law`` without noise, and compare.

    Along a budget, with N = s N_opt, the law is a constant plus a multiple of
    s^-alpha / alpha + s^beta / beta: the same valley at every budget. So a grid that sits in
    the same way around every optimum misses each size by the same factor and leaves the
    exponent right; a grid that drifts against the optimum as C grows bends the exponent.

    Parameters
    ----------
    law : ParametricLaw
        The truth.
    C : array, shape (budgets,)
        Budgets in FLOPs, at least two, all different.
    width : float
        Largest size of a grid over its smallest; above 1.
    centre : float or array, shape (budgets,)
        Middle of each grid, over the law's best size there. Above zero.
    points : int
        Sizes per budget, evenly spaced in log N; at least 3.

    Returns
    -------
    IsoFlopBias
        Exponents, and sizes as multiples of the law's own.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or ``centre`` has another shape than ``C``.
    FitError
        If fewer than two budgets bracket the bottom of their parabola.

    Warns
    -----
    FitWarning
        Names the budgets that do not, where two or more others do.
    """
    C = positive_array("C", C, ndim=1)
    width = number("width", width, above=1)
    points = whole("points", points, at_least=3)
    centre = np.broadcast_to(positive_array("centre", centre), C.shape)
    truth = law.optimal(C).N
    steps = np.geomspace(width**-0.5, width**0.5, points)
    N = (truth * centre)[:, None] * steps
    budget = np.broadcast_to(C[:, None], N.shape)
    fit = fit_isoflop(
        budget.ravel(),
        N.ravel(),
        law.loss(N, budget / (TRAINING_FLOPS * N)).ravel(),
        tolerance=1e-9,
    )
    return IsoFlopBias(fit.exponent, law.a, fit.N / truth[np.argsort(C)])
