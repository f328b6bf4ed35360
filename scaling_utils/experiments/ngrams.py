"""The experiment ``neural_ngrams``: one shape on one corpus, all rates and seeds at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scaling_utils.experiments._resuming import Stopwatch, check_keys, resumed
from scaling_utils.models import NeuralNgrams
from scaling_utils.tasks.windows import window_task
from scaling_utils.training import MemberAdam, Trainer
from scaling_utils.training.branches import train_branches

BASE_WIDTH = 32  # the two hidden-to-anything matrices use the rate times 32 / width
NEEDED = {"width", "seeds", "rates", "tokens"}
DEFAULTS = {
    "language": None,
    "text": None,
    "context": None,
    "unique": None,
    "batch": 256,
    "warmup": 100,
    "decay": 0.25,
}


def neural_ngrams(job: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Train ``models.NeuralNgrams`` of one width; one row per seed, rate and tokens.

    The job
    -------
    language : arguments of ``corpora.dirichlet_language``; or text : a corpus's name, with
        context : bytes before the target.
    width : of the hidden layer. seeds : of data and initial weights.
    rates : peak learning rates; W2 and W3 use 32 / width of it.
    tokens : lengths of the runs, rising, whole batches each.
    batch : windows per step (256). warmup : steps (100). decay : share of each run (0.25).
    unique : distinct windows of a language, repeated in new orders; absent: all fresh.

    Rows
    ----
    N (weights that multiply, no embedding, no biases), N_total, D (tokens), flops (exact, of
    this run), loss and se (nats per token), entropy (of a language), seed, rate, width,
    corpus (sha256), seconds (of the whole job until this row).

    Raises
    ------
    ValueError : a key that is unknown or missing; tokens that are not whole batches.
    """
    job = check_keys(job, NEEDED, DEFAULTS, per_step=job.get("batch", DEFAULTS["batch"]))
    task = window_task(job["language"], job["text"], job["context"], job["unique"])
    width, rates, seeds = job["width"], job["rates"], job["seeds"]
    members = [(seed, rate) for seed in seeds for rate in rates]
    model = NeuralNgrams(task.vocab, task.context, width, [seed for seed, _ in members])
    slower = {name: BASE_WIDTH / width for name in ("w2", "w3")}
    optimiser = MemberAdam(model, [rate for _, rate in members], slower)
    trainer = Trainer(model, optimiser, task.batches(seeds, len(rates), job["batch"]))
    saved, save = resumed(folder, job)
    watch = Stopwatch(saved["seconds"] if saved else 0.0)

    def measure(trainer: Trainer, end: int) -> list[dict[str, Any]]:
        found, tokens = task.measure(model), end * job["batch"]
        return [
            {
                "N": model.matmul_parameters,
                "N_total": model.total_parameters,
                "D": tokens,
                "flops": model.flops_per_token * tokens,
                **{name: value[m] for name, value in found.items() if name != "entropy"},
                "entropy": found.get("entropy"),
                "seed": seed,
                "rate": rate,
                "width": width,
                "corpus": task.sha256,
                "seconds": round(watch.seconds(), 1),
            }
            for m, (seed, rate) in enumerate(members)
        ]

    return train_branches(
        trainer,
        [tokens // job["batch"] for tokens in job["tokens"]],
        measure,
        warmup=job["warmup"],
        decay=job["decay"],
        save=lambda state: save(state | {"seconds": watch.seconds()}),
        saved=saved,
    )


def _cost(job: dict[str, Any]) -> float:
    """Return a rough number of operations, so that the dearest jobs start first."""
    members = len(job["seeds"]) * len(job["rates"])
    return (3e7 + members * 1500.0 * job["width"] ** 2) * max(job["tokens"])


neural_ngrams.cost = _cost
