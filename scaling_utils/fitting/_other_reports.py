"""What the fits of breaks, repetition, transfer and envelopes hand over for their reports."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from scaling_utils.fitting._evidence import FACTOR, Evidence, deviations, robust_scale
from scaling_utils.fitting.report import Report

KNOWN = 0.05  # an exponent known to this, or an offset known to this share, is known


def exponent_tolerance(value: float) -> float:
    """Return the relative error below which an exponent is known: small ones need no factor."""
    return max(FACTOR, KNOWN / max(abs(value), 1e-12))


def _free_columns(fit, logs: tuple[str, ...], bound: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the slopes of the residuals by the logarithm of each free constant away from a
    bound; ``logs`` are the constants whose logarithm is the solver's parameter."""
    found = fit.found
    model, values = found.model, dict(zip(fit.constants, found.columns, strict=True))
    slopes, names = model.slopes(found.theta[None])[1][0], fit.constants
    if model.held is not None:
        slopes, names = model.basis.T @ slopes, model.held.names
    out = {}
    for name, slope in zip(names, slopes, strict=True):
        first = name.split(" = ")[0]
        if first not in bound:
            out[name] = slope if first in logs else slope * values[first]
    return out


def broken_evidence(fit) -> Evidence:
    """Return the evidence of a broken power law."""
    x, y = fit.data.values()
    bend = fit.law.breaks[0]
    columns = _free_columns(fit, ("a", "b", "d", "f"), fit.at_limit)
    values = {"c0": fit.law.c0, "c": bend.c}
    tolerated = {name: exponent_tolerance(values[name]) for name in ("c0", "c")}
    tolerated["a"] = max(FACTOR, KNOWN * float(y.min()) / max(fit.law.a, 1e-300))

    def without(mask):
        other = fit._again(mask)
        return other, np.log(other.predict(x) / y)

    return Evidence(
        residuals=fit.residuals,
        free=fit.found.free,
        names=tuple(columns),
        slopes=np.stack(list(columns.values()), axis=1),
        weights=fit.weights,
        robust=fit.delta < robust_scale(fit.residuals, fit.found.free),
        tolerated=tolerated,
        tied={"b": "c0"} if "c0" in columns else {},
        at_bound={name: f"{name} ended at a limit of the search" for name in fit.at_limit},
        warned=() if fit.converged else (fit.message,),
        refit=without,
        compare=lambda other: (
            f"without them the break is at {other.law.breaks[0].d:.3g}, not {bend.d:.3g}"
        ),
    )


def repetition_evidence(fit) -> Evidence:
    """Return the evidence of a repetition fit."""
    N, D, U, loss = fit.data.values()
    columns = _free_columns(fit, fit.constants, fit.at_limit)

    def without(mask):
        other = fit._again(mask)
        return other, np.log(other.law.loss(N, D, U) / loss)

    def compare(other) -> str:
        pairs = ((n, getattr(other.law, n), getattr(fit.law, n)) for n in fit.constants)
        return "without them " + ", ".join(f"{n} is {a:.3g}, not {b:.3g}" for n, a, b in pairs)

    empty = np.empty((loss.size, 0))
    return Evidence(
        residuals=fit.residuals,
        free=fit.found.free,
        names=tuple(columns),
        slopes=np.stack(list(columns.values()), axis=1) if columns else empty,
        weights=fit.weights,
        robust=fit.delta < robust_scale(fit.residuals, fit.found.free),
        at_bound={
            name: f"{name} ended at a limit of the search, {getattr(fit.law, name):.3g}: the runs "
            "do not bound it on that side"
            for name in fit.at_limit
        },
        warned=() if fit.converged else (fit.message,),
        refit=without,
        compare=compare,
    )


def transfer_evidence(fit) -> Evidence:
    """Return the evidence of a transfer fit."""
    D_F, N, D_T = fit.data.values()
    target, design = np.log(D_T), fit.found.model.design
    columns = _free_columns(fit, ("k",), ())

    def constants(other):
        return SimpleNamespace(k=other.k, alpha=other.alpha, beta=other.beta)

    def without(mask):
        other = fit._again(mask)
        return other, np.log(other.predict(D_F, N)) - target

    return Evidence(
        residuals=fit.residuals,
        free=fit.found.free,
        names=tuple(columns),
        slopes=np.stack(list(columns.values()), axis=1),
        weights=fit.weights,
        robust=fit.delta < robust_scale(fit.residuals, fit.found.free),
        tolerated={n: exponent_tolerance(getattr(fit, n)) for n in ("alpha", "beta")},
        warned=() if fit.converged else (fit.message,),
        refit=without,
        steady=lambda mask: deviations(design, target, mask),
        law=constants,
        compare=lambda other: (
            f"without them alpha is {other.alpha:.3g} and beta {other.beta:.3g}, "
            f"not {fit.alpha:.3g} and {fit.beta:.3g}"
        ),
    )


def envelope_report(fit) -> Report:
    """Return the report of an envelope: of the bracketed bins about the power law through them.

    Bins share their runs and sizes come in steps, so that no bin is called far off, and the
    degrees of freedom are those of the sizes that win somewhere.
    """
    best, C = fit.N[fit.bracketed], fit.C[fit.bracketed]
    left = np.abs(np.log(fit.size.coefficient) + fit.size.exponent * np.log(C) - np.log(best))
    sizes = len(np.unique(best))
    doubts = []
    if sizes <= 2:
        doubts.append(f"{sizes} sizes win a bracketed bin: a line through two meets both")
    if fit.bracketed.mean() < 0.5:
        doubts.append(
            f"only {fit.bracketed.sum()} of {fit.bracketed.size} bins have a smaller and a larger "
            "size beside the best one"
        )
    loose = not fit.standard_error <= FACTOR * abs(fit.exponent)  # NaN: not known
    if loose:
        doubts.append(
            f"the sizes do not determine the exponent: a is {fit.exponent:.2g} with a standard "
            f"error of {fit.standard_error:.2g} (nan: too few sizes to tell)"
        )
    if not 0 < fit.exponent < 1:
        falling = "N" if fit.exponent <= 0 else "D"
        doubts.append(f"the exponent a is {fit.exponent:.3g}: {falling} would fall as C grows")
    return Report(
        rows=best.size,
        free=2,
        degrees_of_freedom=sizes - 2,
        residual_rms=float(np.sqrt(np.mean(left**2))),
        residual_median=float(np.median(left)),
        residual_max=float(left.max()),
        scale="log",
        far=(),
        without_far=None,
        at_bound=(),
        unidentified=("a",) if loose else (),
        warned=(),
        doubts=tuple(doubts),
    )
