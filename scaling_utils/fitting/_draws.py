"""Which rows each resample holds, and how often: counts of shape (resamples, rows).

They are made in batches, so that the counts of many resamples of a long table are never all in
memory at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from scaling_utils._check import finite_array, labels, member

KINDS = ("case", "stratified")
CELLS = 2**22  # counts in memory together: 32 MiB of them
PATIENCE = 100  # draws of a resample, on average, before the rows are found too few


def batches(count: int, rows: int) -> Iterator[slice]:
    """Split so many resamples into batches."""
    size = max(1, CELLS // rows)
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


class Draws:
    """Resamples drawn from the rows.

    ``redrawn`` counts those drawn again because they held fewer distinct rows than constants.
    """

    def __init__(self, rng, count: int, rows: int, parameters: int, kind: str, strata):
        member("kind", kind, KINDS)
        self.rng, self.count, self.rows = rng, count, rows
        self.parameters, self.kind, self.redrawn = parameters, kind, 0
        self.groups = _groups(rows, kind, strata)

    def weights(self, part: slice) -> np.ndarray:
        """Return the counts of the next resamples."""
        weights = np.zeros((part.stop - part.start, self.rows))
        empty = np.arange(len(weights))
        limit = self.redrawn + PATIENCE * max(len(weights), 10)
        while empty.size:
            drawn = [
                group[self.rng.integers(0, len(group), (empty.size, len(group)))]
                for group in self.groups
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


class Given:
    """Resamples whose rows the caller names by place."""

    kind, redrawn = "indices", 0

    def __init__(self, indices, rows: int, parameters: int):
        self.rows = rows
        self.indices = [_places(index, rows, parameters) for index in indices]
        self.count = len(self.indices)
        if not self.indices:
            raise ValueError("indices must hold at least one resample, got none")

    def weights(self, part: slice) -> np.ndarray:
        """Return the counts of some of the resamples."""
        chosen = self.indices[part]
        return np.array([np.bincount(index, minlength=self.rows) for index in chosen], dtype=float)


class LeftOut:
    """Each row left out once."""

    def __init__(self, rows: int):
        self.rows = self.count = rows

    def weights(self, part: slice) -> np.ndarray:
        """Return the counts with some of the rows left out."""
        weights = np.ones((part.stop - part.start, self.rows))
        weights[np.arange(len(weights)), np.arange(part.start, part.stop)] = 0.0
        return weights


def _groups(rows: int, kind: str, strata) -> list[np.ndarray]:
    if kind == "case":
        if strata is not None:
            raise ValueError("strata must be left out unless kind is 'stratified', got kind 'case'")
        return [np.arange(rows)]
    if strata is None:
        raise ValueError(f"strata must hold one label per row, shape ({rows},), got none")
    stratum = labels("strata", strata, rows)
    return [np.flatnonzero(stratum == label) for label in np.unique(stratum)]


def _places(index, rows: int, parameters: int) -> np.ndarray:
    index = finite_array("indices", index, ndim=1)
    if (index != np.floor(index)).any() or index.min() < 0 or index.max() >= rows:
        raise ValueError(
            f"indices must be whole numbers from 0 to {rows - 1}, "
            f"got values from {index.min():g} to {index.max():g}"
        )
    index = index.astype(int)
    distinct = len(np.unique(index))
    if distinct < parameters:
        raise ValueError(
            f"indices must name at least {parameters} distinct rows in each resample, "
            f"got {distinct}"
        )
    return index


def _counts(indices: np.ndarray, rows: int) -> np.ndarray:
    """Return how often each row was drawn, shape (resamples, rows)."""
    offset = rows * np.arange(len(indices))[:, None]
    flat = np.bincount((indices + offset).ravel(), minlength=rows * len(indices))
    return flat.reshape(len(indices), rows).astype(float)
