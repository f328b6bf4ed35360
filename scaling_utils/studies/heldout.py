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

HELD_OUT = ("N", "D", "C")


@dataclass(frozen=True)
class Score:
    """Errors |predicted - measured| over a set of cells.

    Attributes
    ----------
    mean, largest : as a share of the measured loss.
    mean_excess, largest_excess : as a share of the measured excess over the source's entropy;
        NaN where the entropy is unknown.
    cells : number of cells in the set.
    """

    mean: float
    largest: float
    mean_excess: float
    largest_excess: float
    cells: int


def held_out(
    cells: Cells,
    N: float | None = None,
    D: float | None = None,
    share: float = 1 / 8,
    *,
    shortest: float = 0.0,
    flops=None,
) -> dict[str, np.ndarray]:
    """Return the masks of the held-out sets and of the cells to fit, each of shape (cells,).

    Parameters
    ----------
    cells : the whole table, held-out cells included.
    N, D : the sizes and the lengths from which on cells are held out; the largest ones of the
        table if left out.
    share : cells with C above this share of the largest C in the table are held out, too.
    shortest : cells with fewer tokens are in no set: they are neither fitted nor scored.
    flops : training FLOPs of each cell, shape (cells,); 6 N D if left out.

    Returns
    -------
    dict : "N", "D" and "C", the held-out sets, which overlap, and "fitted", all other cells.

    Raises
    ------
    TypeError, ValueError : an argument out of range; a split that leaves no cell to fit.
    """
    N = cells.N.max() if N is None else number("N", N, above=0)
    D = cells.D.max() if D is None else number("D", D, above=0)
    share = number("share", share, above=0, at_most=1)
    shortest = number("shortest", shortest, at_least=0)
    C = TRAINING_FLOPS * cells.N * cells.D if flops is None else positive_array("flops", flops)
    same_length(flops=C, cells=cells.N)
    inside = shortest <= cells.D
    masks = {
        "N": inside & (cells.N >= N),
        "D": inside & (cells.D >= D),
        "C": inside & (share * C.max() < C),
    }
    masks["fitted"] = inside & ~np.any(list(masks.values()), axis=0)
    if not masks["fitted"].any():
        raise ValueError(
            f"the split must leave cells to fit: none has N < {N:g}, {shortest:g} <= D < {D:g} "
            f"and C at most {share:g} of the largest"
        )
    return masks


def score(predicted, cells: Cells, masks: Mapping[str, np.ndarray]) -> dict[str, Score]:
    """Return the errors of a prediction over each of some sets of cells.

    Parameters
    ----------
    predicted : ``law.loss(cells.N, cells.D)``, nats per token, shape (cells,).
    cells : the measured table. masks : sets by name, from ``held_out``; empty ones are left out.

    Raises
    ------
    TypeError, ValueError : a prediction that is not finite or has another shape; a mask that
        does not fit the table.
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
