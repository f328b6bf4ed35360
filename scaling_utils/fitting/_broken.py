"""The power law with an offset and one smooth break, for the solver.

The solver's parameters are log a, log b in the middle of log x, c0, c, and log d and log f,
with log d measured from the middle.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import expit

from scaling_utils.fitting._joint import Joint
from scaling_utils.fitting._model import GONE, RANGE

PARAMETERS = ("a", "b", "c0", "c", "d", "f")
# Shapes that the search starts from: the slope before the break, its change, where in the
# measured range of log x the break lies, and its width in log x.
SLOPES = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
CHANGES = (-2.0, -1.0, -0.5, -0.2, 0.2, 0.5, 1.0, 2.0)
PLACES = (0.1, 0.3, 0.5, 0.7, 0.9)
WIDTHS = (0.1, 0.5, 1.5)
FLOOR = 1e-3  # an offset of zero starts at this share of the least value
NEAR = 1e-4  # of the width of the range: a constant so close to its limit is at it
STEEPEST, NARROWEST, WIDEST = 20.0, 0.02, 5.0


@dataclass(frozen=True, kw_only=True)
class Broken(Joint):
    """The rows: ``t`` is log x less its mean ``middle``."""

    parameters = PARAMETERS

    t: np.ndarray
    middle: float

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and largest value of each parameter."""
        ceiling, inf = float(self.target.min()), np.inf
        return (
            np.array([-inf, -inf, -STEEPEST, -STEEPEST, self.t.min(), np.log(NARROWEST)]),
            np.array([ceiling, inf, STEEPEST, STEEPEST, self.t.max(), np.log(WIDEST)]),
        )

    def joint(self, theta: np.ndarray):
        """Return the log of the power part, its slopes and its curvature."""
        log_b, c0, c, place, log_f = theta[:, 1:, None].transpose(1, 0, 2)
        f = np.exp(log_f)
        far = (self.t - place) / f
        near = expit(far)
        bend = f * np.logaddexp(0.0, far)  # of log x, over c
        widen = bend - f * far * near  # its slope by log f
        joint = np.clip(log_b - c0 * self.t - c * bend, *RANGE)
        inner = np.stack(
            np.broadcast_arrays(0.0, 1.0, -self.t, -bend, c * near, -c * widen), axis=1
        )
        sharp = near * (1 - near)

        def curve(pull):
            out = np.zeros((len(theta), 6, 6))
            for i, j, second in (
                (3, 4, near),
                (3, 5, -widen),
                (4, 4, -c * sharp / f),
                (4, 5, -c * sharp * far),
                (5, 5, -c * (widen + f * far**2 * sharp)),
            ):
                out[:, i, j] = out[:, j, i] = (pull * second).sum(axis=1)
            return out

        return joint, inner, curve

    def columns(self, theta: np.ndarray) -> np.ndarray:
        """Return a, b, c0, c, d, f of each member, shape (members, 6)."""
        out = theta.copy()
        with np.errstate(over="ignore"):
            out[:, 0] = np.where(self.at_edge(theta), 0.0, np.exp(theta[:, 0]))
            out[:, 1] = np.exp(theta[:, 1] + theta[:, 2] * self.middle)
            out[:, 4], out[:, 5] = np.exp(theta[:, 4] + self.middle), np.exp(theta[:, 5])
        return out

    def at_limit(self, theta: np.ndarray) -> tuple[str, ...]:
        """Return the names of the free constants that ended at a limit of the search."""
        lower, upper = self.bounds
        width = np.where(np.isfinite(lower), upper - lower, 1.0)
        close = np.minimum(theta - lower, upper - theta) < NEAR * width
        close[0] |= self.offset_share(theta[None])[0] < GONE
        free = np.ones(6, dtype=bool) if self.basis is None else self.basis.any(axis=1)
        return tuple(n for n, k in zip(PARAMETERS, close & free, strict=True) if k)

    def starts(self, delta: float, keep: int) -> np.ndarray:
        """Return the best shape of each change of slope and place with its a and log b."""
        t, y = self.t, np.exp(self.target)
        places = t.min() + np.ptp(t) * np.array(PLACES)
        shapes = np.array(list(product(SLOPES, CHANGES, places, np.log(WIDTHS))))  # (shapes, 4)
        c0, change, place, log_f = shapes.T[..., None]
        f = np.exp(log_f)
        power = np.exp(-c0 * t - change * f * np.logaddexp(0.0, (t - place) / f))
        # Relative residuals stand for log residuals: minimise |(a + b power) / y - 1|.
        u, v = 1 / y, power / y
        uu, uv, vv = u @ u, v @ u, (v * v).sum(axis=1)
        a = np.clip((vv * u.sum() - uv * v.sum(axis=1)) / (uu * vv - uv**2), 0, 0.999 * y.min())
        b = np.maximum((v.sum(axis=1) - a * uv) / vv, 1e-12 * y.max())
        cost = ((a[:, None] * u + b[:, None] * v - 1) ** 2).sum(axis=1)
        a = np.maximum(a, FLOOR * y.min())
        groups = [(shapes[:, 1] == c) & (shapes[:, 2] == p) for c in CHANGES for p in places]
        best = np.array([np.flatnonzero(group)[cost[group].argmin()] for group in groups])
        best = best[np.argsort(cost[best], kind="stable")]
        return np.column_stack([np.log(a[best]), np.log(b[best]), shapes[best]])

    def inner_starts(self, delta: float, top: float) -> np.ndarray:
        """Return the best few starts, which all have an offset."""
        return self.starts(delta, 0)[:4]
