"""Curves of accuracy or error against loss, for the solver: residuals are of the value itself.

Two of a curve's constants enter linearly, so that for given values of the others they follow from
a small linear solve: a grid over the others finds starts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from scaling_utils.fitting._model import RANGE, Model, undetermined
from scaling_utils.fitting._penalty import huber, penalty

NEAR = 1e-6  # of the width of its range: a constant so close to a limit is at it
STEEP = (0.05, 200.0)  # least and largest slope, over the width of the measured losses
BEYOND = 3.0  # widths of the measured losses that a midpoint may lie outside them
GRID = 24


@dataclass(frozen=True, kw_only=True)
class Curve(Model):
    """The rows: ``x`` is the loss. ``limit``: the largest accuracy or error there is, 1 or 100."""

    log: bool = False
    parameters = ()

    x: np.ndarray
    limit: float = 1.0

    @property
    def width(self) -> float:
        """Between the smallest and the largest loss."""
        return float(np.ptp(self.x))

    def shape(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, Callable]:
        """Return the value (members, rows), its slopes (members, p, rows), and what gives the sum
        over rows of pull times second derivatives, (members, p, p)."""
        raise NotImplementedError

    def predicted(self, theta: np.ndarray) -> np.ndarray:
        """Return the value, shape (members, rows)."""
        return self.shape(theta)[0]

    def evaluate(self, theta: np.ndarray, delta: float, room, *, full: bool):
        """Return objective/delta, its rounding, gradient, Newton and (if full) the metric."""
        total, jac, bend = self.shape(theta)
        r = total - self.target
        value, slope, curvature, reweighted = penalty(r, self.weights, delta)
        across = jac.transpose(0, 2, 1)
        gradient = (jac @ slope[:, :, None])[:, :, 0]
        newton = (jac * curvature[:, None]) @ across + bend(slope)
        metric = (jac * reweighted[:, None]) @ across if full else None
        fine = np.finfo(float).eps * max(1.0, np.abs(self.target).max())
        unit = delta if np.isfinite(delta) else 1.0
        rounding = fine * (np.abs(slope).sum(axis=1) + r.shape[1] * fine / unit)
        return value, rounding, gradient, newton, metric

    def relevance(self, theta: np.ndarray) -> np.ndarray:
        """Return 1: no constant runs away, all have bounds."""
        return np.ones(theta.shape)

    def _free(self) -> np.ndarray:
        """Return whether each constant is free, (p,)."""
        count = len(self.parameters)
        return np.ones(count, bool) if self.basis is None else self.basis.any(axis=1)

    def at_limits(self, theta: np.ndarray) -> np.ndarray:
        """Return which free constants lie at a limit of the search, (members, p)."""
        lower, upper = self.bounds
        close = np.minimum(theta - lower, upper - theta) < NEAR * (upper - lower)
        return close & self._free()

    def at_edge(self, theta: np.ndarray) -> np.ndarray:
        """Return whether a free constant is at a limit, (members,)."""
        return self.at_limits(theta).any(axis=1)

    def free_slopes(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return the slopes of the residuals by each free parameter away from a limit, (rows,)."""
        jac = self.shape(theta[None])[1][0]
        kept = self._free() & ~self.at_limits(theta[None])[0]
        return {n: j for n, j, k in zip(self.parameters, jac, kept, strict=True) if k}

    def doubt(self, theta: np.ndarray) -> str:
        """Return why the constants are not determined, or an empty string."""
        slopes = self.free_slopes(theta)
        still = [name for name, slope in slopes.items() if not np.abs(slope).max() > 1e-12]
        if still:
            return f"the rows show no dependence on {still[0]}, which is not determined"
        return undetermined(np.stack(list(slopes.values()))) if slopes else ""

    def inner_starts(self, delta: float, top: float) -> np.ndarray:
        """Return the best few starts, moved inside the bounds."""
        lower, upper = self.bounds
        inside = 0.05 * (upper - lower)
        return np.clip(self.starts(delta, 4), lower + inside, upper - inside)

    def _ranked(self, theta: np.ndarray, delta: float, keep: int) -> np.ndarray:
        """Return the starts that meet the rows best."""
        theta = self.put(np.clip(theta, *self.bounds))
        cost = huber(self.residuals(theta), delta)
        shared = self.weights is not None and self.weights.ndim == 1
        cost = cost @ self.weights if shared else cost.sum(axis=1)
        return theta[np.argsort(cost, kind="stable")[:keep]]

    def _linear(self, feature: np.ndarray) -> np.ndarray:
        """Return level and height of target = level + height feature, by least squares, for each
        row of ``feature``, (members, rows); shape (2, members)."""
        away = feature - feature.mean(axis=1, keepdims=True)
        height = away @ self.target / np.maximum((away**2).sum(axis=1), 1e-300)
        return np.array([self.target.mean() - height * feature.mean(axis=1), height])


@dataclass(frozen=True, kw_only=True)
class SigmoidCurve(Curve):
    """low + (high - low) / (1 + exp(-slope (middle - x))); ``slope`` by its logarithm."""

    parameters = ("low", "high", "slope", "middle")

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and largest value of each parameter."""
        steep = np.log(np.array(STEEP) / self.width)
        reach = BEYOND * self.width
        return (
            np.array([0.0, 0.0, steep[0], self.x.min() - reach]),
            np.array([self.limit, self.limit, steep[1], self.x.max() + reach]),
        )

    def shape(self, theta: np.ndarray):
        """Return the value, its slopes and its curvature."""
        low, high, log_k, middle = theta[:, :, None].transpose(1, 0, 2)
        k = np.exp(log_k)
        z = k * (middle - self.x)
        s = expit(z)
        first = s * (1 - s)
        second = first * (1 - 2 * s)
        rise = high - low
        jac = np.stack([1 - s, s, rise * first * z, rise * first * k], axis=1)

        def bend(pull):
            out = np.zeros((len(theta), 4, 4))
            for i, j, value in (
                (0, 2, -first * z),
                (0, 3, -first * k),
                (1, 2, first * z),
                (1, 3, first * k),
                (2, 2, rise * (second * z**2 + first * z)),
                (2, 3, rise * k * (second * z + first)),
                (3, 3, rise * second * k**2),
            ):
                out[:, i, j] = out[:, j, i] = (pull * value).sum(axis=1)
            return out

        return low + rise * s, jac, bend

    def columns(self, theta: np.ndarray) -> np.ndarray:
        """Return low, high, slope and middle of each member, shape (members, 4)."""
        out = theta.copy()
        out[:, 2] = np.exp(theta[:, 2])
        return out

    def starts(self, delta: float, keep: int) -> np.ndarray:
        """Return the best places of a grid over slope and middle, with low and high solved."""
        k = np.geomspace(0.5, 60.0, GRID) / self.width
        middle = np.linspace(self.x.min() - self.width, self.x.max() + self.width, 2 * GRID)
        k, middle = (part.ravel() for part in np.meshgrid(k, middle))
        low, rise = self._linear(expit(k[:, None] * (middle[:, None] - self.x)))
        return self._ranked(np.column_stack([low, low + rise, np.log(k), middle]), delta, keep)


@dataclass(frozen=True, kw_only=True)
class ExponentialCurve(Curve):
    """epsilon - k exp(-gamma x); the parameters are epsilon, log k in the middle of the losses and
    log gamma. ``middle``: the mean loss."""

    parameters = ("epsilon", "k", "gamma")

    middle: float

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and largest value of each parameter."""
        steep = np.log(np.array(STEEP) / self.width)
        size = np.log(self.limit) + np.array([-20.0, 20.0])
        return np.array([0.0, size[0], steep[0]]), np.array([self.limit, size[1], steep[1]])

    def shape(self, theta: np.ndarray):
        """Return the value, its slopes and its curvature."""
        epsilon, log_k, log_gamma = theta[:, :, None].transpose(1, 0, 2)
        far = np.exp(log_gamma) * (self.x - self.middle)
        t = np.exp(np.clip(log_k - far, *RANGE))
        jac = np.stack([np.ones_like(t), -t, far * t], axis=1)

        def bend(pull):
            out = np.zeros((len(theta), 3, 3))
            for i, j, value in ((1, 1, -t), (1, 2, far * t), (2, 2, far * t - far**2 * t)):
                out[:, i, j] = out[:, j, i] = (pull * value).sum(axis=1)
            return out

        return epsilon - t, jac, bend

    def columns(self, theta: np.ndarray) -> np.ndarray:
        """Return epsilon, k and gamma of each member, shape (members, 3)."""
        gamma = np.exp(theta[:, 2])
        with np.errstate(over="ignore"):
            return np.column_stack([theta[:, 0], np.exp(theta[:, 1] + gamma * self.middle), gamma])

    def starts(self, delta: float, keep: int) -> np.ndarray:
        """Return the best places of a grid over gamma, with epsilon and k solved."""
        gamma = np.geomspace(2 * STEEP[0], STEEP[1] / 2, 3 * GRID) / self.width
        level, height = self._linear(np.exp(-gamma[:, None] * (self.x - self.middle)))
        size = np.log(np.maximum(-height, 1e-3 * self.limit))
        return self._ranked(np.column_stack([level, size, np.log(gamma)]), delta, keep)
