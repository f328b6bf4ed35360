"""Accuracy or error on a task as a curve of the loss: the second of two steps from N and D."""

from __future__ import annotations

import numpy as np

from scaling_utils._check import finite_array, member, number, same_length
from scaling_utils.fitting._curve import ExponentialCurve, SigmoidCurve
from scaling_utils.fitting._evidence import FACTOR, Evidence, robust_scale
from scaling_utils.fitting._held import Scale, hold
from scaling_utils.fitting._search import search
from scaling_utils.fitting.curves import ExponentialError, Sigmoid
from scaling_utils.fitting.errors import FitError
from scaling_utils.fitting.fit import Fit, check_delta, check_weights, parts_of, say

KNOWN = 0.05  # of the largest accuracy there is: a level known to this is known


class CurveFit(Fit):
    """A fit of accuracy or error against loss; residuals are in the unit of what was fitted."""

    edge = "have a constant at a limit of the search"

    @property
    def at_limit(self) -> tuple[str, ...]:
        """Those of the free constants that ended at a limit of the search."""
        model = self.found.model
        close = model.at_limits(self.found.theta[None])[0]
        return tuple(n for n, near in zip(model.parameters, close, strict=True) if near)

    def predict(self, loss):
        """Return the curve at ``loss``, in the unit of the fit (any shape)."""
        return self.law.at(loss)

    def _evidence(self) -> Evidence:
        model, (x, y) = self.found.model, self.data.values()
        values, slopes = self.quantities, model.free_slopes(self.found.theta)
        logs = {"slope", "k", "gamma"}
        columns = {n: s if n in logs else s * values[n] for n, s in slopes.items()}
        level = KNOWN * model.limit
        tolerated = {"low": level, "high": level, "epsilon": level, "middle": model.width}
        tolerated = {
            n: max(FACTOR, t / max(abs(values[n]), 1e-12))
            for n, t in tolerated.items()
            if n in values
        }

        def without(mask):
            other = self._again(mask)
            return other, other.predict(x) - y

        return Evidence(
            residuals=self.residuals,
            free=self.found.free,
            names=tuple(columns),
            slopes=np.stack(list(columns.values()), axis=1) if columns else np.empty((y.size, 0)),
            weights=self.weights,
            scale="value",
            size=float(np.median(y)),
            robust=self.delta < robust_scale(self.residuals, self.found.free),
            tolerated=tolerated,
            at_bound={
                n: f"{n} ended at a limit of the search, {values[n]:.3g}" for n in self.at_limit
            },
            warned=() if self.converged else (self.message,),
            refit=without,
            compare=lambda other: (
                "without them "
                + ", ".join(
                    f"{n} is {other.quantities[n]:.3g}, not {v:.3g}" for n, v in values.items()
                )
            ),
        )


class SigmoidFit(CurveFit):
    """A fit of ``Sigmoid``."""

    constants = SigmoidCurve.parameters

    def _law(self, columns: np.ndarray) -> Sigmoid:
        return Sigmoid(*map(float, columns))

    def _fitter(self):
        return fit_accuracy


class ExponentialFit(CurveFit):
    """A fit of ``ExponentialError``."""

    constants = ExponentialCurve.parameters

    def _law(self, columns: np.ndarray) -> ExponentialError:
        return ExponentialError(*map(float, columns))

    def _fitter(self):
        return fit_error


def fit_accuracy(
    loss,
    accuracy,
    delta: float = np.inf,
    *,
    limit: float = 1.0,
    weights=None,
    fixed: dict[str, float] | None = None,
) -> Fit:
    """Fit accuracy = low + (high - low) / (1 + exp(-slope (middle - loss))).

    The second step of Bhagia et al. (2024), https://arxiv.org/abs/2412.04403, by least squares of
    the accuracy as there. They tie the upper end with a made-up row of loss 0 and accuracy 1;
    ``fixed={"high": 1.0}`` says the same without adding a row.

    Parameters
    ----------
    loss : array, shape (rows,)
        Loss of each model or checkpoint, any unit: nats per token, or bits per byte on the task.
    accuracy : array, shape (rows,)
        Its accuracy, from 0 to ``limit``.
    delta : float
        Residuals within delta are squared, those beyond count by size. Infinite by default.
    limit : float
        The largest accuracy there is: 1, or 100 for per cent.
    weights : array, shape (rows,), optional
        How much each row counts, above zero.
    fixed : dict of float, optional
        "low" (at the accuracy of guessing), "high", "slope" or "middle" held at a value.

    Returns
    -------
    Fit
        Of a ``Sigmoid``; ``at_limit`` names the constants that the rows do not bound. With a
        FitWarning where it cannot be relied on.

    Raises
    ------
    TypeError, ValueError
        If a value is out of range, or loss takes fewer distinct values than there are free
        constants.
    FitError
        If accuracy does not rise as the loss falls.
    """
    scales = {
        "low": Scale(0, False, {0: 1.0}),
        "high": Scale(1, False, {1: 1.0}),
        "slope": Scale(2, True, {2: 1.0}),
        "middle": Scale(3, False, {3: 1.0}),
    }
    levels = ("low", "high")
    rows = _rows(loss, accuracy, "accuracy", delta, limit, weights, fixed, scales, levels)
    return _fit(SigmoidFit, SigmoidCurve, "accuracy", *rows)


def fit_error(
    loss,
    error,
    delta: float = np.inf,
    *,
    limit: float = 1.0,
    weights=None,
    fixed: dict[str, float] | None = None,
) -> Fit:
    """Fit error = epsilon - k exp(-gamma loss), by least squares of the error.

    Gadre et al. (2024), https://arxiv.org/abs/2403.08540, Eq. 5, for errors averaged over tasks.
    It is the left end of a sigmoid: it has no floor, and goes below zero at a low loss.

    Parameters
    ----------
    loss : array, shape (rows,)
        Loss of each model, any unit.
    error : array, shape (rows,)
        1 less its accuracy, from 0 to ``limit``.
    delta : float
        Residuals within delta are squared, those beyond count by size. Infinite by default.
    limit : float
        The largest error there is: 1, or 100 for per cent.
    weights : array, shape (rows,), optional
        How much each row counts, above zero.
    fixed : dict of float, optional
        "epsilon" (at the error of guessing) or "gamma" held at a value.

    Returns
    -------
    Fit
        Of an ``ExponentialError``; ``at_limit`` names the constants that the rows do not bound.
        With a FitWarning where it cannot be relied on.

    Raises
    ------
    TypeError, ValueError
        If a value is out of range, or loss takes fewer distinct values than there are free
        constants.
    FitError
        If the error does not fall with the loss.
    """
    scales = {
        "epsilon": Scale(0, False, {0: 1.0}),
        "k": Scale(1, True, {1: 1.0}),
        "gamma": Scale(2, True, {2: 1.0}),
    }
    rows = _rows(loss, error, "error", delta, limit, weights, fixed, scales, ("epsilon",))
    middle = {"middle": float(rows[0].mean())}
    return _fit(ExponentialFit, ExponentialCurve, "error", *rows, **middle)


def _rows(loss, y, name: str, delta, limit, weights, fixed, scales, levels):
    """Return the checked arguments, and what is held."""
    loss, y = finite_array("loss", loss, ndim=1), finite_array(name, y, ndim=1)
    same_length(**{"loss": loss, name: y})
    limit = number("limit", limit, above=0)
    if y.min() < 0 or y.max() > limit:
        raise ValueError(
            f"{name} must lie from 0 to {limit:g}, got {y.min():g} to {y.max():g}; "
            "limit=100 takes per cent"
        )
    weights, delta, fixed = check_weights(weights, len(y)), check_delta(delta), dict(fixed or {})
    for key in set(fixed) & set(levels):
        number(f"fixed[{key!r}]", fixed[key], at_least=0, at_most=limit)
    for key in fixed:
        member("fixed", key, [n for n in scales if n != "k"])  # k is no one of the solver's own
    held = hold(scales, fixed, ())
    free = len(scales) - len(fixed)
    distinct = len(np.unique(loss))
    if distinct < max(free, 2):
        raise ValueError(
            f"loss must take at least {max(free, 2)} distinct values to fit {free} constants, "
            f"got {distinct}"
        )
    if np.ptp(y) == 0:
        raise ValueError(f"{name} must vary between rows, got {y[0]:g} everywhere")
    return loss, y, delta, limit, weights, fixed, held


def _fit(kind, curve, name: str, loss, y, delta, limit, weights, fixed, held, **own) -> Fit:
    """Fit a curve, and refuse one that makes no law."""
    model = curve(x=loss, target=y, weights=weights, held=held, limit=limit, **own)
    found = search(model, delta)
    fit = kind(
        data={"loss": loss, name: y},
        weights=weights,
        settings={"delta": delta, "limit": limit, "fixed": fixed},
        **parts_of(found, delta),
    )
    if "k" in fit.at_limit:
        raise FitError("the best fit is hardly better than one error for all rows", fit.quantities)
    try:
        _ = fit.law
    except ValueError as error:
        raise FitError(f"the best fit makes no law: {error}", fit.quantities) from error
    say(fit._fitter().__name__, found)
    return fit
