"""Which cells of a study are held out, and how far a law is off on them.

The rule is that of results/PREREGISTRATION.md: the largest size, the longest runs and the
largest compute are each held out, and a law is fitted on none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scaling_utils._check import finite_array, number, positive_array, same_length
from scaling_utils.studies.tuning import Cells
from scaling_utils.units import TRAINING_FLOPS

SHARE = 1 / 8  # of the largest compute: cells above it are held out


@dataclass(frozen=True)
class Score:
    """Errors |predicted - measured| over a set of cells.

    Attributes
    ----------
    mean : float
        Mean error, as a share of the measured loss.
    largest : float
        Largest error, as a share of the measured loss.
    mean_excess : float
        Mean error, as a share of the measured excess over the source's entropy; NaN where the
        entropy is unknown.
    largest_excess : float
        Largest error, as a share of that excess; NaN where the entropy is unknown.
    cells : int
        Number of cells in the set.
    """

    mean: float
    largest: float
    mean_excess: float
    largest_excess: float
    cells: int


@dataclass(frozen=True)
class Split:
    """A rule that says of every cell whether it is fitted, held out, or neither.

    Attributes
    ----------
    N : float
        Parameters from which on cells are held out.
    D : float
        Tokens from which on they are.
    C : float
        FLOPs above which they are.
    shortest : float
        Tokens below which a cell is in no set: neither fitted nor scored.
    """

    N: float
    D: float
    C: float
    shortest: float = 0.0

    def masks(self, N, D, C) -> dict[str, np.ndarray]:
        """Return which cells are held out, and which are fitted.

        Parameters
        ----------
        N : array, shape (cells,)
            Parameters.
        D : array, shape (cells,)
            Tokens.
        C : array, shape (cells,)
            Training FLOPs.

        Returns
        -------
        dict of str to array of bool, shape (cells,)
            "N", "D" and "C", the held-out sets, which overlap, and "fitted", the other cells.
        """
        N, D, C = np.asarray(N), np.asarray(D), np.asarray(C)
        inside = self.shortest <= D
        found = {
            "N": inside & (self.N <= N),
            "D": inside & (self.D <= D),
            "C": inside & (self.C < C),
        }
        return found | {"fitted": inside & ~np.any(list(found.values()), axis=0)}


def largest_held_out(
    cells: Cells,
    N: float | None = None,
    D: float | None = None,
    share: float = SHARE,
    *,
    shortest: float = 0.0,
    flops=None,
) -> Split:
    """Return the rule that holds out the largest size, the longest runs and the largest compute.

    Parameters and errors are those of ``held_out``.
    """
    N = cells.N.max() if N is None else number("N", N, above=0)
    D = cells.D.max() if D is None else number("D", D, above=0)
    share = number("share", share, above=0, at_most=1)
    shortest = number("shortest", shortest, at_least=0)
    C = _flops(cells, flops)
    split = Split(N, D, share * C.max(), shortest)
    if not split.masks(cells.N, cells.D, C)["fitted"].any():
        raise ValueError(
            f"the split must leave cells to fit: none has N < {N:g}, {shortest:g} <= D < {D:g} "
            f"and C at most {share:g} of the largest"
        )
    return split


def held_out(
    cells: Cells,
    N: float | None = None,
    D: float | None = None,
    share: float = SHARE,
    *,
    shortest: float = 0.0,
    flops=None,
) -> dict[str, np.ndarray]:
    """Return the masks of the held-out sets and of the cells to fit.

    The rule is that of results/PREREGISTRATION.md: see ``Split``.

    Parameters
    ----------
    cells : Cells
        The whole table, held-out cells included.
    N : float, optional
        Parameters from which on cells are held out, above 0; the table's largest if left out.
    D : float, optional
        Tokens from which on cells are held out, above 0; the table's largest if left out.
    share : float
        Cells with C above this share of the largest C in the table are held out, too; above 0
        and at most 1.
    shortest : float
        Tokens, 0 or more. Cells with fewer are in no set: they are neither fitted nor scored.
    flops : array, shape (cells,), optional
        Training FLOPs of each cell, above 0; 6 N D if left out.

    Returns
    -------
    dict of str to array of bool, shape (cells,)
        "N", "D" and "C", the held-out sets, which overlap, and "fitted", all other cells.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, ``flops`` do not fit the table, or the split leaves no
        cell to fit.
    """
    split = largest_held_out(cells, N, D, share, shortest=shortest, flops=flops)
    return split.masks(cells.N, cells.D, _flops(cells, flops))


def _flops(cells: Cells, flops) -> np.ndarray:
    C = TRAINING_FLOPS * cells.N * cells.D if flops is None else positive_array("flops", flops)
    same_length(flops=C, cells=cells.N)
    return C


def score(predicted, cells: Cells, masks: Mapping[str, np.ndarray]) -> dict[str, Score]:
    """Return the errors of a prediction over each of some sets of cells.

    Parameters
    ----------
    predicted : array, shape (cells,)
        ``law.loss(cells.N, cells.D)``, nats per token.
    cells : Cells
        The measured table.
    masks : mapping of str to array of bool, shape (cells,)
        Sets by name, from ``held_out``; empty ones are left out.

    Returns
    -------
    dict of str to Score
        By the names of the sets.

    Raises
    ------
    TypeError, ValueError
        If the prediction is not finite or has another shape, or a mask does not fit the table.
    """
    predicted = finite_array("predicted", predicted, ndim=1)
    same_length(predicted=predicted, cells=cells.loss)
    miss = np.abs(predicted - cells.loss)
    found = {}
    for name, mask in masks.items():
        part = cells.where(mask)
        if len(part):
            of_loss, of_excess = (miss[mask] / values for values in (part.loss, part.excess))
            found[name] = Score(
                mean=float(of_loss.mean()),
                largest=float(of_loss.max()),
                mean_excess=float(of_excess.mean()),
                largest_excess=float(of_excess.max()),
                cells=len(part),
            )
    return found
