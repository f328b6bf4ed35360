"""From a ledger's lines to a lab's state, and from a configuration to its result."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

from scaling_utils.contest.game import Game
from scaling_utils.contest.languages import entry_of, language_of, unit_of
from scaling_utils.contest.ledger import LedgerError
from scaling_utils.contest.rules import RULES, Rules, Run
from scaling_utils.contest.training import excess_of
from scaling_utils.sweeps.code import combined, modules_of

TRAINING = ("scaling_utils.contest.training", "scaling_utils.contest.languages")


def played(name: str, rules: Rules, lines: list[dict], path: str | Path) -> Game:
    """Return the state of a lab after the lines of its ledger.

    Raises
    ------
    LedgerError
        If the rules do not allow a line; the message names it.
    """
    game = Game(name, rules)
    for number, line in enumerate(lines, start=1):
        try:
            game.take(line)
        except (TypeError, ValueError) as error:
            raise LedgerError(f"{path}, line {number}: {error}") from None
    return game


def trained(name: str, rules: Rules, run: Run) -> float:
    """Train a configuration in the lab called ``name``; return its excess, nats per symbol."""
    language = language_of(entry_of(name), rules)
    steps = rules.steps(run.C, run.width)
    return excess_of(language, rules, run.width, steps, run.rate * unit_of(name))


@lru_cache(maxsize=8)
def entropy_of(name: str, rules: Rules) -> float:
    """Return the entropy of a lab's language, nats per symbol: recorded for the contest's rules."""
    entry = entry_of(name)
    if (rules.vocab, rules.order) == (RULES.vocab, RULES.order):
        return entry.entropy
    return language_of(entry, rules).entropy


@cache
def code_digest() -> str:
    """Return a digest of the code that decides on a result: comments do not count."""
    return combined({name: digest for top in TRAINING for name, digest in modules_of(top).items()})
