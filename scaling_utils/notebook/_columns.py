"""Tables by columns: the values of each, and how they are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np


def by_columns(columns: Mapping[str, object]) -> tuple[list[str], list[list[str]]]:
    """Return the headings and the rows of a table that is given by its columns.

    See ``table``. Raises ValueError or TypeError naming the column.
    """
    written = {str(name): _column(str(name), column) for name, column in columns.items()}
    lengths = {name: len(column) for name, column in written.items()}
    if len(set(lengths.values())) > 1:
        got = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
        raise ValueError(f"columns must have the same length, got: {got}")
    return list(written), [list(row) for row in zip(*written.values(), strict=True)]


def _column(name: str, column) -> list[str]:
    values, form = column if _has_format(column) else (column, "")
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise TypeError(f"column {name!r} must hold one value a row, got {values!r}")
    template = form if "{" in form else f"{{:{form}}}"
    try:
        return ["" if _nothing(value) else template.format(value) for value in values]
    except (ValueError, TypeError, IndexError, KeyError) as reason:
        raise ValueError(f"column {name!r} cannot be written as {form!r}: {reason}") from None


def _has_format(column) -> bool:
    """Whether a column is (values, format): a tuple of two whose first is no text itself."""
    return (
        isinstance(column, tuple)
        and len(column) == 2
        and isinstance(column[1], str)
        and not isinstance(column[0], str)
        and isinstance(column[0], Iterable)
    )


def _nothing(value) -> bool:
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))
