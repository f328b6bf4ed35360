"""Published rules for the learning rate, the batch size and the allocation."""

from __future__ import annotations

from dataclasses import dataclass, field

from scaling_utils._check import number, positive_array
from scaling_utils.laws._about import About
from scaling_utils.laws.power import Trend


@dataclass(frozen=True)
class DeepSeekRules:
    """Trends in the budget C = M D in FLOPs, M being non-embedding FLOPs per token."""

    M: Trend
    D: Trend
    batch: Trend
    learning_rate: Trend
    about: About | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class StepLaw:
    """Best learning rate coefficient * N^size_exponent * D^data_exponent, best batch in D."""

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
        """Peak learning rate for ``N`` non-vocabulary parameters and ``D`` tokens."""
        N, D = positive_array("N", N), positive_array("D", D)
        return (self.coefficient * N**self.size_exponent * D**self.data_exponent)[()]

    def batch_tokens(self, D):
        """Batch in tokens for ``D`` training tokens."""
        return self.batch.at(D)


def embedding_coefficient(vocabulary: float, aspect_ratio: float) -> float:
    """gamma in N_total = N + gamma N^(1/3), gamma = vocabulary (aspect_ratio / 12)^(1/3).

    A transformer of width d and depth L has N = 12 L d^2 parameters without embeddings;
    with aspect ratio d / L fixed, d = (aspect_ratio N / 12)^(1/3), and the embedding table
    adds vocabulary * d.

    Source: Pearce and Song (2024), https://arxiv.org/abs/2406.12907.
    """
    vocabulary = number("vocabulary", vocabulary, above=0)
    return vocabulary * (number("aspect_ratio", aspect_ratio, above=0) / 12.0) ** (1 / 3)


def total_parameters(N, gamma: float):
    """Parameters with embeddings, N + gamma N^(1/3), from ``N`` without them.

    :func:`embedding_coefficient` gives gamma; ``facts.get("pearce.NT").value`` is the value in the
    source's own code.

    Source: Pearce and Song (2024), https://arxiv.org/abs/2406.12907.
    """
    N = positive_array("N", N)
    return (N + number("gamma", gamma, at_least=0) * N ** (1 / 3))[()]
