"""The runs of a lab as columns, ready for the functions that fit laws."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from scaling_utils.contest.game import Game

_SHOWN = {
    "round": "d",
    "C": ".3g",
    "width": "d",
    "N": ",d",
    "D": ",d",
    "rate": ".4g",
    "flops": ".3e",
    "excess": ".4f",
}


@dataclass(frozen=True, eq=False)
class Runs:
    """Screening runs, one row each, in the order in which they ended.

    Index it as an array, ``runs[runs.C == 1e9]``, for some of the rows.

    Attributes
    ----------
    round : array of int
        In which it was run; 0 is the trial.
    C : array
        Training budget, FLOPs, as it was asked for.
    width : array of int
        Units of a hidden layer.
    N, D : array of int
        Weights that multiply, and symbols learnt from.
    rate : array
        Peak learning rate, in the lab's unit.
    flops : array of int
        What was billed.
    excess, loss : array
        Nats per symbol; infinite where the run diverged. The loss is the excess and the entropy.
    """

    round: np.ndarray
    C: np.ndarray
    width: np.ndarray
    N: np.ndarray
    D: np.ndarray
    rate: np.ndarray
    flops: np.ndarray
    excess: np.ndarray
    loss: np.ndarray

    @property
    def diverged(self) -> np.ndarray:
        """Whether a run diverged, array of bool."""
        return np.isinf(self.excess)

    def __len__(self) -> int:
        """Return the number of runs."""
        return len(self.C)

    def __getitem__(self, rows) -> Runs:
        """Return some of the rows: a slice, an array of places or of bool."""
        chosen = np.atleast_1d(np.arange(len(self))[rows])
        return Runs(*(getattr(self, each.name)[chosen] for each in fields(self)))

    def columns(self) -> dict[str, np.ndarray]:
        """Return the columns by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def __str__(self) -> str:
        """Return the table as text."""
        rows = [list(_SHOWN)]
        for place in range(len(self)):
            row = [format(getattr(self, name)[place], how) for name, how in _SHOWN.items()]
            rows.append([*row[:-1], "diverged"] if self.diverged[place] else row)
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in rows
        )


def runs_of(game: Game, entropy: float) -> Runs:
    """Return the screening runs of a lab that are done."""
    rules, done = game.rules, game.results
    excess = np.array(
        [np.inf if r["excess"] is None else r["excess"] for r in done.values()], float
    )
    return Runs(
        round=np.array([game.billed[run] for run in done], int),
        C=np.array([run.C for run in done], float),
        width=np.array([run.width for run in done], int),
        N=np.array([rules.size(run.width) for run in done], int),
        D=np.array([rules.tokens(run.C, run.width) for run in done], int),
        rate=np.array([run.rate for run in done], float),
        flops=np.array([result["flops"] for result in done.values()], int),
        excess=excess,
        loss=entropy + excess,
    )
