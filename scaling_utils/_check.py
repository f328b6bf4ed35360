"""Checks of arguments. Each error names the argument, what is allowed, and what came.

Every public function of the package passes its arguments through here first, so
that a bad table or a typing slip is met at the door and not three calls later as
a NaN.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import numpy as np


def finite_array(name: str, value, *, ndim: int | None = None) -> np.ndarray:
    """Return ``value`` as a float array with at least one entry, all finite.

    Text, dates, truth values and complex numbers are no numbers here, not even one by one in an
    array of objects. A masked or missing entry is refused: nothing here could leave it out.
    """
    array = _refuse_mask(name, value)
    try:
        array = np.asarray(array)
        # numpy would read numbers out of text and dates
        if array.dtype.kind not in "iufO" or (array.dtype.kind == "O" and not _numbers(array)):
            raise TypeError
        array = array.astype(float, copy=False)
    except OverflowError:
        raise ValueError(f"{name} must be finite, got a whole number beyond all floats") from None
    except (TypeError, ValueError, RuntimeError):  # a tensor with a gradient is a RuntimeError
        raise TypeError(f"{name} must be numeric, got {value!r}") from None
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension(s), got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must hold at least one value, got none")
    bad = ~np.isfinite(array)
    if bad.any():
        where = "" if array.ndim == 0 else f" at index {int(np.flatnonzero(bad)[0])}"
        raise ValueError(f"{name} must be finite, got {array[bad].flat[0]}{where}")
    return array


def _refuse_mask(name: str, value):
    """Return ``value`` without its mask, if nothing in it is masked."""
    if isinstance(value, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(value)
    elif isinstance(value, (list, tuple)):
        mask = np.array([entry is np.ma.masked for entry in value], dtype=bool)
    else:
        return value
    if mask.any():
        where = f", the first at index {int(np.flatnonzero(mask)[0])}" if mask.ndim else ""
        raise ValueError(
            f"{name} must not be masked, got {int(mask.sum())} masked of {mask.size}{where}: "
            "leave these rows out of every column"
        )
    return value.data if isinstance(value, np.ma.MaskedArray) else value


def _numbers(array: np.ndarray) -> bool:
    """Whether an array of objects holds numbers, and not what only looks like them."""
    return all(
        hasattr(entry, "__float__") and not isinstance(entry, (bool, np.bool_, str, bytes))
        for entry in array.flat
    )


def positive_array(name: str, value, *, ndim: int | None = None) -> np.ndarray:
    """Return ``value`` as a float array, all entries finite and above zero."""
    array = finite_array(name, value, ndim=ndim)
    bad = array <= 0
    if bad.any():
        where = "" if array.ndim == 0 else f" at index {int(np.flatnonzero(bad)[0])}"
        raise ValueError(f"{name} must be positive, got {array[bad].flat[0]:g}{where}")
    return array


def number(
    name: str,
    value,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
) -> float:
    """Return ``value`` as a finite float inside the stated bounds."""
    if value is None or np.ndim(value) != 0:
        raise TypeError(f"{name} must be a single number, got {value!r}")
    out = float(finite_array(name, value))
    bounds = [
        (above, "above", lambda b: out > b),
        (at_least, "at least", lambda b: out >= b),
        (below, "below", lambda b: out < b),
        (at_most, "at most", lambda b: out <= b),
    ]
    stated = " and ".join(f"{word} {bound:g}" for bound, word, _ in bounds if bound is not None)
    if not all(holds(bound) for bound, _, holds in bounds if bound is not None):
        raise ValueError(f"{name} must be {stated}, got {out:g}")
    return out


def whole(name: str, value, *, at_least: int = 1) -> int:
    """Return ``value`` as an int that is whole and not below ``at_least``."""
    out = number(name, value, at_least=at_least)
    if out != int(out):
        raise ValueError(f"{name} must be a whole number, got {out:g}")
    return int(out)


def labels(name: str, value, rows: int | None = None) -> np.ndarray:
    """Return ``value`` as one label per row: numbers or text, with none masked or NaN."""
    array = np.asarray(_refuse_mask(name, value))
    if array.ndim != 1 or array.size == 0 or (rows is not None and array.size != rows):
        wanted = "rows" if rows is None else rows
        raise ValueError(
            f"{name} must hold one label per row, shape ({wanted},), got {array.shape}"
        )
    missing = np.flatnonzero([entry is None or entry != entry for entry in array.tolist()])
    if missing.size:
        raise ValueError(f"{name} must not be missing, got none at index {missing[0]}")
    return array


def same_length(**arrays: np.ndarray) -> None:
    """Raise unless all named arrays have the same number of entries."""
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        got = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"{', '.join(lengths)} must have the same length, got: {got}")


def member(name: str, value, options: Iterable[str]) -> str:
    """Return ``value`` if it is one of ``options``; never guess a near one, but name it."""
    allowed = list(options)
    if value not in allowed:
        near = get_close_matches(value, map(str, allowed), n=1) if isinstance(value, str) else []
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"{name} must be one of {', '.join(map(repr, allowed))}; got {value!r}{hint}"
        )
    return value
