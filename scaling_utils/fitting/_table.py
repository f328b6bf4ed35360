"""The rows of a fit, and the model that is fitted to them.

The model is a sum of power laws and an offset, ``E + A_1/x_1^alpha_1 + A_2/x_2^alpha_2``:
two terms, of N and D, for the parametric law, and one for a power law.

The solver's parameters are ``log E, log a_1, .., alpha_1, ..``, where ``a_k`` is the size
of term k at the middle of the design (the mean of log x_k). Measured from the middle, a
prefactor and its exponent are nearly independent; A and alpha themselves are not, and
that is what stops general-purpose optimisers short of the optimum. An offset that is held
fixed has no parameter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

RANGE = (-700.0, 300.0)  # of the logarithm of a term
CELLS = 2**18  # members times rows evaluated together: bounds the memory of long tables


@dataclass(frozen=True)
class Table:
    """The rows of a fit, ready for the solver.

    Attributes
    ----------
    axes : tuple of arrays, shape (rows,)
        log x_k less its mean, of each term.
    middle : tuple of float
        Those means.
    target : array, shape (rows,) or (members, rows)
        log loss, or loss.
    log : bool
        Whether residuals are of log loss.
    weights : array, shape (rows,) or (members, rows), optional
        How often each row counts.
    offset : float, optional
        The offset, where it is held fixed.
    """

    axes: tuple[np.ndarray, ...]
    middle: tuple[float, ...]
    target: np.ndarray
    log: bool
    weights: np.ndarray | None = None
    offset: float | None = None

    @property
    def first(self) -> int:
        """Place of the first term among the solver's parameters: after a free offset."""
        return 1 if self.offset is None else 0

    @property
    def shared(self) -> bool:
        """Whether all members have the same target and weights."""
        return self.target.ndim == 1 and (self.weights is None or self.weights.ndim == 1)

    def together(self, most: int) -> int:
        """Return how many members to evaluate at once: ``most``, or fewer of a long table."""
        return max(4, min(most, CELLS // self.axes[0].size))

    def members(self, index: np.ndarray) -> Table:
        """Return the table as seen by some of the members."""
        target, weights = self.target, self.weights
        target = target[index] if target.ndim == 2 else target
        weights = weights[index] if weights is not None and weights.ndim == 2 else weights
        return replace(self, target=target, weights=weights)

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

    def residuals(self, theta: np.ndarray) -> np.ndarray:
        """Return predicted less observed, shape (members, rows)."""
        chunk = self.together(len(theta))
        predicted = np.empty((len(theta), self.axes[0].size))
        for start in range(0, len(theta), chunk):
            part = slice(start, start + chunk)
            predicted[part] = self.terms(theta[part]).sum(axis=1)
        return (np.log(predicted) if self.log else predicted) - self.target

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


def make_table(xs, y, *, log: bool, offset: float | None = None) -> Table:
    """Return the rows as the solver wants them: ``xs`` one array per term, ``y`` the loss."""
    logs = [np.log(x) for x in xs]
    middle = tuple(float(values.mean()) for values in logs)
    axes = tuple(values - mean for values, mean in zip(logs, middle, strict=True))
    return Table(axes, middle, np.log(y) if log else y, log, offset=offset)


def huber(r: np.ndarray, delta: float) -> np.ndarray:
    """Return Huber's rho(r): r^2/2 within delta, delta (|r| - delta/2) beyond.

    ``delta=inf`` gives r^2/2 and ``delta=0``, where the Huber loss itself vanishes, its
    limit divided by delta, |r|. Huber (1964), https://doi.org/10.1214/aoms/1177703732.
    """
    size = np.abs(r)
    if delta == 0:
        return size
    if np.isinf(delta):
        return 0.5 * r * r
    return np.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta))
