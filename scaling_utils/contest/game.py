"""What the rules allow: a lab's state, and which line may come next in its ledger.

The lab asks before it writes a line, and who verifies a ledger asks for each line of it: the same
rules at both places.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from scaling_utils._check import number
from scaling_utils.contest.rules import Rules, Run
from scaling_utils.contest.sweep import TRIAL


class Game:
    """The state of a lab after some lines of its ledger.

    Parameters
    ----------
    name : str
        Of the lab.
    rules : Rules

    Attributes
    ----------
    rounds : int
        Rounds used.
    spent : int
        FLOPs billed.
    billed : dict of Run to int
        The round in which a configuration was billed; 0 is the trial.
    results : dict of Run to dict
        The lines of the screening runs that are done.
    commitment, outcome : dict or None
        The lines of the commitment and of the final run.
    """

    def __init__(self, name: str, rules: Rules):
        self.name, self.rules = name, rules
        self.rounds = self.spent = 0
        self.billed: dict[Run, int] = {}
        self.results: dict[Run, dict] = {}
        self.commitment: dict | None = None
        self.outcome: dict | None = None
        self._open = False

    @property
    def left(self) -> int:
        """FLOPs of the budget that are not spent."""
        return self.rules.budget - self.spent

    def new(self, runs: Iterable[Run]) -> list[Run]:
        """Return the configurations, checked, that were not billed before."""
        return [run for run in self.checked(runs) if run not in self.billed]

    def checked(self, runs: Iterable[Run]) -> list[Run]:
        """Return configurations as the rules have them, each once."""
        return list(dict.fromkeys(self.rules.checked(*run) for run in runs))

    def price(self, runs: Iterable[Run]) -> int:
        """Return what running these configurations is billed, in FLOPs."""
        return sum(map(self.rules.price, self.new(runs)))

    def head(self) -> dict:
        """Return the first line of the ledger."""
        return {"kind": "lab", "name": self.name, "rules": self.rules.as_dict()}

    def bill(self, runs: Iterable[Run]) -> dict | None:
        """Return the line that bills a sweep; None where all of it was billed before."""
        new = self.new(runs)
        if not new:
            return None
        trial = tuple(new) == TRIAL.runs
        return {
            "kind": "sweep",
            "round": 0 if trial else self.rounds + 1,
            "runs": [list(run) for run in new],
            "flops": self.price(new),
        }

    def result(self, kind: str, run: Run, excess: float, **more) -> dict:
        """Return the line of a run that is done; an excess that is infinite is written as null."""
        about = {"kind": kind, **run._asdict(), "flops": self.rules.price(run)}
        return {**about, "excess": excess if math.isfinite(excess) else None, **more}

    def take(self, line: dict) -> None:
        """Take the next line in.

        Raises
        ------
        ValueError
            If the rules do not allow it.
        """
        try:
            step = getattr(self, f"_take_{line['kind']}")
        except AttributeError:
            raise ValueError(
                f"kind must be one that the contest knows, got {line['kind']!r}"
            ) from None
        if not self._open and line["kind"] != "lab":
            raise ValueError("the first line must be the lab's")
        try:
            step(line)
        except KeyError as error:
            raise ValueError(f"the line must have {error.args[0]!r}") from None

    def _take_lab(self, line: dict) -> None:
        if self._open:
            raise ValueError("the lab's line must be the first")
        if line["name"] != self.name:
            raise ValueError(
                f"name must be that of the lab, {self.name!r}, got {line['name']!r}: a ledger "
                "belongs to the name that it was begun with"
            )
        if line["rules"] != self.rules.as_dict():
            raise ValueError(f"rules must be {self.rules.as_dict()}, got {line['rules']}")
        self._open = True

    def _take_sweep(self, line: dict) -> None:
        runs = [tuple(run) for run in line["runs"]]
        if self.commitment is not None:
            raise ValueError(
                "sweep must come before commit: after it only the final run and configurations "
                f"run before are allowed, got {len(runs)} new ones"
            )
        wanted = self.bill(runs)
        if wanted is None or {**wanted, "round": line["round"]} != line:
            raise ValueError(f"a sweep's line must be {wanted}, got {line}")
        if line["flops"] > self.left:
            raise ValueError(
                f"sweep must cost at most the {self.left:.6g} FLOPs that are left of "
                f"{self.rules.budget:.6g}, got {line['flops']:.6g}: nothing was run or billed"
            )
        if wanted["round"] > self.rules.rounds:
            raise ValueError(
                f"sweep must be one of at most {self.rules.rounds} rounds, got round "
                f"{wanted['round']}: nothing was run or billed"
            )
        if line["round"] != wanted["round"]:
            raise ValueError(f"round must be {wanted['round']}, got {line['round']}")
        self.billed |= dict.fromkeys((Run(*run) for run in runs), line["round"])
        self.rounds, self.spent = max(self.rounds, line["round"]), self.spent + line["flops"]

    def _take_run(self, line: dict) -> None:
        run = self._of(line)
        if run not in self.billed or run in self.results:
            raise ValueError(f"a run must be billed before, and done once; got {run}")
        self.results[run] = line

    def _take_commit(self, line: dict) -> None:
        if self.commitment is not None:
            raise ValueError(f"commit must be called once; it stands: {words(self.commitment)}")
        run = self.rules.checked(line["C"], line["width"], line["rate"])
        if run in self.billed:
            raise ValueError(f"the final run must not be one that was run before, got {run}")
        low = number("low", line["low"], above=0)
        high = number("high", line["high"], at_least=low)
        number("predicted", line["predicted"], at_least=low, at_most=high)
        if self.rules.price(run) > self.left:
            raise ValueError(
                f"C must leave the final run, with its scoring, within the {self.left:.6g} FLOPs "
                f"that are left, got a price of {self.rules.price(run):.6g}"
            )
        self.commitment = line

    def _take_final(self, line: dict) -> None:
        if self.commitment is None:
            raise ValueError("final must come after commit: predict first")
        if self.outcome is not None:
            raise ValueError("final must be run once")
        run = self._of(line)
        if run != self.committed:
            raise ValueError(
                f"the final run must be the one committed, {self.committed}, got {run}"
            )
        self.outcome, self.spent = line, self.spent + line["flops"]

    @property
    def committed(self) -> Run:
        """The configuration of the final run."""
        return Run(*(self.commitment[name] for name in Run._fields))

    def _of(self, line: dict) -> Run:
        """Return the configuration of a line whose bill is right."""
        run = self.rules.checked(*(line[name] for name in Run._fields))
        if line["flops"] != self.rules.price(run):
            raise ValueError(f"flops must be {self.rules.price(run)}, got {line['flops']}")
        if line["excess"] is not None:
            number("excess", line["excess"], at_least=0)
        return run


def words(commitment: dict) -> str:
    """Return a commitment in words."""
    run = Run(*(commitment[name] for name in Run._fields))
    low, middle, high = (commitment[name] for name in ("low", "predicted", "high"))
    return f"{run}, predicted excess {middle:.4f} [{low:.4f}, {high:.4f}]"
