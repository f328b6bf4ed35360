"""A lab: a budget, three rounds, one prediction and one final run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scaling_utils._check import number
from scaling_utils.contest.game import Game
from scaling_utils.contest.languages import checked_name, entry_of
from scaling_utils.contest.ledger import Writer, path_of, read, writing
from scaling_utils.contest.playing import code_digest, entropy_of, played, trained
from scaling_utils.contest.report import Report, report_of
from scaling_utils.contest.rules import RULES, Rules, Run
from scaling_utils.contest.sweep import Sweep
from scaling_utils.contest.table import Runs, runs_of


class Lab:
    """A lab with 1e12 FLOPs, three rounds of screening runs and one final run.

    The name picks one of eight languages of known entropy and the unit of the learning rate: a rate
    of 1 is Adam's .01, times or divided by up to 3. All that a lab does stands in its ledger, the
    file ``NAME.contest.jsonl``. ``Lab(name)`` goes on where the ledger ends. On your own machine
    nothing keeps you from deleting it and starting again with what you have learnt, or from reading
    how the unit is drawn: the points then say nothing about your judgement.

    Parameters
    ----------
    name : str
        1 to 40 letters, digits, ``-`` or ``_``, as whoever grades you has told you.
    folder : path, optional
        Where the ledger lies; the working directory if left out.
    rules : Rules, optional
        Other numbers, for trying things out; a ledger with them verifies only with them.

    Raises
    ------
    TypeError, ValueError
        If the name is none.
    LedgerError
        If the ledger was edited, begun under another name or other rules, or cannot be written.
    """

    def __init__(self, name: str, folder: str | Path = ".", *, rules: Rules = RULES):
        self.name, self.rules = checked_name(name), rules
        self.ledger = path_of(self.name, Path(folder))
        if self.ledger.exists() and self.ledger.stat().st_size:
            self._read()  # a ledger that is over may lie where nobody can write
        else:
            with self._writing():
                pass

    @property
    def entropy(self) -> float:
        """The smallest loss that any model can reach on the lab's language, nats per symbol."""
        return entropy_of(self.name, self.rules)

    @property
    def left(self) -> int:
        """FLOPs of the budget that are not spent."""
        return self._read()[0].left

    @property
    def rounds_left(self) -> int:
        """Sweeps that may still be run."""
        return self.rules.rounds - self._read()[0].rounds

    @property
    def committed(self) -> bool:
        """Whether there is a commitment."""
        return self._read()[0].commitment is not None

    def price(self, sweep: Sweep) -> int:
        """Return what running a sweep would be billed; asking is free.

        Parameters
        ----------
        sweep : Sweep
            Configurations. Those that were run before are free.

        Returns
        -------
        int
            FLOPs: 6 N for each symbol of training, and 2 N for each of 16,384 scored contexts.

        Raises
        ------
        TypeError, ValueError
            If it is no sweep, or a configuration is not allowed. It may cost more than is left.
        """
        return self._read()[0].price(_runs(sweep))

    def run(self, sweep: Sweep) -> Runs:
        """Run a sweep: it is billed and takes one of the three rounds.

        Configurations that were run before are free; if all were, the call takes no round.
        ``contest.TRIAL`` takes none either. A run that diverges is billed too. A sweep that was
        interrupted is billed once, and the same call goes on with it.

        Parameters
        ----------
        sweep : Sweep
            Configurations.

        Returns
        -------
        Runs
            Their results, in the order of the sweep.

        Raises
        ------
        TypeError, ValueError
            If a configuration is not allowed, the sweep costs more than is left, or no round is.
            Nothing is then run or billed.
        LedgerError
            If the ledger was edited, or another process runs this lab.
        """
        wanted = _runs(sweep)
        with self._writing() as (game, writer):
            order = game.checked(wanted)
            bill = game.bill(order)
            if bill is not None:
                _add(game, writer, bill)
            for run in order:
                if run not in game.results:
                    _add(game, writer, self._done(game, "run", run))
        table = runs_of(game, self.entropy)
        places = {run: place for place, run in enumerate(game.results)}
        return table[[places[run] for run in order]]

    def table(self) -> Runs:
        """Return all screening runs that are done."""
        return runs_of(self._read()[0], self.entropy)

    def commit(
        self, width: int, rate: float, C: float, predicted: float, low: float, high: float
    ) -> None:
        """Fix the final run and predict its excess, once and for all.

        Parameters
        ----------
        width : int
            Units of a hidden layer, even.
        rate : float
            Peak learning rate in the lab's unit.
        C : float
            Training FLOPs; with the scoring the run must be paid for by what is left.
        predicted, low, high : float
            The excess that you expect, and the ends of an interval that holds it with a probability
            of 80 %; nats per symbol over the entropy, above zero.

        Raises
        ------
        TypeError, ValueError
            If the run is not allowed, was run before or costs more than is left; the interval does
            not hold the prediction; or there is a commitment already.
        LedgerError
            If the ledger was edited, or another process runs this lab.
        """
        run = self.rules.checked(C, width, rate)
        interval = {"predicted": predicted, "low": low, "high": high}
        interval = {name: number(name, value, above=0) for name, value in interval.items()}
        with self._writing() as (game, writer):
            _add(game, writer, {"kind": "commit", **run._asdict(), **interval})

    def final(self) -> float:
        """Run what was committed, once.

        Returns
        -------
        float
            The excess, nats per symbol; infinite if the run diverged. Called again, the same.

        Raises
        ------
        ValueError
            If nothing was committed.
        LedgerError
            If the ledger was edited, or another process runs this lab.
        """
        with self._writing() as (game, writer):
            if game.commitment is None:
                raise ValueError("final must come after commit: predict first")
            if game.outcome is None:
                _add(game, writer, self._done(game, "final", game.committed))
        return float("inf") if game.outcome["excess"] is None else game.outcome["excess"]

    def report(self) -> Report:
        """Return the points, with their parts.

        Returns
        -------
        Report
            Print it, or read its attributes.

        Raises
        ------
        ValueError
            If there was no final run yet.
        """
        game, last = self._read()
        return report_of(game, entry_of(self.name), last)

    def __repr__(self) -> str:
        """Return the state in one line."""
        game = self._read()[0]
        return (
            f"<Lab {self.name}: {game.left / self.rules.budget:.2%} of the budget and "
            f"{self.rules.rounds - game.rounds} rounds left, {len(game.results)} runs done>"
        )

    def _read(self) -> tuple[Game, str]:
        """Return the state, and the hash of the last line."""
        lines, hashes, _ = read(self.ledger)
        return played(self.name, self.rules, lines, self.ledger), hashes[-1]

    @contextmanager
    def _writing(self) -> Iterator[tuple[Game, Writer]]:
        with writing(self.ledger) as (lines, writer):
            game = played(self.name, self.rules, lines, self.ledger)
            if not lines:
                _add(game, writer, game.head())
            yield game, writer

    def _done(self, game: Game, kind: str, run: Run) -> dict:
        begun = time.perf_counter()
        excess = trained(self.name, self.rules, run)
        seconds = round(time.perf_counter() - begun, 2)
        return game.result(kind, run, excess, code=code_digest(), seconds=seconds)


def _add(game: Game, writer: Writer, line: dict) -> None:
    """Ask the rules, and write the line down."""
    game.take(line)
    writer.append(line)


def _runs(sweep: Sweep) -> tuple[Run, ...]:
    if not isinstance(sweep, Sweep):
        raise TypeError(f"sweep must be a Sweep(C, width, rate), got {sweep!r}")
    return sweep.runs
