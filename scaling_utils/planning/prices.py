"""Prices of device-hours from the reader's own table. None are built in: they move too fast."""

from __future__ import annotations

import csv
import datetime
from pathlib import Path

import numpy as np

from scaling_utils._check import number
from scaling_utils.hardware import Device, get
from scaling_utils.planning.ranges import LEVELS, Range

COLUMNS = ("device", "price", "date")


def read(path, device: Device, date: str | None = None) -> tuple[Range, str, str]:
    """Return the price of a device-hour, 10, 50 and 90 % of a table's rows, and their dates.

    Parameters
    ----------
    path : str or path
        A CSV with the columns ``device`` (a name of ``hardware.devices()`` in any case, or one
        that ``hardware.get`` knows), ``price`` (of one device and hour) and ``date`` (the day on
        which it was read, such as 2026-11-01). A column ``currency`` says which; others, such as
        provider, region or term, are for you.
    device : Device
        Whose rows count.
    date : str, optional
        Only rows of this day; all days otherwise.

    Returns
    -------
    tuple of Range, str and str
        The price; the day, or the first and the last day, on which it was read; and the currency,
        empty where the table has none.

    Raises
    ------
    ValueError
        If a column or a day is missing, a price is not above 0, no row is of the device, or its
        rows are in several currencies.
    OSError
        If the file cannot be read.
    """
    rows = _rows(path)
    each = [(line, row) for line, row in enumerate(rows, 2) if _is(row["device"], device)]
    days = [_day(path, line, row) for line, row in each]
    kept = [one for one, day in zip(each, days, strict=True) if date is None or str(date) == day]
    if not kept:
        known = ", ".join(sorted({row["device"] or "" for row in rows}))
        when = "" if date is None else f" on {date}"
        raise ValueError(f"price: {path} has no row of {device.name}{when}; its devices: {known}")
    currencies = {(row.get("currency") or "").strip() for _, row in kept}
    if len(currencies) > 1:
        raise ValueError(
            f"price: {path} has {device.name} in {', '.join(sorted(currencies))}: keep one currency"
        )
    prices = [_price(path, line, row) for line, row in kept]
    days = sorted({row["date"].strip() for _, row in kept})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    source = f"{len(prices)} rows of {Path(path).name}, read {when}"
    quantiles = map(float, np.quantile(prices, LEVELS))
    return Range(*quantiles, "", source), when, currencies.pop()


def _rows(path) -> list[dict[str, str]]:
    """Return the rows of a table, with names of columns as they are compared."""
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as stream:
            table = csv.DictReader(stream)
            table.fieldnames = [(head or "").strip() for head in table.fieldnames or ()]
            rows = list(table)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"price: {path} must be a CSV file in UTF-8: {error}") from error
    missing = [c for c in COLUMNS if not rows or c not in table.fieldnames]
    if missing:
        raise ValueError(
            f"price: {path} must have rows with the columns {', '.join(COLUMNS)}; "
            f"missing: {', '.join(missing)}"
        )
    return rows


def _is(name: str | None, device: Device) -> bool:
    written = (name or "").strip()
    if written.casefold() == device.name.casefold():
        return True
    try:
        return get(written).name == device.name
    except ValueError:
        return False


def _day(path, line: int, row: dict[str, str]) -> str:
    text = (row["date"] or "").strip()
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"price: date must be a day such as 2026-11-01, got {text!r} in line {line} of {path}"
        ) from None
    return text


def _price(path, line: int, row: dict[str, str]) -> float:
    try:
        return number("price", float(row["price"]), above=0)
    except (TypeError, ValueError):
        raise ValueError(
            f"price must be a number above 0, got {row['price']!r} in line {line} of {path}"
        ) from None
