"""The experiment ``sequence_models``: one GPT or LSTM, one learning rate, one seed."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch

from scaling_utils._check import member
from scaling_utils.counting import matmul_flops, parameters
from scaling_utils.experiments._resuming import Stopwatch, check_keys, resumed
from scaling_utils.models import GPT, LSTM
from scaling_utils.shapes import gpt_shape
from scaling_utils.tasks.sequences import sequence_task
from scaling_utils.training import Trainer, adamw
from scaling_utils.training.branches import train_branches
from scaling_utils.training.mup import mup_multipliers, start_mup

NEEDED = {"model", "length", "batch", "rate", "seed", "tokens"}
DEFAULTS = {
    "language": None,
    "text": None,
    "warmup": 100,
    "decay": 0.25,
    "clip": 1.0,
    "weight_decay": 0.0,
    "mup_width": None,
    "places": False,
}


def sequence_models(job: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Train a ``models.GPT`` or ``models.LSTM``; one row per number of tokens.

    The job
    -------
    language : arguments of ``corpora.dirichlet_language``; or text : a corpus's name.
    model : {"kind": "gpt", "d_model": ..., "n_layer": ...}, or
        {"kind": "lstm", "width": ..., "layers": ...}.
    length : tokens of a sequence. batch : sequences per step.
    rate : peak learning rate. mup_width : the rate was tuned at this d_model, and muP carries
        it to this one; without it every weight has the rate itself.
    seed : of data and initial weights. tokens : lengths of the runs, rising, whole batches.
    warmup : steps (100). decay : share of each run (0.25). clip : of the gradient's norm (1).
    weight_decay : of matrices (0). places : whether the last row has the loss at each place.

    Rows
    ----
    N (weights that multiply, with the head, without embedding and biases), N_total, D (tokens),
    flops (exact, of this run), loss and se (nats per token), entropy (of a language), seed,
    rate, corpus (sha256), seconds (of the whole job until this row), and with ``places`` in the
    last row by_place (nats per token at each place of a sequence that counts).

    Raises
    ------
    ValueError : a key that is unknown or missing; tokens that are not whole batches.
    """
    job = check_keys(job, NEEDED, DEFAULTS, per_step=job.get("batch", 0) * job.get("length", 0))
    task = sequence_task(job["language"], job["text"], job["length"])
    torch.manual_seed(job["seed"])
    model, sizes = _model(job, task.vocab)
    multipliers = {}
    if job["mup_width"] is not None:
        base = gpt_shape(task.vocab, job["length"], job["mup_width"], job["model"]["n_layer"])
        start_mup(model, base)
        multipliers = mup_multipliers(model, base)
    optimiser = adamw(model, job["rate"], multipliers, weight_decay=job["weight_decay"])
    batches = partial(task.batch, job["batch"], job["seed"])
    trainer = Trainer(model, optimiser, batches, clip=job["clip"])
    saved, save = resumed(folder, job)
    watch = Stopwatch(saved["seconds"] if saved else 0.0)
    per_step = job["batch"] * job["length"]

    def measure(trainer: Trainer, end: int) -> list[dict[str, Any]]:
        tokens = end * per_step
        row = {
            "N": sizes["N"],
            "N_total": sizes["N_total"],
            "D": tokens,
            "flops": sizes["flops_per_token"] * tokens,
            **task.measure(model),
            "seed": job["seed"],
            "rate": job["rate"],
            "corpus": task.sha256,
            "seconds": round(watch.seconds(), 1),
        }
        if job["places"] and tokens == job["tokens"][-1]:
            row["by_place"] = [round(loss, 5) for loss in task.by_place(model)]
        return [row]

    return train_branches(
        trainer,
        [tokens // per_step for tokens in job["tokens"]],
        measure,
        warmup=job["warmup"],
        decay=job["decay"],
        save=lambda state: save(state | {"seconds": watch.seconds()}),
        saved=saved,
    )


def _model(job: dict[str, Any], vocab: int):
    """Return the model and its N, N_total and training FLOPs per token."""
    wanted = dict(job["model"])
    kind = member("model.kind", wanted.pop("kind", None), ("gpt", "lstm"))
    if kind == "lstm":
        model = LSTM(vocab, **wanted)
        sizes = {
            "N": model.matmul_parameters,
            "N_total": model.total_parameters,
            "flops_per_token": model.flops_per_token,
        }
        return model, sizes
    shape = gpt_shape(vocab, job["length"], **wanted)
    count = parameters(shape)
    sizes = {
        "N": count.attention + count.mlp + count.head,
        "N_total": count.total,
        "flops_per_token": round(matmul_flops(shape).per_token),
    }
    return GPT(shape), sizes


def _cost(job: dict[str, Any]) -> float:
    """Return a rough number of operations, so that the dearest jobs start first."""
    width = job["model"].get("d_model", job["model"].get("width", 0))
    return (1e5 + 24.0 * width**2) * max(job["tokens"])


sequence_models.cost = _cost
