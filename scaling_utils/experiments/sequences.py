"""The experiment ``sequence_models``: one GPT or LSTM, one learning rate, one seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from scaling_utils._check import member
from scaling_utils.counting import matmul_flops, parameters
from scaling_utils.experiments._shared import Stopwatch, check_tokens, resumed, with_defaults
from scaling_utils.models import GPT, LSTM
from scaling_utils.shapes import gpt_shape
from scaling_utils.tasks import LanguageSequences, Task, TextSequences
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

    Parameters
    ----------
    job : dict
        The settings; those with a value in brackets may be left out.

        - language: arguments of ``corpora.dirichlet_language``; or text: a corpus's name.
        - model: {"kind": "gpt", "d_model": ..., "n_layer": ...}, or
          {"kind": "lstm", "width": ..., "layers": ...}.
        - length: tokens of a sequence.
        - batch: sequences per step.
        - rate: peak learning rate.
        - mup_width: the rate of a GPT was tuned at this d_model, and muP carries it to this
          one; without it every weight has the rate itself.
        - seed: of data and initial weights.
        - tokens: lengths of the runs, rising, whole batches.
        - warmup (100): steps.
        - decay (0.25): share of each run.
        - clip (1.0): of the gradient's norm.
        - weight_decay (0.0): of matrices.
        - places (False): whether the last row has the loss at each place.
    folder : Path
        Where its checkpoints lie; a job that was interrupted goes on from them.

    Returns
    -------
    list of dict
        N (weights that multiply, with the head, without embedding and biases), N_total, D (tokens),
        flops (exact, of this run), loss and se (nats per token), entropy (of a language), seed,
        rate, corpus (sha256), seconds (of the whole job until this row), and with ``places`` in the
        last row by_place (nats per token at each place of a sequence that counts).

    Raises
    ------
    TypeError, ValueError
        If a key is unknown or missing; tokens are not whole batches; there is not one of language
        and text; the kind of model is unknown; or a setting is out of range.
    CheckpointError
        If the folder is that of another job, or none of its checkpoints is good.
    FloatingPointError
        If the loss is no longer finite.
    """
    job = with_defaults(job, NEEDED, DEFAULTS)
    check_tokens(job, per_step=job["batch"] * job["length"])
    task = _task(job["language"], job["text"], job["length"])
    torch.manual_seed(job["seed"])
    model, sizes = _model(job, task.vocab)
    multipliers = {}
    if job["mup_width"] is not None:
        if job["model"]["kind"] != "gpt":
            raise ValueError(f"mup_width is for a GPT, got a model {job['model']['kind']!r}")
        base = gpt_shape(task.vocab, job["length"], job["mup_width"], job["model"]["n_layer"])
        start_mup(model, base)
        multipliers = mup_multipliers(model, base)
    optimiser = adamw(model, job["rate"], multipliers, weight_decay=job["weight_decay"])
    batches = task.batches(job["seed"], job["batch"])
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
            "entropy": task.entropy,
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


def _task(language: dict | None, text: str | None, length: int) -> Task:
    """Return what a job learns on: a language by its settings, or a text by its name."""
    if (language is None) == (text is None):
        raise ValueError("a job needs either 'language' or 'text'")
    return TextSequences(text, length) if text is not None else LanguageSequences(language, length)


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
