"""A linear associative memory: one matrix, and a softmax over what it recalls.

Letters in shape comments: M members (learning rates), B examples, V outputs, n = width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from scaling_utils._check import positive_array, whole


class AssociativeMemory:
    """softmax(W e) with W of V x n, for several learning rates side by side.

    All members see the same batch. Their matrices lie below each other, so that both products
    of a step are one matrix product each, and the gradient is written out:

        logits = E W^T,    dL/dW = (softmax(logits) - y)^T E / B.

    There is no gradient of the input, so a step costs 4 N B FLOPs and not 6 N B. W starts
    at zero. The optimiser is Adam (.9, .999).

    Parameters
    ----------
    outputs : int
        V.
    width : int
        n, length of an embedding. N = V n.
    rates : sequence of float
        One learning rate for each member.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    """

    def __init__(self, outputs: int, width: int, rates: Sequence[float]):
        self.outputs, self.width = whole("outputs", outputs, at_least=2), whole("width", width)
        self.rates = [float(rate) for rate in positive_array("rates", rates, ndim=1)]
        M = len(self.rates)
        self.weight = torch.zeros(M * outputs, width)  # (M V, n)
        self.gradient = torch.zeros_like(self.weight)
        self.members = [part.requires_grad_() for part in self.weight.detach().split(outputs)]
        for member, gradient in zip(self.members, self.gradient.split(outputs), strict=True):
            member.grad = gradient
        groups = [
            {"params": [member], "lr": rate}
            for member, rate in zip(self.members, self.rates, strict=True)
        ]
        self.adam = torch.optim.Adam(groups, betas=(0.9, 0.999), fused=True)

    @property
    def size(self) -> int:
        """N, weights of one member."""
        return self.outputs * self.width

    def logits(self, E: Tensor) -> Tensor:
        """Return the logits (B, M, V) for the embeddings E (B, n)."""
        return (E @ self.weight.T).view(len(E), -1, self.outputs)

    def backward(self, E: Tensor, targets: Tensor) -> None:
        """Put the gradient of the mean cross-entropy into ``gradient``, shape (M V, n).

        ``targets`` are outputs, int64 of shape (B,), or distributions of shape (B, V); rows of
        distributions may be weighted, by sums other than 1.
        """
        p = torch.softmax(self.logits(E), 2)  # (B, M, V)
        if targets.dim() == 1:
            p[torch.arange(len(E)), :, targets] -= 1
            p /= len(E)
        else:
            p = p * targets.sum(1)[:, None, None] - targets[:, None, :]
        torch.mm(p.flatten(1).T, E, out=self.gradient)

    def step(self, E: Tensor, targets: Tensor, scale: float = 1.0) -> None:
        """Take one step of Adam, each member at its own rate times ``scale``."""
        self.backward(E, targets)
        for group, rate in zip(self.adam.param_groups, self.rates, strict=True):
            group["lr"] = rate * scale
        self.adam.step()
