"""How much target data pre-training was worth, and a power law through it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils._check import finite_array, positive_array, same_length
from scaling_utils.fitting._held import Scale, hold
from scaling_utils.fitting._joint import Joint
from scaling_utils.fitting._other_reports import transfer_evidence
from scaling_utils.fitting._search import search
from scaling_utils.fitting.errors import FitError
from scaling_utils.fitting.fit import (
    Fit,
    check_delta,
    check_rows,
    check_weights,
    parts_of,
    say,
)
from scaling_utils.laws import TransferLaw

PARAMETERS = ("k", "alpha", "beta")


def effective_data(D, loss, reached) -> np.ndarray:
    """Return how much data training from scratch needs for the losses ``reached``.

    Between neighbouring sizes of the curve from scratch, log D is linear in the loss. Nothing
    is extrapolated: a loss below the curve's lowest gives infinity, one above its highest
    gives 0, and both only say on which side the answer lies.

    D_E of Hernandez et al. (2021), https://arxiv.org/abs/2102.01293, Sec. 1.1; D_T = D_E - D_F.

    Parameters
    ----------
    D : array, shape (runs,)
        Data of the runs from scratch, any unit, at least two sizes, all different.
    loss : array, shape (runs,)
        Their losses. Where a longer run has a higher loss, which only noise or bad tuning can
        do, it counts with the loss of the shorter one.
    reached : float or array, any shape
        Losses after fine-tuning, in the unit of ``loss``.

    Returns
    -------
    array, of the shape of ``reached``
        In the unit of ``D``.

    Raises
    ------
    TypeError, ValueError
        For a value that is not finite, a D that is not positive, lengths that differ, fewer
        than two sizes, or two equal ones.
    """
    D, loss = positive_array("D", D, ndim=1), finite_array("loss", loss, ndim=1)
    same_length(D=D, loss=loss)
    reached = finite_array("reached", reached)
    if len(D) < 2 or len(np.unique(D)) < len(D):
        raise ValueError(f"D must hold at least two sizes, all different; got {D.tolist()}")
    order = np.argsort(D)
    lowest = np.minimum.accumulate(loss[order])
    first = np.append(True, np.diff(lowest) < 0)  # where the curve reaches a new low
    falling, log_D = lowest[first][::-1], np.log(D[order][first])[::-1]
    found = np.exp(np.interp(reached, falling, log_D))
    found = np.where(reached < falling[0], np.inf, found)
    return np.where(reached > falling[-1], 0.0, found)


@dataclass(frozen=True, kw_only=True)
class Linear(Joint):
    """Rows for the solver: a law that is linear in its parameters.

    ``design``: a column for log k in the middle of the rows, alpha and beta, (rows, 3), the last
    two less their means ``middle``.
    """

    parameters = PARAMETERS
    offset: bool = False

    design: np.ndarray
    middle: np.ndarray

    def joint(self, theta: np.ndarray):
        """Return the log value, its slopes and its curvature, which is none."""
        inner = np.broadcast_to(self.design.T, (len(theta), *self.design.T.shape))
        return theta @ self.design.T, inner, lambda pull: np.zeros((len(theta), 3, 3))

    def columns(self, theta: np.ndarray) -> np.ndarray:
        """Return k, alpha and beta of each member, shape (members, 3)."""
        with np.errstate(over="ignore"):
            k = np.exp(theta[:, 0] - theta[:, 1:] @ self.middle)
        return np.column_stack([k, theta[:, 1:]])

    def starts(self, delta: float, keep: int) -> np.ndarray:
        """Return least squares without weights."""
        return np.linalg.lstsq(self.design, self.target, rcond=None)[0][None]

    def inner_starts(self, delta: float, top: float) -> np.ndarray:
        """Return the same: nothing has an edge."""
        return self.starts(delta, 1)


class TransferFit(Fit):
    """A fit of D_T = k D_F^alpha N^beta through measured cells.

    Its exponents may have any sign, those of ``law``, a ``TransferLaw``, must be above zero;
    ``predict`` works for all.
    """

    constants = PARAMETERS

    @property
    def k(self) -> float:
        """Coefficient."""
        return float(self._columns[0])

    @property
    def alpha(self) -> float:
        """Exponent of the target data."""
        return float(self._columns[1])

    @property
    def beta(self) -> float:
        """Exponent of the size."""
        return float(self._columns[2])

    @property
    def scatter(self) -> float:
        """Root mean square of the residuals in log10 D_T, over all cells."""
        return float(np.sqrt(np.mean(self.residuals**2)) / np.log(10))

    def predict(self, D_F, N) -> np.ndarray:
        """Return D_T, the data that pre-training is worth.

        Parameters
        ----------
        D_F, N : float or array
            Target data, and parameters, as in the fit; the two broadcast. Above zero.

        Returns
        -------
        float or array
            In the unit of the data.

        Raises
        ------
        TypeError, ValueError
            If D_F or N is not numeric, finite and above zero.
        """
        D_F, N = positive_array("D_F", D_F), positive_array("N", N)
        return (self.k * D_F**self.alpha * N**self.beta)[()]

    def _law(self, columns: np.ndarray) -> TransferLaw:
        return TransferLaw(*map(float, columns))

    def _fitter(self):
        return fit_transfer

    def _evidence(self):
        return transfer_evidence(self)


def fit_transfer(
    D_F,
    N,
    D_T,
    delta: float = np.inf,
    *,
    weights=None,
    fixed: dict[str, float] | None = None,
) -> Fit:
    """Fit D_T = k D_F^alpha N^beta, by least squares in logarithms unless delta is given.

    The form is Eq. 1.1 of Hernandez et al. (2021), https://arxiv.org/abs/2102.01293.

    Parameters
    ----------
    D_F : array, shape (cells,)
        Target data, in any unit. Above zero.
    N : array, shape (cells,)
        Parameters. Above zero.
    D_T : array, shape (cells,)
        Data transferred, in the unit of ``D_F``. Above zero.
    delta : float
        Log residuals within delta are squared, those beyond count by size. 0 is least absolute
        deviations, infinity (the default) least squares.
    weights : array, shape (cells,), optional
        How much each cell counts, above zero.
    fixed : dict of float, optional
        "k" (above zero), "alpha" or "beta" held at a value.

    Returns
    -------
    Fit
        Of a ``TransferLaw``, with the constants as attributes ``k``, ``alpha`` and ``beta``.
        ``law`` raises ValueError where an exponent is not above zero; ``predict`` works there
        too. With a FitWarning where it cannot be relied on.

    Raises
    ------
    TypeError, ValueError
        For a value that is not positive and finite, lengths that differ, or a constant in
        ``fixed`` that the law does not have.
    FitError
        For fewer cells than constants, or cells that cannot tell alpha from beta.
    """
    D_F, N, D_T = check_rows(D_F=D_F, N=N, D_T=D_T)
    weights = check_weights(weights, len(D_T))
    delta = check_delta(delta)
    fixed = dict(fixed or {})
    logs = np.column_stack([np.log(D_F), np.log(N)])
    middle = logs.mean(axis=0)
    design = np.column_stack([np.ones(len(N)), logs - middle])
    scales = {"k": Scale(0, True, {0: 1.0, 1: -middle[0], 2: -middle[1]})}
    scales |= {name: Scale(p, False, {p: 1.0}) for p, name in ((1, "alpha"), (2, "beta"))}
    held = hold(scales, fixed, ())
    free = design if held is None else design @ held.basis
    if np.linalg.matrix_rank(free) < free.shape[1]:
        raise FitError(
            f"{len(N)} cells with {len(np.unique(D_F))} values of D_F and "
            f"{len(np.unique(N))} of N cannot fix k, alpha and beta",
            {},
        )
    model = Linear(design=design, middle=middle, target=np.log(D_T), weights=weights, held=held)
    found = search(model, delta)
    say("fit_transfer", found)
    return TransferFit(
        data={"D_F": D_F, "N": N, "D_T": D_T},
        weights=weights,
        settings={"delta": delta, "fixed": fixed},
        **parts_of(found, delta),
    )
