"""The experiment ``task_complexity``: networks learn functions on data of known dimension."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scaling_utils.corpora.manifolds import EmbeddedCube, Waves
from scaling_utils.models.regressors import Regressors
from scaling_utils.sweeps.experiments import Stopwatch, resumed
from scaling_utils.training import MemberAdam, Trainer
from scaling_utils.training.branches import train_branches

DEFAULTS = {
    "ambient": 16,
    "bend": 0.0,
    "octaves": 5,
    "depth": 1,
    "batch": 256,
    "warmup": 100,
    "decay": 0.4,
    "pool": 65_536,
    "held_out": 16_384,
}
NEEDED = {"dimension", "smoothness", "width", "seeds", "rates", "steps"}
POINTS, TESTS, GEOMETRY, WEIGHTS = 1, 2, 0, 0  # seeds of what all targets share
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


_task = lru_cache(maxsize=1)(WaveTask)  # jobs that differ in width alone share their data


def task_complexity(job: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Train ``models.Regressors`` of one width; one row per seed, rate and number of steps.

    The job
    -------
    dimension, ambient (16), bend (0) : of the cube. smoothness, octaves (5) : of the targets.
    width : of each of ``depth`` (1) hidden layers. seeds : of the targets, one network for each
        seed and rate. rates : peak learning rates. steps : lengths of the runs, rising.
    batch : points per step (256). warmup : steps (100). decay : share of each run (0.4).
    pool : training points (65,536). held_out : test points (16,384).

    Rows
    ----
    N (all weights and biases), loss (mean squared error in units of the target's variance,
    held out), train_steps, seed, rate, seconds (of the whole job until this row).

    Raises
    ------
    ValueError : a key that is unknown or missing.
    """
    unknown, missing = set(job) - NEEDED - set(DEFAULTS), NEEDED - set(job)
    if unknown or missing:
        raise ValueError(f"job has unknown keys {sorted(unknown)} and lacks {sorted(missing)}")
    job = DEFAULTS | job
    seeds, rates = job["seeds"], job["rates"]
    names = ("dimension", "ambient", "bend", "smoothness", "octaves")
    task = _task(*(job[name] for name in names), tuple(seeds), job["pool"], job["held_out"])
    members = [(seed, rate) for seed in seeds for rate in rates]
    hidden = [job["width"]] * job["depth"]
    model = Regressors(hidden, task.inputs.numpy(), len(members), WEIGHTS)
    optimiser = MemberAdam(model, [rate for _, rate in members])
    trainer = Trainer(model, optimiser, task.batches(len(rates), job["batch"]))
    saved, save = resumed(folder, job)
    watch = Stopwatch(saved["seconds"] if saved else 0.0)

    def measure(trainer: Trainer, end: int) -> list[dict[str, Any]]:
        losses = task.measure(model, len(rates))
        return [
            {
                "N": model.total_parameters,
                "loss": loss,
                "train_steps": end,
                "seed": seed,
                "rate": rate,
                "seconds": round(watch.seconds(), 1),
            }
            for (seed, rate), loss in zip(members, losses, strict=True)
        ]

    return train_branches(
        trainer,
        job["steps"],
        measure,
        warmup=job["warmup"],
        decay=job["decay"],
        save=lambda state: save(state | {"seconds": watch.seconds()}),
        saved=saved,
    )
