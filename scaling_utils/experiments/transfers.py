"""The experiment ``transfer``: networks learn a target from scratch, or after its relative."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from scaling_utils._check import whole
from scaling_utils.corpora.related import related_language
from scaling_utils.experiments._shared import Stopwatch, resumed, with_defaults
from scaling_utils.experiments.ngrams import BASE_WIDTH
from scaling_utils.models import NeuralNgrams
from scaling_utils.tasks import LanguageWindows, TextWindows
from scaling_utils.training import MemberAdam, Trainer
from scaling_utils.training.branches import train_branches

NEEDED = {"width", "seeds", "rates", "unique"}
HELD_OUT = 8192  # held-out windows of a text
DEFAULTS = {
    "language": None,
    "shared": None,
    "relative": 1,
    "kept": 0.0,
    "source": None,
    "target": None,
    "context": None,
    "before": 0,
    "before_rate": 0.01,
    "passes": [1, 64],
    "steps": [64, 1024],
    "batch": 256,
    "warmup": 50,
    "decay": 0.25,
}


def transfer(job: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Train ``models.NeuralNgrams`` on limited target data; one row per D_F, seed and rate.

    Each network sees its ``unique`` windows again and again, for several numbers of steps, a
    decayed branch for each. Of these, a row has the number of steps at which the mean loss over
    seeds was lowest: early stopping, on the loss that is reported.

    Parameters
    ----------
    job : dict
        The settings; those with a value in brackets may be left out.

        - language: arguments of ``corpora.dirichlet_language``, the source, with shared, relative
          (1) and kept (0.0): arguments of ``related_language``, the target.
        - source, target: two texts instead, with context: bytes before the target.
        - width: of the hidden layer.
        - seeds: of data and initial weights.
        - unique: numbers D_F of target windows (of a text: bytes), rising.
        - rates: peak learning rates on the target; W2 and W3 use 32 / width of them.
        - before (0): tokens of the source to train on first (0: from scratch), whole batches, each
          seen once, at the peak rate before_rate (0.01).
        - passes ([1, 64]): fewest and most passes through the unique windows.
        - steps ([64, 1024]): fewest and most steps, which decide where the two disagree: see
          ``run_lengths``.
        - batch (256): windows per step.
        - warmup (50): most steps of warm-up, an eighth of the shortest run where that is less.
        - decay (0.25): share of each run.
    folder : Path
        Where its checkpoints lie; a job that was interrupted goes on from them.

    Returns
    -------
    list of dict
        D (D_F), N, N_total, flops (exact, of all steps that led to this loss, those on the source
        included), loss and se (nats per token on the target; on a language the loss is exact and
        its error 0), entropy (of a language), corpus and source_corpus (sha256 of the target, and
        with ``before`` of the source), seed, rate, best_steps, longest (whether that was the
        longest run tried), seconds. With ``before``, one row for each seed has D = 0: the loss on
        the target before any of its data, and source_loss (nats per token).

    Raises
    ------
    TypeError, ValueError
        If a key is unknown or missing; sizes are not rising or too small; ``before`` is not whole
        batches; there are neither a language nor two texts, or both; or a setting is out of range.
    CheckpointError
        If the folder is that of another job, or none of its checkpoints is good.
    FloatingPointError
        If the loss of every network is no longer finite.
    """
    job = _checked(job)
    seeds, rates = job["seeds"], job["rates"]
    source, target_of = source_and_target(job)
    saved, save = resumed(folder, job)
    state = saved or {"stage": 0, "rows": [], "start": None, "inner": None, "seconds": 0.0}
    watch = Stopwatch(state["seconds"])
    total: dict[str, Any] = {}

    def keep(**changes) -> None:
        state.update(changes, seconds=watch.seconds())
        save(state)

    def trained(task, rates: list[float], lengths: list[int], start, measure) -> list[dict]:
        members = [(seed, rate) for seed in seeds for rate in rates]
        model = NeuralNgrams(task.vocab, task.context, job["width"], [s for s, _ in members])
        total.update(N=model.matmul_parameters, N_total=model.total_parameters)
        if start is not None:
            copies = {k: v.repeat_interleave(len(rates), 0) for k, v in start.items()}
            model.load_state_dict(copies)
        slower = {name: BASE_WIDTH / job["width"] for name in ("w2", "w3")}
        optimiser = MemberAdam(model, [rate for _, rate in members], slower)
        return train_branches(
            Trainer(model, optimiser, task.batches(seeds, job["batch"], len(rates))),
            lengths,
            lambda _, end: measure(model, end),
            warmup=min(job["warmup"], lengths[0] // 8),
            decay=job["decay"],
            save=lambda inner: keep(inner=inner),
            saved=state["inner"],
        )

    def about(task, steps: int) -> dict:
        """What a row says of its run of ``steps`` on the target."""
        tokens = job["before"] + steps * job["batch"]
        corpora = {"corpus": task.sha256}
        if job["before"]:
            corpora["source_corpus"] = source.sha256
        return {
            **total,
            "flops": 6 * total["N"] * tokens,  # exact for these networks
            "entropy": task.entropy,
            **corpora,
            "seconds": round(watch.seconds(), 1),
        }

    def finished(model, _end) -> list[dict]:
        state["start"] = {name: value.clone() for name, value in model.state_dict().items()}
        found, known = target.measure(model), source.measure(model)["loss"]
        return [
            {"D": 0, "loss": found["loss"][m], "se": found["se"][m], "source_loss": known[m]}
            | {"seed": seed, "rate": job["before_rate"], **about(target, 0)}
            for m, seed in enumerate(seeds)
        ]

    if job["before"] and not state["rows"]:
        target = target_of(None)
        steps = [job["before"] // job["batch"]]
        rows = trained(source, [job["before_rate"]], steps, None, finished)
        keep(rows=rows, inner=None)
    for stage in range(state["stage"], len(job["unique"])):
        unique = job["unique"][stage]
        task = target_of(unique)
        runs = trained(
            task,
            rates,
            run_lengths(unique, job["batch"], job["passes"], job["steps"]),
            state["start"],
            lambda model, end, task=task: [{"end": end, **task.measure(model)}],
        )
        rows = [
            {"D": unique, **row, **about(task, row["best_steps"])}
            for row in _stopped(runs, seeds, rates)
        ]
        keep(stage=stage + 1, rows=state["rows"] + rows, inner=None)
    return state["rows"]


def source_and_target(job: dict):
    """Return the task of the source, and a function from D_F to that of the target.

    Raises
    ------
    ValueError
        If there is neither a language with what its relative shares nor two texts with a
        context, or something of both.
    """
    language, texts = ("language", "shared"), ("source", "target", "context")
    given = {name for name in (*language, *texts) if job[name] is not None}
    if given == set(language):
        how = (job[name] for name in ("shared", "relative", "kept"))
        target = related_language(*how, **job["language"])
        source = related_language(target.order, **job["language"])
        every = {"held_out": None}  # context counts, with its exact weight
        return LanguageWindows(source, **every), lambda unique: LanguageWindows(
            target, unique, **every
        )
    if given == set(texts):
        context = job["context"]
        how = {"held_out": HELD_OUT, "training_documents": False}
        return TextWindows(job["source"], context, **how), lambda unique: TextWindows(
            job["target"], context, unique, **how
        )
    raise ValueError(f"a job needs {' and '.join(language)}, or {', '.join(texts)}; got {given}")


def run_lengths(unique: int, batch: int, passes: list[int], steps: list[int]) -> list[int]:
    """Return the numbers of steps to try for ``unique`` windows: powers of two times the fewest.

    Parameters
    ----------
    unique : int
        Distinct windows, or bytes of a text.
    batch : int
        Windows per step.
    passes : (int, int)
        Fewest and most passes through the unique windows.
    steps : (int, int)
        Fewest and most steps; where this disagrees with ``passes``, it decides.

    Returns
    -------
    list of int
        Optimiser steps, rising: ``steps[0]`` times powers of two, as far as they lie inside both
        bounds. Where none does, the fewest steps that the bounds allow, alone.
    """
    fewest = max(steps[0], min(steps[1], math.ceil(passes[0] * unique / batch)))
    most = max(fewest, min(steps[1], passes[1] * unique // batch))
    ladder = [steps[0] * 2**k for k in range(40)]
    return [length for length in ladder if fewest <= length <= most] or [fewest]


def _stopped(runs: list[dict], seeds, rates) -> list[dict]:
    """Return one row for each seed and rate, at the rate's best number of steps."""
    shape = len(runs), len(seeds), len(rates)
    losses, errors = (np.reshape([run[name] for run in runs], shape) for name in ("loss", "se"))
    means = np.where(np.isfinite(losses), losses, np.inf).mean(1)  # (lengths, R)
    best = means.argmin(0)  # (R,)
    return [
        {
            "loss": float(losses[best[r], s, r]),
            "se": float(errors[best[r], s, r]),
            "seed": seed,
            "rate": rate,
            "best_steps": runs[best[r]]["end"],
            "longest": bool(best[r] == len(runs) - 1),
        }
        for s, seed in enumerate(seeds)
        for r, rate in enumerate(rates)
    ]


def _checked(job: dict) -> dict:
    job = with_defaults(job, NEEDED, DEFAULTS)
    unique = [whole("unique", n) for n in job["unique"]]
    if not unique or sorted(set(unique)) != unique:
        raise ValueError(f"unique must be rising sizes, at least one; got {unique}")
    if whole("before", job["before"], at_least=0) % job["batch"]:
        raise ValueError(f"before must be whole batches of {job['batch']}, got {job['before']}")
    for name in ("passes", "steps"):
        if len(job[name]) != 2 or not 1 <= job[name][0] <= job[name][1]:
            raise ValueError(f"{name} must be a fewest and a most, got {job[name]}")
    return job


def _cost(job: dict[str, Any]) -> float:
    """Return a rough number of operations, so that the dearest jobs start first."""
    return float(job["width"] ** 2 * sum(job["unique"]) + job.get("before", 0))


transfer.cost = _cost
