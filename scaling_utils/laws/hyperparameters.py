"""Published rules for the learning rate, the batch size and the allocation."""

from __future__ import annotations

from dataclasses import dataclass, field

from scaling_utils._check import number, positive_array
from scaling_utils.laws._about import About
from scaling_utils.laws.power import Trend


@dataclass(frozen=True)
class DeepSeekRules:
    """Trends in the budget C = M D in FLOPs, M being non-embedding FLOPs per token.

    Parameters
    ----------
    M : Trend
        Best non-embedding FLOPs per token.
    D : Trend
        Best number of tokens.
    batch : Trend
        Best batch in tokens.
    learning_rate : Trend
        Best learning rate.
    about : About, optional
        Source, units and domain; ``laws.DEEPSEEK.about`` names the equations.
    """

    M: Trend
    D: Trend
    batch: Trend
    learning_rate: Trend
    about: About | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class StepLaw:
    """Best learning rate coefficient * N^size_exponent * D^data_exponent, best batch in D.

    Parameters
    ----------
    coefficient : float
        Learning rate at N = D = 1. Above zero.
    size_exponent, data_exponent : float
        Powers of N and of D.
    batch : Trend
        Best batch in tokens, as D in tokens grows.
    about : About, optional
        Source, units and domain.

    Raises
    ------
    TypeError, ValueError
        If a number is not finite, or the coefficient not above zero.
    """

    coefficient: float
    size_exponent: float
    data_exponent: float
    batch: Trend
    about: About | None = field(default=None, compare=False, repr=False)

    def __post_init__(self):
        number("coefficient", self.coefficient, above=0)
        number("size_exponent", self.size_exponent)
        number("data_exponent", self.data_exponent)

    def learning_rate(self, N, D):
        """Return the best peak learning rate.

        Parameters
        ----------
        N, D : float or array
            Non-vocabulary parameters and training tokens; the two broadcast. Above zero.

        Returns
        -------
        float or array
            Learning rate.

        Raises
        ------
        TypeError, ValueError
            If N or D is not numeric, finite and above zero.
        """
        N, D = positive_array("N", N), positive_array("D", D)
        return (self.coefficient * N**self.size_exponent * D**self.data_exponent)[()]

    def batch_tokens(self, D):
        """Return the best batch.

        Parameters
        ----------
        D : float or array
            Training tokens. Above zero.

        Returns
        -------
        float or array
            Tokens in a batch.

        Raises
        ------
        TypeError, ValueError
            If D is not numeric, finite and above zero; the message calls it x.
        """
        return self.batch.at(D)


def embedding_coefficient(vocabulary: float, aspect_ratio: float) -> float:
    """Return gamma in N_total = N + gamma N^(1/3), vocabulary (aspect_ratio / 12)^(1/3).

    A transformer of width d and depth L has N = 12 L d^2 parameters without embeddings;
    with aspect ratio d / L fixed, d = (aspect_ratio N / 12)^(1/3), and the embedding table
    adds vocabulary * d.

    Source: Pearce and Song (2024), https://arxiv.org/abs/2406.12907.

    Parameters
    ----------
    vocabulary : float
        Entries of the vocabulary. Above zero.
    aspect_ratio : float
        Width over depth, d / L. Above zero.

    Returns
    -------
    float
        gamma, for N in parameters.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a single finite number above zero.
    """
    vocabulary = number("vocabulary", vocabulary, above=0)
    return vocabulary * (number("aspect_ratio", aspect_ratio, above=0) / 12.0) ** (1 / 3)


def total_parameters(N, gamma: float):
    """Return the parameters with embeddings, N + gamma N^(1/3).

    Source: Pearce and Song (2024), https://arxiv.org/abs/2406.12907.

    Parameters
    ----------
    N : float or array
        Parameters without embeddings. Above zero.
    gamma : float
        From :func:`embedding_coefficient`; zero or above. ``facts.get("pearce.NT").value`` is the
        value in the source's own code.

    Returns
    -------
    float or array
        Parameters, of the shape of ``N``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not numeric, not finite or out of its range.
    """
    N = positive_array("N", N)
    return (N + number("gamma", gamma, at_least=0) * N ** (1 / 3))[()]
