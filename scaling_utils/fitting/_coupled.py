"""The rows of a coupled fit, and many small robust fits of it at once.

The solver's parameters are log E, the logarithms u and v of the two terms in the middle of
the design, alpha, beta and log q. Of E and q either may be held fixed. A member is one start
or one resample. The steps, their damping and the Huber loss are those of the additive fit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scaling_utils.fitting._solver import MAX_DAMPING, MIN_DAMPING, Outcome, _penalty, _step
from scaling_utils.fitting._table import RANGE

E_, U_, V_, ALPHA_, BETA_, Q_ = range(6)
Q_RANGE = (0.02, 1000.0)  # beyond it nothing changes that a table could show
TOLERANCE = 1e-9
TURNS = 300


@dataclass(frozen=True)
class Rows:
    """A table for the solver.

    ``x``, ``y``: log N and log D less their means ``middle``; ``target``: log loss; all (rows,).
    ``weights``: how often each row counts, (rows,) or (members, rows), or None. ``E``, ``q``:
    values held fixed, or None.
    """

    x: np.ndarray
    y: np.ndarray
    middle: tuple[float, float]
    target: np.ndarray
    E: float | None
    q: float | None
    weights: np.ndarray | None = None

    @property
    def free(self) -> np.ndarray:
        """Places of the free parameters."""
        kept = [self.E is None, True, True, True, True, self.q is None]
        return np.flatnonzero(kept)

    @property
    def runs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """N, D and loss of the runs."""
        N, D = np.exp(self.x + self.middle[0]), np.exp(self.y + self.middle[1])
        return N, D, np.exp(self.target)

    def members(self, index) -> Rows:
        """Return the table as seen by some of the members."""
        own = self.weights is not None and self.weights.ndim == 2
        return replace(self, weights=self.weights[index]) if own else self

    def parts(self, theta: np.ndarray):
        """Return log E (m, 1), u, v, log of the joint term, all (m, rows), and q (m, 1)."""
        columns = theta[:, :, None]
        u = np.clip(columns[:, U_] - columns[:, ALPHA_] * self.x, *RANGE)
        v = np.clip(columns[:, V_] - columns[:, BETA_] * self.y, *RANGE)
        q = np.exp(np.clip(columns[:, Q_], *np.log(Q_RANGE)))
        joint = np.logaddexp(q * u, q * v) / q
        return np.clip(columns[:, E_], *RANGE), u, v, joint, q

    def residuals(self, theta: np.ndarray) -> np.ndarray:
        """Return log predicted less log observed, shape (members, rows)."""
        offset, _, _, joint, _ = self.parts(theta)
        return np.logaddexp(offset, joint) - self.target

    def columns(self, theta: np.ndarray) -> np.ndarray:
        """Return E, A, B, alpha, beta, q of each member, shape (members, 6)."""
        out = theta.copy()
        with np.errstate(over="ignore"):
            out[:, E_] = np.exp(theta[:, E_]) if self.E is None else self.E
            out[:, U_] = np.exp(theta[:, U_] + theta[:, ALPHA_] * self.middle[0])
            out[:, V_] = np.exp(theta[:, V_] + theta[:, BETA_] * self.middle[1])
        out[:, Q_] = np.exp(np.clip(theta[:, Q_], *np.log(Q_RANGE)))
        return out


def slopes(theta: np.ndarray, rows: Rows):
    """Return residuals (m, n), their derivatives (m, 6, n) and the parts of the second ones.

    The derivative by u is the share of the size term in the joint one, w; by log q it is
    minus the entropy of (w, 1 - w) over q.
    """
    offset, u, v, joint, q = rows.parts(theta)
    residuals = np.logaddexp(offset, joint) - rows.target
    w = np.exp(q * (u - joint))  # share of the size term
    rest = np.exp(q * (v - joint))
    p = np.exp(joint - np.logaddexp(offset, joint))  # share of the joint term in the loss
    entropy = q * (joint - w * u - rest * v)
    inner = np.empty((len(theta), 6, rows.x.size))  # of the joint term; 1 stands for log E
    inner[:, E_] = 0.0
    inner[:, U_], inner[:, V_] = w, rest
    inner[:, ALPHA_], inner[:, BETA_] = -rows.x * w, -rows.y * rest
    inner[:, Q_] = -entropy / q
    jac = p[:, None] * inner
    jac[:, E_] = 1 - p
    return residuals, jac, inner, (p, w * rest, u - v, entropy, q)


def _expand(theta: np.ndarray, rows: Rows, delta: float):
    """Return objective/delta, its rounding, gradient, Newton and reweighted matrix (free only)."""
    residuals, jac, inner, (p, both, apart, entropy, q) = slopes(theta, rows)
    value, slope, curvature, reweighted = _penalty(residuals, rows.weights, delta)
    gradient = (jac @ slope[:, :, None])[:, :, 0]
    newton = (jac * curvature[:, None]) @ jac.transpose(0, 2, 1)
    metric = (jac * reweighted[:, None]) @ jac.transpose(0, 2, 1)
    # Second derivatives of log predicted: of the outer sum of E and the joint term ...
    lever = inner.copy()
    lever[:, E_] = -1.0
    newton += (lever * (slope * p * (1 - p))[:, None]) @ lever.transpose(0, 2, 1)
    # ... and of the joint term itself: by u, v and the exponents, then by log q.
    toward = np.zeros_like(inner)  # d(u - v) by each parameter
    toward[:, U_], toward[:, V_] = 1.0, -1.0
    toward[:, ALPHA_], toward[:, BETA_] = -rows.x, rows.y
    toward[:, Q_] = apart  # d(q (u - v)) / d log q, over q
    pull = slope * p
    newton += (toward * (pull * q * both)[:, None]) @ toward.transpose(0, 2, 1)
    newton[:, Q_, Q_] += (pull * entropy / q).sum(1)
    free = rows.free
    fine = np.finfo(float).eps * max(1.0, np.abs(rows.target).max())
    unit = delta if np.isfinite(delta) else 1.0
    rounding = fine * (np.abs(slope).sum(1) + residuals.shape[1] * fine / unit)
    corner = np.ix_(range(len(theta)), free, free)
    return value, rounding, gradient[:, free], newton[corner], metric[corner]


def _seen(theta: np.ndarray, rows: Rows) -> np.ndarray:
    """Return how far each free parameter can move the loss: log E hardly, where E is nothing."""
    weight = np.ones((len(theta), 6))
    offset, _, _, joint, q = rows.parts(theta)
    weight[:, E_] = np.exp(offset[:, 0] - np.logaddexp(offset, joint).mean(1))
    weight[:, Q_] = 1 / np.maximum(q[:, 0], 1.0)
    return weight[:, rows.free]


def minimise(theta, rows: Rows, delta: float, turns: int = TURNS, tolerance=TOLERANCE) -> Outcome:
    """Run every member downhill from its own start, shape (members, 6)."""
    count, free = len(theta), rows.free
    end = Outcome(theta.copy(), np.empty(count), np.zeros(count, bool), np.zeros(count, int))
    member, damping = np.arange(count), np.full(count, 0.1)
    state = [theta.copy(), *_expand(theta, rows, delta)]
    for turn in range(1, turns + 1):
        here, value, noise, gradient, newton, metric = state
        step, predicted, at_most = _step(newton, metric, gradient, damping)
        there = here.copy()
        there[:, free] += step
        trial = [there, *_expand(there, rows, delta)]
        gain = value - trial[1]
        better = gain >= -noise
        small = (np.abs(step) * _seen(here, rows)).max(1) < tolerance
        converged = (at_most <= noise) | (small & (damping < 1e-2))
        for old, new in zip(state, trial, strict=True):
            old[better] = new[better]
        ratio = np.where(better, gain / np.maximum(predicted, 1e-300), 0.0)
        factor = np.where(
            ratio > 0.75, 0.1, np.where(ratio > 0.25, 0.5, np.where(better, 2.0, 8.0))
        )
        damping = np.clip(damping * factor, MIN_DAMPING, MAX_DAMPING)
        end.theta[member], end.objective[member] = state[0], state[1]
        end.converged[member], end.iterations[member] = converged, turn
        left = np.flatnonzero(~converged & (damping < MAX_DAMPING))
        if left.size == 0:
            break
        if left.size < member.size:
            state, rows = [part[left] for part in state], rows.members(left)
            damping, member = damping[left], member[left]
    return end


def descend(theta, rows: Rows, delta: float, top: float, ratio: float = 10.0) -> Outcome:
    """Minimise at deltas that fall by ``ratio`` from ``top``: a wide Huber loss leads to the
    valley, and the slower it narrows the seldomer a local optimum catches."""
    while top > ratio * delta:
        theta = minimise(theta, rows, top, turns=30, tolerance=1e-4).theta
        top /= ratio
    return minimise(theta, rows, delta)
