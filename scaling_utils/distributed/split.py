"""Tensor parallelism by hand: an MLP whose layers are split by column and by row."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn

from scaling_utils._check import member

# What people get wrong, and what comes of it on n ranks.
FAULTS = {
    "bias before the sum": "every rank adds the second layer's bias, so the output has it n times",
    "no sum backwards": "the gradient that leaves the block is one rank's part of it, and so is "
    "the gradient of all that lies before, such as a LayerNorm",
    "wrong columns": "the second layer's columns are those of another rank's hidden features",
    "replicas counted": "the gradient norm counts n times what all ranks hold",
    "no rescaling": "ring attention weighs each block of keys by the sum of the keys so far, and "
    "not of all, so the weights of a query add up to more than 1",
}


class _Copy(torch.autograd.Function):
    """The same tensor on all ranks, forwards; the sum of what they want of it, backwards."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total


class _Sum(torch.autograd.Function):
    """The sum over all ranks, forwards; backwards each rank's part has the sum's gradient."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient


def _part(tensor: Tensor, axis: int) -> nn.Parameter:
    """Return this rank's part of a tensor that all ranks hold, cut along an axis."""
    parts = tensor.detach().chunk(dist.get_world_size(), axis)
    return nn.Parameter(parts[dist.get_rank()].clone())


class SplitMLP(nn.Module):
    """Two linear layers with a GELU between, whose hidden features are split over the ranks.

    The first layer is split by column (of its matrix as it is written, x A), the second by row,
    so one all-reduce forwards and one backwards suffice. Source: Shoeybi et al. (2019),
    https://arxiv.org/abs/1909.08053, Sec. 3 and Fig. 3a.

    Parameters
    ----------
    up, down : nn.Linear
        The whole layers, (d -> h) and (h -> d), equal on all ranks; the ranks divide h.
    fault : str or None
        One of the first three ``FAULTS``, to see what it does.

    Raises
    ------
    ValueError
        If the ranks do not divide the hidden features, or the fault is not listed.
    """

    def __init__(self, up: nn.Linear, down: nn.Linear, fault: str | None = None):
        super().__init__()
        ranks = dist.get_world_size()
        if up.out_features % ranks or down.in_features != up.out_features:
            raise ValueError(
                f"up must give what down takes, a multiple of {ranks} features, got "
                f"{up.out_features} and {down.in_features}"
            )
        self.fault = None if fault is None else member("fault", fault, FAULTS)
        self.up, self.up_bias = _part(up.weight, 0), _part(up.bias, 0)  # (h/n, d), (h/n,)
        shift = -(up.out_features // ranks) if fault == "wrong columns" else 0
        self.down = _part(down.weight.roll(shift, 1), 1)  # (d, h/n)
        self.bias = nn.Parameter(down.bias.detach().clone())  # (d,), on all ranks

    def split(self) -> list[nn.Parameter]:
        """Return the parameters of which each rank holds a part."""
        return [self.up, self.up_bias, self.down]

    def forward(self, x: Tensor) -> Tensor:
        """Return the output, which is the same on all ranks; x (..., d) is so too."""
        x = x if self.fault == "no sum backwards" else _Copy.apply(x)
        hidden = nn.functional.gelu(nn.functional.linear(x, self.up, self.up_bias))  # (..., h/n)
        part = nn.functional.linear(hidden, self.down)  # (..., d), one rank's share of the sum
        if self.fault == "bias before the sum":
            return _Sum.apply(part + self.bias)
        return _Sum.apply(part) + self.bias


def gradient_norm(
    split: Iterable[Tensor], replicated: Iterable[Tensor], fault: str | None = None
) -> Tensor:
    """Return the norm of the whole gradient, to which each parameter counts once.

    Parameters
    ----------
    split : iterable of Tensor
        Parameters of which each rank holds a part.
    replicated : iterable of Tensor
        Parameters that all ranks hold, with equal gradients.
    fault : str or None
        "replicas counted", to see what it does.

    Returns
    -------
    Tensor of one float64
        The same on all ranks.

    Raises
    ------
    ValueError
        If the fault is another.
    """
    count = fault is not None and member("fault", fault, ("replicas counted",)) != ""
    squares = [sum(p.grad.square().sum() for p in some) for some in (split, replicated)]
    mine, shared = (torch.as_tensor(square, dtype=torch.float64) for square in squares)
    total = mine + shared if count else mine.clone()
    dist.all_reduce(total)
    return (total if count else total + shared).sqrt()
