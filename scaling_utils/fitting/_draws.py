"""Which rows each resample holds, and how often: counts of shape (resamples, rows).

They are made in batches, so that the counts of many resamples of a long table are never all in
memory at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scaling_utils._check import finite_array, labels, whole

CELLS = 2**22  # counts in memory together: 32 MiB of them
LEAST_GROUPS = 3  # fewer distinct groups determine no law of size
PATIENCE = 100  # draws of a resample, on average, before the rows are found too few


def batches(count: int, rows: int) -> Iterator[slice]:
    """Split so many resamples into batches."""
    size = max(1, CELLS // rows)
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


@dataclass(frozen=True)
class Refits:
    """Where the resamples ended: constants (resamples, constants), and the rest by resample."""

    columns: np.ndarray
    objective: np.ndarray
    converged: np.ndarray
    at_edge: np.ndarray
    checked: int = 0
    missed: int = 0


def draws_of(rng, n, rows: int, parameters: int, *, by, strata, draws, seed: int):
    """Return the resamples that were asked for."""
    if sum(part is not None for part in (by, strata, draws)) > 1:
        raise ValueError("by, strata and draws must not be given together")
    if draws is not None:
        return Given(draws, rows, parameters)
    n = whole("n", n, at_least=2)
    if by is not None:
        return Groups(seed, n, labels("by", by, rows), parameters)
    return Draws(rng, n, rows, parameters, strata)


class Draws:
    """Resamples drawn from the rows, all of them or those of each stratum.

    ``redrawn`` counts those drawn again because they held fewer distinct rows than constants.
    """

    def __init__(self, rng, count: int, rows: int, parameters: int, strata=None):
        self.rng, self.count, self.rows = rng, count, rows
        self.parameters, self.redrawn = parameters, 0
        self.kind = "case" if strata is None else "stratified"
        self.parts = [np.arange(rows)]
        if strata is not None:
            stratum = labels("strata", strata, rows)
            self.parts = [np.flatnonzero(stratum == label) for label in np.unique(stratum)]

    def weights(self, part: slice) -> np.ndarray:
        """Return the counts of the next resamples."""
        weights = np.zeros((part.stop - part.start, self.rows))
        empty = np.arange(len(weights))
        limit = self.redrawn + PATIENCE * max(len(weights), 10)
        while empty.size:
            drawn = [
                rows[self.rng.integers(0, len(rows), (empty.size, len(rows)))]
                for rows in self.parts
            ]
            weights[empty] = _counts(np.concatenate(drawn, axis=1), self.rows)
            empty = empty[(weights[empty] > 0).sum(axis=1) < self.parameters]
            self.redrawn += empty.size
            if self.redrawn > limit:
                raise ValueError(
                    f"fit must have rows enough for resamples with {self.parameters} distinct "
                    f"ones, got {self.rows} rows: hardly any draw holds so many"
                )
        return weights


class Groups:
    """Resamples of whole groups of rows: as many groups, with repeats, as there are.

    Those with fewer than three distinct groups, or fewer distinct rows than constants, are
    drawn again and counted in ``redrawn``. Davison and Hinkley (1997), Bootstrap Methods and
    their Application, Sec. 3.8, https://doi.org/10.1017/CBO9780511802843.
    """

    kind = "groups"

    def __init__(self, seed: int, count: int, by: np.ndarray, parameters: int):
        groups, self.group_of = np.unique(by, return_inverse=True)
        if len(groups) < LEAST_GROUPS:
            raise ValueError(f"by must take at least {LEAST_GROUPS} values, got {len(groups)}")
        self.rng = np.random.default_rng(seed)
        self.count, self.rows, self.parameters, self.redrawn = count, len(by), parameters, 0
        self.groups, self.sizes = len(groups), np.bincount(self.group_of)

    def weights(self, part: slice) -> np.ndarray:
        """Return the counts of the next resamples."""
        counts = [self._one() for _ in range(part.stop - part.start)]
        return np.array(counts, dtype=float)[:, self.group_of]

    def _one(self) -> np.ndarray:
        """Return how often each group is drawn."""
        for _ in range(10 * PATIENCE):
            chosen = self.rng.integers(0, self.groups, self.groups)
            count = np.bincount(chosen, minlength=self.groups)
            if (count > 0).sum() >= LEAST_GROUPS and self.sizes[count > 0].sum() >= self.parameters:
                return count
            self.redrawn += 1
        raise ValueError(
            f"by must make groups that hold {self.parameters} rows together, got {self.groups} "
            "groups: hardly any draw holds so many"
        )


class Given:
    """Resamples whose rows the caller names by place."""

    kind, redrawn = "given", 0

    def __init__(self, draws, rows: int, parameters: int):
        self.rows = rows
        self.draws = [_places(index, rows, parameters) for index in draws]
        self.count = len(self.draws)
        if not self.draws:
            raise ValueError("draws must hold at least one resample, got none")

    def weights(self, part: slice) -> np.ndarray:
        """Return the counts of some of the resamples."""
        chosen = self.draws[part]
        return np.array([np.bincount(index, minlength=self.rows) for index in chosen], dtype=float)


class LeftOut:
    """Each row left out once, or each group of rows."""

    redrawn = 0

    def __init__(self, rows: int, group_of: np.ndarray | None = None):
        self.rows = rows
        self.group_of = np.arange(rows) if group_of is None else group_of
        self.count = int(self.group_of.max()) + 1

    def weights(self, part: slice) -> np.ndarray:
        """Return the counts with some of the rows left out."""
        out = np.arange(part.start, part.stop)
        return (self.group_of[None] != out[:, None]).astype(float)


def _places(index, rows: int, parameters: int) -> np.ndarray:
    index = finite_array("draws", index, ndim=1)
    if (index != np.floor(index)).any() or index.min() < 0 or index.max() >= rows:
        raise ValueError(
            f"draws must be whole numbers from 0 to {rows - 1}, "
            f"got values from {index.min():g} to {index.max():g}"
        )
    index = index.astype(int)
    distinct = len(np.unique(index))
    if distinct < parameters:
        raise ValueError(
            f"draws must name at least {parameters} distinct rows in each resample, got {distinct}"
        )
    return index


def _counts(indices: np.ndarray, rows: int) -> np.ndarray:
    """Return how often each row was drawn, shape (resamples, rows)."""
    offset = rows * np.arange(len(indices))[:, None]
    flat = np.bincount((indices + offset).ravel(), minlength=rows * len(indices))
    return flat.reshape(len(indices), rows).astype(float)
