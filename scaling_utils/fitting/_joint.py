"""Laws whose logarithm is written out: log predicted = log(offset + exp(joint)), for the solver.

A law says what ``joint`` is, its slopes, and the curvature; the sum with the offset, the robust
loss and the matrices of the Newton step are the same for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scaling_utils.fitting._model import GONE, RANGE, VANISHED, Model, undetermined
from scaling_utils.fitting._penalty import penalty


@dataclass(frozen=True, kw_only=True)
class Joint(Model):
    """A law of the form log(offset + exp(joint)); the logarithm of the offset comes first.

    ``offset`` is False where the law has none.
    """

    offset: bool = True

    def joint(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, Callable]:
        """Return the joint term (members, rows), its slopes (members, p, rows; zero by the
        offset), and what gives sum over rows of pull * second derivatives, (members, p, p)."""
        raise NotImplementedError

    def together(self, most: int) -> int:
        """Return how many members to evaluate at once: the arrays have p times the cells."""
        return max(4, super().together(most) // 2)

    def _log_offset(self, theta: np.ndarray) -> np.ndarray:
        return np.clip(theta[:, :1], *RANGE)

    def predicted(self, theta: np.ndarray) -> np.ndarray:
        """Return the log value, shape (members, rows)."""
        joint = self.joint(theta)[0]
        return np.logaddexp(self._log_offset(theta), joint) if self.offset else joint

    def slopes(self, theta: np.ndarray):
        """Return the log value (m, n), its slopes (m, p, n), the share of the joint term in the
        value (m, n), and the joint term's own slopes and curvature."""
        joint, inner, bend = self.joint(theta)
        if not self.offset:
            return joint, inner, np.ones_like(joint), inner, bend
        total = np.logaddexp(self._log_offset(theta), joint)
        share = np.exp(joint - total)
        jac = share[:, None] * inner
        jac[:, 0] = 1 - share
        return total, jac, share, inner, bend

    def evaluate(self, theta: np.ndarray, delta: float, room, *, full: bool):
        """Return objective/delta, its rounding, gradient, Newton and (if full) the metric."""
        total, jac, share, inner, bend = self.slopes(theta)
        r = total - self.target
        value, slope, curvature, reweighted = penalty(r, self.weights, delta)
        across = jac.transpose(0, 2, 1)
        gradient = (jac @ slope[:, :, None])[:, :, 0]
        newton = (jac * curvature[:, None]) @ across
        metric = (jac * reweighted[:, None]) @ across if full else None
        if self.offset:  # the outer sum's own second derivatives
            lever = inner.copy()
            lever[:, 0] = -1.0
            pull = (slope * share * (1 - share))[:, None]
            newton += (lever * pull) @ lever.transpose(0, 2, 1)
        newton += bend(slope * share)
        fine = np.finfo(float).eps * max(1.0, np.abs(self.target).max())
        unit = delta if np.isfinite(delta) else 1.0
        rounding = fine * (np.abs(slope).sum(axis=1) + r.shape[1] * fine / unit)
        return value, rounding, gradient, newton, metric

    def offset_share(self, theta: np.ndarray) -> np.ndarray:
        """Return the share of the offset in the value, in the middle of the rows, (members,)."""
        offset = self._log_offset(theta)
        return np.exp(offset[:, 0] - np.logaddexp(offset, self.joint(theta)[0]).mean(axis=1))

    def relevance(self, theta: np.ndarray) -> np.ndarray:
        """Return 1, and for the logarithm of the offset its share."""
        out = np.ones(theta.shape)
        if self.offset:
            out[:, 0] = self.offset_share(theta)
        return out

    def at_edge(self, theta: np.ndarray) -> np.ndarray:
        """Return whether a free offset is gone, shape (members,)."""
        if not self.offset or (self.basis is not None and not self.basis[0].any()):
            return np.zeros(len(theta), dtype=bool)
        return self.offset_share(theta) < GONE

    def free_slopes(self, theta: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return slopes (free, rows) and names of the free parameters; an offset of zero is
        settled, and a parameter at a bound is left out."""
        _, jac, *_ = self.slopes(theta[None])
        slopes = jac[0] if self.basis is None else self.basis.T @ jac[0]
        names = self.parameters if self.held is None else self.held.names
        kept = np.ones(len(names), dtype=bool)
        if self.offset and names and names[0] == self.parameters[0]:
            kept[0] = np.abs(slopes[0]).max() > VANISHED
        if self.bounds is not None:
            place = slice(None) if self.basis is None else self.basis.argmax(axis=0)
            lower, upper = self.bounds
            kept &= ((theta > lower) & (theta < upper))[place]
        return slopes[kept], tuple(n for n, k in zip(names, kept, strict=True) if k)

    def doubt(self, theta: np.ndarray) -> str:
        """Return why the constants are not determined, or an empty string."""
        slopes, names = self.free_slopes(theta)
        size = np.linalg.norm(slopes, axis=1)
        if size.size and size.min() < VANISHED:
            name = names[int(size.argmin())]
            return f"the runs show no dependence on {name}, which is not determined"
        return undetermined(slopes)
