"""Prices of device-hours from a table of yours: columns device, price and date."""

from __future__ import annotations

import csv
import datetime
from pathlib import Path

from scaling_utils.cli._numbers import read

NEEDED = ("device", "price", "date")


def price_of(path: str, device: str) -> dict:
    """Return the price of a device, its date and its currency.

    Several rows of the same device are a range, from the lowest to the highest with the middle one
    between; the date is that of the oldest row.

    Parameters
    ----------
    path : str
        CSV file in UTF-8 with the columns device (a name of ``hardware.devices()``), price (money
        per device-hour) and date (2026-11-01). A column currency may say which.
    device : str
        The device that is planned with.

    Returns
    -------
    dict
        ``price`` (a number, or low, middle and high), ``price_date``, and ``currency`` where the
        table has it: arguments of ``planning.plan``.

    Raises
    ------
    ValueError
        If the table cannot be read, has no row of the device, or a row has no positive price or
        no date.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as lines:
            table = csv.DictReader(lines)
            heads = [(head or "").strip() for head in table.fieldnames or ()]
            missing = [name for name in NEEDED if name not in heads]
            if missing:
                found = ", ".join(heads) or "nothing"
                raise ValueError(f"--prices: {path} lacks the column {missing[0]}; found: {found}")
            table.fieldnames = heads
            rows = [_row(path, table.line_num, row) for row in table]
    except OSError as error:
        raise ValueError(f"--prices: {path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"--prices: {path} is no CSV file in UTF-8: {error}") from error
    rows = [row for row in rows if row["device"].casefold() == device.casefold()]
    if not rows:
        raise ValueError(f"--prices: {path} has no row of {device}")
    prices = sorted(row["price"] for row in rows)
    currencies = {row["currency"] for row in rows}
    if len(currencies) > 1:
        raise ValueError(f"--prices: {path} has {device} in {', '.join(sorted(currencies))}")
    found = {"price": prices[0], "price_date": min(row["date"] for row in rows)}
    if len(set(prices)) > 1:
        half = len(prices) // 2
        middle = prices[half] if len(prices) % 2 else (prices[half - 1] + prices[half]) / 2
        found["price"] = (prices[0], middle, prices[-1])
    currency = currencies.pop()
    return found | ({"currency": currency} if currency else {})


def _row(path: str, line: int, row: dict) -> dict:
    cells = {name: (row.get(name) or "").strip() for name in (*NEEDED, "currency")}
    try:
        price = read(cells["price"], "money")
        datetime.date.fromisoformat(cells["date"])
    except ValueError as error:
        raise ValueError(f"--prices: {path}, line {line}: {error}") from error
    return cells | {"price": price}
