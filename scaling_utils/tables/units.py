"""Units of a table of runs: those that were said, and those that must be asked about.

A table in millions of parameters gives a law as smooth as one in parameters, and every
number that is computed from it is wrong. No column says its unit, but some numbers cannot be
meant as they stand.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import numpy as np

from scaling_utils.tables.errors import TableError
from scaling_utils.units import PF_DAY

COUNTS = {"1": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
WORK = {"1": 1.0, "PF-days": PF_DAY, "1e18": 1e18, "1e21": 1e21}
PERPLEXITY = "perplexity"
LOSSES = {"nats": 1.0, "bits": math.log(2)}
CHOICES = {"N": COUNTS, "D": COUNTS, "C": WORK, "loss": LOSSES}

# A study whose largest run lies below these is a rare one, and can say its unit.
FEWEST = {"N": 1e4, "D": 1e5, "C": 1e9}
WORDS = {"N": "parameters", "D": "tokens", "C": "FLOPs"}
# Tokens per parameter: published runs lie between 0.1 and 1e5, the book's smallest at 2.4e4.
TOKENS_PER_PARAMETER = (1e-2, 1e6)
RATIO = 10.0  # 6 N D and a table's C differ by conventions, but not by this factor
LARGEST_LOSS = math.log(1e6)  # nats: a guess among a million tokens

_COUNT_WORDS = {"k": 1e3, "thousand": 1e3, "m": 1e6, "mm": 1e6, "million": 1e6, "b": 1e9,
                "bn": 1e9, "g": 1e9, "billion": 1e9, "t": 1e12, "trillion": 1e12}  # fmt: skip
_WORK_WORDS = {"pf day": PF_DAY, "pfs day": PF_DAY, "pflop s day": PF_DAY, "pflops day": PF_DAY,
               "petaflop s day": PF_DAY, "petaflops day": PF_DAY, "pf": 1e15, "petaflop": 1e15,
               "ef": 1e18, "exaflop": 1e18, "zf": 1e21, "zettaflop": 1e21, "gflop": 1e9,
               "tflop": 1e12, "pflop": 1e15, "eflop": 1e18, "zflop": 1e21,
               "teraflop": 1e12, "gigaflop": 1e9, "yottaflop": 1e24}  # fmt: skip
_POWER = re.compile(r"(?:[x×*]\s*)?(?:1e|10\s*(?:\^|\*\*)\s*\{?)(\d+)\}?\s*\w*", re.IGNORECASE)


def said_units(**units: str | float | None) -> dict[str, float | str]:
    """Return how much one unit of each column is, for those whose unit was given.

    Parameters
    ----------
    **units : str or float or None
        For N and D one of 1, K, M, B, T; for C one of 1, PF-days, 1e18, 1e21, or FLOPs as a
        number; for loss nats, bits or perplexity.

    Returns
    -------
    dict of str to float
        By column; "perplexity" as it is, which is no unit but needs a logarithm.

    Raises
    ------
    ValueError
        For a unit that is none.
    """
    said = {}
    for role, unit in units.items():
        if role == "loss" and unit == PERPLEXITY:
            said[role] = unit
        elif unit is not None:
            said[role] = unit_of(role, unit)
            if said[role] is None:
                raise ValueError(
                    f"the unit of {role} must be one of {', '.join(CHOICES[role])}"
                    f"{', perplexity' if role == 'loss' else ''}, got {unit!r}"
                )
    return said


def unit_of(role: str, words: str | float) -> float | None:
    """Return how much a unit is, by its name in an option or in a column's header."""
    if not isinstance(words, str):
        return float(words) if words > 0 and math.isfinite(words) else None
    if words in CHOICES.get(role, ()):
        return CHOICES[role][words]
    if found := _POWER.fullmatch(words.strip()):
        return float(f"1e{min(int(found[1]), 300)}")
    plain = re.sub(r"[^a-z]+", " ", words.lower()).strip()
    plain = plain.removeprefix("in ").removesuffix("tokens").removesuffix("params").strip()
    plain = plain.removesuffix("parameters").removesuffix("s").strip()
    if role == "loss":
        return {"nat": 1.0, "bit": math.log(2)}.get(plain)
    known = _WORK_WORDS if role == "C" else _COUNT_WORDS
    if role == "C":
        plain = {"flop": "1", "": "1", "flop s day": "pflop s day"}.get(plain, plain)
    elif plain in ("token", "param", "parameter", ""):
        plain = "1"
    return 1.0 if plain == "1" else known.get(plain)


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
    if "loss" in table and "loss" not in said and table["loss"].min() > LARGEST_LOSS:
        raise TableError(
            f"{name}: column loss is {_span(table['loss'])}: is it a perplexity? Nats per token "
            "are needed, the natural logarithm of it; --loss-unit perplexity takes it"
        )
    read = set(read_from)
    if read == {"N", "D"} and not {"N", "D"} <= said:
        _ask_about_ratio(name, table["D"] / table["N"], "N and D are", ("N", "D"))
    elif "C" in read and len(read) == 2 and not read <= said:
        (size,) = read - {"C"}
        other = table["C"] / (6 * table[size])
        per = other / table[size] if size == "N" else table[size] / other
        _ask_about_ratio(name, per, f"{size} and C are", (size, "C"))
    if {"N", "D", "C"} <= table.keys() and "C" not in said:
        ratio = float(np.nanmedian(6 * table["N"] * table["D"] / table["C"]))
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
