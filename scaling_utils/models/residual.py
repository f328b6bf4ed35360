"""Residual networks that learn a function: a transformer's stack of blocks, without attention.

Letters in shape comments: M members, B points, n inputs, d = width of the stream.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scaling_utils._check import whole


class ResidualBlock(nn.Module):
    """A normed copy of the stream, made four times as wide, bent, and added to the stream."""

    def __init__(self, members: int, width: int):
        super().__init__()
        M, d = members, width
        self.gain = nn.Parameter(torch.ones(M, 1, d))
        self.up = nn.Parameter(torch.zeros(M, d, 4 * d))
        self.bias = nn.Parameter(torch.zeros(M, 1, 4 * d))
        self.out = nn.Parameter(torch.zeros(M, 4 * d, d))

    def forward(self, x: Tensor) -> Tensor:
        """Add this block's work to the stream x (M, B, d)."""
        normed = F.layer_norm(x, x.shape[-1:]) * self.gain  # (M, B, d)
        hidden = torch.baddbmm(self.bias, normed, self.up)  # (M, B, 4 d)
        return torch.baddbmm(x, F.gelu(hidden, approximate="tanh"), self.out)  # (M, B, d)


class Residuals(nn.Module):
    """Independent regression networks of one shape, trained side by side.

    A matrix takes each point to a stream of width d, residual blocks work on it, and a row of
    weights reads one number from the normed stream. A block is the MLP half of a pre-norm
    transformer block (Radford et al. 2019, Sec. 2.3): LayerNorm with a gain, a matrix to 4 d
    with a bias, GELU, and the matrix ``out`` back to d. Members share nothing.

    Weights start from normals of variance 1 over their inputs, ``out`` divided by
    sqrt(2 layers), biases at 0 and gains at 1.

    Parameters
    ----------
    inputs : int
        n, coordinates of a point, at least 1.
    width : int
        d, width of the stream, at least 2.
    layers : int
        Blocks, at least 1.
    seeds : sequence of int
        One seed of the initial weights for each member, zero or above. Members of equal seed
        start equal.

    Raises
    ------
    TypeError, ValueError
        If a number is not whole or too small, or there are no seeds.
    """

    def __init__(self, inputs: int, width: int, layers: int, seeds: Sequence[int]):
        super().__init__()
        self.inputs = whole("inputs", inputs)
        self.width = whole("width", width, at_least=2)
        self.layers = whole("layers", layers)
        self.seeds = [whole("seeds", seed, at_least=0) for seed in seeds]
        if not self.seeds:
            raise ValueError("seeds must name at least one member, got none")
        self.members = len(self.seeds)
        M, d = self.members, self.width
        self.mix = nn.Parameter(torch.zeros(M, self.inputs, d))
        self.start = nn.Parameter(torch.zeros(M, 1, d))
        self.blocks = nn.ModuleList(ResidualBlock(M, d) for _ in range(self.layers))
        self.gain = nn.Parameter(torch.ones(M, 1, d))
        self.head = nn.Parameter(torch.zeros(M, d, 1))
        self._start()

    @torch.no_grad()
    def _start(self) -> None:
        for member, seed in enumerate(self.seeds):
            generator = torch.Generator().manual_seed(seed)
            for name, parameter in self.named_parameters():
                last = name.split(".")[-1]
                if last not in ("mix", "up", "out", "head"):
                    continue
                scale = parameter.shape[1] ** -0.5
                if last == "out":
                    scale /= math.sqrt(2 * self.layers)
                parameter[member].normal_(std=scale, generator=generator)

    @property
    def matmul_parameters(self) -> int:
        """N of one member, weights that multiply, without gains and biases."""
        blocks = sum(b.up[0].numel() + b.out[0].numel() for b in self.blocks)
        return self.mix[0].numel() + blocks + self.head[0].numel()

    @property
    def flops_per_point(self) -> int:
        """Training FLOPs (work) per point of one member, all matrix products counted.

        Each weight costs 2 FLOPs forward, 2 for its own gradient and 2 for the gradient of its
        input; that last one nobody needs of the points themselves.
        """
        return 6 * self.matmul_parameters - 2 * self.mix[0].numel()

    def forward(self, points: Tensor) -> Tensor:
        """Return each member's outputs.

        Parameters
        ----------
        points : tensor, shape (M, B, n) or (B, n)
            Inputs, of each member or shared by all.

        Returns
        -------
        tensor, shape (M, B)
            Outputs.
        """
        points = points.expand(self.members, -1, -1)  # (M, B, n)
        x = torch.baddbmm(self.start, points, self.mix)  # (M, B, d)
        for block in self.blocks:
            x = block(x)  # (M, B, d)
        normed = F.layer_norm(x, (self.width,)) * self.gain  # (M, B, d)
        return torch.bmm(normed, self.head).squeeze(-1)  # (M, B)

    predict = forward  # as tasks call it

    def loss(self, points: Tensor, targets: Tensor) -> Tensor:
        """Return each member's mean squared error.

        Parameters
        ----------
        points : tensor, shape (B, n) or (M, B, n)
            Inputs.
        targets : tensor, shape (M, B)
            What each member should say there.

        Returns
        -------
        tensor, shape (M,)
            In the square of the targets' unit.
        """
        return (self(points) - targets).square().mean(1)  # (M,)
