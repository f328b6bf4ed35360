"""Forecasts that know no law: what a scaling law has to beat before it has shown anything."""

from __future__ import annotations

import numpy as np

from scaling_utils.studies.study import Study


def line_ahead(study: Study) -> np.ndarray:
    """Return the forecast of a line through the last two fitted runs of a network.

    The line is straight in the logarithms of tokens and of excess, so it is told the entropy. A
    size that is not fitted takes the line of the next smaller one that is.

    Parameters
    ----------
    study : Study
        Of a source whose entropy is known.

    Returns
    -------
    array, shape (cells,)
        Nats per token; NaN where no fitted size is as small, or the nearest has one run only.

    Raises
    ------
    ValueError
        If the entropy is unknown.
    """
    if not np.isfinite(study.entropy):
        raise ValueError(f"{study.name} must have a source of known entropy, got {study.entropy}")
    known, found = study.fitted, []
    for N, D in zip(study.cells.N, study.cells.D, strict=True):
        nearest = known.N[known.N <= N].max(initial=0)
        own = known.where(nearest == known.N)  # sorted by D
        if len(own) < 2:
            found.append(np.nan)
            continue
        (D1, D2), (x1, x2) = own.D[-2:], own.excess[-2:]
        found.append(x2 * (D / D2) ** (np.log(x2 / x1) / np.log(D2 / D1)))
    return study.entropy + np.array(found)
