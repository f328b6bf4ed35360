"""The parametric law L(N, D) = E + A/N^alpha + B/D^beta fitted to a table of runs.

This is Approach 3 of Hoffmann et al. (2022), https://arxiv.org/abs/2203.15556, Eq. 3: the
sum over runs of the Huber loss (delta = 1e-3) of log predicted less log observed loss.
"""

from __future__ import annotations

import numpy as np

from scaling_utils._check import member, number
from scaling_utils.fitting._additive import ABSENT, additive
from scaling_utils.fitting._additive_report import additive_evidence
from scaling_utils.fitting._held import Scale, hold
from scaling_utils.fitting._search import Found, search
from scaling_utils.fitting.errors import FitError
from scaling_utils.fitting.fit import Fit, check_delta, check_rows, check_weights, parts_of, say
from scaling_utils.laws import ParametricLaw
from scaling_utils.units import TRAINING_FLOPS

PARAMETERS = ("E", "A", "B", "alpha", "beta")
STEEPEST = 2.0  # exponents of measured losses lie between 0.03 and 1
LEAST_SPREAD = 5e-3  # across the line log D = p + q log N, as a share of the spread along it


class ParametricFit(Fit):
    """A fit of ``ParametricLaw``; besides its constants it knows a = beta / (alpha + beta)."""

    constants = PARAMETERS

    @property
    def names(self) -> tuple[str, ...]:
        """The constants, and a, the exponent of the optimal size."""
        return (*PARAMETERS, "a")

    def _quantities(self, columns: np.ndarray) -> np.ndarray:
        a = columns[:, 4] / (columns[:, 3] + columns[:, 4])
        return np.column_stack([columns, a])

    def _law(self, columns: np.ndarray) -> ParametricLaw:
        return ParametricLaw(*map(float, columns))

    def _fitter(self):
        return fit_parametric

    def _evidence(self):
        N, D, loss = self.data.values()

        def compare(fit) -> str:
            budget = float((TRAINING_FLOPS * N * D).max())
            now, then = (x.optimal(budget).tokens_per_parameter for x in (self.law, fit.law))
            return (
                f"without them the best tokens per parameter at {budget:.3g} FLOPs, the largest "
                f"budget of the rows, are {then:.3g}, not {now:.3g}"
            )

        return additive_evidence(self, loss, STEEPEST, compare)


def fit_parametric(
    N,
    D,
    loss,
    delta: float = 1e-3,
    *,
    space: str = "log",
    weights=None,
    fixed: dict[str, float] | None = None,
    tie: tuple[str, ...] = (),
) -> Fit:
    """Fit L(N, D) = E + A/N^alpha + B/D^beta; no start is needed.

    Source: Hoffmann et al. (2022), https://arxiv.org/abs/2203.15556, Eq. 3. The optimum is
    sought from a grid over the exponents, by damped Newton steps.

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
    weights : array, shape (runs,), optional
        How much each run counts, above zero: a run of weight 2 counts as two like it.
    fixed : dict of float, optional
        Constants that are held: ``{"E": 1.69}``. E may be zero.
    tie : tuple of str, optional
        Constants that are equal: ``("alpha", "beta")``, or ("A", "B").

    Returns
    -------
    Fit
        Of a ``ParametricLaw``. Not converged, and with a FitWarning, where the law cannot be
        relied on.

    Raises
    ------
    TypeError, ValueError
        If the runs cannot determine the law, or an argument is out of range.
    FitError
        If the best fit is not a law that falls with N and with D; ``partial`` has what was found.
    """
    fixed, tie = dict(fixed or {}), tuple(tie)
    N, D, loss = check_runs(N, D, loss, len(PARAMETERS) - len(fixed) - max(0, len(tie) - 1))
    weights = check_weights(weights, len(loss))
    delta = check_delta(delta)
    member("space", space, ("log", "raw"))
    others = dict(fixed)
    E = others.pop("E", None)
    if E is not None:
        E = number("fixed['E']", E, at_least=0, below=float(loss.min()))
    model = additive(
        (N, D),
        loss,
        ("A/N^alpha", "B/D^beta"),
        log=space == "log",
        offset=E,
        weights=weights,
        held=lambda first, middle: hold(scales(first, middle), others, tie),
    )
    found = search(model, delta)
    fit = ParametricFit(
        data={"N": N, "D": D, "loss": loss},
        weights=weights,
        settings={"delta": delta, "space": space, "fixed": fixed, "tie": tie},
        **parts_of(found, delta),
    )
    lawful(fit, found)
    say("fit_parametric", found)
    return fit


def scales(first: int, middle: tuple[float, float], q: bool = False) -> dict[str, Scale]:
    """Return how the constants of a law of N and D follow from the solver's parameters.

    ``first``: 1 where E is one of them. ``q``: whether log q is the last.
    """
    a, b, alpha, beta = range(first, first + 4)
    return {
        **({"E": Scale(0, True, {0: 1.0})} if first else {}),
        "A": Scale(a, True, {a: 1.0, alpha: middle[0]}),
        "B": Scale(b, True, {b: 1.0, beta: middle[1]}),
        "alpha": Scale(alpha, False, {alpha: 1.0}),
        "beta": Scale(beta, False, {beta: 1.0}),
        **({"q": Scale(beta + 1, True, {beta + 1: 1.0})} if q else {}),
    }


def lawful(fit: Fit, found: Found) -> None:
    """Raise FitError where the constants make no law that falls with N and with D."""
    values = dict(zip(fit.constants, map(float, found.columns), strict=True))
    partial = {**values, "objective": found.objective, "message": found.message}
    if found.doubt.startswith(ABSENT):
        raise FitError(found.doubt, partial)  # the sign of its exponent is a matter of rounding
    try:
        _ = fit.law
    except ValueError as error:
        raise FitError(
            f"the best fit is not a law that falls with N and with D: {error}", partial
        ) from error


def check_runs(N, D, loss, free: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the runs as arrays, or say why they cannot determine so many parameters."""
    N, D, loss = check_rows(N=N, D=D, loss=loss)
    if len(loss) < free:
        raise ValueError(
            f"N, D, loss must hold at least {free} runs to fit {free} parameters, got {len(loss)}"
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
