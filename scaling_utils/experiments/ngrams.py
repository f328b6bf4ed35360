"""The experiment ``neural_ngrams``: one shape on one corpus, all rates and seeds at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scaling_utils.experiments._shared import Stopwatch, check_tokens, resumed, with_defaults
from scaling_utils.models import NeuralNgrams
from scaling_utils.tasks import LanguageWindows, Task, TextWindows
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
    """Train ``models.NeuralNgrams`` of one width; one row per seed, rate and number of tokens.

    Parameters
    ----------
    job : dict
        The settings; those with a value in brackets may be left out.

        - language: arguments of ``corpora.dirichlet_language``; or text: a corpus's name, with
          context: bytes before the target.
        - width: of the hidden layer.
        - seeds: of data and initial weights.
        - rates: peak learning rates; W2 and W3 use 32 / width of it.
        - tokens: lengths of the runs, rising, whole batches each.
        - batch (256): windows per step.
        - warmup (100): steps.
        - decay (0.25): share of each run.
        - unique: distinct windows of a language, repeated in new orders; absent: all fresh.
    folder : Path
        Where its checkpoints lie; a job that was interrupted goes on from them.

    Returns
    -------
    list of dict
        N (weights that multiply, no embedding, no biases), N_total, D (tokens), flops (exact, of
        this run), loss and se (nats per token), on a text loss_training_documents too, entropy (of
        a language), seed, rate, width, corpus (sha256), seconds (of the whole job until this row).

    Raises
    ------
    TypeError, ValueError
        If a key is unknown or missing; tokens are not whole batches; there is not one of language
        and text, or no context with the text; or a setting is out of range.
    CheckpointError
        If the folder is that of another job, or none of its checkpoints is good.
    FloatingPointError
        If the loss of every network is no longer finite.
    """
    job = with_defaults(job, NEEDED, DEFAULTS)
    check_tokens(job, per_step=job["batch"])
    task = _task(job["language"], job["text"], job["context"], job["unique"])
    width, rates, seeds = job["width"], job["rates"], job["seeds"]
    members = [(seed, rate) for seed in seeds for rate in rates]
    model = NeuralNgrams(task.vocab, task.context, width, [seed for seed, _ in members])
    slower = {name: BASE_WIDTH / width for name in ("w2", "w3")}
    optimiser = MemberAdam(model, [rate for _, rate in members], slower)
    trainer = Trainer(model, optimiser, task.batches(seeds, job["batch"], len(rates)))
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
                **{name: value[m] for name, value in found.items()},
                "entropy": task.entropy,
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


def _task(language: dict | None, text: str | None, context: int | None, unique: int | None) -> Task:
    """Return what a job learns on: a language by its settings, or a text by its name."""
    if (language is None) == (text is None):
        raise ValueError("a job needs either 'language' or 'text'")
    if (text is None) != (context is None):
        raise ValueError("a job on text needs a 'context'; one on a language has its order")
    if text is not None:
        if unique is not None:
            raise ValueError("'unique' windows are drawn from languages only")
        return TextWindows(text, context)
    return LanguageWindows(language, unique)


def _cost(job: dict[str, Any]) -> float:
    """Return a rough number of operations, so that the dearest jobs start first."""
    members = len(job["seeds"]) * len(job["rates"])
    return (3e7 + members * 1500.0 * job["width"] ** 2) * max(job["tokens"])


neural_ngrams.cost = _cost
