"""What a lab has come to, with its points in their parts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scaling_utils.contest.game import Game
from scaling_utils.contest.languages import Entry
from scaling_utils.contest.rules import Run
from scaling_utils.contest.scoring import (
    LOSS_POINTS,
    TIE,
    interval_score,
    loss_points,
    prediction_points,
)


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of a lab.

    Attributes
    ----------
    name : str
        Of the lab.
    run : Run
        The final run.
    N, D : int
        Its weights that multiply, and the symbols that it learnt from.
    excess : float
        Of the final run, nats per symbol; infinite where it diverged.
    predicted, low, high : float
        The commitment, nats per symbol.
    rule, reference : float
        Excess of 20 symbols a weight at Adam's 3e-4, and the least of the recorded games, on the
        lab's language, nats per symbol.
    spent, screening, budget : int
        FLOPs billed in all, before the final run, and allowed.
    rounds : int
        Used.
    hash : str
        Of the ledger's last line; who has it can tell this ledger from any other.
    """

    name: str
    run: Run
    N: int
    D: int
    excess: float
    predicted: float
    low: float
    high: float
    rule: float
    reference: float
    spent: int
    screening: int
    budget: int
    rounds: int
    hash: str

    @property
    def loss_points(self) -> float:
        """0 to 60."""
        return loss_points(self.excess, self.reference)

    @property
    def interval_score(self) -> float:
        """Width and misses of the interval in logarithms of the excess."""
        return interval_score(self.excess, self.low, self.high)

    @property
    def prediction_points(self) -> float:
        """0 to 40."""
        return prediction_points(self.excess, self.low, self.high)

    @property
    def points(self) -> float:
        """0 to 100."""
        return self.loss_points + self.prediction_points

    @property
    def tie(self) -> float:
        """Points for the loss that 3 % of the excess are worth: less is a tie."""
        return LOSS_POINTS - loss_points((1 + TIE) * self.reference, self.reference)

    def __str__(self) -> str:
        """Return the report as text."""
        got = "diverged" if math.isinf(self.excess) else f"{self.excess:.4f} nats"
        inside = "inside" if self.low <= self.excess <= self.high else "outside"
        return "\n".join(
            (
                f"Lab {self.name}: {self.points:.1f} of 100 points",
                f"  loss        {self.loss_points:5.1f} of 60: excess {got}; on record are "
                f"{self.reference:.4f}, and {self.rule:.4f} by the rule of thumb",
                f"  prediction  {self.prediction_points:5.1f} of 40: interval [{self.low:.4f}, "
                f"{self.high:.4f}], the result {inside}, interval score {self.interval_score:.3f}",
                f"  final run   {self.run}; N = {self.N:,}, {self.D / self.N:.0f} symbols a weight",
                f"  budget      {self.spent / self.budget:.2%} used, "
                f"{self.screening / self.budget:.2%} before the final run, in {self.rounds} rounds",
                f"  a tie       is a difference below {self.tie:.0f} points for the loss (3 %)",
                f"  ledger      {self.hash}",
            )
        )


def report_of(game: Game, entry: Entry, last: str) -> Report:
    """Return the report of a game that is over.

    Raises
    ------
    ValueError
        If there was no final run yet.
    """
    if game.outcome is None:
        lacking = "commit and final" if game.commitment is None else "final"
        raise ValueError(f"report must come after the final run; call {lacking} first")
    run, final = game.committed, game.outcome
    return Report(
        name=game.name,
        run=run,
        N=game.rules.size(run.width),
        D=game.rules.tokens(run.C, run.width),
        excess=math.inf if final["excess"] is None else final["excess"],
        **{name: float(game.commitment[name]) for name in ("predicted", "low", "high")},
        rule=entry.rule,
        reference=entry.reference,
        spent=game.spent,
        screening=game.spent - final["flops"],
        budget=game.rules.budget,
        rounds=game.rounds,
        hash=last,
    )
