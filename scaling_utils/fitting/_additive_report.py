"""What a fit of a sum of power laws and an offset hands over for its report."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from scaling_utils.fitting._evidence import FACTOR, Evidence, robust_scale
from scaling_utils.fitting._search import VANISHED, Found, search
from scaling_utils.fitting.errors import FitWarning

OFFSET_KNOWN = 0.05  # an offset known to this share of the lowest value is known, however small
ABOVE = 4.0  # times the scale of the residuals: an offset so far above a row contradicts it
BELOW = 3.0  # standard errors: rows that ask for so negative an offset are not served by zero
GAIN = 0.9  # a law whose residuals are this share of those about a constant explains nothing


def additive_evidence(
    found: Found,
    names: tuple[str, ...],
    y: np.ndarray,
    delta: float,
    refit: Callable,
    steepest: float | None = None,
    compare: Callable | None = None,
) -> Evidence:
    """Return the evidence of a fitted table.

    ``names``: the offset, the prefactors and the exponents. ``y``: what was fitted.
    ``steepest``: the largest exponent that is taken without a remark. ``refit`` goes from the
    rows to keep to a fit with ``law`` and ``found``.
    """
    table, log = found.table, found.table.log
    count, held = len(table.axes), table.offset is not None
    offset, *terms = table.terms(found.theta[None])[0]
    total = offset + sum(terms)
    unit = total if log else 1.0
    exponents = found.columns[1 + count :]
    columns = {name: term / unit for name, term in zip(names[1:], terms, strict=False)}
    moved = zip(names[1 + count :], terms, table.axes, exponents, strict=True)
    columns |= {name: -b * axis * term / unit for name, term, axis, b in moved}
    at_bound, tolerated = {}, {}
    if not held:
        column = np.full_like(total, 1.0) / unit
        if offset[0] <= VANISHED * total.mean():
            at_bound[names[0]] = _edge(names[0], found.residuals, column, columns)
        else:
            columns = {names[0]: offset[0] * column, **columns}
            tolerated[names[0]] = max(FACTOR, OFFSET_KNOWN * np.abs(y).min() / offset[0])
    free = 2 * count + (not held)
    robust = np.isfinite(delta) and delta < robust_scale(found.residuals, free)
    return Evidence(
        residuals=found.residuals,
        free=free,
        names=tuple(columns),
        slopes=np.stack(list(columns.values()), axis=1),
        scale="log" if log else "value",
        size=1.0 if log else float(np.median(np.abs(y))),
        robust=robust,
        tolerated=tolerated,
        tied=dict(zip(names[1 : 1 + count], names[1 + count :], strict=True)),
        at_bound=at_bound,
        warned=(found.doubt,) if found.doubt else (),
        contradictions=_contradictions(found, names, y, steepest),
        refit=_quiet(refit, table),
        steady=None if robust else _steady(table),
        law=_law,
        compare=compare,
    )


def _quiet(refit: Callable, table) -> Callable:
    def without(kept: np.ndarray):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            fit = refit(kept)
        other = fit.found
        # The same law in the coordinates of the whole table.
        return fit, table.residuals(table.theta(other.columns)[None])[0]

    return without


def _steady(table) -> Callable:
    """Return what gives the residuals of all rows under the least absolute deviations of some."""

    def residuals(kept: np.ndarray) -> np.ndarray:
        axes = tuple(axis[kept] for axis in table.axes)
        part = search(replace(table, axes=axes, target=table.target[kept]), 0.0, ("",) * len(axes))
        return table.residuals(part.theta[None])[0]

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
    table, residuals = found.table, found.residuals
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
