"""The machine of a plan: its device, and the ranges of all that is not known about it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from os import PathLike

from scaling_utils._check import number, whole
from scaling_utils._remarks import Remark
from scaling_utils.hardware import Device
from scaling_utils.hardware import get as device_of
from scaling_utils.planning import defaults, prices
from scaling_utils.planning.ranges import Range, as_range

LEAST_GRID = 5.0  # g CO2e/kWh; below lies no country, but any figure in kg


@dataclass(frozen=True)
class Machine:
    """A device and the ranges of the inputs that turn FLOPs into hours, money and carbon.

    Attributes
    ----------
    device : Device
        Of ``hardware``.
    dtype : str
        Number format of the matrix products.
    ranges : dict of Range
        ``mfu`` and ``pue``; ``power`` in watts a device; ``grid`` in g CO2e per kWh; ``price`` in
        money a device-hour, where one was given.
    devices, deadline : int and float, or None
        How many, and the hours on the clock that the run may take.
    currency, price_date : str or None
        Of the price.
    footprint : carbon.Footprint or None
        What making the devices took, where it is asked for.
    remarks : list of Remark
        What was assumed.
    """

    device: Device
    dtype: str
    ranges: dict[str, Range]
    devices: int | None = None
    deadline: float | None = None
    currency: str = "USD"
    price_date: str | None = None
    footprint: object = None
    remarks: list[Remark] = field(default_factory=list)

    @property
    def peak(self) -> float:
        """Dense peak of one device in FLOP/s."""
        return self.device.peak(self.dtype)

    def with_mfu(self, mfu: Range) -> Machine:
        """Return the machine with another MFU."""
        return replace(self, ranges={**self.ranges, "mfu": mfu})

    def flops_per_hour(self, values: dict) -> object:
        """Return the model FLOPs of one device-hour, for values of the ranges."""
        return self.peak * values["mfu"] * 3600.0


def machine_of(
    device, dtype, mfu, price, price_date, currency, power, pue, grid, devices, deadline, embodied
) -> Machine:
    """Return the machine of a plan's arguments; see ``plan`` for their meaning and errors."""
    chip = device if isinstance(device, Device) else device_of(device)
    chip.peak(dtype)  # an unknown format is refused here
    remarks: list[Remark] = []
    ranges = {
        "mfu": _mfu(mfu, remarks),
        "pue": defaults.pue_range() if pue is None else as_range("pue", pue, "", above=1.0),
        "grid": _grid(grid, remarks),
    }
    rated = _power(power, chip, remarks)
    if rated is not None:
        ranges["power"] = rated
    if isinstance(price, str | PathLike):
        price, price_date, theirs = prices.read(price, chip, price_date)
        currency = theirs or currency
    if price is not None:
        ranges["price"] = as_range("price", price, f"{currency} per device-hour")
        if not price_date:
            remarks.append(
                Remark(
                    "price-without-date",
                    "the price has no date, and prices move by half within a year: give "
                    "price_date, the day on which it was read",
                )
            )
    elif price_date:
        raise ValueError(f"price_date {price_date!r} needs a price, got none")
    return Machine(
        chip,
        dtype,
        ranges,
        None if devices is None else whole("devices", devices),
        None if deadline is None else number("deadline", deadline, above=0),
        currency,
        price_date,
        _footprint(embodied),
        remarks,
    )


def _mfu(mfu, remarks: list[Remark]) -> Range:
    if mfu is None:
        remarks.append(
            Remark(
                "mfu-assumed",
                "nobody gave an MFU, so that it ranges over published runs: measure a few "
                "hundred steps and give mfu",
            )
        )
        return defaults.mfu_range()
    low, high = defaults.MFU_SEEN
    try:
        return as_range("mfu", mfu, "share of the dense peak", at_most=1.0)
    except ValueError as error:
        raise ValueError(
            f"{error}; it is a share of the dense peak, 0.4 for 40 %, and published runs reach "
            f"{low:g} to {high:g}"
        ) from None


def _power(power, chip: Device, remarks: list[Remark]) -> Range | None:
    if power is not None:
        return as_range("power", power, "W")
    if chip.power is None:
        remarks.append(
            Remark(
                "power-unknown",
                f"no vendor rates the power of {chip.name}, so that energy and emissions are left "
                "out: give power in watts a device",
            )
        )
        return None
    return defaults.power_range(chip.power)


def _grid(grid, remarks: list[Remark]) -> Range:
    if grid is None:
        remarks.append(
            Remark(
                "grid-assumed",
                "nobody said where the run is, so that the grid ranges from France to Poland: "
                "give grid, in g CO2e/kWh or by place",
            )
        )
        return defaults.grid_range()
    if isinstance(grid, str):
        from scaling_utils import carbon

        grid = carbon.grid(grid)
    if hasattr(grid, "value") and hasattr(grid, "source"):
        words = [str(getattr(grid, x)) for x in ("place", "year", "edition") if hasattr(grid, x)]
        grid = Range.of(float(grid.value), "g CO2e/kWh", ", ".join([*words, grid.source]))
    found = as_range("grid", grid, "g CO2e/kWh")
    if found.low < LEAST_GRID:
        raise ValueError(
            f"grid must be in g CO2e/kWh, {LEAST_GRID:g} or above, got {found.low:g}; "
            f"{found.low:g} kg/kWh are {1000 * found.low:g} g/kWh"
        )
    return found


def _footprint(embodied):
    if embodied is None:
        return None
    from scaling_utils import carbon

    return carbon.footprint(embodied) if isinstance(embodied, str) else embodied
