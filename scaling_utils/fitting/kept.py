"""What is kept of a fit beside its law: the noise of single runs, and a second step."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from scaling_utils.fitting.curves import Sigmoid
from scaling_utils.fitting.fit import Fit
from scaling_utils.fitting.prediction import noise_of

MOST_RESIDUALS = 1_000


@dataclass(frozen=True)
class RunNoise:
    """How far single runs lie from the law.

    Attributes
    ----------
    scale : str
        "log": residuals are of the logarithm; "value": in the unit of what was fitted.
    sd : float
        Their root mean square with the constants' degrees of freedom taken off; NaN without any.
    residuals : array
        Observed less predicted, widened by the degrees of freedom; at most a thousand quantiles.
    """

    scale: str
    sd: float
    residuals: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class Accuracy:
    """The second step: accuracy as a sigmoid of the loss, and its resamples.

    Attributes
    ----------
    constants : dict of float
        low, high, slope and middle of ``Sigmoid``.
    draws : array, shape (draws, 4)
        Paired with those of the first step.
    range : (float, float)
        Of the losses that it was fitted on.
    """

    constants: dict[str, float]
    draws: np.ndarray = field(repr=False)
    range: tuple[float, float]

    def at(self, loss) -> float | np.ndarray:
        """Return the accuracy at ``loss``."""
        return Sigmoid(**self.constants).at(loss)


def kept_noise(fit: Fit) -> RunNoise:
    """Return how far single rows lie from a fit, in at most a thousand quantiles."""
    scale = fit.report.scale
    if len(fit.residuals) <= fit._free:
        return RunNoise(scale, math.nan, np.empty(0))
    found = noise_of(fit)
    pool = np.sort(found.pool)
    if len(pool) > MOST_RESIDUALS:
        pool = np.quantile(pool, (np.arange(MOST_RESIDUALS) + 0.5) / MOST_RESIDUALS)
    return RunNoise(scale, found.sd, pool)
