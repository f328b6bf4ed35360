"""What every task offers, and how data of several seeds are put side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from scaling_utils._check import whole

Batches = Callable[[int], tuple[Tensor, Tensor]]


@runtime_checkable
class Task(Protocol):
    """What a model learns on: batches to train with, and a held-out loss.

    Networks trained side by side, M in number, are S seeds of data with the same number of
    copies of each, copies of one seed beside each other: learning rates, say. A network on its
    own has one seed, a number, and no leading dimension.

    Attributes
    ----------
    sha256 : str or None
        Of the data; None where they are made from settings alone.
    entropy : float or None
        The smallest possible loss, in the unit of the loss; None where it is unknown.
    """

    sha256: str | None
    entropy: float | None

    def batches(self, seeds: int | Sequence[int], size: int, copies: int = 1) -> Batches:
        """Return what gives the batches of some seeds.

        Parameters
        ----------
        seeds : int or sequence of int
            Of the data: S of them, or one as a number for a network on its own.
        size : int
            Examples in a batch.
        copies : int
            Networks that learn from each seed, at least 1.

        Returns
        -------
        callable
            Index of a batch -> its inputs and targets, the same on every call. With S seeds, inputs
            (S copies, size, ...) and targets (S copies, size, ...); inputs that all networks share
            are (size, ...). With one seed as a number, (size, ...) both.

        Raises
        ------
        TypeError, ValueError
            If ``copies`` is not a whole number from 1, or not 1 where ``seeds`` is a number.
        """

    def measure(self, model: nn.Module) -> dict[str, list[float] | float]:
        """Measure a model, or networks side by side, on held-out data.

        Parameters
        ----------
        model : torch.nn.Module
            What was trained on the batches.

        Returns
        -------
        dict
            "loss", the held-out loss, and "se", its standard error in the same unit, perhaps more.
            Each is a list with one number per network, shape (M,), or a number for a model alone.
        """


def side_by_side(
    draw: Callable[[int, int], tuple[Tensor, Tensor]], seeds: int | Sequence[int], copies: int
) -> Batches:
    """Return the batches of some seeds, given those of one: (seed, index) -> inputs, targets."""
    copies = whole("copies", copies)
    if isinstance(seeds, int):
        if copies != 1:
            raise ValueError(f"copies must be 1 with a single seed, got {copies}; give seeds=[...]")
        return lambda index: draw(seeds, index)
    each = tuple(seeds)

    def batches(index: int) -> tuple[Tensor, Tensor]:
        parts = zip(*(draw(seed, index) for seed in each), strict=True)
        inputs, targets = (torch.stack(part) for part in parts)  # (S, size, ...)
        return inputs.repeat_interleave(copies, 0), targets.repeat_interleave(copies, 0)

    return batches
