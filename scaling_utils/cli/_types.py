"""Types of arguments that several subcommands share."""

from __future__ import annotations

import argparse
import math


def positive(text: str) -> float:
    """A positive finite number, in any notation that Python reads: 3e23, 0.5, 7."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"must be a positive number, got {text!r}")
    return value


def whole(text: str) -> int:
    """A positive whole number; 4e3 is one, 4.5 is not."""
    value = positive(text)
    if value != int(value):
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}")
    return int(value)


def index(text: str) -> int:
    """A whole number from 0, such as a seed."""
    return 0 if text.strip() == "0" else whole(text)


MOST_RESAMPLES = 1_000_000  # their constants alone would fill the memory beyond this


def resamples(text: str) -> int:
    """A whole number of resamples, up to a million."""
    value = whole(text)
    if value > MOST_RESAMPLES:
        raise argparse.ArgumentTypeError(f"must be at most {MOST_RESAMPLES:,}, got {text!r}")
    return value


def sizes(text: str) -> tuple[str, str]:
    """Two different ones of N, D and C, such as N,C."""
    names = tuple(name.strip() for name in text.split(","))
    if len(names) != 2 or len(set(names)) != 2 or not set(names) <= {"N", "D", "C"}:
        raise argparse.ArgumentTypeError(f"must be two of N, D and C, such as N,C, got {text!r}")
    return names
