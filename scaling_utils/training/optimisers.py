"""Adam for one network, and for networks side by side with a learning rate each.

Every parameter group carries its peak rate as ``base``; the training loop sets ``lr`` to
``base`` times the schedule's factor before each step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from scaling_utils._check import number, positive_array

BETAS = (0.9, 0.98)


def adamw(
    model: nn.Module,
    rate: float,
    multipliers: Mapping[str, float] | None = None,
    betas: tuple[float, float] = BETAS,
    weight_decay: float = 0.0,
) -> torch.optim.Optimizer:
    """Return AdamW (Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101).

    Parameters
    ----------
    model : torch.nn.Module
        Its parameters are trained.
    rate : float
        Peak learning rate, above 0.
    multipliers : mapping of str to float, optional
        Factor of the rate by a parameter's name, above 0; 1 for names that are not in it.
    betas : (float, float)
        Decay of the two moments per step, each 0 up to but not including 1.
    weight_decay : float
        For matrices only, not for biases and norms; 0 or more. AdamW multiplies it by the rate.

    Returns
    -------
    torch.optim.AdamW
        Its groups carry their peak rate as ``base``, for the ``Trainer``.

    Raises
    ------
    TypeError, ValueError
        If a rate or multiplier is not positive, ``weight_decay`` is negative, ``betas`` are not two
        numbers in their range, or a multiplier names no parameter of the model.
    """
    rate = number("rate", rate, above=0)
    decay = number("weight_decay", weight_decay, at_least=0)
    groups: dict[tuple[float, float], list] = {}
    for _, factor, parameter in _with_factors(model, multipliers):
        key = (rate * factor, decay if parameter.dim() > 1 else 0.0)
        groups.setdefault(key, []).append(parameter)
    listed = [
        {"params": found, "lr": base, "base": base, "weight_decay": weight}
        for (base, weight), found in groups.items()
    ]
    return torch.optim.AdamW(listed, betas=_betas(betas), fused=True)


class MemberAdam(torch.optim.Adam):
    """Adam for networks side by side: one learning rate for each member.

    The model's parameters have the members along their first axis. Each member's slice is a
    parameter of its own here, which shares its memory with the model, so that PyTorch's
    fused Adam does the work and each member is trained as if it were alone.

    Parameters
    ----------
    model : torch.nn.Module
        Every parameter has shape (M, ...).
    rates : sequence of float, shape (M,)
        Peak learning rate of each member, above 0.
    multipliers : mapping of str to float, optional
        Factor of the rates by a parameter's name, above 0; 1 for names that are not in it.
    betas : (float, float)
        Decay of the two moments per step, each 0 up to but not including 1.

    Raises
    ------
    TypeError, ValueError
        If a rate or multiplier is not positive, ``betas`` are not two numbers in their range, a
        multiplier names no parameter of the model, or a parameter has not one slice for each rate.
    """

    def __init__(
        self,
        model: nn.Module,
        rates: Sequence[float],
        multipliers: Mapping[str, float] | None = None,
        betas: tuple[float, float] = BETAS,
    ):
        rates = positive_array("rates", rates, ndim=1)
        self.slices, groups = [], {}
        for name, factor, parameter in _with_factors(model, multipliers):
            if parameter.dim() < 2 or parameter.shape[0] != len(rates):
                raise ValueError(
                    f"rates must have one entry for each member of {name}, whose shape is "
                    f"{tuple(parameter.shape)}; got {len(rates)}"
                )
            slices = list(parameter.detach())
            self.slices.append((parameter, slices))
            for slice_, rate in zip(slices, rates, strict=True):
                groups.setdefault(float(rate * factor), []).append(slice_)
        listed = [{"params": found, "lr": base, "base": base} for base, found in groups.items()]
        super().__init__(listed, betas=_betas(betas), fused=True)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of the model and of its slices.

        Parameters
        ----------
        set_to_none : bool
            Of the slices: whether to drop the gradients or to fill them with 0. Those of the model
            are dropped.
        """
        super().zero_grad(set_to_none)
        for parameter, _ in self.slices:
            parameter.grad = None

    def step(self, closure=None):
        """Hand each member its slice of the gradient, then step.

        Parameters
        ----------
        closure : callable, optional
            As for ``torch.optim.Adam.step``.

        Returns
        -------
        float or None
            The loss that ``closure`` returned; None without one.
        """
        for parameter, slices in self.slices:
            grads = [None] * len(slices) if parameter.grad is None else parameter.grad
            for slice_, grad in zip(slices, grads, strict=True):
                slice_.grad = grad
        return super().step(closure)


def _with_factors(model: nn.Module, multipliers: Mapping[str, float] | None):
    """Yield (name, factor, parameter) for each parameter of the model."""
    named = dict(model.named_parameters())
    factors = dict(multipliers or {})
    unknown = sorted(set(factors) - set(named))
    if unknown:
        raise ValueError(f"multipliers must name parameters of the model, got {unknown}")
    for name, parameter in named.items():
        yield name, number(f"multipliers[{name!r}]", factors.get(name, 1.0), above=0), parameter


def _betas(betas: tuple[float, float]) -> tuple[float, float]:
    if np.shape(betas) != (2,):
        raise ValueError(f"betas must be two numbers, got {betas!r}")
    first, second = (number("betas", beta, at_least=0, below=1) for beta in betas)
    return first, second
