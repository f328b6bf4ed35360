"""Repeated data: the law of Muennighoff et al. (2023), https://arxiv.org/abs/2305.16264."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scaling_utils._check import number, positive_array
from scaling_utils.laws._about import About
from scaling_utils.laws.parametric import Allocation, ParametricLaw
from scaling_utils.units import TRAINING_FLOPS


def _saturating(total, unique, scale: float):
    """unique * (1 + scale * (1 - exp(-repeats / scale))), repeats = total / unique - 1."""
    repeats = np.maximum(total / unique - 1.0, 0.0)
    return np.minimum(total, unique) * (1.0 - scale * np.expm1(-repeats / scale))


@dataclass(frozen=True)
class DataConstrainedLaw:
    """L(N, D, U) = E + A / N'^alpha + B / D'^beta, where only U of the D tokens are unique.

    D' = U + U R_D* (1 - exp(-R_D / R_D*)) is the unique data that D tokens are worth,
    with R_D = D / U - 1 repetitions (Eq. 5). N' has the same form, with the size
    that the unique data can make use of, U_N = min(N, N_opt(U)), in the place of U.

    Source: Muennighoff et al. (2023), https://arxiv.org/abs/2305.16264.

    Parameters
    ----------
    law : ParametricLaw
        The law for data seen once.
    R_D_star, R_N_star : float
        Repetitions after which the worth of another pass, or of excess parameters, has
        fallen to 1/e of the first. Above zero.
    about : About, optional
        Source, units and domain.

    Raises
    ------
    TypeError, ValueError
        If R_D_star or R_N_star is not finite and above zero.
    """

    law: ParametricLaw
    R_D_star: float
    R_N_star: float
    about: About | None = field(default=None, compare=False, repr=False)

    def __post_init__(self):
        number("R_D_star", self.R_D_star, above=0)
        number("R_N_star", self.R_N_star, above=0)

    def effective_data(self, D, U):
        """Return the unique tokens that are worth as much as ``D`` tokens drawn from ``U`` (Eq. 5).

        Parameters
        ----------
        D, U : float or array
            Tokens seen and unique tokens; the two broadcast. Above zero.

        Returns
        -------
        float or array
            Tokens. Where D is below U it is D.

        Raises
        ------
        TypeError, ValueError
            If D or U is not numeric, finite and above zero.
        """
        D, U = positive_array("D", D), positive_array("U", U)
        return _saturating(D, U, self.R_D_star)[()]

    def effective_epochs(self, epochs):
        """Return the passes over fresh data worth as much as ``epochs`` passes over the same.

        Parameters
        ----------
        epochs : float or array
            Passes. Above zero.

        Returns
        -------
        float or array
            Passes.

        Raises
        ------
        TypeError, ValueError
            If epochs is not numeric, finite and above zero; the message calls it D.
        """
        return self.effective_data(epochs, 1.0)

    def effective_size(self, N, U):
        """Return the parameters worth as much as ``N`` when only ``U`` unique tokens exist.

        Parameters
        ----------
        N, U : float or array
            Parameters and unique tokens; the two broadcast. Above zero.

        Returns
        -------
        float or array
            Parameters. Where N is below N_opt(U) it is N.

        Raises
        ------
        TypeError, ValueError
            If N or U is not numeric, finite and above zero.
        """
        N, U = positive_array("N", N), positive_array("U", U)
        usable = np.minimum(N, self.law.optimal_for_tokens(U).N)
        return _saturating(N, usable, self.R_N_star)[()]

    def loss(self, N, D, U):
        """Return the predicted loss. Where D is below U all tokens are seen at most once.

        Parameters
        ----------
        N, D, U : float or array
            Parameters, tokens, and how many of the tokens are unique; all broadcast. Above zero.

        Returns
        -------
        float or array
            Nats per token.

        Raises
        ------
        TypeError, ValueError
            If an argument is not numeric, finite and above zero.
        """
        unique = np.minimum(positive_array("D", D), positive_array("U", U))
        return self.law.loss(self.effective_size(N, unique), self.effective_data(D, unique))

    def optimal(self, C: float, U: float) -> Allocation:
        """Return the best split of a budget when ``U`` unique tokens exist, found numerically.

        Parameters
        ----------
        C : float
            Training work in FLOPs, C = 6 N D. Above zero.
        U : float
            Unique tokens. Above zero.

        Returns
        -------
        Allocation
            Parameters, tokens (repeats counted), FLOPs and nats per token.

        Raises
        ------
        TypeError, ValueError
            If C or U is not a single finite number above zero.
        """
        from scipy.optimize import minimize_scalar  # slow to import, and only needed here

        C, U = number("C", C, above=0), number("U", U, above=0)

        def loss_at(log_N: float) -> float:
            N = np.exp(log_N)
            return float(self.loss(N, C / (TRAINING_FLOPS * N), U))

        # A coarse grid first: the valley has a kink where repetition begins.
        middle = np.log(self.law.optimal(C).N)
        grid = np.linspace(middle - 12.0, middle + 12.0, 241)
        best = int(np.argmin([loss_at(g) for g in grid]))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
        found = minimize_scalar(loss_at, bounds=(low, high), method="bounded")
        N = float(np.exp(found.x))
        return Allocation(N=N, D=C / (TRAINING_FLOPS * N), C=C, loss=float(found.fun))
