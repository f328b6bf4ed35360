"""Verifying a ledger: what it says is read again, and some of its runs are trained again."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scaling_utils._check import whole
from scaling_utils.contest.game import Game
from scaling_utils.contest.languages import checked_name, entry_of
from scaling_utils.contest.ledger import ENDING, ChainError, LedgerError, read
from scaling_utils.contest.playing import code_digest, played, trained
from scaling_utils.contest.report import Report, report_of
from scaling_utils.contest.rules import RULES, Rules, Run

TOLERANCE = 0.01  # of the excess, between two machines
RERUNS = 3


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    what : str
        In a few words.
    holds : bool
        Whether it is as the rules want it.
    found : str
        What was found.
    """

    what: str
    holds: bool
    found: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What verifying a ledger has shown.

    Attributes
    ----------
    name : str
        Of the lab.
    seed : int
        With which the runs to train again were drawn.
    checks : tuple of Check
        All that was looked at, in order; the first one that fails may be the last one.
    report : Report or None
        The points; None where there is no final run, or the ledger cannot be believed.
    trained : bool
        Whether runs were trained again.
    same_code : bool
        Whether the ledger's runs were made by the code that verifies them.
    """

    name: str
    seed: int
    checks: tuple[Check, ...]
    report: Report | None = None
    trained: bool = False
    same_code: bool = True

    @property
    def holds(self) -> bool:
        """Whether every check holds."""
        return all(check.holds for check in self.checks)


def verify(
    path: str | Path,
    *,
    name: str | None = None,
    seed: int | None = None,
    reruns: int = RERUNS,
    train: bool = True,
    rules: Rules = RULES,
) -> Verdict:
    """Verify a ledger by its chain, its rules and by training some of its runs again.

    The file is only read. The final run and ``reruns`` screening runs, drawn at random, are trained
    here; each must come within 1 % of the recorded excess.

    Parameters
    ----------
    path : path
        Of the ledger.
    name : str, optional
        Of the lab; the file's name before ``.contest.jsonl`` if left out.
    seed : int, optional
        With which the runs are drawn, zero or above; a fresh one if left out.
    reruns : int
        Screening runs to train again, zero or above; all of them where there are fewer.
    train : bool
        False trains nothing again: chain, rules, bills and points alone, in no time. It does not
        find a ledger whose hashes were all written anew.
    rules : Rules, optional
        The contest's, if left out.

    Returns
    -------
    Verdict

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    LedgerError
        If the file cannot be read, or is no ledger.
    """
    path = Path(path)
    if name is None:
        if not path.exists():
            raise LedgerError(f"{path}: cannot be read: No such file or directory")
        if not path.name.endswith(ENDING):
            raise ValueError(
                f"name must be given where the file is not called NAME{ENDING}, got {path.name}"
            )
        name = path.name.removesuffix(ENDING)
    name = checked_name(name)
    seed = secrets.randbelow(2**32) if seed is None else whole("seed", seed, at_least=0)
    reruns = whole("reruns", reruns, at_least=0)
    checks: list[Check] = []
    game, last = _believed(path, name, rules, checks)
    if game is None:
        return Verdict(name=name, seed=seed, checks=tuple(checks))
    if train:
        again = _drawn(game, seed, reruns)
        checks += [_again(name, rules, "screening run", run, line) for run, line in again]
    report = None
    if game.outcome is None:
        checks.append(Check("final run", False, "there is none yet"))
    else:
        report = report_of(game, entry_of(name), last)
        if train:
            checks.append(_again(name, rules, "final run", game.committed, game.outcome))
    lines = [*game.results.values(), *([game.outcome] if game.outcome else [])]
    return Verdict(
        name=name,
        seed=seed,
        checks=tuple(checks),
        report=report,
        trained=train,
        same_code=all(line.get("code") == code_digest() for line in lines),
    )


def _believed(path: Path, name: str, rules: Rules, checks: list[Check]) -> tuple[Game | None, str]:
    """Return the state and the last hash of a ledger that holds together; note what was checked."""
    try:
        lines, hashes, _ = read(path)
    except ChainError as error:
        checks.append(Check("chain of hashes", False, str(error)))
        return None, ""
    if not lines:
        raise LedgerError(f"{path}: holds no line of a ledger")
    checks.append(Check("chain of hashes", True, f"{len(lines)} lines, the last {hashes[-1][:12]}"))
    try:
        game = played(name, rules, lines, path)
    except LedgerError as error:
        checks.append(Check("name, rules and bills", False, str(error)))
        return None, ""
    said = f"{game.rounds} rounds, {game.spent / rules.budget:.2%} of the budget"
    checks.append(Check("name, rules and bills", True, said))
    return game, hashes[-1]


def _drawn(game: Game, seed: int, reruns: int) -> list[tuple[Run, dict]]:
    """Return screening runs, drawn without repeats, with their lines."""
    done = list(game.results.items())
    places = np.random.default_rng(seed).permutation(len(done))[:reruns]
    return [done[place] for place in sorted(places)]


def _again(name: str, rules: Rules, what: str, run: Run, line: dict) -> Check:
    """Train a run again and compare."""
    told = math.inf if line["excess"] is None else line["excess"]
    found = trained(name, rules, run)
    holds = found == told or abs(found - told) <= TOLERANCE * told < math.inf
    return Check(what, bool(holds), f"{run}: recorded {_shown(told)}, now {_shown(found)}")


def _shown(excess: float) -> str:
    return "diverged" if math.isinf(excess) else f"{excess:.5f}"
