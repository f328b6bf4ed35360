"""ReLU networks that learn a function, several side by side."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from scaling_utils._check import finite_array, whole
from scaling_utils.models.mlp import MLPs


class Regressors(MLPs):
    """Independent ReLU networks with one output, trained on squared errors.

    The initial weights are those of ``MLPs``. Each unit of the first layer gets the bias with
    which its kink runs through one of the given points, drawn at random. With biases of zero
    all kinks would run through the origin, and in few dimensions the networks would have to
    move them before they can learn.

    Parameters
    ----------
    hidden : sequence of int
        Units of each hidden layer, at least one layer.
    points : array, shape (n, dimensions)
        Inputs through which the kinks run.
    members : int
        Number of networks, M, at least 1.
    seed : int
        Of weights and kinks. Zero or above.

    Raises
    ------
    TypeError, ValueError
        If there is no hidden layer, a number is not whole or too small, or the points are of the
        wrong shape or not finite.
    """

    def __init__(self, hidden: Sequence[int], points, members: int, seed: int = 0):
        points = finite_array("points", points, ndim=2)
        if not len(hidden):
            raise ValueError("hidden must name at least one layer, got none")
        super().__init__([points.shape[1], *hidden, 1], members, seed)
        draws = torch.Generator().manual_seed(whole("seed", seed, at_least=0) + 1)
        picked = torch.randint(len(points), (self.members, self.widths[1]), generator=draws)
        through = torch.from_numpy(points).float()[picked]  # (M, h, in)
        with torch.no_grad():
            self.biases[0].copy_(-(through * self.weights[0].mT).sum(-1)[:, None])  # (M, 1, h)

    @property
    def total_parameters(self) -> int:
        """N of one member, all weights and biases."""
        return sum(parameter[0].numel() for parameter in self.parameters())

    def predict(self, points: Tensor) -> Tensor:
        """Return each member's outputs at points that all of them share.

        Parameters
        ----------
        points : tensor, shape (B, dimensions)
            Inputs.

        Returns
        -------
        tensor, shape (M, B)
            Outputs.
        """
        return self(points.expand(self.members, -1, -1)).squeeze(-1)

    def loss(self, points: Tensor, targets: Tensor) -> Tensor:
        """Return each member's mean squared error.

        Parameters
        ----------
        points : tensor, shape (B, dimensions)
            Inputs, the same for all members.
        targets : tensor, shape (M, B)
            What each member should say there.

        Returns
        -------
        tensor, shape (M,)
            In the square of the targets' unit.
        """
        return (self.predict(points) - targets).square().mean(1)
