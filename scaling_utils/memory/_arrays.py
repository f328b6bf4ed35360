"""Checks of counts that may be arrays, so that one call compares many layouts."""

from __future__ import annotations

import numpy as np

from scaling_utils._check import finite_array


def amounts(name: str, value, *, at_least: float = 0.0) -> np.ndarray:
    """Return ``value`` as a float array, all entries finite and not below ``at_least``."""
    array = finite_array(name, value)
    low = array < at_least
    if low.any():
        raise ValueError(f"{name} must be at least {at_least:g}, got {array[low].flat[0]:g}")
    return array


def counts(name: str, value, *, at_least: int = 1) -> np.ndarray:
    """Return ``value`` as a float array of whole numbers, none below ``at_least``."""
    array = amounts(name, value, at_least=at_least)
    broken = array != np.floor(array)
    if broken.any():
        raise ValueError(f"{name} must be whole, got {array[broken].flat[0]:g}")
    return array


def flag(name: str, value) -> bool:
    """Return ``value`` if it is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return value
