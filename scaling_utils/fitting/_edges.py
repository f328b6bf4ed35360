"""Ways back from an edge: starts for fits in which a term has shrunk to nothing.

The solver works with the logarithms of the offset and of the terms. At the edge, where one of
them is zero, its logarithm has run away, no step along it changes the loss, and a member that
starts there stays there whatever its rows say. What ended at the edge is therefore tried
again from inside.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scaling_utils.fitting._solver import descend
from scaling_utils.fitting._starts import grid_starts
from scaling_utils.fitting._table import RANGE, Table

GONE = 1e-9  # a term that is less than this share of the loss in the middle of the rows
SHARES = (0.2, 0.5, 0.8)  # of the lowest value, that the offset is started at
KEPT = 4  # starts of the grid for each of them


def at_edge(theta: np.ndarray, table: Table) -> np.ndarray:
    """Return for each member whether the offset or a term is gone, shape (members,)."""
    free = table.first + len(table.axes)
    size = np.exp(np.clip(theta[:, :free], *RANGE))
    total = size.sum(axis=1, keepdims=True) + (table.offset or 0.0)
    return (size < GONE * total).any(axis=1)


def inner_starts(table: Table, delta: float, top: float) -> np.ndarray:
    """Return starts with every term present, shape (starts, parameters).

    The offset is held at some shares of the lowest value, and the rest is fitted to it.
    """
    if table.offset is not None:
        return grid_starts(table, delta, KEPT)
    lowest = float((np.exp(table.target) if table.log else table.target).min())
    found = []
    for share in SHARES:
        held = replace(table, offset=share * lowest)
        begin = grid_starts(held, delta, KEPT)
        ended = descend(begin, held, delta, top=top, iterations=50)
        # A start whose own fit loses a term is better left where the grid put it.
        gone = at_edge(ended.theta, held)
        if gone.all():
            rest = begin[0]
        else:
            rest = ended.theta[np.where(gone, np.inf, ended.objective).argmin()]
        found.append(np.concatenate([[np.log(share * lowest)], rest]))
    return np.array(found)
