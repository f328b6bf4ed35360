"""The coupled law E + [(A/N^alpha)^q + (B/D^beta)^q]^(1/q), for the solver.

The solver's parameters are log E, the logarithms u and v of the two terms in the middle of
the design, alpha, beta and log q.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils.fitting._additive import SHARES, additive
from scaling_utils.fitting._joint import Joint
from scaling_utils.fitting._model import GONE, RANGE
from scaling_utils.fitting._starts import grid_starts

E_, U_, V_, ALPHA_, BETA_, Q_ = range(6)
PARAMETERS = ("E", "A", "B", "alpha", "beta", "q")
Q_RANGE = (0.02, 1000.0)  # beyond it nothing changes that a table could show
COUPLINGS = (0.5, 1.0, 2.0, 4.0, 8.0)  # values of a free q that the search starts from
INNER_Q = (1.0, 4.0)  # couplings that a resample at an edge is tried again from
SHAPES = 8  # of the additive law, for each of them


@dataclass(frozen=True, kw_only=True)
class Coupled(Joint):
    """The rows: ``x``, ``y`` are log N and log D less their means ``middle``. ``E``, ``q``:
    values held fixed, or None."""

    parameters = PARAMETERS

    x: np.ndarray
    y: np.ndarray
    middle: tuple[float, float]
    E: float | None = None
    q: float | None = None

    def joint(self, theta: np.ndarray):
        """Return the joint term, its slopes and its curvature.

        The slope by u is the share of the size term in the joint one, w; by log q it is
        minus the entropy of (w, 1 - w) over q.
        """
        columns = theta[:, :, None]
        u = np.clip(columns[:, U_] - columns[:, ALPHA_] * self.x, *RANGE)
        v = np.clip(columns[:, V_] - columns[:, BETA_] * self.y, *RANGE)
        q = np.exp(np.clip(columns[:, Q_], *np.log(Q_RANGE)))
        joint = np.logaddexp(q * u, q * v) / q
        w, rest = np.exp(q * (u - joint)), np.exp(q * (v - joint))
        entropy = q * (joint - w * u - rest * v)
        inner = np.empty((len(theta), 6, self.x.size))
        inner[:, E_] = 0.0
        inner[:, U_], inner[:, V_] = w, rest
        inner[:, ALPHA_], inner[:, BETA_] = -self.x * w, -self.y * rest
        inner[:, Q_] = -entropy / q

        def bend(pull):
            toward = np.zeros_like(inner)  # d(u - v) by each parameter
            toward[:, U_], toward[:, V_] = 1.0, -1.0
            toward[:, ALPHA_], toward[:, BETA_] = -self.x, self.y
            toward[:, Q_] = u - v  # d(q (u - v)) / d log q, over q
            out = (toward * (pull * q * w * rest)[:, None]) @ toward.transpose(0, 2, 1)
            out[:, Q_, Q_] += (pull * entropy / q).sum(axis=1)
            return out

        return joint, inner, bend

    def relevance(self, theta: np.ndarray) -> np.ndarray:
        """Return how far each parameter can move the loss: a large q hardly."""
        out = super().relevance(theta)
        out[:, Q_] = 1 / np.maximum(np.exp(np.clip(theta[:, Q_], *np.log(Q_RANGE))), 1.0)
        return out

    def columns(self, theta: np.ndarray) -> np.ndarray:
        """Return E, A, B, alpha, beta, q of each member, shape (members, 6)."""
        out = theta.copy()
        with np.errstate(over="ignore"):
            out[:, E_] = np.exp(theta[:, E_]) if self.E is None else self.E
            out[:, U_] = np.exp(theta[:, U_] + theta[:, ALPHA_] * self.middle[0])
            out[:, V_] = np.exp(theta[:, V_] + theta[:, BETA_] * self.middle[1])
        low, high = np.log(Q_RANGE)
        out[:, Q_] = np.exp(np.clip(theta[:, Q_], low, high)) if self.q is None else self.q
        return out

    def theta(self, columns: np.ndarray) -> np.ndarray:
        """Return the solver's parameters of one set of constants."""
        out = np.array(columns)
        out[U_] = np.log(columns[U_]) - columns[ALPHA_] * self.middle[0]
        out[V_] = np.log(columns[V_]) - columns[BETA_] * self.middle[1]
        out[E_], out[Q_] = np.log(max(columns[E_], 1e-300)), np.log(columns[Q_])
        return out

    def at_edge(self, theta: np.ndarray) -> np.ndarray:
        """Return whether E or a term is gone or q is at the end of its range, (members,)."""
        sizes = theta[:, :3]
        gone = sizes < sizes.max(axis=1, keepdims=True) + np.log(GONE)
        gone[:, 0] &= self.E is None
        low, high = np.log(Q_RANGE)
        far = (theta[:, Q_] < low + 0.01) | (theta[:, Q_] > high - 0.01)
        return gone.any(axis=1) | (far & (self.q is None))

    def starts(self, delta: float, keep: int) -> np.ndarray:
        """Return additive shapes for each q, those that meet the rows best first."""
        starts = self._shapes(delta, self.E, COUPLINGS if self.q is None else (self.q,))
        usual = np.median(np.abs(self.residuals(starts)), axis=1)
        return starts[np.argsort(usual, kind="stable")]

    def inner_starts(self, delta: float, top: float) -> np.ndarray:
        """Return starts with every term present: the best additive shape for each E and q."""
        lowest = float(np.exp(self.target.min()))
        offsets = [share * lowest for share in SHARES] if self.E is None else [self.E]
        couplings = INNER_Q if self.q is None else (self.q,)
        return np.array([self._shapes(delta, E, (q,))[0] for E in offsets for q in couplings])

    def _shapes(self, delta: float, E: float | None, couplings) -> np.ndarray:
        """Return the best shapes of the additive law for each coupling, (starts, 6)."""
        weights = self.weights if self.shared else None
        N, D = np.exp(self.x + self.middle[0]), np.exp(self.y + self.middle[1])
        loss = np.exp(self.target)
        table = additive((N, D), loss, ("", ""), log=True, offset=E, weights=weights)
        shapes = grid_starts(table, delta, SHAPES)
        if E is not None:
            shapes = np.hstack([np.full((len(shapes), 1), np.log(max(E, 1e-300))), shapes])
        starts = []
        for coupling in couplings:
            shape = np.column_stack([shapes, np.full(len(shapes), np.log(coupling))])
            # Two equal terms join to 2^(1/q) of one: keep the loss there where it was.
            shape[:, 1:3] += np.log(2) * (1 - 1 / coupling)
            starts.append(shape)
        return np.concatenate(starts)

    def doubt(self, theta: np.ndarray) -> str:
        """Return why the constants are not determined, or an empty string."""
        q = float(np.exp(theta[Q_]))
        if self.q is None and not Q_RANGE[0] * 1.01 < q < Q_RANGE[1] / 1.01:
            return f"q is not determined: it ran to {q:.3g}, where nothing more changes"
        return super().doubt(theta)
