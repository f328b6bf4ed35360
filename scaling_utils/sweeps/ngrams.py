"""The experiment ``neural_ngrams``: one shape on one corpus, all rates and seeds at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scaling_utils.models import NeuralNgrams
from scaling_utils.sweeps.experiments import Stopwatch, resumed
from scaling_utils.sweeps.tasks import LanguageWindows
from scaling_utils.training import MemberAdam, Trainer
from scaling_utils.training.branches import train_branches

BASE_WIDTH = 32  # the two hidden-to-anything matrices use the rate times 32 / width
DEFAULTS = {"batch": 256, "warmup": 100, "decay": 0.25, "unique": None}
NEEDED = {"language", "width", "seeds", "rates", "tokens"}


def neural_ngrams(job: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Train ``models.NeuralNgrams`` of one width; one row per seed, rate and tokens.

    The job
    -------
    language : arguments of ``corpora.languages.dirichlet_language``.
    width : of the hidden layer. seeds : of data and initial weights.
    rates : peak learning rates; W2 and W3 use 32 / width of it.
    tokens : lengths of the runs, rising, whole batches each.
    batch : windows per step (256). warmup : steps (100). decay : share of each run (0.25).
    unique : distinct windows, repeated in new orders; fresh ones when absent.

    Rows
    ----
    N (weights that multiply, no embedding, no biases), N_total, D (tokens), flops (exact, of
    this run), loss and se (nats per token), entropy, seed, rate, width, corpus (sha256),
    seconds (of the whole job until this row).

    Raises
    ------
    ValueError : a key that is unknown or missing; tokens that are not whole batches.
    """
    unknown, missing = set(job) - NEEDED - set(DEFAULTS), NEEDED - set(job)
    if unknown or missing:
        raise ValueError(f"job has unknown keys {sorted(unknown)} and lacks {sorted(missing)}")
    job = DEFAULTS | job
    if any(tokens % job["batch"] for tokens in job["tokens"]):
        raise ValueError(f"tokens must be multiples of the batch {job['batch']}: {job['tokens']}")
    task = LanguageWindows(job["language"], job["unique"])
    width, rates, seeds = job["width"], job["rates"], job["seeds"]
    members = [(seed, rate) for seed in seeds for rate in rates]
    model = NeuralNgrams(task.vocab, task.context, width, [seed for seed, _ in members])
    slower = {name: BASE_WIDTH / width for name in ("w2", "w3")}
    optimiser = MemberAdam(model, [rate for _, rate in members], slower)
    trainer = Trainer(model, optimiser, task.batches(seeds, len(rates), job["batch"]))
    saved, save = resumed(folder)
    watch = Stopwatch(saved["seconds"] if saved else 0.0)

    def measure(trainer: Trainer, end: int) -> list[dict[str, Any]]:
        found, tokens = task.measure(model), end * job["batch"]
        return [
            {
                "N": model.matmul_parameters,
                "N_total": model.total_parameters,
                "D": tokens,
                "flops": model.flops_per_token * tokens,
                "loss": found["loss"][m],
                "se": found["se"][m],
                "entropy": found["entropy"],
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
