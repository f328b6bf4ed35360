"""From cells to typed arrays, chunk by chunk, with errors that name the cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scaling_utils.tables._numbers import is_missing, number_of
from scaling_utils.tables.errors import TableError

MOST_LABELS = 1_000_000


def numbers_in(cells: Sequence, kept: np.ndarray, decimal: str, refuse) -> np.ndarray:
    """Return the numbers in cells, NaN where one is missing or the row is not kept.

    ``refuse(place, cell)`` is called for the first kept cell that holds no number.
    """
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "iuf":
        return np.where(kept, cells.astype(float), np.nan)
    if decimal == "." and not isinstance(cells, np.ndarray) and bool not in set(map(type, cells)):
        try:
            return np.where(kept, np.fromiter(map(float, cells), float, len(cells)), np.nan)
        except (TypeError, ValueError, OverflowError):
            pass
    values = np.full(len(cells), np.nan)
    for place in np.flatnonzero(kept):
        try:
            values[place] = number_of(cells[place], decimal)
        except ValueError:
            refuse(place, cells[place])
    return values


class Labels:
    """The distinct texts of a column, numbered as they come."""

    def __init__(self, name: str, column: str, most: int = MOST_LABELS) -> None:
        self._name, self._column, self._most = name, column, most
        self.known: dict[str, int] = {}
        self.seen = 0

    def codes(self, cells: Sequence) -> np.ndarray:
        """Return the number of each cell's text, -1 where it is missing."""
        known, out = self.known, np.empty(len(cells), dtype=np.int64)
        for place, cell in enumerate(cells):
            out[place] = -1 if is_missing(cell) else known.setdefault(str(cell).strip(), len(known))
        self.seen += len(cells)
        if len(known) > self._most:
            raise TableError(
                f"{self._name}, column {self._column}: has more than {self._most:,} different "
                "values; it names no groups"
            )
        return out


def shown(cell) -> str:
    """Return a cell as an error shows it: whole if short."""
    text = repr(cell.strip() if isinstance(cell, str) else cell)
    return text if len(text) <= 60 else f"{text[:57]}..."
