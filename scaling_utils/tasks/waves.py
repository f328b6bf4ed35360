"""Functions of known smoothness on points of known dimension, to be learned by regression."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from scaling_utils._check import whole
from scaling_utils.corpora.manifolds import EmbeddedCube, Waves
from scaling_utils.models.regressors import Regressors
from scaling_utils.tasks._task import Batches

POINTS, TESTS, GEOMETRY = 1, 2, 0  # seeds of what all targets share
CHUNK = 4096  # held-out points at a time


class WaveTask:
    """Points of one embedded cube, and one function on it for each seed.

    The loss is a squared error in units of the function's variance, and 0 is the smallest
    possible one.

    Parameters
    ----------
    dimension : int
        Of the cube.
    ambient : int
        Of the space that the cube lies in, at least ``dimension``.
    bend : float
        Size of the cube's curved part, 0 for a flat one: see ``corpora.manifolds.EmbeddedCube``.
    smoothness : float
        Of the functions, 0 or more: see ``corpora.manifolds.Waves``.
    octaves : float
        Range of their wave numbers, from 1 to 2^octaves; above 0.
    seeds : sequence of int
        Of the functions, one for each; each is 0 or more.
    pool : int
        Training points, which are repeated in a new order in each epoch.
    held_out : int
        Points on which the loss is measured. All functions share both sets.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range.
    """

    entropy = 0.0
    sha256 = None

    def __init__(self, dimension, ambient, bend, smoothness, octaves, seeds, pool, held_out):
        cube = EmbeddedCube(dimension, ambient, bend, GEOMETRY)
        self.seeds = tuple(seeds)
        targets = [Waves(dimension, smoothness, octaves, seed=seed) for seed in self.seeds]
        self.inputs, self.targets = _labelled(cube, targets, pool, POINTS)
        self.test_inputs, self.test_targets = _labelled(cube, targets, held_out, TESTS)

    def batches(self, seeds: Sequence[int], size: int, copies: int = 1) -> Batches:
        """Return what gives the batches: each point of one has the value of each function.

        In each epoch what is left of the pool after its last whole batch is not used.

        Parameters
        ----------
        seeds : sequence of int
            Those of the functions, all S of them and in their order.
        size : int
            Points in a batch, at most ``pool``.
        copies : int
            Networks that learn each function, at least 1.

        Returns
        -------
        callable
            Index of a batch -> points (size, ambient), which all networks share, and targets
            (S copies, size).

        Raises
        ------
        TypeError, ValueError
            If the seeds are others, ``size`` is more than ``pool``, or one of ``size`` and
            ``copies`` is not a whole number from 1.
        """
        if list(np.atleast_1d(seeds)) != list(self.seeds):
            raise ValueError(f"seeds must be those of the functions, {self.seeds}, got {seeds}")
        pool, size, copies = len(self.inputs), whole("size", size), whole("copies", copies)
        if size > pool:
            raise ValueError(f"size must be at most the pool's {pool} points, got {size}")

        @lru_cache(maxsize=2)
        def order(epoch: int) -> Tensor:
            return torch.from_numpy(np.random.default_rng([POINTS, epoch]).permutation(pool))

        def batches(index: int) -> tuple[Tensor, Tensor]:
            epoch, place = divmod(index, pool // size)
            picked = order(epoch)[place * size : (place + 1) * size]
            return self.inputs[picked], self.targets[:, picked].repeat_interleave(copies, 0)

        return batches

    @torch.no_grad()
    def measure(self, model: Regressors) -> dict[str, list[float]]:
        """Return each network's mean squared error on the held-out points.

        Parameters
        ----------
        model : models.Regressors
            Its M members are the functions in their order, with equally many copies of each.

        Returns
        -------
        dict of str to list of float, shape (M,)
            "loss", in units of the function's variance, and "se", its standard error over points.

        Raises
        ------
        ValueError
            If the number of members is no multiple of the number of functions.
        """
        copies, rest = divmod(model.members, len(self.seeds))
        if rest:
            raise ValueError(
                f"model must have a multiple of {len(self.seeds)} members, got {model.members}"
            )
        targets = self.test_targets.repeat_interleave(copies, 0)  # (M, n)
        parts = zip(self.test_inputs.split(CHUNK), targets.split(CHUNK, 1), strict=True)
        squared = [(model.predict(points) - values).square() for points, values in parts]
        each = torch.cat(squared, 1).double()  # (M, n)
        return {
            "loss": each.mean(1).tolist(),
            "se": (each.std(1) / each.shape[1] ** 0.5).tolist(),
        }


def _labelled(cube: EmbeddedCube, targets: list[Waves], count: int, seed: int):
    """Return points (count, ambient) and the value of each target there, (S, count)."""
    x = cube.coordinates(count, seed)
    values = np.stack([target(x) for target in targets])
    return torch.from_numpy(cube.embed(x)).float(), torch.from_numpy(values).float()
