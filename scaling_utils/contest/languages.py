"""Which language a lab has, and the hidden unit of its learning rates.

Both follow from the lab's name by SHA-256, so that a second person who knows the name has them
too. Who reads this module finds out how, and can compute a lab's unit: the contest is one of
judgement, not of security. What a class sees is that two labs do not share their best rate.
"""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass
from functools import cache

from scaling_utils._lazy import DATA
from scaling_utils.contest.rules import Rules
from scaling_utils.corpora.languages import Language, dirichlet_language

MIDDLE, SPREAD = 0.01, 3.0  # a unit is Adam's rate .01, times or divided by 3 at most
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


@dataclass(frozen=True)
class Entry:
    """A recorded language.

    Attributes
    ----------
    number : int
        Its row.
    seed : int
        Of the table of probabilities.
    strength : float
        Sum of the Dirichlet parameters: how little each symbol of context tells.
    entropy : float
        Nats per symbol, with the contest's order.
    rule : float
        Excess of 20 symbols a weight at Adam's rate 3e-4, with the whole budget; nats per symbol.
    reference : float
        The least excess of the recorded games, nats per symbol.

    A scale that is not recorded is NaN.
    """

    number: int
    seed: int
    strength: float
    entropy: float
    rule: float
    reference: float


@cache
def entries() -> tuple[Entry, ...]:
    """Return the recorded languages."""
    with (DATA / "contest.csv").open(newline="", encoding="utf-8") as file:
        return tuple(
            Entry(
                int(row.pop("number")),
                int(row.pop("seed")),
                **{k: float(v) for k, v in row.items()},
            )
            for row in csv.DictReader(file)
        )


def checked_name(name) -> str:
    """Return a lab's name.

    Parameters
    ----------
    name : str
        1 to 40 letters of the English alphabet, digits, ``-`` or ``_``, with a letter or a digit
        first.

    Returns
    -------
    str

    Raises
    ------
    TypeError, ValueError
        If it is no text, or has other signs: it becomes the name of a file.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be text, got {name!r}")
    if not _NAME.fullmatch(name):
        raise ValueError(
            "name must be 1 to 40 letters, digits, '-' or '_', with a letter or a digit first, "
            f"got {name!r}"
        )
    return name


def entry_of(name: str) -> Entry:
    """Return the language of the lab called ``name``."""
    return entries()[_drawn("language", name) * len(entries()) >> 64]


def unit_of(name: str) -> float:
    """Return Adam's learning rate that is 1 for the lab called ``name``: .0033 to .03."""
    return MIDDLE * SPREAD ** (_drawn("rate", name) / 2**63 - 1)


def language_of(entry: Entry, rules: Rules) -> Language:
    """Return the language itself; it takes two seconds and 200 MB at the contest's order."""
    return dirichlet_language(rules.vocab, rules.order, entry.strength, seed=entry.seed)


def _drawn(what: str, name: str) -> int:
    """Return a whole number below 2^64 that follows from a name and a use."""
    return int.from_bytes(hashlib.sha256(f"contest {what} {name}".encode()).digest()[:8], "big")
