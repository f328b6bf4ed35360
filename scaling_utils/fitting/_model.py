"""What the solver asks of a law: its description over the rows of one table.

A description holds the rows and the law in the solver's own parameters ``theta``, in which no
scale matters and a prefactor is nearly independent of its exponent. A *member* is one
minimisation: a start, or a resample. All members share the design; each may have its own
weights, so that a bootstrap resample is the same table with its rows counted 0, 1, 2, ... times.

A law is added by writing one such class. ``Additive`` writes out all of ``evaluate``, for
speed; the others (``Joint``) only say how the logarithm of their law moves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scaling_utils.fitting._held import Held

RANGE = (-700.0, 300.0)  # of the logarithm of a term
CELLS = 2**18  # members times rows evaluated together: bounds the memory of long tables
GONE = 1e-9  # a term that is less than this share of the value in the middle of the rows is gone
VANISHED = 1e-9  # a term that varies by less than this share of the value is not there
WEAKEST = 1e-6  # least singular value of the scaled sensitivities, 1 where all are independent


@dataclass(frozen=True, kw_only=True)
class Model:
    """The rows of a fit and the law that is fitted to them, ready for the solver.

    Attributes
    ----------
    target : array, shape (rows,) or (members, rows)
        Log value, or value.
    log : bool
        Whether residuals are of the logarithm.
    weights : array, shape (rows,) or (members, rows), optional
        How much each row counts.
    held : Held, optional
        What is fixed or tied; None where all parameters are free.
    """

    target: np.ndarray
    log: bool = True
    weights: np.ndarray | None = None
    held: Held | None = None

    @property
    def basis(self) -> np.ndarray | None:
        """What the free parameters move, shape (parameters, free); None where all are free."""
        return None if self.held is None else self.held.basis

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.target.shape[-1]

    @property
    def shared(self) -> bool:
        """Whether all members have the same target and weights."""
        return self.target.ndim == 1 and (self.weights is None or self.weights.ndim == 1)

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Least and largest value of each parameter, or None. Not together with ties."""
        return None

    def together(self, most: int) -> int:
        """Return how many members to evaluate at once: ``most``, or fewer of a long table."""
        return max(4, min(most, CELLS // self.rows))

    def members(self, index: np.ndarray) -> Model:
        """Return the table as seen by some of the members."""
        target, weights = self.target, self.weights
        target = target[index] if target.ndim == 2 else target
        weights = weights[index] if weights is not None and weights.ndim == 2 else weights
        return replace(self, target=target, weights=weights)

    def counted(self, counts: np.ndarray) -> Model:
        """Return the table with its rows counted so many times, (rows,) or (members, rows)."""
        return replace(self, weights=self.share(counts))

    def share(self, counts: np.ndarray) -> np.ndarray:
        """Return the counts times the weights that the rows have of their own."""
        return counts if self.weights is None else counts * self.weights

    def room(self, members: int):
        """Return room for arrays that ``evaluate`` fills again and again, or None."""
        return None

    def residuals(self, theta: np.ndarray) -> np.ndarray:
        """Return predicted less observed, shape (members, rows)."""
        chunk = self.together(len(theta))
        out = np.empty((len(theta), self.rows))
        for start in range(0, len(theta), chunk):
            part = slice(start, start + chunk)
            out[part] = self.predicted(theta[part])
        return out - self.target

    def put(self, theta: np.ndarray) -> np.ndarray:
        """Return the parameters with what is fixed or tied at its place."""
        return theta if self.held is None else self.held.put(theta)

    # ---- what each law says for itself ---------------------------------------------------

    def predicted(self, theta: np.ndarray) -> np.ndarray:
        """Return what the target would be, shape (members, rows)."""
        raise NotImplementedError

    def evaluate(self, theta: np.ndarray, delta: float, room, *, full: bool):
        """Return objective/delta, its rounding, gradient, Newton and (if full) reweighting matrix.

        Shapes (members,), (members,), (members, p), (members, p, p) twice, over all parameters.
        """
        raise NotImplementedError

    def relevance(self, theta: np.ndarray) -> np.ndarray:
        """Return how much each parameter can still move the law, (members, p): near 0 for the
        logarithm of a term that has shrunk to nothing, which runs away for ever."""
        raise NotImplementedError

    def columns(self, theta: np.ndarray) -> np.ndarray:
        """Return the constants of the law, shape (members, constants)."""
        raise NotImplementedError

    def theta(self, columns: np.ndarray) -> np.ndarray:
        """Return the solver's parameters of one set of constants, the inverse of the above."""
        raise NotImplementedError

    def starts(self, delta: float, keep: int) -> np.ndarray:
        """Return about ``keep`` starts found from the rows alone, the best first."""
        raise NotImplementedError

    def inner_starts(self, delta: float, top: float) -> np.ndarray:
        """Return starts from which what ended at an edge is tried again."""
        raise NotImplementedError

    def at_edge(self, theta: np.ndarray) -> np.ndarray:
        """Return whether a term of each member is gone or a parameter ran away, (members,)."""
        return np.zeros(len(theta), dtype=bool)

    def doubt(self, theta: np.ndarray) -> str:
        """Return why the law at this optimum is not determined, or an empty string."""
        raise NotImplementedError


def undetermined(slopes: np.ndarray) -> str:
    """Return what is said where some change of the parameters moves no prediction, or "".

    ``slopes``: of the residuals by each free parameter, shape (parameters, rows).
    """
    slopes = slopes / np.linalg.norm(slopes, axis=1, keepdims=True)
    weakest = np.linalg.svd(slopes, compute_uv=False)[-1] if len(slopes) else 1.0
    if weakest >= WEAKEST:
        return ""
    return (
        f"the rows do not determine all {len(slopes)} parameters: some change of them moves "
        f"no prediction (sensitivity {weakest:.1g}, at least {WEAKEST:g} is needed)"
    )
