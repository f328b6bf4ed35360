"""Units of a table of runs: those that were said, and those that must be asked about.

A table in millions of parameters gives a law as smooth as one in parameters, and every
number that is computed from it is wrong. No column says its unit, but some numbers cannot be
meant as they stand.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping

import numpy as np

from scaling_utils.units import PF_DAY

COUNTS = {"1": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
WORK = {"1": 1.0, "PF-days": PF_DAY, "1e18": 1e18, "1e21": 1e21}
CHOICES = {"N": COUNTS, "D": COUNTS, "C": WORK}

# A study whose largest run lies below these is a rare one, and can say its unit.
FEWEST = {"N": 1e4, "D": 1e5, "C": 1e9}
WORDS = {"N": "parameters", "D": "tokens", "C": "FLOPs"}
# Tokens per parameter: published runs lie between 0.1 and 1e5, the book's smallest at 2.4e4.
TOKENS_PER_PARAMETER = (1e-2, 1e6)
RATIO = 10.0  # 6 N D and a table's C differ by conventions, but not by this factor
LARGEST_LOSS = math.log(1e6)  # nats: a guess among a million tokens


class TableError(ValueError):
    """A table that cannot be used; the message names the file and, where it can, the cell."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--N-unit``, ``--D-unit`` and ``--C-unit``."""
    for column, choices in CHOICES.items():
        parser.add_argument(
            f"--{column}-unit",
            choices=tuple(choices),
            help=f"unit of the column {column} (default: {WORDS[column]}, asked about if unlikely)",
        )


def said_units(args: argparse.Namespace) -> dict[str, float]:
    """Return how much one unit of each column is, for those whose unit was given."""
    given = {column: getattr(args, f"{column}_unit") for column in CHOICES}
    return {column: CHOICES[column][unit] for column, unit in given.items() if unit is not None}


def in_units(table: Mapping[str, np.ndarray], units: Mapping[str, float]) -> dict:
    """Return the table in parameters, tokens and FLOPs."""
    return {column: values * units.get(column, 1.0) for column, values in table.items()}


def ask_about_units(name: str, table: Mapping, read_from, said: frozenset[str]) -> None:
    """Refuse a table whose numbers cannot be parameters, tokens, FLOPs and nats.

    Raises
    ------
    TableError
        If a number is unlikely; it says which, and which options answer the question.
    """
    for column in read_from:
        if column not in said and table[column].max() < FEWEST[column]:
            raise TableError(
                f"{name}: column {column} is {_span(table[column])}: too few {WORDS[column]}. "
                f"In which unit is it? Say --{column}-unit {_units(column)}"
            )
    if table["loss"].min() > LARGEST_LOSS:
        raise TableError(
            f"{name}: column loss is {_span(table['loss'])}: is it a perplexity? Nats per token "
            "are needed, the natural logarithm of it"
        )
    if set(read_from) == {"N", "D"} and not {"N", "D"} <= said:
        _ask_about_ratio(name, table["D"] / table["N"], "N and D are", ("N", "D"))
    elif "C" in read_from and not set(read_from) <= said:
        (size,) = set(read_from) - {"C"}
        other = table["C"] / (6 * table[size])
        per = other / table[size] if size == "N" else table[size] / other
        _ask_about_ratio(name, per, f"{size} and C are", (size, "C"))
    if {"N", "D", "C"} <= table.keys() and "C" not in said:
        ratio = float(np.median(6 * table["N"] * table["D"] / table["C"]))
        if not 1 / RATIO <= ratio <= RATIO:
            raise TableError(
                f"{name}: 6 N D is {ratio:.3g} times the column C. In which unit is C? Say "
                f"--C-unit {_units('C')}; C is not read unless --sizes names it"
            )


def _ask_about_ratio(name: str, per: np.ndarray, columns: str, names: tuple[str, str]) -> None:
    low, high = TOKENS_PER_PARAMETER
    middle = float(np.median(per))
    if not low <= middle <= high:
        options = " and ".join(f"--{column}-unit" for column in names)
        raise TableError(
            f"{name}: {middle:.3g} tokens per parameter if {columns} as they stand. In which "
            f"units are they? Say {options} (1: as they stand)"
        )


def _span(values: np.ndarray) -> str:
    return f"{values.min():.4g} to {values.max():.4g}"


def _units(column: str) -> str:
    *most, last = CHOICES[column]
    return f"{', '.join(most)} or {last}"
