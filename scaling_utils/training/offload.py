"""Adam with its moments in the host's memory, to be followed on a machine without a card."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from scaling_utils._check import number

_BETAS, _EPS, _DECAY = (0.9, 0.999), 1e-8, 0.01  # those of torch.optim.AdamW


class HostAdam(torch.optim.Optimizer):
    """AdamW whose moments are NumPy arrays, so that no tensor holds them.

    On a CPU there is no link to cross and no second memory. What is a tensor stands for the card,
    and what is a NumPy array for the host: :func:`follow_step` sees the first only. Each step sends
    the gradients down and the changes of the weights up. The equations are those of
    ``torch.optim.AdamW`` (Loshchilov and Hutter 2019, arXiv:1711.05101, Algorithm 2). ZeRO-Offload
    (Ren et al. 2021, arXiv:2101.06840, Sec. 3) moves the same states, and the master weights of
    mixed precision with them.

    Parameters
    ----------
    params : iterable of float32 tensors
        On the CPU.
    lr : float
        The learning rate, above 0.

    Attributes
    ----------
    sent : int
        Bytes that have crossed so far, both ways together.

    Raises
    ------
    ValueError
        If a parameter is no float32 tensor on the CPU, or the rate not above 0.
    """

    def __init__(self, params: Iterable[Tensor], lr: float = 1e-3):
        super().__init__(params, {})
        self.lr, self.sent, self._steps = number("lr", lr, above=0), 0, 0
        self._host: list[tuple[Tensor, np.ndarray, np.ndarray]] = []
        for weight in (w for group in self.param_groups for w in group["params"]):
            if weight.dtype != torch.float32 or weight.device.type != "cpu":
                raise ValueError(
                    "params must be float32 tensors on the CPU, got "
                    f"{str(weight.dtype).removeprefix('torch.')} on {weight.device.type}"
                )
            shape = tuple(weight.shape)
            self._host.append((weight, np.zeros(shape, np.float32), np.zeros(shape, np.float32)))

    def step(self, closure=None) -> None:
        """Send gradients down, update the moments there, and bring the changes up.

        Parameters
        ----------
        closure : None
            Is not supported.

        Raises
        ------
        ValueError
            If a closure is given.
        """
        if closure is not None:
            raise ValueError(f"closure must be None, got {closure!r}")
        self._steps += 1
        first, second = (1 - beta**self._steps for beta in _BETAS)
        for weight, m, v in self._host:
            if weight.grad is None:
                continue
            gradient = weight.grad.numpy().copy()  # down
            m += (1 - _BETAS[0]) * (gradient - m)
            v += (1 - _BETAS[1]) * (gradient * gradient - v)
            change = self.lr * (m / first) / (np.sqrt(v / second) + _EPS)  # up
            on_card = weight.detach().numpy()  # the same memory
            on_card *= 1 - self.lr * _DECAY
            on_card -= change
            self.sent += gradient.nbytes + change.nbytes
