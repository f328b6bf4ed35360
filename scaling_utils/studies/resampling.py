"""Refits to resamples of whole groups of cells: the one place where a study meets the fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVEL = 0.95


@dataclass(frozen=True)
class Draws:
    """Constants of refits. ``samples``: shape (resamples, names)."""

    names: tuple[str, ...]
    samples: np.ndarray

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """The central 95 % of each constant, by its name."""
        tails = (1 - LEVEL) / 2, (1 + LEVEL) / 2
        low, high = np.quantile(self.samples, tails, axis=0)
        return dict(zip(self.names, zip(low.tolist(), high.tolist(), strict=True), strict=True))


def resampled(fit, by: np.ndarray, n: int, seed: int):
    """Refit to ``n`` resamples of whole groups; ``by`` is the group of each row, (rows,)."""
    if hasattr(fit, "resample"):
        return fit.resample(by=by, n=n, seed=seed)
    from scaling_utils import fitting

    draws = fitting.draw_groups(by, n=n, seed=seed)
    if isinstance(fit, fitting.CoupledFit):
        names = ("E", "A", "B", "alpha", "beta", "q")
        return Draws(names, fitting.resample_coupled(fit, draws))
    return fitting.bootstrap(fit, indices=draws)
