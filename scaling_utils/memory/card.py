"""What of a card's memory tensors can have."""

from __future__ import annotations

from scaling_utils._check import number
from scaling_utils.hardware import Device, get
from scaling_utils.units import GIB

# The context of the driver, the kernels' work spaces, communication buffers and the gaps of the
# allocator. Reports from users lie between one and six GiB a process; nothing derives it.
RESERVE = 3 * GIB
RESERVE_RANGE = (1 * GIB, 6 * GIB)


def available(device: str | Device, reserve: float = RESERVE) -> float:
    """Return the bytes of a card that are left for tensors.

    Parameters
    ----------
    device : str or Device
        Accelerator, see :func:`scaling_utils.hardware.get`.
    reserve : float
        Bytes for what no formula here counts, at least 0: context, work spaces, communication,
        gaps. ``RESERVE_RANGE`` is what has been seen; try its two ends.

    Returns
    -------
    float
        Memory as the driver reports it, less the reserve.

    Raises
    ------
    TypeError, ValueError
        If the device or its reported memory is unknown, or the reserve is below zero or more than
        the card has.
    """
    card = device if isinstance(device, Device) else get(device)
    usable = card.usable_memory()
    return usable - number("reserve", reserve, at_least=0, at_most=usable)
