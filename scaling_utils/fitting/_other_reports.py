"""What the fits of breaks, repetition, transfer and envelopes hand over for their reports."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from scaling_utils.fitting._evidence import FACTOR, Evidence, deviations, robust_scale
from scaling_utils.fitting.errors import FitWarning
from scaling_utils.fitting.report import Report

KNOWN = 0.05  # an exponent known to this, or an offset known to this share, is known
STEP = 1e-4  # in the logarithm of a constant, for differences


def exponent_tolerance(value: float) -> float:
    """Return the relative error below which an exponent is known: small ones need no factor."""
    return max(FACTOR, KNOWN / max(abs(value), 1e-12))


def quietly(fit: Callable) -> Callable:
    """Return the fit without its warnings."""

    def call(*args):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            return fit(*args)

    return call


def broken_evidence(fit, refit: Callable) -> Evidence:
    """Return the evidence of a broken power law; ``refit`` goes from rows to keep to a fit."""
    x, y = fit.rows
    bend = fit.law.breaks[0]
    values = {"a": fit.law.a, "b": 1.0, "c0": fit.law.c0, "c": bend.c, "d": 1.0, "f": 1.0}
    kept = [name for name in values if name not in fit.at_limit]
    columns = dict(zip(values, fit.slopes.T, strict=True))
    tolerated = {name: exponent_tolerance(values[name]) for name in ("c0", "c")}
    tolerated["a"] = max(FACTOR, KNOWN * float(y.min()) / max(fit.law.a, 1e-300))

    def without(mask):
        other = quietly(refit)(mask)
        return other, np.log(other.predict(x) / y)

    return Evidence(
        residuals=fit.residuals,
        free=6,
        names=tuple(kept),
        slopes=np.stack([columns[name] * values[name] for name in kept], axis=1),
        tolerated=tolerated,
        tied={"b": "c0"},
        at_bound={name: f"{name} ended at a limit of the search" for name in fit.at_limit},
        warned=() if fit.converged else ("the optimiser did not reach a minimum",),
        refit=without,
        compare=lambda other: (
            f"without them the break is at {other.law.breaks[0].d:.3g}, not {bend.d:.3g}"
        ),
    )


def repetition_evidence(fit, law_at: Callable, refit: Callable) -> Evidence:
    """Return the evidence of a repetition fit; ``law_at`` goes from log R_D*, log R_N* to a law."""
    N, D, U, loss = fit.runs
    theta = np.log([fit.law.R_D_star, fit.law.R_N_star])
    names = ("R_D_star", "R_N_star")
    columns = {}
    for k, name in enumerate(names):
        step = STEP * np.eye(2)[k]
        up, down = (np.log(law_at(theta + s).loss(N, D, U)) for s in (step, -step))
        columns[name] = (up - down) / (2 * STEP)
    kept = [name for name in names if name not in fit.at_limit]

    def without(mask):
        other = refit(mask)
        return other, np.log(other.law.loss(N, D, U) / loss)

    def compare(other) -> str:
        pairs = ((n, getattr(other.law, n), getattr(fit.law, n)) for n in names)
        return "without them " + ", ".join(f"{n} is {a:.3g}, not {b:.3g}" for n, a, b in pairs)

    return Evidence(
        residuals=fit.residuals,
        free=2,
        names=tuple(kept),
        slopes=np.stack([columns[n] for n in kept], axis=1) if kept else np.empty((loss.size, 0)),
        robust=fit.delta < robust_scale(fit.residuals, 2),
        at_bound={
            name: f"{name} ended at a limit of the search, {getattr(fit.law, name):.3g}: the runs "
            "do not bound it on that side"
            for name in fit.at_limit
        },
        refit=without,
        compare=compare,
    )


def transfer_evidence(fit, design: np.ndarray, refit: Callable) -> Evidence:
    """Return the evidence of a transfer fit; ``design`` has a column for log k, alpha, beta."""
    target = np.log(fit.rows[2])
    values = np.array([1.0, fit.alpha, fit.beta])
    middle = design - np.array([0.0, *design[:, 1:].mean(axis=0)])  # k in the middle of the rows

    def constants(other):
        return SimpleNamespace(k=other.k, alpha=other.alpha, beta=other.beta)

    def without(mask):
        other = refit(mask)
        return other, np.log(other.predict(*fit.rows[:2])) - target

    return Evidence(
        residuals=np.log(fit.predict(*fit.rows[:2])) - target,
        free=3,
        names=("k", "alpha", "beta"),
        slopes=middle * values,
        tolerated={n: exponent_tolerance(getattr(fit, n)) for n in ("alpha", "beta")},
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
