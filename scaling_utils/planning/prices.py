"""Prices of device-hours from the reader's own table. None are built in: they move too fast."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from scaling_utils._check import number
from scaling_utils.hardware import Device, get
from scaling_utils.planning.ranges import LEVELS, Range

COLUMNS = ("gpu", "n_gpu", "usd_per_hour", "retrieved_on")


def read(path, device: Device, date: str | None = None) -> tuple[Range, str]:
    """Return the price of a device-hour, 10, 50 and 90 % of a table's rows, and their dates.

    Parameters
    ----------
    path : str or path
        A CSV with the columns ``gpu`` (a name that ``hardware.get`` knows), ``n_gpu``,
        ``usd_per_hour`` (of all of them together) and ``retrieved_on``, a day such as
        2026-11-01. Others, such as provider, region or term, are for you.
    device : Device
        Whose rows count.
    date : str, optional
        Only rows of this day; all days otherwise.

    Returns
    -------
    tuple of Range and str
        The price, and the day, or the first and the last day, on which it was read.

    Raises
    ------
    ValueError
        If a column or a date is missing, a price is not above 0, or no row is of the device.
    OSError
        If the file cannot be read.
    """
    with Path(path).open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    missing = [c for c in COLUMNS if not rows or c not in rows[0]]
    if missing:
        raise ValueError(
            f"price: {path} must have rows with the columns {', '.join(COLUMNS)}; "
            f"missing: {', '.join(missing)}"
        )
    undated = [i for i, row in enumerate(rows, 2) if not (row["retrieved_on"] or "").strip()]
    if undated:
        raise ValueError(
            f"price: retrieved_on must be a day in every row of {path}, none in line {undated[0]}"
        )
    fitting = [row for row in rows if _is(row["gpu"], device)]
    fitting = [row for row in fitting if date is None or row["retrieved_on"] == str(date)]
    if not fitting:
        known = ", ".join(sorted({row["gpu"] for row in rows}))
        when = "" if date is None else f" on {date}"
        raise ValueError(f"price: {path} has no row of {device.name}{when}; its devices: {known}")
    each = [_number("usd_per_hour", row) / _number("n_gpu", row) for row in fitting]
    days = sorted({row["retrieved_on"] for row in fitting})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    quantiles = map(float, np.quantile(each, LEVELS))
    source = f"{len(each)} rows of {Path(path).name}, read {when}"
    return Range(*quantiles, "USD per device-hour", source), when


def _is(name: str, device: Device) -> bool:
    try:
        return get(name.strip()).name == device.name
    except ValueError:
        return False


def _number(column: str, row: dict[str, str]) -> float:
    try:
        value = float(row[column])
    except (TypeError, ValueError):
        raise ValueError(f"price: {column} must be a number, got {row[column]!r}") from None
    return number(f"price: {column}", value, above=0)
