"""Fit the coupled law E + [(A/N^alpha)^q + (B/D^beta)^q]^(1/q) to a table of runs."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from scaling_utils._check import number
from scaling_utils.fitting._coupled import Q_RANGE, Rows, descend, slopes
from scaling_utils.fitting._coupled_report import coupled_evidence
from scaling_utils.fitting._search import LEAST_DELTA, REACHED, VANISHED, WEAKEST
from scaling_utils.fitting._starts import grid_starts
from scaling_utils.fitting._table import huber, make_table
from scaling_utils.fitting.errors import FitError, FitWarning
from scaling_utils.fitting.parametric import check_runs
from scaling_utils.fitting.report import Report, make_report
from scaling_utils.laws import CoupledLaw

PARAMETERS = ("E", "A", "B", "alpha", "beta", "q")
COUPLINGS = (0.5, 1.0, 2.0, 4.0, 8.0)  # values of a free q that the search starts from
STARTS = 8  # shapes of the additive law for each of them


@dataclass(frozen=True)
class CoupledFit:
    """A fitted coupled law and how it was reached.

    Attributes
    ----------
    law : CoupledLaw
        The law at the optimum.
    objective : float
        Sum over runs of the Huber loss; of |r| where delta is 0, of r^2/2 where infinite.
    converged : bool
        Whether the optimum was reached and the runs determine all free parameters.
    message : str
        Why, in words.
    delta : float
        Where the Huber loss turns from squared to absolute, in log loss.
    residuals : array, shape (runs,)
        Log predicted less log observed loss.
    agreement : float
        Share of the starts that ended at this optimum (within 1e-6 of its objective).
    fixed : dict
        E and q, where the caller gave them.
    rows, theta : object, array
        The solver's own record, for ``resample_coupled``.
    """

    law: CoupledLaw
    objective: float
    converged: bool
    message: str
    delta: float
    residuals: np.ndarray = field(repr=False)
    agreement: float
    fixed: dict[str, float]
    rows: Rows = field(repr=False, compare=False)
    theta: np.ndarray = field(repr=False, compare=False)

    @cached_property
    def report(self) -> Report:
        """How well the runs bear out the law: see ``Report``."""

        def refit(kept, delta=self.delta):
            runs = (values[kept] for values in self.rows.runs)
            return fit_coupled(*runs, delta, self.fixed.get("q"), E=self.fixed.get("E"))

        return make_report(coupled_evidence(self, PARAMETERS, refit))


def fit_coupled(
    N, D, loss, delta: float = 1e-3, q: float | None = None, *, E: float | None = None
) -> CoupledFit:
    """Fit L(N, D) = E + [(A/N^alpha)^q + (B/D^beta)^q]^(1/q); no start is needed.

    Parameters
    ----------
    N : array, shape (runs,)
        Parameters of each run. Any unit; A comes out in the same one.
    D : array, shape (runs,)
        Training tokens of each run.
    loss : array, shape (runs,)
        Final loss of each run, nats per token.
    delta : float
        Log residuals within delta are squared, those beyond count by size. 0 is least
        absolute deviations, ``numpy.inf`` least squares.
    q : float, optional
        Held fixed where given: 1 is the additive law of ``fit_parametric``.
    E : float, optional
        Held fixed where given, at the known entropy of a source, say. Zero or above, and
        below every loss.

    Returns
    -------
    CoupledFit
        Not converged, and with a FitWarning, where the law cannot be relied on.

    Raises
    ------
    TypeError, ValueError
        If the runs cannot determine the law, or an argument is out of range.
    FitError
        If the best fit is not a law that falls with N and with D.

    Source of the objective: Hoffmann et al. (2022), https://arxiv.org/abs/2203.15556, Eq. 3. The
    form joins their Eq. 2 (q = 1) and Kaplan et al. (2020), https://arxiv.org/abs/2001.08361,
    Eq. 1.5 (E = 0, q = 1/beta). The optimum is sought from a grid over exponents and q.
    """
    N, D, loss = check_runs(N, D, loss)
    delta = delta if delta == np.inf else number("delta", delta, at_least=0)
    fixed = {}
    if q is not None:
        fixed["q"] = number("q", q, at_least=Q_RANGE[0], at_most=Q_RANGE[1])
    if E is not None:
        fixed["E"] = number("E", E, at_least=0, below=float(loss.min()))
    free = len(PARAMETERS) - len(fixed)
    if len(loss) < free:
        raise ValueError(
            f"N, D, loss must hold at least {free} runs to fit {free} parameters, got {len(loss)}"
        )
    solved = max(delta, LEAST_DELTA)
    rows, starts = rows_and_starts(N, D, loss, solved, fixed)
    top = 10.0 * float(np.median(np.abs(rows.residuals(starts)), axis=1).min())
    outcome = descend(starts, rows, solved, top)
    best = int(outcome.objective.argmin())
    near = outcome.objective <= outcome.objective[best] * (1 + 1e-6) + 1e-20 * loss.size
    tied = np.flatnonzero(outcome.objective <= outcome.objective[best] * (1 + 1e-12))
    best = int(tied[np.argmax(outcome.converged[tied])])
    theta = outcome.theta[best]
    residuals = rows.residuals(theta[None])[0]
    doubt = _doubt(rows, theta, bool(outcome.converged[best]))
    if doubt:
        warnings.warn(f"fit_coupled: {doubt}", FitWarning, stacklevel=2)
    return CoupledFit(
        law=_law(rows, theta),
        objective=float(huber(residuals, delta).sum()),
        converged=not doubt,
        message=doubt or REACHED,
        delta=float(delta),
        residuals=residuals,
        agreement=float(near.mean()),
        fixed=fixed,
        rows=rows,
        theta=theta,
    )


def rows_and_starts(N, D, loss, delta: float, fixed: dict[str, float]):
    """Return the solver's rows and its starts (starts, 6): additive shapes for each q."""
    E, q = fixed.get("E"), fixed.get("q")
    table = make_table((N, D), loss, log=True, offset=E)
    rows = Rows(*table.axes, table.middle, table.target, E, q)
    shapes = grid_starts(table, delta, STARTS)
    if E is not None:
        offset = np.full((len(shapes), 1), np.log(max(E, 1e-300)))
        shapes = np.hstack([offset, shapes])
    starts = []
    for coupling in COUPLINGS if q is None else (q,):
        shape = np.column_stack([shapes, np.full(len(shapes), np.log(coupling))])
        # Two equal terms join to 2^(1/q) of one: keep the loss there where it was.
        shape[:, 1:3] += np.log(2) * (1 - 1 / coupling)
        starts.append(shape)
    return rows, np.concatenate(starts)


def _doubt(rows: Rows, theta: np.ndarray, converged: bool) -> str:
    q = float(np.exp(theta[5]))
    if rows.q is None and not Q_RANGE[0] * 1.01 < q < Q_RANGE[1] / 1.01:
        return f"q is not determined: it ran to {q:.3g}, where nothing more changes"
    if not converged:
        return "did not converge: no optimum was reached"
    _, jac, *_ = slopes(theta[None], rows)
    kept = [k for k in rows.free if k > 0 or np.abs(jac[0, 0]).max() > VANISHED]  # E = 0: an edge
    free = jac[0, kept]
    size = np.linalg.norm(free, axis=1)
    if size.min() < VANISHED:
        name = PARAMETERS[kept[int(size.argmin())]]
        return f"the runs show no dependence on {name}, which is not determined"
    weakest = np.linalg.svd(free / size[:, None], compute_uv=False)[-1]
    if weakest < WEAKEST:
        return (
            f"the runs do not determine all {len(kept)} parameters: some change of them moves "
            f"no prediction (sensitivity {weakest:.1g}, at least {WEAKEST:g} is needed)"
        )
    return ""


def _law(rows: Rows, theta: np.ndarray) -> CoupledLaw:
    values = dict(zip(PARAMETERS, map(float, rows.columns(theta[None])[0]), strict=True))
    try:
        return CoupledLaw(**values)
    except ValueError as error:
        raise FitError(
            f"the best fit is not a law that falls with N and with D: {error}", values
        ) from error
