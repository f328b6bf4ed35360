"""What a training run takes: the map from size, tokens and machine to hours, money and carbon.

It is deterministic and works on arrays, so that a million plans are one call. Ranges, and what
is not known, are the business of ``plan``.
"""

from __future__ import annotations

import numpy as np

from scaling_utils._check import finite_array, positive_array
from scaling_utils.units import TRAINING_FLOPS

HOUR = 3600.0  # seconds


def outcomes(
    N,
    D,
    *,
    peak,
    mfu,
    devices=None,
    price=None,
    power=None,
    pue=1.0,
    grid=None,
    flops_per_token=None,
    batch_tokens=None,
) -> dict[str, np.ndarray]:
    """Return what training ``N`` parameters on ``D`` tokens takes.

    Every argument is a number or an array; all broadcast.

    Parameters
    ----------
    N, D : float or array
        Parameters (those active per token, in a mixture of experts) and training tokens. Above 0.
    peak : float or array
        Dense peak of one device in FLOP/s, for the number format of the matrix products.
    mfu : float or array
        Model FLOPs utilisation: the share of the peak that the model's own FLOPs take. Above 0, at
        most 1. Recomputed FLOPs do not count (Chowdhery et al., 2022,
        https://arxiv.org/abs/2204.02311, App. B).
    devices : float or array, optional
        How many devices run side by side. Needed for ``hours``.
    price : float or array, optional
        Money per device and hour, zero or above.
    power : float or array, optional
        Watts that one device draws.
    pue : float or array
        Power usage effectiveness: energy of the data centre per energy of its devices, 1 or more.
    grid : float or array, optional
        Carbon intensity of the electricity in g CO2e per kWh.
    flops_per_token : float or array, optional
        Training FLOPs per token; 6 N where it is left out (Kaplan et al., 2020,
        https://arxiv.org/abs/2001.08361, Sec. 2.1).
    batch_tokens : float or array, optional
        Tokens per optimiser step. Needed for ``steps``.

    Returns
    -------
    dict of arrays
        ``flops``; ``device_hours``; with the arguments that they need also ``hours`` (wall clock),
        ``cost`` (the unit of ``price``), ``device_kwh`` and ``kwh`` (without and with the PUE),
        ``kg_co2e`` (of operation alone, not of making the devices) and ``steps``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not numeric, not finite or out of its range; the message names it.
    """
    N, D = positive_array("N", N), positive_array("D", D)
    peak, mfu = positive_array("peak", peak), positive_array("mfu", mfu)
    if mfu.max() > 1:
        raise ValueError(f"mfu must be a share above 0 and at most 1, got {mfu.max():g}")
    per_token = (
        TRAINING_FLOPS * N
        if flops_per_token is None
        else positive_array("flops_per_token", flops_per_token)
    )
    flops = per_token * D
    found = {"flops": flops, "device_hours": flops / (peak * mfu * HOUR)}
    if devices is not None:
        found["hours"] = found["device_hours"] / positive_array("devices", devices)
    if price is not None:
        found["cost"] = found["device_hours"] * _at_least("price", price, 0.0)
    if power is not None:
        found["device_kwh"] = found["device_hours"] * (positive_array("power", power) / 1000)
        found["kwh"] = found["device_kwh"] * _at_least("pue", pue, 1.0)
        if grid is not None:
            found["kg_co2e"] = found["kwh"] * (_at_least("grid", grid, 0.0) / 1000)
    if batch_tokens is not None:
        found["steps"] = D / positive_array("batch_tokens", batch_tokens)
    return {name: np.asarray(values)[()] for name, values in found.items()}


def _at_least(name: str, value, least: float) -> np.ndarray:
    array = finite_array(name, value)
    if array.min() < least:
        raise ValueError(f"{name} must be {least:g} or above, got {array.min():g}")
    return array
