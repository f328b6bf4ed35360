"""What a fit of the coupled law hands over for its report."""

from __future__ import annotations

import warnings

import numpy as np

from scaling_utils.fitting._coupled import Q_RANGE, slopes
from scaling_utils.fitting._evidence import FACTOR, Evidence, robust_scale
from scaling_utils.fitting.errors import FitWarning

GONE = 1e-9  # an offset of less than this share of the loss is zero
OFFSET_KNOWN = 0.05  # an offset known to this share of the lowest loss is known
STEADY = 1e-3  # delta of the robust fit that rows far off are judged by


def coupled_evidence(fit, names: tuple[str, ...], refit) -> Evidence:
    """Return the evidence of a coupled fit; ``refit`` goes from rows to keep to a fit."""
    rows, theta = fit.rows, fit.theta
    jac = slopes(theta[None], rows)[1][0]  # by log E, log u, log v, alpha, beta, log q
    values = rows.columns(theta[None])[0]
    by_name = dict(zip(names, jac, strict=True))
    for name in ("alpha", "beta"):
        by_name[name] = by_name[name] * values[names.index(name)]
    free = [name for name in names if name not in fit.fixed]
    at_bound, tolerated = {}, {}
    lowest = float(np.exp(rows.target.min()))
    if "E" in free and values[0] <= GONE * lowest:
        at_bound["E"] = "E ended at its lower edge, 0"
    elif "E" in free:
        tolerated["E"] = max(FACTOR, OFFSET_KNOWN * lowest / values[0])
    if "q" in free and not Q_RANGE[0] * 1.01 < values[5] < Q_RANGE[1] / 1.01:
        at_bound["q"] = f"q ended at the edge of its range, {values[5]:.3g}"
    kept = [name for name in free if name not in at_bound]
    robust = fit.delta < robust_scale(fit.residuals, len(free))

    def without(mask, **settings):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            other = refit(mask, **settings)
        N, D, loss = rows.runs
        return other, np.log(other.law.loss(N, D) / loss)

    def compare(other) -> str:
        pairs = ((n, getattr(other.law, n), getattr(fit.law, n)) for n in ("alpha", "beta"))
        return "without them " + ", ".join(f"{n} is {a:.3g}, not {b:.3g}" for n, a, b in pairs)

    return Evidence(
        residuals=fit.residuals,
        free=len(free),
        names=tuple(kept),
        slopes=np.stack([by_name[name] for name in kept], axis=1),
        robust=robust,
        tolerated=tolerated,
        tied={"A": "alpha", "B": "beta"},
        at_bound=at_bound,
        warned=() if fit.converged else (fit.message,),
        contradictions=_above(values[0], lowest, fit),
        refit=without,
        steady=None if robust else lambda mask: without(mask, delta=STEADY)[1],
        compare=compare,
    )


def _above(E: float, lowest: float, fit) -> tuple[str, ...]:
    if np.log(max(E, 1e-300) / lowest) <= 4 * robust_scale(fit.residuals, 6 - len(fit.fixed)):
        return ()
    return (f"E is {E:.4g}, above the lowest loss of the rows, {lowest:.4g}",)
