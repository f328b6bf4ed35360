"""Find the best fit of a table from the rows alone, and say whether to rely on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils.fitting._model import Model
from scaling_utils.fitting._penalty import huber
from scaling_utils.fitting._solver import Outcome, descend, minimise

STARTS = 32
PROMISING = 0.1  # starts within this share of the lowest objective run on until they converge
MOST_STEPS = 2000
LEAST_DELTA = 1e-10  # solved in place of delta = 0, in log loss (or parts of the mean loss)
REACHED = "optimum reached: no Newton step promises more than rounding"


@dataclass(frozen=True)
class Found:
    """The best fit of a table: where it is, how it was reached, and the doubt about it.

    ``theta``: the solver's parameters, shape (p,). ``objective``: the sum of Huber losses at
    the caller's delta. ``delta``: the solver's. ``agreement``: share of the starts that ended
    here. ``doubt``: why not to rely on it, or an empty string.
    """

    model: Model
    delta: float
    theta: np.ndarray
    objective: float
    residuals: np.ndarray
    iterations: int
    agreement: float
    doubt: str

    @property
    def columns(self) -> np.ndarray:
        """The constants of the law."""
        return self.model.columns(self.theta[None])[0]

    @property
    def message(self) -> str:
        """How the fit ended, in words."""
        return self.doubt or REACHED

    @property
    def free(self) -> int:
        """How many constants were fitted."""
        return self.theta.size if self.model.basis is None else self.model.basis.shape[1]


def search(model: Model, delta: float) -> Found:
    """Fit ``model`` from the starts that it finds in its rows."""
    unit = 1.0 if model.log else float(np.abs(model.target).mean())
    solved = max(delta, LEAST_DELTA * unit)
    starts = model.put(model.starts(solved, STARTS))
    outcome = descend(starts, model, solved, top=first_delta(model, starts[0]))
    _finish(outcome, model, solved)
    best = _winner(outcome)
    theta = outcome.theta[best]
    lowest = outcome.objective[best]
    near = outcome.objective <= lowest * (1 + 1e-6) + 1e-20 * model.rows
    residuals = model.residuals(theta[None])[0]
    values = huber(residuals, delta)
    return Found(
        model=model,
        delta=solved,
        theta=theta,
        objective=float((values if model.weights is None else values * model.weights).sum()),
        residuals=residuals,
        iterations=int(outcome.iterations[best]),
        agreement=float(near.mean()),
        doubt=_doubt(model, outcome, best),
    )


def first_delta(model: Model, theta: np.ndarray) -> float:
    """Return ten times the usual size of the residuals, to begin the descent at."""
    return 10.0 * float(np.median(np.abs(model.residuals(theta[None]))))


def _finish(outcome: Outcome, model: Model, delta: float) -> None:
    """Let the lowest starts run on where the very lowest has not converged.

    Few tables need this. Where the lowest has converged nothing is spent on the slow ones,
    nearly all of which are on their way to the same optimum.
    """
    lowest = int(outcome.objective.argmin())
    if outcome.converged[lowest]:
        return
    bound = outcome.objective[lowest] * (1 + PROMISING)
    near = np.flatnonzero(~outcome.converged & (outcome.objective <= bound))
    later = minimise(outcome.theta[near], model, delta, iterations=MOST_STEPS)
    later.iterations += outcome.iterations[near]
    outcome.take(near, later)


def _winner(outcome: Outcome) -> int:
    """Return the lowest member; of those that tie to rounding, the quickest to converge."""
    tied = outcome.objective <= outcome.objective.min() * (1 + 1e-12)
    cost = np.where(outcome.converged, outcome.iterations, 10**6)
    return int(np.argmin(np.where(tied, cost, 10**9)))


def _doubt(model: Model, outcome: Outcome, best: int) -> str:
    undetermined = model.doubt(outcome.theta[best])
    if outcome.converged[best] or undetermined.startswith("q is not"):
        return undetermined
    steps = outcome.iterations[best]
    return f"did not converge: no optimum after {steps} steps of the last stage"
