"""What a card has, what is kept free for what no formula counts, and whether a need fits."""

from __future__ import annotations

from scaling_utils._check import number
from scaling_utils.hardware import Device
from scaling_utils.memory import RESERVE, RESERVE_RANGE


def room(device: Device) -> float:
    """Return the bytes of a card's memory: as its driver reports them, or else as it is sold.

    The figure as sold is the smaller one in every row of the table that has both, so nothing is
    promised that is not there.

    Parameters
    ----------
    device : hardware.Device
        The card.

    Returns
    -------
    float
        Bytes.
    """
    return float(device.memory if device.memory_reported is None else device.memory_reported)


def verdict(low: float, high: float, usable: float) -> str:
    """Return whether a need between ``low`` and ``high`` fits: "yes", "perhaps" or "no"."""
    if high <= usable:
        return "yes"
    return "perhaps" if low <= usable else "no"


def ends_of(reserve: float, between: tuple[float, float] | None) -> tuple:
    """Return the lowest, the middle and the highest reserve.

    Parameters
    ----------
    reserve : float
        The middle one, in bytes.
    between : tuple of float, optional
        The ends. Without them, those of ``memory.RESERVE_RANGE`` for the reserve that the package
        assumes, and none for one that you give.

    Returns
    -------
    tuple of float
        Three sizes in bytes.

    Raises
    ------
    TypeError, ValueError
        If a size is below zero, or the middle one not between the ends.
    """
    middle = number("reserve", reserve, at_least=0)
    if between is None:
        between = RESERVE_RANGE if middle == RESERVE else (middle, middle)
    low, high = (number("reserve_range", end, at_least=0) for end in between)
    if not low <= middle <= high:
        raise ValueError(f"reserve must lie in its range [{low:g}, {high:g}], got {middle:g}")
    return float(low), float(middle), float(high)
