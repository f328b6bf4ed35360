"""A law in which size and data limit each other: between a sum of two prices and the larger one.

The additive law charges for a finite model and for finite data separately. Kaplan et al.
(2020), https://arxiv.org/abs/2001.08361, Eq. 1.5, let the scarcer of the two decide more than
its share. One number, q, leads from the one form to the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scaling_utils._check import number, positive_array
from scaling_utils.laws._about import About
from scaling_utils.laws.kaplan import KaplanJoint
from scaling_utils.laws.parametric import Allocation, ParametricLaw
from scaling_utils.units import TRAINING_FLOPS


@dataclass(frozen=True)
class CoupledLaw:
    """L(N, D) = E + [(A / N^alpha)^q + (B / D^beta)^q]^(1/q).

    q = 1 is the additive law of Hoffmann et al. (2022), https://arxiv.org/abs/2203.15556,
    Eq. 2. As q grows the larger of the two terms takes over, and in the limit it is all that
    counts. Kaplan et al. (2020), https://arxiv.org/abs/2001.08361, Eq. 1.5, is E = 0 and
    q = 1 / beta, with alpha = alpha_N, beta = alpha_D, A = N_c^alpha and B = D_c^beta.

    Parameters
    ----------
    E : float
        Irreducible loss, nats per token. Zero or above.
    A, alpha : float
        A / N^alpha is what a model of N parameters lacks with endless data. Above zero.
    B, beta : float
        B / D^beta is what D tokens leave to an endless model. Above zero.
    q : float
        How strongly the larger of the two decides. Above zero.
    about : About, optional
        Source, units and domain.

    Raises
    ------
    TypeError, ValueError
        If a coefficient is not finite or out of its range.
    """

    E: float
    A: float
    B: float
    alpha: float
    beta: float
    q: float
    about: About | None = field(default=None, compare=False, repr=False)

    def __post_init__(self):
        number("E", self.E, at_least=0)
        for name in ("A", "B", "alpha", "beta", "q"):
            number(name, getattr(self, name), above=0)

    @classmethod
    def from_kaplan(cls, law: KaplanJoint) -> CoupledLaw:
        """Return Kaplan's Eq. 1.5 in this form: the same losses, other names.

        Parameters
        ----------
        law : KaplanJoint
            The law in its printed form; its ``about`` is kept.

        Returns
        -------
        CoupledLaw
            With E = 0 and q = 1 / alpha_D.
        """
        A, B = law.N_c**law.alpha_N, law.D_c**law.alpha_D
        return cls(0.0, A, B, law.alpha_N, law.alpha_D, 1 / law.alpha_D, about=law.about)

    @classmethod
    def from_additive(cls, law: ParametricLaw) -> CoupledLaw:
        """Return the additive law in this form.

        Parameters
        ----------
        law : ParametricLaw
            The additive law; its ``about`` is kept.

        Returns
        -------
        CoupledLaw
            With q = 1.
        """
        return cls(law.E, law.A, law.B, law.alpha, law.beta, 1.0, about=law.about)

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

        Raises
        ------
        TypeError, ValueError
            If N or D is not numeric, finite and above zero.
        """
        N, D = positive_array("N", N), positive_array("D", D)
        size = np.log(self.A) - self.alpha * np.log(N)
        data = np.log(self.B) - self.beta * np.log(D)
        # In logarithms, because a high power of a term may leave the range of floats.
        return (self.E + np.exp(np.logaddexp(self.q * size, self.q * data) / self.q))[()]

    @property
    def a(self) -> float:
        """Exponent of the optimal size, N_opt ~ C^a, is beta / (alpha + beta) whatever q is."""
        return self.beta / (self.alpha + self.beta)

    @property
    def G(self) -> float:
        """Coefficient of the frontier, N_opt = G (C/6)^a and D_opt = (C/6)^(1-a) / G."""
        ratio = (self.alpha / self.beta) ** (1 / self.q) * self.A / self.B
        return float(ratio ** (1 / (self.alpha + self.beta)))

    def optimal(self, C) -> Allocation:
        """Return the split of a budget that gives the lowest loss.

        There alpha (A / N^alpha)^q = beta (B / D^beta)^q: the derivative of the bracket along
        log N at fixed N D is zero.

        Parameters
        ----------
        C : float or array
            Training work in FLOPs, C = 6 N D. Above zero.

        Returns
        -------
        Allocation
            Its fields have the shape of ``C``.

        Raises
        ------
        TypeError, ValueError
            If C is not numeric, finite and above zero.
        """
        C = positive_array("C", C)[()]
        work = C / TRAINING_FLOPS
        N, D = self.G * work**self.a, work ** (1 - self.a) / self.G
        return Allocation(N=N, D=D, C=C, loss=self.loss(N, D))
