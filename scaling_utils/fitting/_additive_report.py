"""What a fit of a sum of power laws and an offset hands over for its report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from scaling_utils.fitting._evidence import FACTOR, Evidence, robust_scale
from scaling_utils.fitting._model import VANISHED
from scaling_utils.fitting._search import Found, search

OFFSET_KNOWN = 0.05  # an offset known to this share of the lowest value is known, however small
ABOVE = 4.0  # times the scale of the residuals: an offset so far above a row contradicts it
BELOW = 3.0  # standard errors: rows that ask for so negative an offset are not served by zero
GAIN = 0.9  # a law whose residuals are this share of those about a constant explains nothing


def additive_evidence(fit, y: np.ndarray, steepest: float | None, compare: Callable) -> Evidence:
    """Return the evidence of a fit of ``Additive``.

    ``y``: what was fitted. ``steepest``: the largest exponent that is taken without a remark.
    """
    found, names = fit.found, fit.constants
    model, log = found.model, found.model.log
    count = len(model.axes)
    offset, *terms = model.terms(found.theta[None])[0]
    total = offset + sum(terms)
    columns = _columns(found, names)
    at_bound, tolerated = {}, {}
    if model.offset is None:
        column = columns.pop(names[0])
        if offset[0] <= VANISHED * total.mean():
            unit = 1.0 / (total if log else np.ones_like(total))
            at_bound[names[0]] = _edge(names[0], found.residuals, unit, columns)
        else:
            columns = {names[0]: column, **columns}
            tolerated[names[0]] = max(FACTOR, OFFSET_KNOWN * np.abs(y).min() / offset[0])
    robust = np.isfinite(found.delta) and found.delta < robust_scale(found.residuals, found.free)
    pairs = zip(names[1 : 1 + count], names[1 + count :], strict=True)
    return Evidence(
        residuals=found.residuals,
        free=found.free,
        names=tuple(columns),
        slopes=np.stack(list(columns.values()), axis=1),
        weights=fit.weights,
        scale="log" if log else "value",
        size=1.0 if log else float(np.median(np.abs(y))),
        robust=robust,
        tolerated=tolerated,
        tied={a: b for a, b in pairs if a in columns},
        at_bound=at_bound,
        warned=(found.doubt,) if found.doubt else (),
        contradictions=_contradictions(found, names, y, steepest),
        refit=_refit(fit),
        steady=None if robust else _steady(model),
        law=_law,
        compare=compare,
    )


def _columns(found: Found, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the slopes of the residuals by the logarithm of each free constant."""
    model = found.model
    slopes = model.slopes(found.theta)
    shown = names[1 - model.first :]
    values = dict(zip(names, found.columns, strict=True))
    if model.held is not None:
        slopes, shown = model.basis.T @ slopes, model.held.names
    exponents = names[1 + len(model.axes) :]
    out = {}
    for name, slope in zip(shown, slopes, strict=True):
        first = name.split(" = ")[0]
        out[name] = slope * values[first] if first in exponents else slope
    return out


def _refit(fit) -> Callable:
    model = fit.found.model

    def without(kept: np.ndarray):
        other = fit._again(kept)
        # The same law in the coordinates of the whole table.
        return other, model.residuals(model.theta(other.found.columns)[None])[0]

    return without


def _steady(model) -> Callable:
    """Return what gives the residuals of all rows under the least absolute deviations of some."""

    def residuals(kept: np.ndarray) -> np.ndarray:
        axes = tuple(axis[kept] for axis in model.axes)
        weights = None if model.weights is None else model.weights[kept]
        part = replace(model, axes=axes, target=model.target[kept], weights=weights)
        return model.residuals(search(part, 0.0).theta[None])[0]

    return residuals


def _law(fit):
    """Return the law of a fit; where y rises and there is none, the constants."""
    try:
        return fit.law
    except (ValueError, ArithmeticError):
        return SimpleNamespace(a=fit.a, b=fit.b, c=fit.c)


def _edge(name: str, residuals, column, others) -> str:
    """Say that the offset ended at zero, and whether the rows would rather have it below."""
    said = f"{name} ended at its lower edge, 0"
    basis, _ = np.linalg.qr(np.stack(list(others.values()), axis=1))
    own = column - basis @ (basis.T @ column)  # what no other constant can do
    spare = residuals.size - basis.shape[1] - 1
    if spare > 0 and own @ own > 0:
        noise = np.sqrt(residuals @ residuals / spare)
        if own @ residuals > BELOW * noise * np.sqrt(own @ own):
            return f"{said}, and the rows would be met better with {name} below zero"
    return said


def _contradictions(found: Found, names, y, steepest) -> tuple[str, ...]:
    table, residuals = found.model, found.residuals
    count, columns = len(table.axes), found.columns
    scale = robust_scale(residuals, found.theta.size)
    lowest = int(np.argmin(y))
    low = float(y[lowest])
    said = []
    ceiling = low * np.exp(ABOVE * scale) if table.log else low + ABOVE * scale
    if columns[0] > ceiling:
        said.append(
            f"{names[0]} is {columns[0]:.4g}, above the lowest value of the rows, {low:.4g} "
            f"(row {lowest}, counted from 0): no run could go below it"
        )
    for name, exponent in zip(names[1 + count :], columns[1 + count :], strict=True):
        if steepest is not None and exponent > steepest:
            said.append(f"{name} is {exponent:.3g}: no measured law falls so steeply")
    about = table.target - np.median(table.target)
    spare = residuals.size - found.theta.size
    if spare > 0:
        law, constant = np.abs(residuals).sum() / spare, np.abs(about).sum() / (residuals.size - 1)
        if law > GAIN * constant:
            said.append("the law is hardly better than one constant for all rows")
    return tuple(said)
