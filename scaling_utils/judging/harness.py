"""The suite, run by lm-evaluation-harness. Needs the optional extra ``evaluation``."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scaling_utils.judging.asked import answers
from scaling_utils.judging.suite import write_suite


@dataclass(frozen=True, eq=False)
class Report:
    """What the harness says of a model on ``book_cloze``.

    Attributes
    ----------
    accuracy, stderr : float
        Its ``acc_norm`` and the standard error beside it.
    scores : array of float, shape (items,)
        ``acc_norm`` of each item, in the order of the items.
    """

    accuracy: float
    stderr: float
    scores: np.ndarray


def run_harness(model, items: Sequence[Mapping], context: int) -> Report:
    """Let the harness score a byte-level model on the items of the suite, without a network.

    Parameters
    ----------
    model : torch.nn.Module
        As for :func:`answers`.
    items : sequence of mapping
        As :func:`cloze_items` makes them.
    context : int
        Bytes that the model can see.

    Returns
    -------
    Report

    Raises
    ------
    ModuleNotFoundError
        If ``lm_eval`` is missing.
    ValueError
        If there are no items.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    try:
        from lm_eval import simple_evaluate
        from lm_eval.api.model import LM
        from lm_eval.tasks import TaskManager
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "run_harness needs lm_eval: pip install 'lm-eval>=0.4'"
        ) from error

    class Asked(LM):
        """What the harness asks: log-probabilities of texts after texts."""

        def loglikelihood(self, requests):
            pairs = [tuple(text.encode() for text in one.args) for one in requests]
            return [(one.nats, one.greedy) for one in answers(model, pairs, context)]

        def generate_until(self, requests):
            raise NotImplementedError

        loglikelihood_rolling = generate_until

    # It draws bars of progress on stderr, which a stored output would keep.
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        name = write_suite(folder, items, cache=f"{folder}/cache")[0]
        manager = TaskManager(include_path=folder, include_defaults=False)
        made = simple_evaluate(Asked(), tasks=[name], task_manager=manager, bootstrap_iters=10)
    logged = sorted(made["samples"][name], key=lambda one: one["doc_id"])
    found = made["results"][name]
    scores = np.array([one["acc_norm"] for one in logged])
    return Report(found["acc_norm,none"], found["acc_norm_stderr,none"], scores)
