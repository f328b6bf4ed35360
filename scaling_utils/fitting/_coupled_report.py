"""What a fit of the coupled law hands over for its report."""

from __future__ import annotations

import numpy as np

from scaling_utils.fitting._coupled import Q_RANGE
from scaling_utils.fitting._evidence import FACTOR, Evidence, robust_scale
from scaling_utils.fitting._model import GONE

OFFSET_KNOWN = 0.05  # an offset known to this share of the lowest loss is known
STEADY = 1e-3  # delta of the robust fit that rows far off are judged by


def coupled_evidence(fit) -> Evidence:
    """Return the evidence of a coupled fit."""
    found, loss = fit.found, fit.data["loss"]
    model = found.model
    values = dict(zip(fit.constants, found.columns, strict=True))
    columns = _columns(found, values)
    at_bound, tolerated = {}, {}
    lowest = float(loss.min())
    if "E" in columns and values["E"] <= GONE * lowest:
        at_bound["E"] = "E ended at its lower edge, 0"
    elif "E" in columns:
        tolerated["E"] = max(FACTOR, OFFSET_KNOWN * lowest / values["E"])
    if model.q is None and not Q_RANGE[0] * 1.01 < values["q"] < Q_RANGE[1] / 1.01:
        at_bound["q"] = f"q ended at the edge of its range, {values['q']:.3g}"
    kept = [name for name in columns if name not in at_bound]
    robust = fit.delta < robust_scale(fit.residuals, found.free)

    def without(mask, **settings):
        other = fit._again(mask, **settings)
        return other, np.log(other.law.loss(fit.data["N"], fit.data["D"]) / loss)

    def compare(other) -> str:
        pairs = ((n, getattr(other.law, n), getattr(fit.law, n)) for n in ("alpha", "beta"))
        return "without them " + ", ".join(f"{n} is {a:.3g}, not {b:.3g}" for n, a, b in pairs)

    return Evidence(
        residuals=fit.residuals,
        free=found.free,
        names=tuple(kept),
        slopes=np.stack([columns[name] for name in kept], axis=1),
        weights=fit.weights,
        robust=robust,
        tolerated=tolerated,
        tied={a: b for a, b in (("A", "alpha"), ("B", "beta")) if a in columns},
        at_bound=at_bound,
        warned=() if fit.converged else (fit.message,),
        contradictions=_above(values["E"], lowest, fit),
        refit=without,
        steady=None if robust else lambda mask: without(mask, delta=STEADY)[1],
        compare=compare,
    )


def _columns(found, values: dict[str, float]) -> dict[str, np.ndarray]:
    """Return the slopes of the residuals by the logarithm of each free constant."""
    model = found.model
    slopes, names = model.slopes(found.theta[None])[1][0], tuple(values)
    if model.held is not None:
        slopes, names = model.basis.T @ slopes, model.held.names
    out = {}
    for name, slope in zip(names, slopes, strict=True):
        first = name.split(" = ")[0]
        out[name] = slope * values[first] if first in ("alpha", "beta") else slope
    return out


def _above(E: float, lowest: float, fit) -> tuple[str, ...]:
    if np.log(max(E, 1e-300) / lowest) <= 4 * robust_scale(fit.residuals, fit.found.free):
        return ()
    return (f"E is {E:.4g}, above the lowest loss of the rows, {lowest:.4g}",)
