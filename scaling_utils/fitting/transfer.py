"""How much target data pre-training was worth, and a power law through it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from scaling_utils._check import finite_array, positive_array, same_length
from scaling_utils.fitting._other_reports import transfer_evidence
from scaling_utils.fitting.errors import FitError
from scaling_utils.fitting.report import Report, make_report


def effective_data(D, loss, reached) -> np.ndarray:
    """Return how much data training from scratch needs for the losses ``reached``.

    Between neighbouring sizes of the curve from scratch, log D is linear in the loss. Nothing
    is extrapolated: a loss below the curve's lowest gives infinity, one above its highest
    gives 0, and both only say on which side the answer lies.

    D_E of Hernandez et al. (2021), https://arxiv.org/abs/2102.01293, Sec. 1.1; D_T = D_E - D_F.

    Parameters
    ----------
    D : data of the runs from scratch, any unit, shape (runs,), at least two sizes, all different.
    loss : their losses, shape (runs,). Where a longer run has a higher loss, which only noise
        or bad tuning can do, it counts with the loss of the shorter one.
    reached : losses after fine-tuning, any shape, same unit as ``loss``.

    Raises
    ------
    TypeError, ValueError : a value that is not finite, a D that is not positive, lengths that
        differ, fewer than two sizes, or two equal ones.
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


@dataclass(frozen=True)
class TransferFit:
    """D_T = k D_F^alpha N^beta through measured cells.

    Attributes
    ----------
    k, alpha, beta : of the law; unlike those of ``laws.TransferLaw`` they may have any sign.
    scatter : root mean square of the residuals in log10 D_T, over all cells.
    rows : D_F, N and D_T of the cells.
    """

    k: float
    alpha: float
    beta: float
    scatter: float
    rows: tuple[np.ndarray, ...] = field(repr=False, compare=False)

    def predict(self, D_F, N) -> np.ndarray:
        """Return D_T, in the unit of the data, at D_F and N (positive, shapes that broadcast)."""
        D_F, N = positive_array("D_F", D_F), positive_array("N", N)
        return (self.k * D_F**self.alpha * N**self.beta)[()]

    @cached_property
    def report(self) -> Report:
        """How well the cells bear out the law: see ``Report``. Residuals are of ln D_T."""

        def refit(kept):
            return fit_transfer(*(values[kept] for values in self.rows))

        return make_report(transfer_evidence(self, _design(*self.rows[:2]), refit))


def fit_transfer(D_F, N, D_T) -> TransferFit:
    """Fit the law by least squares in logarithms.

    Parameters
    ----------
    D_F : target data. N : parameters. D_T : data transferred, same unit as D_F. All positive,
        shape (cells,).

    Raises
    ------
    TypeError, ValueError : a value that is not positive and finite, or lengths that differ.
    FitError : fewer than three cells, or cells that cannot tell alpha from beta.
    """
    D_F, N = positive_array("D_F", D_F, ndim=1), positive_array("N", N, ndim=1)
    D_T = positive_array("D_T", D_T, ndim=1)
    same_length(D_F=D_F, N=N, D_T=D_T)
    design = _design(D_F, N)
    if np.linalg.matrix_rank(design) < 3:
        raise FitError(
            f"{len(N)} cells with {len(np.unique(D_F))} values of D_F and "
            f"{len(np.unique(N))} of N cannot fix k, alpha and beta",
            {},
        )
    coefficients = np.linalg.lstsq(design, np.log(D_T), rcond=None)[0]
    residuals = design @ coefficients - np.log(D_T)
    scatter = np.sqrt(np.mean(residuals**2)) / np.log(10)
    log_k, alpha, beta = map(float, coefficients)
    return TransferFit(float(np.exp(log_k)), alpha, beta, float(scatter), (D_F, N, D_T))


def _design(D_F: np.ndarray, N: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(N)), np.log(D_F), np.log(N)])
