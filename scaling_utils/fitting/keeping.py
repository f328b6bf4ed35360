"""Taking from a fit what is saved of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scaling_utils.fitting._formulas import FORMULAS, constants_of, form_of
from scaling_utils.fitting.fit import Fit
from scaling_utils.fitting.kept import Accuracy, kept_noise
from scaling_utils.fitting.resamples import Resamples
from scaling_utils.fitting.saved import SavedFit

MOST_DRAWS = 10_000


def saved_of(
    fit: Fit, drawn: Resamples | None = None, *, y: str = "loss", unit: str = "nats per token",
    x: tuple[str, ...] | None = None, accuracy: Accuracy | None = None,
    source: Mapping | None = None,
) -> SavedFit:  # fmt: skip
    """Return what is kept of a fit.

    Parameters
    ----------
    fit : Fit
        Of ``fit_parametric``, ``fit_coupled``, ``fit_power_law``, ``fit_broken_power_law``,
        ``fit_product`` or ``fit_valleys``.
    drawn : Resamples, optional
        Of that fit; the first ten thousand are kept.
    y, unit : str
        What the law gives, and its unit.
    x : tuple of str, optional
        Names of what it takes, where the form has none of its own.
    accuracy : Accuracy, optional
        A second step.
    source : mapping, optional
        For people; plain values.

    Returns
    -------
    SavedFit

    Raises
    ------
    TypeError
        If the fit is of no such form.
    """
    form = form_of(fit)
    own = {"isoflop": ("C",), "product": getattr(fit, "variables", ())}
    x = x or own.get(form) or (("N", "D") if FORMULAS[form].pair else ("x",))
    names = constants_of(form, x)
    columns = np.asarray(fit._columns, dtype=float)
    draws = {}
    if drawn is not None:
        draws = {name: drawn.columns[:MOST_DRAWS, k] for k, name in enumerate(names)}
    ranges = {
        name: (float(v.min()), float(v.max()))
        for name, v in zip([*x, *list(fit.data)[len(x) :]], fit.data.values(), strict=True)
    }
    if set(x) == {"N", "D"}:
        C = 6 * fit.data["N"] * fit.data["D"]
        ranges["C"] = (float(C.min()), float(C.max()))
    return SavedFit(
        form=form,
        x=tuple(x),
        y=y,
        unit=unit,
        constants=dict(zip(names, map(float, columns), strict=True)),
        draws=draws,
        ranges=ranges,
        noise=None if form == "isoflop" else kept_noise(fit),
        rows=len(fit.residuals),
        accuracy=accuracy,
        source=dict(source or {}),
    )
