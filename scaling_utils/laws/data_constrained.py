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

    Parameters
    ----------
    law : ParametricLaw
        The law for data seen once.
    R_D_star, R_N_star : float
        Repetitions after which the worth of another pass, or of excess parameters, has
        fallen to 1/e of the first. Above zero.
    """

    law: ParametricLaw
    R_D_star: float
    R_N_star: float
    about: About | None = field(default=None, compare=False, repr=False)

    def __post_init__(self):
        number("R_D_star", self.R_D_star, above=0)
        number("R_N_star", self.R_N_star, above=0)

    def effective_data(self, D, U):
        """Unique tokens that are worth as much as ``D`` tokens drawn from ``U`` unique ones."""
        D, U = positive_array("D", D), positive_array("U", U)
        return _saturating(D, U, self.R_D_star)[()]

    def effective_epochs(self, epochs):
        """Passes over fresh data that are worth as much as ``epochs`` passes over the same."""
        return self.effective_data(epochs, 1.0)

    def effective_size(self, N, U):
        """Parameters that are worth as much as ``N`` when only ``U`` unique tokens exist."""
        N, U = positive_array("N", N), positive_array("U", U)
        usable = np.minimum(N, self.law.optimal_for_tokens(U).N)
        return _saturating(N, usable, self.R_N_star)[()]

    def loss(self, N, D, U):
        """Predicted loss of ``N`` parameters on ``D`` tokens, ``U`` of them unique.

        All broadcast; parameters and tokens; nats per token. Where D is below U all
        tokens are seen at most once.
        """
        unique = np.minimum(positive_array("D", D), positive_array("U", U))
        return self.law.loss(self.effective_size(N, unique), self.effective_data(D, unique))

    def optimal(self, C: float, U: float) -> Allocation:
        """The best split of ``C`` = 6 N D FLOPs when ``U`` unique tokens exist (numeric)."""
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


MUENNIGHOFF = DataConstrainedLaw(
    law=ParametricLaw(
        E=float(np.exp(0.6254804)),
        A=float(np.exp(6.255414)),
        B=float(np.exp(7.3049974)),
        alpha=0.3526596,
        beta=0.3526596,
    ),
    R_D_star=15.387756,
    R_N_star=5.309743,
    about=About(
        source="Muennighoff et al. (2023), https://arxiv.org/abs/2305.16264, Eq. 5, App. A",
        units="loss in nats per token; N in parameters; D and U in tokens",
        domain="10M to 9B parameters, up to 900B tokens and 1,500 epochs of C4",
        note=(
            "at R_D* repetitions another pass is worth 1/e of the first; the paper's text "
            "says that it has lost 1/e"
        ),
    ),
)
