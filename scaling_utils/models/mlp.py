"""Several multilayer perceptrons of one shape, trained side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from scaling_utils._check import whole
from scaling_utils.counting.size import check_widths


class MLPs(nn.Module):
    """Independent ReLU networks of the same widths, in one batched matrix product per layer.

    For small networks most of a training step is overhead, so that eight of them side by
    side cost little more than one. Repeats with other data and other initial weights, and
    with them error bars, become cheap. The members share nothing: the gradient of one
    member's loss is zero in all others, and Adam treats each number alone.

    Weights start as in He et al. (2015), https://arxiv.org/abs/1502.01852, Sec. 2.2: normal with
    variance 2 / fan-in before a ReLU, and 1 / fan-in in the last layer. Biases start at 0.

    Parameters
    ----------
    widths : sequence of int
        Units of each layer, from the inputs to the outputs; at least two.
    members : int
        Number of networks, M below, at least 1.
    seed : int
        Seeds the initial weights, whatever torch's own seed is. Zero or above.

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two widths, or a number is not whole or too small.
    """

    def __init__(self, widths: Sequence[int], members: int, seed: int = 0):
        super().__init__()
        self.widths = check_widths(widths)
        self.members = whole("members", members)
        draws = torch.Generator().manual_seed(whole("seed", seed, at_least=0))
        last = len(self.widths) - 2
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for layer, (fan_in, fan_out) in enumerate(
            zip(self.widths[:-1], self.widths[1:], strict=True)
        ):
            scale = math.sqrt((1 if layer == last else 2) / fan_in)
            drawn = torch.randn(self.members, fan_in, fan_out, generator=draws)
            self.weights.append(nn.Parameter(scale * drawn))  # (M, in, out)
            self.biases.append(nn.Parameter(torch.zeros(self.members, 1, fan_out)))

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs to outputs, each member its own.

        Parameters
        ----------
        x : tensor, shape (M, B, widths[0])
            B inputs of each member.

        Returns
        -------
        tensor, shape (M, B, widths[-1])
            The outputs of the last layer, without a ReLU.
        """
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x.relu() if layer else x, weight)  # (M, B, out)
        return x
