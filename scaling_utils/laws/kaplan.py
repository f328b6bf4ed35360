"""The laws of Kaplan et al. (2020), https://arxiv.org/abs/2001.08361.

The paper has three sets of constants, from three fits, and they must not be mixed:

- each variable on its own (Eqs. 1.1-1.3 and Table 5),
- size and data together (Eq. 4.1, Table 2), where alpha_D is 0.103 and not 0.095,
- size and steps together (Eq. 5.6, Table 3).

N is counted without embeddings, the loss is in nats per token on WebText2, and the
compute of the paper's own laws is in PF-days.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scaling_utils._check import number, positive_array
from scaling_utils.laws._about import About
from scaling_utils.laws.power import Trend
from scaling_utils.units import PF_DAY


@dataclass(frozen=True)
class KaplanJoint:
    """L(N, D) = [(N_c / N)^(alpha_N / alpha_D) + D_c / D]^alpha_D (Eq. 4.1).

    Parameters
    ----------
    N_c, alpha_N : float
        Scale in non-embedding parameters, and exponent of the size. Above zero.
    D_c, alpha_D : float
        Scale in tokens, and exponent of the data. Above zero.
    about : About, optional
        Source, units and domain.

    Raises
    ------
    TypeError, ValueError
        If a constant is not finite and above zero.
    """

    N_c: float
    alpha_N: float
    D_c: float
    alpha_D: float
    about: About | None = field(default=None, compare=False, repr=False)

    def __post_init__(self):
        for name in ("N_c", "alpha_N", "D_c", "alpha_D"):
            number(name, getattr(self, name), above=0)

    @property
    def data_exponent(self) -> float:
        """Data must grow as N to this power to keep overfitting constant, alpha_N / alpha_D."""
        return self.alpha_N / self.alpha_D

    def loss(self, N, D):
        """Return the loss in nats per token, trained to convergence on ``D`` tokens (Eq. 4.1).

        Parameters
        ----------
        N, D : float or array
            Non-embedding parameters and tokens; the two broadcast. Above zero, or a TypeError or
            ValueError is raised.
        """
        N, D = positive_array("N", N), positive_array("D", D)
        return (((self.N_c / N) ** self.data_exponent + self.D_c / D) ** self.alpha_D)[()]

    def overfitting(self, N, D):
        """Return the relative loss due to finite data, L(N, D) / L(N, infinity) - 1 (Eqs. 4.2-4.3).

        Parameters and errors are those of :meth:`loss`. The result is a share: 0.02 is a loss 2 %
        higher than with endless data.
        """
        N, D = positive_array("N", N), positive_array("D", D)
        ratio = (N / self.N_c) ** self.data_exponent * self.D_c / D
        return np.expm1(self.alpha_D * np.log1p(ratio))[()]

    def tokens_for_overfitting(self, N, overfitting: float):
        """Return the tokens at which :meth:`overfitting` has a given value.

        Parameters
        ----------
        N : float or array
            Non-embedding parameters. Above zero, or a TypeError or ValueError is raised.
        overfitting : float
            A share, above zero; Eq. 4.4 takes 0.02.

        Returns
        -------
        float or array
            Tokens, of the shape of ``N``.
        """
        N = positive_array("N", N)
        overfitting = number("overfitting", overfitting, above=0)
        ratio = np.expm1(np.log1p(overfitting) / self.alpha_D)
        return ((N / self.N_c) ** self.data_exponent * self.D_c / ratio)[()]


@dataclass(frozen=True)
class KaplanSteps:
    """L(N, S_min) = (N_c / N)^alpha_N + (S_c / S_min)^alpha_S (Eqs. 1.6 and 5.6).

    Parameters
    ----------
    N_c, alpha_N : float
        Scale in non-embedding parameters, and exponent of the size. Above zero.
    S_c, alpha_S : float
        Scale in steps, and their exponent. Above zero.
    about : About, optional
        Source, units and domain.

    Raises
    ------
    TypeError, ValueError
        If a constant is not finite and above zero.
    """

    N_c: float
    alpha_N: float
    S_c: float
    alpha_S: float
    about: About | None = field(default=None, compare=False, repr=False)

    def __post_init__(self):
        for name in ("N_c", "alpha_N", "S_c", "alpha_S"):
            number(name, getattr(self, name), above=0)

    def loss(self, N, S_min):
        """Return the loss, in nats per token, at a batch far above critical.

        Parameters
        ----------
        N, S_min : float or array
            Non-embedding parameters and steps; the two broadcast. Above zero, or a TypeError or
            ValueError is raised.
        """
        N, S_min = positive_array("N", N), positive_array("S_min", S_min)
        return ((self.N_c / N) ** self.alpha_N + (self.S_c / S_min) ** self.alpha_S)[()]


@dataclass(frozen=True)
class CriticalBatch:
    """B_crit(L) = B_star / L^(1 / alpha_B), in tokens (Eqs. 1.4 and 5.3).

    Parameters
    ----------
    B_star : float
        Critical batch at a loss of 1 nat per token, in tokens. Above zero.
    alpha_B : float
        Exponent. Above zero.
    about : About, optional
        Source, units and domain.

    Raises
    ------
    TypeError, ValueError
        If a constant is not finite and above zero.
    """

    B_star: float
    alpha_B: float
    about: About | None = field(default=None, compare=False, repr=False)

    def __post_init__(self):
        number("B_star", self.B_star, above=0)
        number("alpha_B", self.alpha_B, above=0)

    def tokens(self, loss):
        """Return the critical batch size in tokens at a ``loss`` in nats per token.

        The loss may be an array; where it is not above zero a TypeError or ValueError is raised.
        """
        return (self.B_star * positive_array("loss", loss) ** (-1 / self.alpha_B))[()]


@dataclass(frozen=True)
class KaplanPlan:
    """What Table 6 recommends for a budget.

    Attributes
    ----------
    N : float or array
        Non-embedding parameters.
    D : float or array
        Training tokens.
    B : float or array
        Batch in tokens.
    S : float or array
        Serial steps.
    C : float or array
        The budget C_min, in FLOPs.
    """

    N: float
    D: float
    B: float
    S: float
    C: float

    @property
    def tokens_per_parameter(self):
        """Training tokens per non-embedding parameter, D / N."""
        return self.D / self.N


@dataclass(frozen=True)
class KaplanAllocation:
    """The compute-optimal run of Table 6. Each trend takes C_min in PF-days.

    Parameters
    ----------
    N, D, B, S : Trend
        Non-embedding parameters, tokens, batch in tokens, and serial steps.
    about : About, optional
        Source, units and domain.
    """

    N: Trend
    D: Trend
    B: Trend
    S: Trend
    about: About | None = field(default=None, compare=False, repr=False)

    def optimal(self, C) -> KaplanPlan:
        """Return the recommended run.

        Parameters
        ----------
        C : float or array
            C_min in **FLOPs**; it is converted to PF-days here. Above zero, or a TypeError or
            ValueError is raised.

        Returns
        -------
        KaplanPlan
            Its fields have the shape of ``C``.
        """
        C = positive_array("C", C)[()]
        days = C / PF_DAY
        trends = {name: getattr(self, name).at(days) for name in ("N", "D", "B", "S")}
        return KaplanPlan(C=C, **trends)


def compute_exponent(alpha_N: float, alpha_S: float, alpha_B: float) -> float:
    """Return alpha_C^min = 1 / (1/alpha_S + 1/alpha_B + 1/alpha_N) (Eqs. 1.8 and 6.4).

    The paper prints 0.054; its own printed exponents give 0.052.

    Parameters
    ----------
    alpha_N, alpha_S, alpha_B : float
        Exponents of size, of steps and of the critical batch. Above zero.

    Returns
    -------
    float
        Exponent with which the loss falls as the budget grows.

    Raises
    ------
    TypeError, ValueError
        If an exponent is not a single finite number above zero.
    """
    alphas = {"alpha_N": alpha_N, "alpha_S": alpha_S, "alpha_B": alpha_B}
    return 1.0 / sum(1.0 / number(name, value, above=0) for name, value in alphas.items())


def kaplan_learning_rate(N):
    """Return Adam's learning rate for ``N`` parameters, 0.003239 - 0.0001395 ln N (Eq. D.1).

    The paper says that the rule breaks down above 1e10 parameters; it turns negative near
    1.2e10.

    Parameters
    ----------
    N : float or array
        Non-embedding parameters. Above zero.

    Returns
    -------
    float or array
        Learning rate, of the shape of ``N``.

    Raises
    ------
    TypeError, ValueError
        If N is not numeric, finite and above zero, or so large that the rate is not positive.
    """
    N = positive_array("N", N)
    rate = 0.003239 - 0.0001395 * np.log(N)
    if (rate <= 0).any():
        worst = float(N[rate <= 0].flat[0])
        raise ValueError(f"the rule breaks down above 1e10 parameters, got N = {worst:g}")
    return rate[()]
