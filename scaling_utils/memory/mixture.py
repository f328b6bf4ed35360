"""Layers whose MLP is a mixture of experts: what is stored, and what one token uses."""

from __future__ import annotations

from dataclasses import dataclass

from scaling_utils._check import whole
from scaling_utils.memory._arrays import counts
from scaling_utils.shapes import Transformer, check_shape


@dataclass(frozen=True)
class Experts:
    """A mixture of experts in place of a layer's MLP.

    Parameters
    ----------
    count : int
        Experts that the router chooses from.
    active : int
        Experts that each token goes to.
    d_expert : int, optional
        Width inside one expert; the shape's ``d_ff`` unless given.
    shared : int
        Further experts of that width that every token goes to.

    Raises
    ------
    TypeError, ValueError
        If a number is not whole or out of its range, or ``active`` exceeds ``count``.
    """

    count: int
    active: int
    d_expert: int | None = None
    shared: int = 0

    def __post_init__(self):
        for name, least in (("count", 1), ("active", 1), ("shared", 0)):
            object.__setattr__(self, name, whole(name, getattr(self, name), at_least=least))
        if self.d_expert is not None:
            object.__setattr__(self, "d_expert", whole("d_expert", self.d_expert))
        if self.active > self.count:
            raise ValueError(f"active must be at most count, got {self.active} of {self.count}")


@dataclass(frozen=True)
class ExpertParameters:
    """Parameters of a model's mixtures of experts, router included.

    Attributes
    ----------
    total : float or array
        On all devices together.
    active : float or array
        That take part in the work on one token.
    per_device : float or array
        On one device, where the chosen experts are divided and all else is repeated.
    """

    total: float
    active: float
    per_device: float


def expert_parameters(
    shape: Transformer, experts: Experts, *, layers: int | None = None, expert_parallel=1
) -> ExpertParameters:
    """Return how many parameters the mixtures have, and how many a token meets.

    Memory follows the first number, work the second. Counted over the matrices: three or two for
    each expert, and a router of ``d_model * count``; no biases. Jiang et al. (2024),
    arXiv:2401.04088, print both sums for Mixtral.

    Parameters
    ----------
    shape : shapes.Transformer
        The model. Its own MLPs are replaced in ``layers`` layers, so leave those out of its count.
    experts : Experts
        The mixture.
    layers : int, optional
        Layers with a mixture; all of them unless given.
    expert_parallel : int or array
        Devices among which the chosen experts are divided, at least 1 and at most ``count``.

    Returns
    -------
    ExpertParameters

    Raises
    ------
    TypeError, ValueError
        If ``shape`` is no Transformer or ``experts`` no Experts, or a number is not whole or out of
        its range.
    """
    check_shape(shape)
    if not isinstance(experts, Experts):
        raise TypeError(f"experts must be Experts, got {experts!r}")
    number_of = shape.n_layer if layers is None else whole("layers", layers)
    if number_of > shape.n_layer:
        raise ValueError(f"layers must be at most {shape.n_layer}, got {number_of}")
    ranks = counts("expert_parallel", expert_parallel)
    if (ranks > experts.count).any():
        raise ValueError(
            f"expert_parallel must be at most the {experts.count} experts, got {expert_parallel}"
        )
    width = shape.d_ff if experts.d_expert is None else experts.d_expert
    one = (3 if shape.gated else 2) * shape.d_model * width
    everywhere = shape.d_model * experts.count + experts.shared * one
    return ExpertParameters(
        total=number_of * (everywhere + experts.count * one),
        active=number_of * (everywhere + experts.active * one),
        per_device=(number_of * (everywhere + experts.count * one / ranks))[()],
    )
