"""The parametric law L(N, D) = E + A / N^alpha + B / D^beta and what follows from it.

The form is Eq. 2 of Hoffmann et al. (2022), https://arxiv.org/abs/2203.15556, and the
closed form of its compute-optimal frontier is their Eq. 4. Training work is counted as
C = 6 N D FLOPs and inference work as 2 N FLOPs per token throughout.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scaling_utils._check import number, positive_array
from scaling_utils.laws._about import About, UnreachableLoss
from scaling_utils.laws.power import PowerLaw
from scaling_utils.units import INFERENCE_FLOPS, TRAINING_FLOPS


@dataclass(frozen=True)
class Allocation:
    """How a budget is split.

    Attributes
    ----------
    N : float or array
        Parameters.
    D : float or array
        Training tokens.
    C : float or array
        Training work in FLOPs, C = 6 N D.
    loss : float or array
        Predicted loss, in the law's unit.
    inference_tokens : float
        Tokens that the model serves in its life (0 where serving is left out).
    """

    N: float
    D: float
    C: float
    loss: float
    inference_tokens: float = 0.0

    @property
    def tokens_per_parameter(self):
        """Training tokens per parameter, D / N."""
        return self.D / self.N

    @property
    def total_flops(self):
        """Training work and inference work together, 6 N D + 2 N D_inference, in FLOPs."""
        return self.C + INFERENCE_FLOPS * self.N * self.inference_tokens


def _plain(value):
    """A Python float for a single value, the array otherwise."""
    return float(value) if np.ndim(value) == 0 else value


@dataclass(frozen=True)
class ParametricLaw:
    """L(N, D) = E + A / N^alpha + B / D^beta.

    Source: Hoffmann et al. (2022), https://arxiv.org/abs/2203.15556, Eq. 2.

    Parameters
    ----------
    E : float
        Irreducible loss, nats per token. Zero or above.
    A, alpha : float
        Size term: A / N^alpha is the loss due to finite size. Above zero.
    B, beta : float
        Data term: B / D^beta is the loss due to finite data. Above zero.
    about : About, optional
        Source, units and domain of a published law.

    Raises
    ------
    TypeError, ValueError
        If a coefficient is not finite or out of its range. The methods raise the same for
        arguments that are not numeric, finite and above zero (``inference_tokens``: zero or
        above), and UnreachableLoss, a ValueError, where they say so.

    Notes
    -----
    N is in parameters, D in tokens, C in FLOPs and a loss in nats per token, all as numbers or
    as arrays that broadcast unless a method says "a single number". The fields of an
    :class:`Allocation` have the shape of what was given.
    """

    E: float
    A: float
    B: float
    alpha: float
    beta: float
    about: About | None = field(default=None, compare=False, repr=False)

    def __post_init__(self):
        number("E", self.E, at_least=0)
        for name in ("A", "B", "alpha", "beta"):
            number(name, getattr(self, name), above=0)

    def loss(self, N, D):
        """Return the predicted loss.

        Parameters
        ----------
        N, D : float or array
            Parameters and tokens; the two broadcast. Above zero.

        Returns
        -------
        float or array
            Nats per token.
        """
        N, D = positive_array("N", N), positive_array("D", D)
        return (self.E + self.A * N**-self.alpha + self.B * D**-self.beta)[()]

    # ---- the compute-optimal frontier -------------------------------------------------

    @property
    def a(self) -> float:
        """Exponent of the optimal size, N_opt grows as C^a, a = beta / (alpha + beta)."""
        return self.beta / (self.alpha + self.beta)

    @property
    def b(self) -> float:
        """Exponent of the optimal tokens, D_opt grows as C^b, b = alpha / (alpha + beta)."""
        return self.alpha / (self.alpha + self.beta)

    @property
    def G(self) -> float:
        """Coefficient of the frontier, N_opt = G (C/6)^a and D_opt = (C/6)^b / G."""
        return float((self.alpha * self.A / (self.beta * self.B)) ** (1 / (self.alpha + self.beta)))

    @property
    def frontier_exponent(self) -> float:
        """Along the frontier L - E falls as C^-gamma, gamma = alpha beta / (alpha + beta)."""
        return self.alpha * self.beta / (self.alpha + self.beta)

    def optimal(self, C) -> Allocation:
        """Return the split of a budget that gives the lowest loss (Eq. 4 of the source).

        Parameters
        ----------
        C : float or array
            Training work in FLOPs, C = 6 N D. Above zero.

        Returns
        -------
        Allocation
            Its fields have the shape of ``C``.
        """
        C = positive_array("C", C)[()]
        work = C / TRAINING_FLOPS
        return self.allocation(self.G * work**self.a, work**self.b / self.G)

    def optimal_for_size(self, N) -> Allocation:
        """Return the point of the frontier with ``N`` parameters: the budget N is best for."""
        N = positive_array("N", N)[()]
        # alpha A / N^alpha = beta B / D^beta along the frontier (Eq. 4).
        D = (self.beta * self.B * N**self.alpha / (self.alpha * self.A)) ** (1 / self.beta)
        return self.allocation(N, D)

    def optimal_for_tokens(self, D) -> Allocation:
        """Return the point of the frontier with ``D`` tokens: the size D tokens are best for."""
        D = positive_array("D", D)[()]
        N = (self.alpha * self.A * D**self.beta / (self.beta * self.B)) ** (1 / self.alpha)
        return self.allocation(N, D)

    def allocation(self, N, D, inference_tokens: float = 0.0) -> Allocation:
        """Return the work and loss of ``N`` parameters trained on ``D`` tokens, optimal or not.

        ``inference_tokens``, a single number, is passed on to the allocation.
        """
        N, D = _plain(positive_array("N", N)), _plain(positive_array("D", D))
        served = number("inference_tokens", inference_tokens, at_least=0)
        return Allocation(N, D, TRAINING_FLOPS * N * D, _plain(self.loss(N, D)), served)

    def frontier(self) -> PowerLaw:
        """Return the lowest loss as a power law of the budget C in FLOPs, with offset E.

        At the optimum L - E = (1 + alpha / beta) A / N_opt^alpha, which falls as C^-gamma.
        """
        gamma = self.frontier_exponent
        coefficient = (1 + self.alpha / self.beta) * self.A * self.G**-self.alpha
        return PowerLaw.from_coefficient(coefficient * TRAINING_FLOPS**gamma, gamma, self.E)

    def optimal_with_size_limit(self, C: float, N_max: float) -> Allocation:
        """Return :meth:`optimal` with no more than ``N_max`` parameters; both are single numbers.

        On the line 6 N D = C the loss has a single valley, so where the free optimum is
        too large the best size allowed is ``N_max`` itself, trained on C / (6 N_max) tokens.
        """
        C, N_max = number("C", C, above=0), number("N_max", N_max, above=0)
        free = self.optimal(C)
        if N_max >= free.N:
            return free
        return self.allocation(N_max, C / (TRAINING_FLOPS * N_max))

    # ---- inverse problems -------------------------------------------------------------

    def tokens_for_loss(self, N, loss):
        """Return the tokens D with L(N, D) = ``loss``.

        Raises UnreachableLoss (a ValueError) when ``N`` parameters cannot reach the loss
        with any number of tokens; it names the reachable range.
        """
        N, loss = positive_array("N", N), positive_array("loss", loss)
        floor = self.E + self.A * N**-self.alpha
        self._reachable(loss, floor, "this size leaves E + A / N^alpha at any number of tokens")
        return (self.B / (loss - floor))[()] ** (1 / self.beta)

    def size_for_loss(self, D, loss):
        """Return the parameters N with L(N, D) = ``loss``.

        Raises UnreachableLoss (a ValueError) when ``D`` tokens cannot reach the loss at
        any size; it names the reachable range.
        """
        D, loss = positive_array("D", D), positive_array("loss", loss)
        floor = self.E + self.B * D**-self.beta
        self._reachable(loss, floor, "these tokens leave E + B / D^beta at any size")
        return (self.A / (loss - floor))[()] ** (1 / self.alpha)

    def budget_for_loss(self, loss):
        """Return the least training work C in FLOPs that reaches ``loss``, on the frontier.

        Raises UnreachableLoss (a ValueError) at or below E.
        """
        loss = positive_array("loss", loss)
        self._reachable(loss, np.float64(self.E), "the law has an irreducible loss E")
        # There alpha A / N^alpha = beta B / D^beta, so the size term has the share a of the
        # reducible loss and the data term the share b.
        N, D = self._on_iso_loss(loss, self.b)
        return (TRAINING_FLOPS * N * D)[()]

    def iso_loss(self, loss: float, N, inference_tokens: float = 0.0) -> Allocation:
        """Return the allocations that reach ``loss``, a single number, at the sizes ``N``.

        Their ``total_flops`` is the work including ``inference_tokens`` served, a single number.
        Raises UnreachableLoss (a ValueError) where one of the sizes cannot reach it.
        """
        loss = number("loss", loss, above=0)
        return self.allocation(N, self.tokens_for_loss(N, loss), inference_tokens)

    def _on_iso_loss(self, loss, data_share):
        """N and D that reach ``loss`` when the data term has ``data_share`` of L - E."""
        reducible = loss - self.E
        N = (self.A / ((1 - data_share) * reducible)) ** (1 / self.alpha)
        D = (self.B / (data_share * reducible)) ** (1 / self.beta)
        return N, D

    @staticmethod
    def _reachable(loss, floor, because: str) -> None:
        loss, floor = np.broadcast_arrays(loss, floor)
        bad = ~(loss > floor)
        if bad.any():
            target, lowest = float(loss[bad].flat[0]), float(floor[bad].flat[0])
            raise UnreachableLoss(target, lowest, float("inf"), because)

    # ---- serving included -------------------------------------------------------------

    def optimal_with_inference(self, loss: float, inference_tokens: float) -> Allocation:
        """Return the cheapest model of a given quality, serving included.

        Minimises 6 N D + 2 N D_inference at L(N, D) = ``loss``, with D_inference =
        ``inference_tokens``, both single numbers. With no serving this is the frontier; more
        serving moves the optimum to a smaller model trained on more tokens. Raises
        UnreachableLoss (a ValueError) at or below E.

        Source: Sardana et al. (2024), https://arxiv.org/abs/2401.00448.
        """
        from scipy.optimize import brentq  # slow to import, and only needed here

        loss = number("loss", loss, above=0)
        served = number("inference_tokens", inference_tokens, at_least=0)
        self._reachable(loss, np.float64(self.E), "the law has an irreducible loss E")

        def slope(log_share: float) -> float:
            # d log(6 N D + 2 N D_inf) / d log N along the iso-loss curve, where the data
            # term has the share exp(log_share) of the reducible loss.
            share = np.exp(log_share)
            D = self._on_iso_loss(loss, share)[1]
            return 1.0 - self.alpha * (1 - share) / (self.beta * share) * D / (D + served / 3)

        high = np.log(self.b)  # the frontier: the optimum without serving
        log_share = high
        if slope(high) > 0:
            low = high - 1.0
            while slope(low) > 0:
                low -= 1.0
            log_share = brentq(slope, low, high, xtol=1e-13)
        return self.allocation(*self._on_iso_loss(loss, np.exp(log_share)), served)
