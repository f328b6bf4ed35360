"""The additive law through a quantile of the runs: a frontier that badly tuned runs do not lift.

What goes wrong with a run raises its loss; nothing lowers it below what is possible. The law of
the mean then lies above the law of well-tuned runs. The objective here is asymmetric: a run below
the law counts more than one above it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np

from scaling_utils._check import member, number
from scaling_utils.fitting._additive import Additive, additive
from scaling_utils.fitting._held import hold
from scaling_utils.fitting._search import search
from scaling_utils.fitting.errors import FitWarning
from scaling_utils.fitting.fit import Fit, check_weights, parts_of
from scaling_utils.fitting.parametric import PARAMETERS, ParametricFit, check_runs, lawful, scales

FEWEST_BELOW = 1.0  # rows that the quantile leaves below the law, on average


@dataclass(frozen=True, kw_only=True)
class Tilted(Additive):
    """The additive rows with the check function |r| (quantile where the law is too low, less
    where it is too high) in place of |r|.

    What the solver and the resamples see as residuals is tilted in the same way, so that all
    that they compare is the one objective.
    """

    quantile: float

    def _tilt(self, r: np.ndarray) -> np.ndarray:
        return np.where(r > 0, 1 - self.quantile, self.quantile)

    def residuals(self, theta: np.ndarray) -> np.ndarray:
        """Return predicted less observed, tilted, shape (members, rows)."""
        r = super().residuals(theta)
        return r * self._tilt(r)

    def evaluate(self, theta: np.ndarray, delta: float, room: np.ndarray, *, full: bool):
        """Return objective/delta, its rounding, gradient, Newton and (if full) the metric."""
        tilt = self._tilt(self.predicted(theta) - self.target)
        weights = tilt if self.weights is None else tilt * self.weights
        return Additive.evaluate(replace(self, weights=weights), theta, delta, room, full=full)


class QuantileFit(ParametricFit):
    """A fit of ``ParametricLaw`` through a quantile of the runs."""

    @property
    def quantile(self) -> float:
        """Share of the runs, by weight, that lie below the law."""
        return self.settings["quantile"]

    def _fitter(self):
        return fit_quantile

    def _evidence(self):
        # Rows far off, errors and contradictions are judged in tilted residuals.
        evidence = super()._evidence()
        few = self.quantile * len(self.residuals)
        few = min(few, len(self.residuals) - few)
        said = f"{few:.2g} rows lie beyond a quantile of {self.quantile:g}: too few to place it"
        warned = (*evidence.warned, said) if few < FEWEST_BELOW else evidence.warned
        return replace(evidence, warned=warned, robust=True)


def fit_quantile(
    N,
    D,
    loss,
    quantile: float = 0.1,
    *,
    space: str = "log",
    weights=None,
    fixed: dict[str, float] | None = None,
    tie: tuple[str, ...] = (),
) -> Fit:
    """Fit L(N, D) = E + A/N^alpha + B/D^beta so that a share ``quantile`` of the runs lies below.

    The sum of the check function of the residuals, |r| times the quantile where the run lies above
    the law and 1 less the quantile where it lies below: Koenker and Bassett (1978),
    https://doi.org/10.2307/1913643. At 0.5 it is ``fit_parametric`` with ``delta=0``, with half
    its objective.

    Parameters
    ----------
    N : array, shape (runs,)
        Parameters of each run. Any unit; A comes out in the same one.
    D : array, shape (runs,)
        Training tokens of each run.
    loss : array, shape (runs,)
        Final loss of each run, nats per token.
    quantile : float
        Between 0 and 1. A low one follows the best runs, and needs many of them. A mean absolute
        error that is w times dearer where the law is too high is the quantile 1 / (1 + w).
    space : {"log", "raw"}
        Whether residuals are of log loss or of loss.
    weights : array, shape (runs,), optional
        How much each run counts, above zero.
    fixed : dict of float, optional
        Constants that are held: ``{"E": 1.69}``. E may be zero.
    tie : tuple of str, optional
        Constants that are equal: ``("alpha", "beta")``, or ("A", "B").

    Returns
    -------
    Fit
        Of a ``ParametricLaw``; ``residuals`` are predicted less observed, while those
        that ``report`` counts are tilted like the objective. With a FitWarning where it cannot be
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
    quantile = number("quantile", quantile, above=0, below=1)
    member("space", space, ("log", "raw"))
    others = dict(fixed)
    E = others.pop("E", None)
    if E is not None:
        E = number("fixed['E']", E, at_least=0, below=float(loss.min()))
    plain = additive(
        (N, D),
        loss,
        ("A/N^alpha", "B/D^beta"),
        log=space == "log",
        offset=E,
        weights=weights,
        held=lambda first, middle: hold(scales(first, middle), others, tie),
    )
    found = search(Tilted(**vars(plain), quantile=quantile), 0.0)
    parts = parts_of(found, 0.0)
    parts["residuals"] = plain.residuals(found.theta[None])[0]
    fit = QuantileFit(
        data={"N": N, "D": D, "loss": loss},
        weights=weights,
        settings={"quantile": quantile, "space": space, "fixed": fixed, "tie": tie},
        **parts,
    )
    lawful(fit, found)
    if found.doubt:
        warnings.warn(f"fit_quantile: {found.doubt}", FitWarning, stacklevel=2)
    return fit
