"""The parametric law L(N, D) = E + A/N^alpha + B/D^beta fitted to a table of runs.

This is Approach 3 of Hoffmann et al. (2022), https://arxiv.org/abs/2203.15556, Eq. 3: the
sum over runs of the Huber loss (delta = 1e-3) of log predicted less log observed loss.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from scaling_utils._check import member, number, positive_array, same_length
from scaling_utils.fitting._additive_report import additive_evidence
from scaling_utils.fitting._search import Found, search
from scaling_utils.fitting._table import make_table
from scaling_utils.fitting.errors import FitError, FitWarning
from scaling_utils.fitting.report import Report, make_report
from scaling_utils.laws import ParametricLaw
from scaling_utils.laws.parametric import TRAINING_FLOPS

PARAMETERS = ("E", "A", "B", "alpha", "beta")
STEEPEST = 2.0  # exponents of measured losses lie between 0.03 and 1
LEAST_SPREAD = 5e-3  # across the line log D = p + q log N, as a share of the spread along it


@dataclass(frozen=True)
class ParametricFit:
    """A fitted parametric law and how it was reached.

    Attributes
    ----------
    law : ParametricLaw
        The law at the optimum.
    objective : float
        Sum over runs of the Huber loss; of |r| where delta is 0, of r^2/2 where infinite.
    converged : bool
        Whether the optimum was reached and the runs determine all five parameters.
    message : str
        Why, in words.
    delta : float
        Where the Huber loss turns from squared to absolute, in log loss (or in loss).
    space : str
        "log": residuals are log predicted less log observed. "raw": predicted less observed.
    N, D, loss : arrays, shape (runs,)
        The runs: parameters, tokens, loss.
    residuals : array, shape (runs,)
        In the fit's space.
    iterations : int
        Newton steps of the last stage, from the start that won.
    agreement : float
        Share of the starts that ended at this optimum (within 1e-6 of its objective).
    found : object
        The solver's own record, for ``bootstrap``.
    """

    law: ParametricLaw
    objective: float
    converged: bool
    message: str
    delta: float
    space: str
    N: np.ndarray = field(repr=False)
    D: np.ndarray = field(repr=False)
    loss: np.ndarray = field(repr=False)
    residuals: np.ndarray = field(repr=False)
    iterations: int
    agreement: float
    found: Found = field(repr=False, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """What a bootstrap of this fit reports: the parameters, and a = beta/(alpha+beta)."""
        return (*PARAMETERS, "a")

    def quantities(self, columns: np.ndarray) -> np.ndarray:
        """Return those of each row of E, A, B, alpha, beta, shape (rows, 6)."""
        a = columns[:, 4] / (columns[:, 3] + columns[:, 4])
        return np.column_stack([columns, a])

    @cached_property
    def report(self) -> Report:
        """How well the runs bear out the law: see ``Report``."""

        def refit(kept):
            return fit_parametric(
                self.N[kept], self.D[kept], self.loss[kept], self.delta, space=self.space
            )

        def compare(fit) -> str:
            budget = float((TRAINING_FLOPS * self.N * self.D).max())
            now, then = (x.optimal(budget).tokens_per_parameter for x in (self.law, fit.law))
            return (
                f"without them the best tokens per parameter at {budget:.3g} FLOPs, the largest "
                f"budget of the rows, are {then:.3g}, not {now:.3g}"
            )

        return make_report(
            additive_evidence(
                self.found, PARAMETERS, self.loss, self.delta, refit, STEEPEST, compare
            )
        )


def fit_parametric(N, D, loss, delta: float = 1e-3, *, space: str = "log") -> ParametricFit:
    """Fit L(N, D) = E + A/N^alpha + B/D^beta; no start is needed.

    Parameters
    ----------
    N : array, shape (runs,)
        Parameters of each run. Any unit; A comes out in the same one.
    D : array, shape (runs,)
        Training tokens of each run.
    loss : array, shape (runs,)
        Final loss of each run, nats per token.
    delta : float
        Residuals within delta are squared, those beyond count by size. 0 is least absolute
        deviations, ``numpy.inf`` least squares.
    space : {"log", "raw"}
        Whether residuals are of log loss or of loss.

    Returns
    -------
    ParametricFit
        Not converged, and with a FitWarning, where the law cannot be relied on.

    Raises
    ------
    TypeError, ValueError
        If the runs cannot determine the law, or an argument is out of range.
    FitError
        If no start leads to finite positive coefficients; ``partial`` has what was found.

    Source: Hoffmann et al. (2022), https://arxiv.org/abs/2203.15556, Eq. 3. The optimum is
    sought from a grid over the exponents, by damped Newton steps.
    """
    N, D, loss = check_runs(N, D, loss)
    delta = delta if delta == np.inf else number("delta", delta, at_least=0)
    member("space", space, ("log", "raw"))
    table = make_table((N, D), loss, log=space == "log")
    found = search(table, delta, ("A/N^alpha", "B/D^beta"))
    law = _law(found)
    if found.doubt:
        warnings.warn(f"fit_parametric: {found.doubt}", FitWarning, stacklevel=2)
    return ParametricFit(
        law=law,
        objective=found.objective,
        converged=not found.doubt,
        message=found.message,
        delta=float(delta),
        space=space,
        N=N,
        D=D,
        loss=loss,
        residuals=found.residuals,
        iterations=found.iterations,
        agreement=found.agreement,
        found=found,
    )


def check_runs(N, D, loss) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the runs as arrays, or say why they cannot determine the five parameters."""
    N = positive_array("N", N, ndim=1)
    D = positive_array("D", D, ndim=1)
    loss = positive_array("loss", loss, ndim=1)
    same_length(N=N, D=D, loss=loss)
    if len(loss) < len(PARAMETERS):
        raise ValueError(
            f"N, D, loss must hold at least 5 runs to fit 5 parameters, got {len(loss)}"
        )
    for name, values in (("N", N), ("D", D)):
        distinct = len(np.unique(values))
        if distinct < 3:
            raise ValueError(
                f"{name} must take at least 3 distinct values to fit its exponent, got {distinct}"
            )
    if np.ptp(loss) == 0:
        raise ValueError(f"loss must vary between runs, got {loss[0]:g} everywhere")
    logs = np.column_stack([np.log(N) - np.log(N).mean(), np.log(D) - np.log(D).mean()])
    along, across = np.linalg.svd(logs, compute_uv=False)
    if across < LEAST_SPREAD * along:
        raise ValueError(
            "N and D must not all lie on one line in (log N, log D): the size and data terms "
            f"cannot be told apart there. Spread across the line must be at least "
            f"{LEAST_SPREAD:g} of that along it, got {across / along:.2g}"
        )
    return N, D, loss


def _law(found: Found) -> ParametricLaw:
    values = dict(zip(PARAMETERS, map(float, found.columns), strict=True))
    partial = {**values, "objective": found.objective, "message": found.message}
    if found.absent:
        raise FitError(found.doubt, partial)  # the sign of its exponent is a matter of rounding
    try:
        return ParametricLaw(**values)
    except ValueError as error:
        raise FitError(
            f"the best fit is not a law that falls with N and with D: {error}", partial
        ) from error
