"""From work to hours of one device, and from these to kWh."""

from __future__ import annotations

import numpy as np

from scaling_utils._check import finite_array, positive_array
from scaling_utils.carbon.facilities import Pue
from scaling_utils.carbon.power import Power, watts
from scaling_utils.hardware import Device, get

SECONDS = 3600.0  # in an hour
WATTS = 1000.0  # in a kilowatt
PUE_RANGE = (1.0, 3.0)  # no building takes less than its machines; a sum of hundreds is a per cent


def device_hours(flops, device: str | Device | float, mfu, dtype: str = "bf16"):
    """Return the hours of one device that a piece of work takes, all devices together.

    Parameters
    ----------
    flops : float or array
        FLOPs of the model, for example 6 N D.
    device : str, Device or float
        Accelerator, whose dense peak is taken, or a **dense** peak in FLOP/s. A peak with 2:4
        sparsity, as vendors like to print, halves the hours without any reason.
    mfu : float or array
        Model FLOPs utilisation, a share of that peak above 0 and at most 1.
    dtype : str
        Number format of the peak.

    Returns
    -------
    float or array
        Device-hours, flops / (3600 * peak * mfu). Divide by the devices for hours on the clock.

    Raises
    ------
    TypeError, ValueError
        For an unknown device or format, work that is not positive, or an MFU outside (0, 1].
    """
    work, share = positive_array("flops", flops), positive_array("mfu", mfu)
    if (share > 1).any():
        raise ValueError(f"mfu must be a share of the dense peak, at most 1, got {share.max():g}")
    if isinstance(device, str):
        device = get(device)
    peak = device.peak(dtype) if isinstance(device, Device) else device
    return (work / (SECONDS * positive_array("device", peak) * share))[()]


def energy(device_hours, power, pue=1.0):
    """Return the energy of a job in kWh: at the devices, or with a PUE at the building's meter.

    Parameters
    ----------
    device_hours : float or array
        Hours of one device, summed over all devices: 8 cards for 10 hours are 80.
    power : Power, float or array
        Watts of one device, see :func:`rated`, :func:`measured` and :func:`utilised`.
    pue : Pue, float or array
        Power usage effectiveness, the building's energy over its machines'. 1 is the energy of the
        devices alone. It is applied once, here; the result has it inside.

    Returns
    -------
    float or array
        kWh, device_hours * watts / 1000 * pue.

    Raises
    ------
    TypeError, ValueError
        For hours below 0, a power that is not in watts, a PUE outside ``PUE_RANGE``, or a second
        PUE on a power that has one inside.
    """
    hours, ratio = finite_array("device_hours", device_hours), _ratio(pue)
    if (hours < 0).any():
        raise ValueError(f"device_hours must be at least 0, got {hours.min():g}")
    if isinstance(power, Power) and power.pue > 1 and (ratio > 1).any():
        raise ValueError(
            f"pue must be 1 for this power, which has a PUE of {power.pue:g} inside "
            f"({power.covers}), got {ratio.max():g}: the building would be counted twice"
        )
    return (hours * watts(power) / WATTS * ratio)[()]


def facility(device_kwh, pue):
    """Return the building's kWh for what its devices took.

    Parameters
    ----------
    device_kwh : float or array
        kWh of the devices alone. Not the result of :func:`energy` with a PUE.
    pue : Pue, float or array
        See :func:`energy`.

    Returns
    -------
    float or array
        kWh, device_kwh * pue.

    Raises
    ------
    TypeError, ValueError
        For energy that is not positive, or a PUE outside ``PUE_RANGE``.
    """
    return (positive_array("device_kwh", device_kwh) * _ratio(pue))[()]


def _ratio(pue) -> np.ndarray:
    values = finite_array("pue", pue.value if isinstance(pue, Pue) else pue)
    low, high = PUE_RANGE
    if (values < low).any() or (values > high).any():
        worst = values.min() if (values < low).any() else values.max()
        raise ValueError(
            f"pue must be from {low:g} to {high:g}, the building's energy over its machines', "
            f"got {worst:g}"
        )
    return values
