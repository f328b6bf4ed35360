"""The experiment ``task_complexity``: networks learn functions on data of known dimension."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from scaling_utils.experiments._shared import Stopwatch, resumed, with_defaults
from scaling_utils.models.regressors import Regressors
from scaling_utils.tasks.waves import WaveTask
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
WEIGHTS = 0  # the seed of the initial weights

_task = lru_cache(maxsize=1)(WaveTask)  # jobs that differ in width alone share their data


def task_complexity(job: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Train ``models.Regressors`` of one width; one row per seed, rate and number of steps.

    Parameters
    ----------
    job : dict
        The settings; those with a value in brackets may be left out.

        - dimension, ambient (16), bend (0.0), smoothness, octaves (5): of ``tasks.WaveTask``.
        - width: of each of depth (1) hidden layers.
        - seeds: of the targets, one network for each seed and rate.
        - rates: peak learning rates.
        - steps: lengths of the runs in optimiser steps, rising.
        - batch (256): points per step.
        - warmup (100): steps.
        - decay (0.4): share of each run.
        - pool (65,536): training points.
        - held_out (16,384): test points.
    folder : Path
        Where its checkpoints lie; a job that was interrupted goes on from them.

    Returns
    -------
    list of dict
        N (all weights and biases), loss (mean squared error in units of the target's variance,
        held out), train_steps, seed, rate, seconds (of the whole job until this row).

    Raises
    ------
    TypeError, ValueError
        If a key is unknown or missing, or a setting is out of range.
    CheckpointError
        If the folder is that of another job, or none of its checkpoints is good.
    FloatingPointError
        If the loss of every network is no longer finite.
    """
    job = with_defaults(job, NEEDED, DEFAULTS)
    seeds, rates = job["seeds"], job["rates"]
    names = ("dimension", "ambient", "bend", "smoothness", "octaves")
    task = _task(*(job[name] for name in names), tuple(seeds), job["pool"], job["held_out"])
    members = [(seed, rate) for seed in seeds for rate in rates]
    hidden = [job["width"]] * job["depth"]
    model = Regressors(hidden, task.inputs.numpy(), len(members), WEIGHTS)
    optimiser = MemberAdam(model, [rate for _, rate in members])
    trainer = Trainer(model, optimiser, task.batches(seeds, job["batch"], len(rates)))
    saved, save = resumed(folder, job)
    watch = Stopwatch(saved["seconds"] if saved else 0.0)

    def measure(trainer: Trainer, end: int) -> list[dict[str, Any]]:
        losses = task.measure(model)["loss"]
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
