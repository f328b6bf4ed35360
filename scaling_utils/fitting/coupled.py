"""Fit the coupled law E + [(A/N^alpha)^q + (B/D^beta)^q]^(1/q) to a table of runs."""

from __future__ import annotations

import numpy as np

from scaling_utils._check import number
from scaling_utils.fitting._coupled import PARAMETERS, Q_RANGE, Coupled
from scaling_utils.fitting._coupled_report import coupled_evidence
from scaling_utils.fitting._held import hold
from scaling_utils.fitting._search import search
from scaling_utils.fitting.fit import Fit, check_delta, check_weights, parts_of, say
from scaling_utils.fitting.parametric import check_runs, lawful, scales
from scaling_utils.laws import CoupledLaw


class CoupledFit(Fit):
    """A fit of ``CoupledLaw``; besides its constants it knows a = beta / (alpha + beta)."""

    constants = PARAMETERS

    @property
    def names(self) -> tuple[str, ...]:
        """The constants, and a, the exponent of the optimal size."""
        return (*PARAMETERS, "a")

    def _quantities(self, columns: np.ndarray) -> np.ndarray:
        a = columns[:, 4] / (columns[:, 3] + columns[:, 4])
        return np.column_stack([columns, a])

    def _law(self, columns: np.ndarray) -> CoupledLaw:
        return CoupledLaw(*map(float, columns))

    def _fitter(self):
        return fit_coupled

    def _evidence(self):
        return coupled_evidence(self)


def fit_coupled(
    N,
    D,
    loss,
    delta: float = 1e-3,
    q: float | None = None,
    *,
    E: float | None = None,
    weights=None,
    fixed: dict[str, float] | None = None,
    tie: tuple[str, ...] = (),
) -> Fit:
    """Fit L(N, D) = E + [(A/N^alpha)^q + (B/D^beta)^q]^(1/q); no start is needed.

    Source of the objective: Hoffmann et al. (2022), https://arxiv.org/abs/2203.15556, Eq. 3. The
    form joins their Eq. 2 (q = 1) and Kaplan et al. (2020), https://arxiv.org/abs/2001.08361,
    Eq. 1.5 (E = 0, q = 1/beta). The optimum is sought from a grid over exponents and q.

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
        Held fixed where given, 0.02 to 1000: 1 is the additive law of ``fit_parametric``.
    E : float, optional
        Held fixed where given, at the known entropy of a source, say. Zero or above, and
        below every loss.
    weights : array, shape (runs,), optional
        How much each run counts, above zero: a run of weight 2 counts as two like it.
    fixed : dict of float, optional
        Constants that are held, E and q among them: ``{"alpha": 0.34}``.
    tie : tuple of str, optional
        Constants that are equal: ``("alpha", "beta")``, or ("A", "B").

    Returns
    -------
    Fit
        Of a ``CoupledLaw``. Not converged, and with a FitWarning, where the law cannot be
        relied on.

    Raises
    ------
    TypeError, ValueError
        If the runs cannot determine the law, or an argument is out of range.
    FitError
        If the best fit is not a law that falls with N and with D; ``partial`` has what was found.
    """
    fixed = dict(fixed or {})
    fixed |= {name: value for name, value in (("q", q), ("E", E)) if value is not None}
    tie, delta = tuple(tie), check_delta(delta)
    free = len(PARAMETERS) - len(fixed) - max(0, len(tie) - 1)
    N, D, loss = check_runs(N, D, loss)
    weights = check_weights(weights, len(loss))
    if "q" in fixed:
        fixed["q"] = number("q", fixed["q"], at_least=Q_RANGE[0], at_most=Q_RANGE[1])
    if "E" in fixed:
        fixed["E"] = number("E", fixed["E"], at_least=0, below=float(loss.min()))
    if len(loss) < free:
        raise ValueError(
            f"N, D, loss must hold at least {free} runs to fit {free} parameters, got {len(loss)}"
        )
    found = search(_model(N, D, loss, weights, fixed, tie), delta)
    fit = CoupledFit(
        data={"N": N, "D": D, "loss": loss},
        weights=weights,
        settings={"delta": delta, "fixed": fixed, "tie": tie},
        **parts_of(found, delta),
    )
    lawful(fit, found)
    say("fit_coupled", found)
    return fit


def _model(N, D, loss, weights, fixed: dict[str, float], tie) -> Coupled:
    """Return the rows as the solver wants them."""
    logs = [np.log(N), np.log(D)]
    middle = (float(logs[0].mean()), float(logs[1].mean()))
    shown = dict(fixed)
    if "E" in shown:  # its logarithm is the parameter
        shown["E"] = max(shown["E"], 1e-300)
    return Coupled(
        x=logs[0] - middle[0],
        y=logs[1] - middle[1],
        middle=middle,
        target=np.log(loss),
        weights=weights,
        E=fixed.get("E"),
        q=fixed.get("q"),
        held=hold(scales(1, middle, q=True), shown, tie),
    )
