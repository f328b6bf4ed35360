"""Weights, gradients and the optimiser's states, and how ZeRO shares them out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils.memory._arrays import amounts, counts
from scaling_utils.memory.conventions import Convention, resolve


@dataclass(frozen=True)
class States:
    """Bytes on one device of what training stores about the parameters.

    Attributes
    ----------
    weights : float or array
        The weights that the layers multiply with.
    gradients : float or array
        Their gradients.
    master : float or array
        Copies of the weights, and of the gradients, in higher precision.
    moments : float or array
        The optimiser's moments.
    label : str
        Bytes per parameter by part, "2+2+12"; empty where they differ between entries.
    """

    weights: float | np.ndarray
    gradients: float | np.ndarray
    master: float | np.ndarray
    moments: float | np.ndarray
    label: str = ""

    @property
    def optimiser(self) -> float | np.ndarray:
        """Bytes that only the optimiser's step reads: master copies and moments."""
        return self.master + self.moments

    @property
    def total(self) -> float | np.ndarray:
        """All four parts, which are alive together when the optimiser steps."""
        return self.weights + self.gradients + self.optimiser


def _stages(stage) -> np.ndarray:
    stages = counts("stage", stage, at_least=0)
    if (stages > 3).any():
        raise ValueError(f"stage must be 0, 1, 2 or 3, got {stages[stages > 3].flat[0]:g}")
    return stages


def states(parameters, devices=1, stage=0, convention: str | Convention = "zero") -> States:
    """Return the bytes on each device for parameters, gradients and optimiser under ZeRO.

    Stage 1 divides the optimiser's part by the devices, stage 2 the gradients too, stage 3 also
    the weights. Source: Rajbhandari et al. (2020), arXiv:1910.02054, Fig. 1 and Sec. 5. All
    arguments but the last may be arrays, which broadcast.

    Parameters
    ----------
    parameters : float or array
        Parameters that one data-parallel replica holds on this device, at least 0: with tensor or
        pipeline parallelism, the share of this device.
    devices : int or array
        Data-parallel devices, at least 1.
    stage : int or array
        0 (nothing is divided), 1, 2 or 3.
    convention : str or Convention
        Bytes per parameter, one of ``CONVENTIONS`` or your own.

    Returns
    -------
    States
        Bytes on one device, by part. A share that does not come out even is padded in practice,
        by less than one value a device for each tensor.

    Raises
    ------
    TypeError, ValueError
        If a number is not whole or out of its range, or the convention unknown.
    """
    size = amounts("parameters", parameters)
    ranks, level, rule = counts("devices", devices), _stages(stage), resolve(convention)
    share = [np.where(level >= first, 1 / ranks, 1.0) for first in (1, 2, 3)]
    single = ranks.ndim == 0 and level.ndim == 0
    return States(
        weights=(size * share[2] * rule.weights)[()],
        gradients=(size * share[1] * rule.gradients)[()],
        master=(size * share[0] * (rule.master + rule.gradient_copy))[()],
        moments=(size * share[0] * rule.moments)[()],
        label=rule.label(int(ranks), int(level)) if single else "",
    )


def zero_traffic(parameters, devices, stage=0, bytes_per_value=2):
    """Return the bytes that each device sends in one step of data-parallel training.

    Stages 0 to 2 pass over the parameters twice: the gradients are summed and shared out, then
    sums or updated weights are gathered. Stage 3 gathers the weights for the forward and again for
    the backward pass, and shares out the gradients: three passes. One pass of a ring sends
    ``(n - 1)/n`` of the parameters from each device. Sources: Rajbhandari et al. (2020),
    arXiv:1910.02054, Sec. 7; NVIDIA, nccl-tests, doc/PERFORMANCE.md. Stage 1 in frameworks that
    sum the gradients everywhere first takes three passes too.

    Parameters
    ----------
    parameters : float or array
        Parameters of a replica, at least 0.
    devices : int or array
        Data-parallel devices n, at least 1; a single one sends nothing.
    stage : int or array
        0, 1, 2 or 3.
    bytes_per_value : float
        Of what travels, 2 for bf16.

    Returns
    -------
    float or array
        Bytes sent by each device; as many arrive.

    Raises
    ------
    TypeError, ValueError
        If a number is not whole or out of its range.
    """
    ranks, width = counts("devices", devices), amounts("bytes_per_value", bytes_per_value)
    passes = np.where(_stages(stage) == 3, 3.0, 2.0)
    return (passes * amounts("parameters", parameters) * width * (ranks - 1) / ranks)[()]
