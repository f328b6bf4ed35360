"""Numbers as people write them in cells: 73.8M, 73,824,672, 3,14 and 1.5 x 10^18."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

MISSING = frozenset({"", "nan", "na", "n/a", "none", "null", "-", "--", "?", "nat", "#n/a", "<na>"})
SUFFIXES = {
    "": 1.0, "k": 1e3, "m": 1e6, "mm": 1e6, "b": 1e9, "bn": 1e9, "g": 1e9, "t": 1e12,
    "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12,
    "p": 1e15, "e": 1e18, "z": 1e21,
}  # fmt: skip
_WORDS = r"(?:params?|parameters?|tokens?|toks?|flops?|flop)?"
_NUMBER = re.compile(
    rf"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*({'|'.join(filter(None, SUFFIXES))})?"
    rf"\s*{_WORDS}",
    re.IGNORECASE,
)
_POWER = re.compile(r"\s*(?:[x×*·]|\\times)\s*10\s*(?:\^|\*\*)\s*\{?\s*([+-]?\d+)\s*\}?")
_GROUPS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_DOTS = re.compile(r"[+-]?\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?")
_SPACES = re.compile(r"(?<=\d)[ \u00a0\u202f'_](?=\d{3}(?!\d))")
_COMMA = re.compile(r"\s*[+-]?\d+,\d+(?:e[+-]?\d+)?\s*[a-z]*\s*", re.IGNORECASE)
_LOSS_COMMA = re.compile(r"\s*\d{1,2},\d+\s*")


def is_missing(cell) -> bool:
    """Whether a cell says that there is nothing."""
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in MISSING)


def number_of(cell, decimal: str = ".") -> float:
    """Return the number in a cell, NaN where it is missing; ValueError where it holds none."""
    if is_missing(cell):
        return float("nan")
    if isinstance(cell, (bool, np.bool_)):
        raise ValueError("a truth value")
    if not isinstance(cell, str):
        try:
            return float(cell)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError("no number") from error
    if decimal == ".":
        try:
            return float(cell)
        except ValueError:
            pass
    return _written(cell, decimal)


def _written(cell: str, decimal: str) -> float:
    text = _POWER.sub(r"e\1", _SPACES.sub("", cell.strip().replace("−", "-")))
    if decimal == ",":
        if _DOTS.fullmatch(text):
            text = text.replace(".", "")
        text = text.replace(",", ".") if text.count(",") == 1 else text.replace(",", "")
    elif groups := _GROUPS.match(text):
        text = groups.group().replace(",", "") + text[groups.end() :]
    found = _NUMBER.fullmatch(text)
    if not found:
        raise ValueError("no number")
    return float(found[1]) * SUFFIXES[(found[2] or "").lower()]


def decimal_of(cells: Iterable, losses: Iterable) -> str:
    """Return the decimal sign, "," or ".", by cells of which some are losses.

    A comma is the sign where a number has one that parts no thousands, as 3,14 has, or where
    losses have one: 3,141 can be a loss in nats, and 3141 cannot.
    """
    for cell in cells:
        if isinstance(cell, str) and _COMMA.fullmatch(cell):
            digits = cell.strip().split(",")[1]
            if not re.match(r"\d{3}(?!\d)", digits) or len(cell.strip().split(",")[0]) > 4:
                return ","
    losses = [cell for cell in losses if isinstance(cell, str) and not is_missing(cell)]
    return "," if losses and all(_LOSS_COMMA.fullmatch(cell) for cell in losses) else "."
