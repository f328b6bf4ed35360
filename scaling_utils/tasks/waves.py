"""Functions of known smoothness on points of known dimension, to be learned by regression."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from scaling_utils.corpora.manifolds import EmbeddedCube, Waves
from scaling_utils.models.regressors import Regressors

POINTS, TESTS, GEOMETRY = 1, 2, 0  # seeds of what all targets share
CHUNK = 4096  # held-out points at a time


class WaveTask:
    """Points of one embedded cube, and one function on it for each seed.

    Parameters
    ----------
    dimension, ambient, bend : of ``corpora.manifolds.EmbeddedCube``.
    smoothness, octaves : of ``corpora.manifolds.Waves``. seeds : one function for each.
    pool : training points, which are repeated in a new order in each epoch. held_out : points
        on which the loss is measured. All functions share both sets.
    """

    def __init__(self, dimension, ambient, bend, smoothness, octaves, seeds, pool, held_out):
        cube = EmbeddedCube(dimension, ambient, bend, GEOMETRY)
        targets = [Waves(dimension, smoothness, octaves, seed=seed) for seed in seeds]
        self.inputs, self.targets = _labelled(cube, targets, pool, POINTS)
        self.test_inputs, self.test_targets = _labelled(cube, targets, held_out, TESTS)

    def batches(self, copies: int, size: int):
        """Return index -> points (size, ambient) and targets (S copies, size)."""
        pool = len(self.inputs)

        @lru_cache(maxsize=2)
        def order(epoch: int) -> Tensor:
            return torch.from_numpy(np.random.default_rng([POINTS, epoch]).permutation(pool))

        def batches(index: int) -> tuple[Tensor, Tensor]:
            epoch, place = divmod(index, pool // size)
            picked = order(epoch)[place * size : (place + 1) * size]
            return self.inputs[picked], self.targets[:, picked].repeat_interleave(copies, 0)

        return batches

    @torch.no_grad()
    def measure(self, model: Regressors, copies: int) -> list[float]:
        """Return each member's mean squared error on the held-out points."""
        targets = self.test_targets.repeat_interleave(copies, 0)  # (M, n)
        parts = zip(self.test_inputs.split(CHUNK), targets.split(CHUNK, 1), strict=True)
        squared = [(model.predict(points) - values).square() for points, values in parts]
        return torch.cat(squared, 1).double().mean(1).tolist()


def _labelled(cube: EmbeddedCube, targets: list[Waves], count: int, seed: int):
    """Return points (count, ambient) and the value of each target there, (S, count)."""
    x = cube.coordinates(count, seed)
    values = np.stack([target(x) for target in targets])
    return torch.from_numpy(cube.embed(x)).float(), torch.from_numpy(values).float()
