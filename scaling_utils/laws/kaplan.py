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
from scaling_utils.laws.power import PowerLaw, Trend
from scaling_utils.units import PF_DAY

_PAPER = "Kaplan et al. (2020), https://arxiv.org/abs/2001.08361"
_DOMAIN = "768 to 1.5e9 non-embedding parameters, WebText2 up to 2.3e10 tokens, context 1024"


def _about(where: str, units: str, note: str = "") -> About:
    return About(f"{_PAPER}, {where}", units, _DOMAIN, note)


@dataclass(frozen=True)
class KaplanJoint:
    """L(N, D) = [(N_c / N)^(alpha_N / alpha_D) + D_c / D]^alpha_D (Eq. 4.1).

    Parameters: N_c (non-embedding parameters), alpha_N, D_c (tokens), alpha_D; all above
    zero. Raises ValueError otherwise.
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
        """Loss in nats per token of ``N`` parameters trained to convergence on ``D`` tokens."""
        N, D = positive_array("N", N), positive_array("D", D)
        return (((self.N_c / N) ** self.data_exponent + self.D_c / D) ** self.alpha_D)[()]

    def overfitting(self, N, D):
        """Relative loss due to finite data, L(N, D) / L(N, infinity) - 1 (Eqs. 4.2-4.3)."""
        N, D = positive_array("N", N), positive_array("D", D)
        ratio = (N / self.N_c) ** self.data_exponent * self.D_c / D
        return np.expm1(self.alpha_D * np.log1p(ratio))[()]

    def tokens_for_overfitting(self, N, overfitting: float):
        """Tokens at which :meth:`overfitting` has the given value; Eq. 4.4 takes 0.02."""
        N = positive_array("N", N)
        overfitting = number("overfitting", overfitting, above=0)
        ratio = np.expm1(np.log1p(overfitting) / self.alpha_D)
        return ((N / self.N_c) ** self.data_exponent * self.D_c / ratio)[()]


@dataclass(frozen=True)
class KaplanSteps:
    """L(N, S_min) = (N_c / N)^alpha_N + (S_c / S_min)^alpha_S (Eqs. 1.6 and 5.6).

    Parameters: N_c (non-embedding parameters), alpha_N, S_c (steps), alpha_S; all above
    zero. Raises ValueError otherwise.
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
        """Loss of ``N`` parameters after ``S_min`` steps at a batch far above critical."""
        N, S_min = positive_array("N", N), positive_array("S_min", S_min)
        return ((self.N_c / N) ** self.alpha_N + (self.S_c / S_min) ** self.alpha_S)[()]


@dataclass(frozen=True)
class CriticalBatch:
    """B_crit(L) = B_star / L^(1 / alpha_B), in tokens (Eqs. 1.4 and 5.3)."""

    B_star: float
    alpha_B: float
    about: About | None = field(default=None, compare=False, repr=False)

    def __post_init__(self):
        number("B_star", self.B_star, above=0)
        number("alpha_B", self.alpha_B, above=0)

    def tokens(self, loss):
        """Critical batch size in tokens at a loss in nats per token."""
        return (self.B_star * positive_array("loss", loss) ** (-1 / self.alpha_B))[()]


@dataclass(frozen=True)
class KaplanPlan:
    """What Table 6 recommends: N parameters, D tokens, batch of B tokens, S serial steps."""

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
    """The compute-optimal run of Table 6. Each trend takes C_min in PF-days."""

    N: Trend
    D: Trend
    B: Trend
    S: Trend
    about: About | None = field(default=None, compare=False, repr=False)

    def optimal(self, C) -> KaplanPlan:
        """The recommended run at C_min = ``C`` **FLOPs** (converted to PF-days here)."""
        C = positive_array("C", C)[()]
        days = C / PF_DAY
        trends = {name: getattr(self, name).at(days) for name in ("N", "D", "B", "S")}
        return KaplanPlan(C=C, **trends)


KAPLAN_SIZE = PowerLaw(
    8.8e13, 0.076, about=_about("Eq. 1.1, Table 5", "nats per token; N without embeddings")
)
KAPLAN_DATA = PowerLaw(5.4e13, 0.095, about=_about("Eq. 1.2, Table 5", "nats per token; tokens"))
KAPLAN_COMPUTE = PowerLaw(
    3.1e8,
    0.050,
    about=_about("Eq. 1.3, Table 5", "nats per token; C_min in PF-days", "batch adjusted"),
)
KAPLAN_COMPUTE_FIXED_BATCH = PowerLaw(
    1.6e7,
    0.057,
    about=_about("Table 5", "nats per token; C in PF-days", "fixed batch of 2^19 tokens"),
)
KAPLAN_JOINT = KaplanJoint(
    N_c=6.4e13,
    alpha_N=0.076,
    D_c=1.8e13,
    alpha_D=0.103,
    about=_about(
        "Eq. 4.1, Table 2",
        "nats per token; N without embeddings; tokens",
        "its constants are not those of the one-variable laws",
    ),
)
KAPLAN_STEPS = KaplanSteps(
    N_c=6.5e13,
    alpha_N=0.077,
    S_c=2.1e3,
    alpha_S=0.76,
    about=_about("Eq. 5.6, Table 3", "nats per token; N without embeddings; steps"),
)
KAPLAN_CRITICAL_BATCH = CriticalBatch(
    2e8,
    0.21,
    about=_about("Eqs. 1.4 and 5.3", "tokens; loss in nats per token", "Table 5 prints 2.1e8"),
)
KAPLAN_CRITICAL_BATCH_TABLE_5 = CriticalBatch(
    2.1e8,
    0.21,
    about=_about("Table 5, Fig. 10", "tokens; loss in nats per token", "the text prints 2e8"),
)
KAPLAN_ALLOCATION = KaplanAllocation(
    N=Trend(1.3e9, 0.73),
    D=Trend(2e10, 0.27),
    B=Trend(2.0e6, 0.24),
    S=Trend(5.4e3, 0.03),
    about=_about(
        "Table 6",
        "C_min in PF-days; N without embeddings; D and B in tokens; S in steps",
        "Eq. 6.7 prints D = 4e10 C^0.26; 2 C / (6 N) gives 2.2e10, which agrees with Table 6",
    ),
)
KAPLAN_SIZE_FIXED_BATCH = Trend(
    1.6e9,
    0.88,
    about=_about(
        "Fig. 14 (legend)",
        "C in PF-days; N without embeddings",
        "a figure legend only; at fixed batch, not to be mixed with 0.73",
    ),
)


def tokens_against_overfitting(N):
    """Tokens that keep the overfitting penalty below about 0.02, D = 5e3 N^0.74 (Eq. 4.4).

    ``N`` in non-embedding parameters. The joint law gives the same rule, see
    :meth:`KaplanJoint.tokens_for_overfitting`.
    """
    return (5e3 * positive_array("N", N) ** 0.74)[()]


def compute_exponent(alpha_N: float, alpha_S: float, alpha_B: float) -> float:
    """alpha_C^min = 1 / (1/alpha_S + 1/alpha_B + 1/alpha_N) (Eqs. 1.8 and 6.4).

    The paper prints 0.054; its own printed exponents give 0.052.
    """
    alphas = {"alpha_N": alpha_N, "alpha_S": alpha_S, "alpha_B": alpha_B}
    return 1.0 / sum(1.0 / number(name, value, above=0) for name, value in alphas.items())


def kaplan_learning_rate(N):
    """Adam's learning rate for a model of ``N`` parameters, 0.003239 - 0.0001395 ln N (Eq. D.1).

    The paper says that the rule breaks down above 1e10 parameters; it turns negative near
    1.2e10, and sizes where it is not positive are refused with a ValueError.
    """
    N = positive_array("N", N)
    rate = 0.003239 - 0.0001395 * np.log(N)
    if (rate <= 0).any():
        worst = float(N[rate <= 0].flat[0])
        raise ValueError(f"the rule breaks down above 1e10 parameters, got N = {worst:g}")
    return rate[()]
