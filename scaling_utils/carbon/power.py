"""Watts of one device, under three names: rated, measured, or a share of the rated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils._check import finite_array, member, number
from scaling_utils.hardware import Device, get

KINDS = ("rated", "measured", "utilised")
LEAST = 2.0  # watts; below it somebody gave kilowatts (an accelerator has 0.07 to 2 kW)
MOST = 2e4  # watts; above it stands the power of a machine room, or milliwatts


@dataclass(frozen=True)
class Power:
    """The power of one device while the job runs.

    Attributes
    ----------
    watts : float or array
        Watts of one device.
    kind : {"rated", "measured", "utilised"}
        "rated" is the vendor's thermal design power, a ceiling and no measurement; "measured" was
        read from a meter; "utilised" is a share of the rated power that somebody assumed.
    covers : str
        What is inside the figure: the card alone, or memory, network, fans and host as well.
    pue : float
        The PUE that is already inside, 1 where none is. :func:`energy` refuses a second one.
    """

    watts: float | np.ndarray
    kind: str
    covers: str
    pue: float = 1.0

    def __post_init__(self):
        watts(self.watts)
        member("kind", self.kind, KINDS)
        number("pue", self.pue, at_least=1)


def watts(power) -> np.ndarray:
    """Return the watts of a :class:`Power`, or of plain numbers, checked for the unit.

    Raises
    ------
    TypeError, ValueError
        For anything but finite numbers between ``LEAST`` and ``MOST``.
    """
    values = finite_array("power", power.watts if isinstance(power, Power) else power)
    if (values <= 0).any():
        raise ValueError(f"power must be positive, in watts, got {values.min():g}")
    if (values < LEAST).any():
        low = values.min()
        raise ValueError(
            f"power must be in watts of one device, at least {LEAST:g}, got {low:g}: "
            f"{low:g} kW are {1000 * low:g} W"
        )
    if (values > MOST).any():
        raise ValueError(
            f"power must be in watts of one device, at most {MOST:g}, got {values.max():g}: "
            "count the devices in device_hours"
        )
    return values


def rated(device: str | Device) -> Power:
    """Return a device's rated power, its thermal design power (TDP).

    Parameters
    ----------
    device : str or Device
        Accelerator, see :func:`scaling_utils.hardware.get`.

    Returns
    -------
    Power
        A job may draw less, and with memory, network and host more: V100 has 300 W on paper and
        330 W measured with its part of the system, TPU v3 450 W and 245 to 310 W (Patterson et al.
        (2021), https://arxiv.org/abs/2104.10350, Table 4).

    Raises
    ------
    ValueError
        For a device that is unknown, or whose vendor states no power.
    """
    card = device if isinstance(device, Device) else get(device)
    if card.power is None:
        raise ValueError(
            f"device must have a rated power, but none is stated for {card.name}: "
            "give what was measured, carbon.measured(watts, covers=...)"
        )
    return Power(card.power, "rated", "the card, by its vendor's limit")


def measured(value, covers: str, pue: float = 1.0) -> Power:
    """Return a power that a meter showed.

    Parameters
    ----------
    value : float or array
        Watts of one device, averaged over the job.
    covers : str
        Where the meter sat: "the card", "the node's share", "the building's share".
    pue : float
        1 for a meter at the machines; the PUE that is inside for a meter of the building.

    Returns
    -------
    Power
        Of kind "measured".

    Raises
    ------
    TypeError, ValueError
        For watts that look like kilowatts, no words on what is covered, or a PUE below 1.
    """
    if not isinstance(covers, str) or not covers.strip():
        raise ValueError(f"covers must say in words what the meter saw, got {covers!r}")
    return Power(value, "measured", covers, pue)


def utilised(device: str | Device, share) -> Power:
    """Return an assumed share of a device's rated power.

    Parameters
    ----------
    device : str or Device
        Accelerator, see :func:`rated`.
    share : float or array
        Share of the rated power, above 0 and at most 1.2 (with the host's part). This is no
        MFU: a device that computes at 40 % of its peak may well draw 90 % of its power.

    Returns
    -------
    Power
        Of kind "utilised", the share times the rated power.

    Raises
    ------
    TypeError, ValueError
        For a device without a rated power, or a share that looks like a per cent.
    """
    shares = finite_array("share", share)
    if (shares <= 0).any() or (shares > 1.2).any():
        worst = shares.flat[np.argmax(np.abs(shares - 0.6))]
        raise ValueError(
            f"share must be above 0 and at most 1.2, a share of the rated power, got {worst:g}"
        )
    full = rated(device)
    return Power(full.watts * shares[()], "utilised", "an assumed share of the card's rated power")
