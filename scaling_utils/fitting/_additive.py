"""A sum of power laws and an offset, E + A_1/x_1^alpha_1 + A_2/x_2^alpha_2, for the solver.

There are two terms, of N and D, for the parametric law, and one for a power law.

The solver's parameters are ``log E, log a_1, .., alpha_1, ..``, where ``a_k`` is the size
of term k at the middle of the design (the mean of log x_k). Measured from the middle, a
prefactor and its exponent are nearly independent; A and alpha themselves are not, and
that is what stops general-purpose optimisers short of the optimum. An offset that is held
fixed has no parameter.

At an edge, where the offset or a term is zero, its logarithm has run away, no step along it
changes the loss, and a member that starts there stays there whatever its rows say. What ended
at an edge is therefore tried again from inside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from scaling_utils.fitting._model import GONE, RANGE, VANISHED, Model, undetermined
from scaling_utils.fitting._penalty import penalty
from scaling_utils.fitting._solver import descend
from scaling_utils.fitting._starts import grid_starts

SHARES = (0.2, 0.5, 0.8)  # of the lowest value, that the offset is started at
KEPT = 4  # starts of the grid for each of them
ABSENT = "the rows show no dependence through"


@dataclass(frozen=True, kw_only=True)
class Additive(Model):
    """The rows of an additive fit.

    Attributes
    ----------
    axes : tuple of arrays, shape (rows,)
        log x_k less its mean, of each term.
    middle : tuple of float
        Those means.
    names : tuple of str
        Of the terms, for a sentence.
    offset : float, optional
        The offset, where it is held fixed.
    """

    axes: tuple[np.ndarray, ...]
    middle: tuple[float, ...]
    names: tuple[str, ...]
    offset: float | None = None

    @property
    def first(self) -> int:
        """Place of the first term among the solver's parameters: after a free offset."""
        return 1 if self.offset is None else 0

    def terms(self, theta: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return the offset and the terms, shape (members, 1 + terms, rows).

        ``out``, where it is given, is filled with them.
        """
        count, first = len(self.axes), self.first
        if out is None:
            out = np.empty((len(theta), 1 + count, self.axes[0].size))
        out[:, 0] = np.exp(np.clip(theta[:, :1], *RANGE)) if first else self.offset
        for k, axis in enumerate(self.axes):
            size, exponent = theta[:, first + k, None], theta[:, first + count + k, None]
            term = out[:, 1 + k]
            np.multiply(-exponent, axis, out=term)
            term += size
            # Beyond e^300 a trial step has left all reason; clipping keeps it finite and rejected.
            if (np.abs(size) + np.abs(exponent) * np.abs(axis).max()).max() > RANGE[1]:
                np.clip(term, *RANGE, out=term)
            np.exp(term, out=term)
        return out

    def predicted(self, theta: np.ndarray) -> np.ndarray:
        """Return the log loss or the loss, shape (members, rows)."""
        total = self.terms(theta).sum(axis=1)
        return np.log(total) if self.log else total

    def columns(self, theta: np.ndarray) -> np.ndarray:
        """Return E, A_1, .., alpha_1, .. of each member, shape (members, 1 + 2 terms)."""
        count, first = len(self.axes), self.first
        size, exponent = theta[:, first : first + count], theta[:, first + count :]
        with np.errstate(over="ignore"):
            prefactor = np.exp(size + exponent * np.array(self.middle))
            offset = np.exp(theta[:, 0]) if first else np.full(len(theta), self.offset)
        return np.column_stack([offset, prefactor, exponent])

    def theta(self, columns: np.ndarray) -> np.ndarray:
        """Return the solver's parameters of one set of columns, the inverse of the above."""
        count = len(self.axes)
        prefactor, exponent = columns[1 : 1 + count], columns[1 + count :]
        size = np.log(prefactor) - exponent * np.array(self.middle)
        offset = [np.log(max(columns[0], 1e-300))] if self.first else []
        return np.concatenate([offset, size, exponent])

    def room(self, members: int) -> np.ndarray:
        """Return room for the two largest arrays, which cost more to make than to fill."""
        return np.empty((2, members, 1 + 2 * len(self.axes), self.rows))

    def evaluate(self, theta: np.ndarray, delta: float, room: np.ndarray, *, full: bool):
        """Return objective/delta, its rounding, gradient, Newton and (if full) the metric."""
        count, first = len(self.axes), self.first
        jac, product = room[:, : len(theta)]  # (m, 1 + 2k, n)
        t = self.terms(theta, out=jac[:, : 1 + count])
        total = t.sum(axis=1)
        r = (np.log(total) if self.log else total) - self.target
        value, slope, curvature, reweighted = penalty(r, self.weights, delta)
        if self.log:
            t *= (1.0 / total)[:, None, :]
        for k, axis in enumerate(self.axes):
            np.multiply(t[:, 1 + k], -axis, out=jac[:, 1 + count + k])
        # An offset held fixed has no column.
        jac, product = jac[:, 1 - first :], product[:, 1 - first :]
        across = jac.transpose(0, 2, 1)
        gradient = (jac @ slope[:, :, None])[:, :, 0]
        outer = curvature - slope if self.log else curvature
        newton = np.multiply(jac, outer[:, None, :], out=product) @ across
        metric = np.multiply(jac, reweighted[:, None, :], out=product) @ across if full else None
        # The terms' own second derivatives, weighted by the slopes.
        newton[:, :first, :first] += gradient[:, :first, None]
        for k, axis in enumerate(self.axes):
            a, b = first + k, first + count + k  # size and exponent of term k
            newton[:, a, a] += gradient[:, a]
            newton[:, a, b] += gradient[:, b]
            newton[:, b, a] += gradient[:, b]
            newton[:, b, b] += (slope * t[:, 1 + k]) @ (axis * axis)
        fine = np.finfo(float).eps * max(1.0, np.abs(self.target).max())
        unit = delta if np.isfinite(delta) else 1.0
        rounding = fine * (np.abs(slope).sum(axis=1) + r.shape[1] * fine / unit)
        return value, rounding, gradient, newton, metric

    def sizes(self, theta: np.ndarray) -> np.ndarray:
        """Return a free offset and the terms as shares of the loss mid-design."""
        size = np.exp(np.clip(theta[:, : self.first + len(self.axes)], *RANGE))
        return size / (size.sum(axis=1, keepdims=True) + (self.offset or 0.0))

    def relevance(self, theta: np.ndarray) -> np.ndarray:
        """Return the share of each parameter's term in the loss mid-design."""
        size = self.sizes(theta)
        return np.concatenate([size, size[:, self.first :]], axis=1)

    def at_edge(self, theta: np.ndarray) -> np.ndarray:
        """Return for each member whether the offset or a term is gone, shape (members,)."""
        return (self.sizes(theta) < GONE).any(axis=1)

    def starts(self, delta: float, keep: int) -> np.ndarray:
        """Return the best starts of a grid over the exponents."""
        return grid_starts(self, delta, keep)

    def inner_starts(self, delta: float, top: float) -> np.ndarray:
        """Return starts with every term present, shape (starts, parameters).

        The offset is held at some shares of the lowest value, and the rest is fitted to it.
        """
        free = replace(self, held=None)
        if self.offset is not None:
            return grid_starts(free, delta, KEPT)
        lowest = float((np.exp(self.target) if self.log else self.target).min())
        found = []
        for share in SHARES:
            held = replace(free, offset=share * lowest)
            begin = grid_starts(held, delta, KEPT)
            ended = descend(begin, held, delta, top=top, iterations=50)
            # A start whose own fit loses a term is better left where the grid put it.
            gone = held.at_edge(ended.theta)
            if gone.all():
                rest = begin[0]
            else:
                rest = ended.theta[np.where(gone, np.inf, ended.objective).argmin()]
            found.append(np.concatenate([[np.log(share * lowest)], rest]))
        return np.array(found)

    def doubt(self, theta: np.ndarray) -> str:
        """Return why the constants are not determined, or an empty string."""
        offset, *terms = self.terms(theta[None])[0]
        total = offset + sum(terms)
        for name, term in zip(self.names, terms, strict=True):
            if np.ptp(term) < VANISHED * total.mean():
                return f"{ABSENT} {name}: its exponent is not determined"
        slopes = self.slopes(theta)
        slopes = slopes if self.basis is None else self.basis.T @ slopes
        # At E = 0 the optimum lies on the edge, and E is settled.
        at_zero = self.first and offset[0] <= VANISHED * total.mean()
        return undetermined(slopes[1:] if at_zero else slopes)

    def slopes(self, theta: np.ndarray) -> np.ndarray:
        """Return the derivatives of the residuals by each parameter, (parameters, rows)."""
        offset, *terms = self.terms(theta[None])[0]
        unit = offset + sum(terms) if self.log else 1.0
        moved = [-term * axis for term, axis in zip(terms, self.axes, strict=True)]
        return np.stack([*([offset] if self.first else []), *terms, *moved]) / unit


def additive(
    xs,
    y,
    names: tuple[str, ...],
    *,
    log: bool,
    offset: float | None = None,
    weights=None,
    held: Callable | None = None,
) -> Additive:
    """Return the rows as the solver wants them: ``xs`` one array per term, ``y`` the loss.

    ``held``: from the place of the first term and the middles of the axes to what is held.
    """
    logs = [np.log(x) for x in xs]
    middle = tuple(float(values.mean()) for values in logs)
    axes = tuple(values - mean for values, mean in zip(logs, middle, strict=True))
    return Additive(
        axes=axes,
        middle=middle,
        target=np.log(y) if log else y,
        log=log,
        names=names,
        offset=offset,
        weights=weights,
        held=None if held is None else held(int(offset is None), middle),
    )
