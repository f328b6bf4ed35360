"""Find the best fit of a table from the rows alone, and say whether to rely on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils.fitting._solver import Outcome, descend, minimise
from scaling_utils.fitting._starts import grid_starts
from scaling_utils.fitting._table import Table, huber

STARTS = 32
PROMISING = 0.1  # starts within this share of the lowest objective run on until they converge
MOST_STEPS = 2000
LEAST_DELTA = 1e-10  # solved in place of delta = 0, in log loss (or parts of the mean loss)
VANISHED = 1e-9  # a term that varies by less than this share of the loss is not there
WEAKEST = 1e-6  # least singular value of the scaled sensitivities, 1 where all are independent
ABSENT = "the rows show no dependence through"
REACHED = "optimum reached: no Newton step promises more than rounding"


@dataclass(frozen=True)
class Found:
    """The best fit of a table: where it is, how it was reached, and the doubt about it.

    ``theta``: the solver's parameters, shape (p,). ``objective``: the sum of Huber losses at
    the caller's delta. ``delta``: the solver's. ``agreement``: share of the starts that ended
    here. ``doubt``: why not to rely on it, or an empty string.
    """

    table: Table
    delta: float
    theta: np.ndarray
    objective: float
    residuals: np.ndarray
    iterations: int
    agreement: float
    doubt: str

    @property
    def absent(self) -> bool:
        """Whether one of the terms is not there at all."""
        return self.doubt.startswith(ABSENT)

    @property
    def columns(self) -> np.ndarray:
        """E, A_1, .., alpha_1, .. of the fit."""
        return self.table.columns(self.theta[None])[0]

    @property
    def message(self) -> str:
        """How the fit ended, in words."""
        return self.doubt or REACHED


def search(table: Table, delta: float, names: tuple[str, ...]) -> Found:
    """Fit ``table`` from a grid over the exponents; ``names`` of the terms, for the doubt."""
    unit = 1.0 if table.log else float(np.abs(table.target).mean())
    solved = max(delta, LEAST_DELTA * unit)
    starts = grid_starts(table, solved, STARTS)
    outcome = descend(starts, table, solved, top=first_delta(table, starts[0]))
    _finish(outcome, table, solved)
    best = _winner(outcome)
    theta = outcome.theta[best]
    lowest = outcome.objective[best]
    near = outcome.objective <= lowest * (1 + 1e-6) + 1e-20 * table.target.size
    residuals = table.residuals(theta[None])[0]
    return Found(
        table=table,
        delta=solved,
        theta=theta,
        objective=float(huber(residuals, delta).sum()),
        residuals=residuals,
        iterations=int(outcome.iterations[best]),
        agreement=float(near.mean()),
        doubt=_doubt(table, outcome, best, names),
    )


def first_delta(table: Table, theta: np.ndarray) -> float:
    """Return ten times the usual size of the residuals, to begin the descent at."""
    return 10.0 * float(np.median(np.abs(table.residuals(theta[None]))))


def _finish(outcome: Outcome, table: Table, delta: float) -> None:
    """Let the lowest starts run on where the very lowest has not converged.

    Few tables need this. Where the lowest has converged nothing is spent on the slow ones,
    nearly all of which are on their way to the same optimum.
    """
    lowest = int(outcome.objective.argmin())
    if outcome.converged[lowest]:
        return
    bound = outcome.objective[lowest] * (1 + PROMISING)
    near = np.flatnonzero(~outcome.converged & (outcome.objective <= bound))
    later = minimise(outcome.theta[near], table, delta, iterations=MOST_STEPS)
    later.iterations += outcome.iterations[near]
    for name in ("theta", "objective", "converged", "iterations"):
        getattr(outcome, name)[near] = getattr(later, name)


def _winner(outcome: Outcome) -> int:
    """Return the lowest member; of those that tie to rounding, the quickest to converge."""
    tied = outcome.objective <= outcome.objective.min() * (1 + 1e-12)
    cost = np.where(outcome.converged, outcome.iterations, 10**6)
    return int(np.argmin(np.where(tied, cost, 10**9)))


def _doubt(table: Table, outcome: Outcome, best: int, names: tuple[str, ...]) -> str:
    if not outcome.converged[best]:
        steps = outcome.iterations[best]
        return f"did not converge: no optimum after {steps} steps of the last stage"
    offset, *terms = table.terms(outcome.theta[[best]])[0]
    total = offset + sum(terms)
    for name, term in zip(names, terms, strict=True):
        if np.ptp(term) < VANISHED * total.mean():
            return f"{ABSENT} {name}: its exponent is not determined"
    columns = [*terms, *(term * axis for term, axis in zip(terms, table.axes, strict=True))]
    # At E = 0 the optimum lies on the edge, and E is settled.
    if table.offset is None and offset[0] > VANISHED * total.mean():
        columns.append(offset)
    slopes = np.stack(columns) / (total if table.log else 1.0)
    slopes /= np.linalg.norm(slopes, axis=1, keepdims=True)
    weakest = np.linalg.svd(slopes, compute_uv=False)[-1]
    if weakest < WEAKEST:
        return (
            f"the rows do not determine all {len(slopes)} parameters: some change of them moves "
            f"no prediction (sensitivity {weakest:.1g}, at least {WEAKEST:g} is needed)"
        )
    return ""
