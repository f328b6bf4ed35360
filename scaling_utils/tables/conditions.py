"""Conditions on rows, as they are typed: loss<4, dataset=c4, C>=1e21."""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scaling_utils.tables._numbers import is_missing, number_of

_COMPARE = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
    "=": operator.eq, "!=": operator.ne,
}  # fmt: skip
_PARTS = re.compile(r"\s*(.+?)\s*(<=|>=|==|!=|=|<|>)\s*(.*?)\s*")


@dataclass(frozen=True)
class Condition:
    """A column's name, a comparison and a value.

    Attributes
    ----------
    column, sign, value : str
        As they were typed; the sign is one of < <= > >= = !=.
    number : float or None
        The value as a number, where it is one.
    """

    column: str
    sign: str
    value: str
    number: float | None

    def __str__(self) -> str:
        return f"{self.column}{self.sign}{self.value}"

    def holds(self, cells: Sequence) -> np.ndarray:
        """Return for which cells it holds, bool of shape (cells,); for no missing one."""
        compare = _COMPARE[self.sign]
        if isinstance(cells, np.ndarray) and cells.dtype.kind in "iuf" and self.number is not None:
            return compare(cells, self.number) & ~np.isnan(cells.astype(float))
        return np.array([self._one(cell, compare) for cell in cells], dtype=bool)

    def _one(self, cell, compare) -> bool:
        if is_missing(cell):
            return False
        if self.number is not None:
            try:
                return bool(compare(number_of(cell), self.number))
            except ValueError:
                if self.sign not in ("=", "!="):
                    return False
        return bool(compare(str(cell).strip(), self.value))


def parse_condition(text: str) -> Condition:
    """Return the condition that a text states.

    Parameters
    ----------
    text : str
        A column, one of < <= > >= = !=, and a number (suffixes as in 7B) or a text.

    Returns
    -------
    Condition

    Raises
    ------
    ValueError
        If it states none, or compares a text by size.
    """
    found = _PARTS.fullmatch(text)
    if not found:
        raise ValueError(
            f"a condition must be a column, one of < <= > >= = !=, and a value, such as loss<4 or "
            f"dataset=c4, got {text!r}"
        )
    column, sign, value = found.groups()
    value = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
    try:
        number = None if is_missing(value) else number_of(value)
    except ValueError:
        number = None
    if number is None and sign not in ("=", "==", "!="):
        raise ValueError(f"the condition {text!r} must compare with a number")
    return Condition(column, "=" if sign == "==" else sign, value, number)
