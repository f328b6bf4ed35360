"""What transfer is measured on: a limited part of a language or of a text, and its loss."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from scaling_utils._check import whole
from scaling_utils.corpora.languages import Language
from scaling_utils.corpora.related import related_language
from scaling_utils.corpora.splits import Stream
from scaling_utils.corpora.windows import HeldOutWindows, Windows
from scaling_utils.tasks.windows import LanguageWindows, split_text
from scaling_utils.training.evaluation import evaluate

CHUNK = 512  # held-out windows of a text at a time
HELD_OUT = 8192  # held-out windows of a text
LARGEST = 2**14  # contexts of a language: all of them are measured


def transfer_tasks(job: dict):
    """Return the source's task, and a function from D_F to the target's task.

    Raises
    ------
    ValueError : neither a language with what its relative shares nor two texts with a
        context, or something of both.
    """
    language, texts = ("language", "shared"), ("source", "target", "context")
    given = {name for name in (*language, *texts) if job[name] is not None}
    if given == set(language):
        how = (job[name] for name in ("shared", "relative", "kept"))
        target = related_language(*how, **job["language"])
        source = related_language(target.order, **job["language"])
        return LimitedLanguage(source), lambda unique: LimitedLanguage(target, unique)
    if given == set(texts):
        context = job["context"]
        source = LimitedText(job["source"], context)
        return source, lambda unique: LimitedText(job["target"], context, unique)
    raise ValueError(f"a job needs {' and '.join(language)}, or {', '.join(texts)}; got {given}")


class LimitedLanguage(LanguageWindows):
    """Windows of a language, and the exact loss over all its contexts.

    Parameters
    ----------
    language : of at most 2^14 contexts. unique : distinct training windows; None draws each
        window fresh.
    """

    def __init__(self, language: Language, unique: int | None = None):
        if len(language.rows) > LARGEST:
            raise ValueError(f"language must have at most {LARGEST} contexts: {len(language.rows)}")
        self.language, self.vocab, self.context = language, language.vocab, language.order
        self.unique = None if unique is None else whole("unique", unique)
        self.sha256 = hashlib.sha256(np.ascontiguousarray(language.rows)).hexdigest()
        windows = language.symbols(np.arange(len(language.rows)))
        self.windows = torch.from_numpy(windows)[None]  # (1, contexts, c)
        self.log_rows = torch.from_numpy(np.log(language.rows)).float()  # (contexts, V)
        self.joint = torch.from_numpy(language.mass[:, None] * language.rows).float()

    @torch.no_grad()
    def measure(self, model: nn.Module) -> dict[str, list[float]]:
        """Return each member's loss in nats per symbol, the entropy and the divergence, and its se.

        All contexts count with their exact weights, so the standard error is 0.
        """
        logits = model(self.windows.expand(model.members, -1, -1))  # (M, contexts, V)
        gaps = self.joint * (self.log_rows - torch.log_softmax(logits, -1))  # (M, contexts, V)
        loss = (self.language.entropy + gaps.double().sum((1, 2))).tolist()
        return {"loss": loss, "se": [0.0] * len(loss)}

    @property
    def entropy(self) -> float:
        """The smallest possible loss, nats per symbol."""
        return self.language.entropy


class LimitedText:
    """Windows from the first bytes of a text's documents, in an order that the seed decides.

    Parameters
    ----------
    name : of the corpus. context : bytes before the target. unique : bytes of documents to
        train on; None takes all of them.
    """

    vocab = 256
    entropy = None

    def __init__(self, name: str, context: int, unique: int | None = None):
        self.split, self.context = split_text(name), whole("context", context)
        self.sha256 = self.split.text.sha256
        self.unique = None if unique is None else whole("unique", unique, at_least=context + 1)

    def batches(self, seeds: Sequence[int], copies: int, size: int):
        """Return index -> windows (S copies, size, c) and targets (S copies, size)."""
        drawn = [Windows(self._part(seed), self.context, size, seed) for seed in seeds]

        def batches(index: int) -> tuple[Tensor, Tensor]:
            parts = zip(*(windows(index) for windows in drawn), strict=True)
            windows, targets = (torch.stack(part) for part in parts)
            return windows.repeat_interleave(copies, 0), targets.repeat_interleave(copies, 0)

        return batches

    def _part(self, seed: int) -> Stream:
        train = self.split.train
        if self.unique is None:
            return train
        if self.unique > train.size:
            raise ValueError(f"unique must be at most the {train.size} bytes, got {self.unique}")
        order = np.random.default_rng(seed).permutation(len(train.names))
        lengths = np.diff(train.offsets)[order]
        kept = int(np.searchsorted(np.cumsum(lengths), self.unique)) + 1
        lengths[kept - 1] -= lengths[:kept].sum() - self.unique  # the last one is cut
        starts = train.offsets[order[:kept]]
        pieces = [train.data[a : a + n] for a, n in zip(starts, lengths[:kept], strict=True)]
        offsets = np.cumsum([0, *lengths[:kept]])
        return Stream(np.concatenate(pieces), offsets, tuple(train.names[i] for i in order[:kept]))

    def measure(self, model: nn.Module) -> dict[str, list[float]]:
        """Return each member's loss in nats per byte on windows of held-out documents, and its se.

        The standard error takes documents as independent.
        """
        stream, M = self.split.held_out, model.members
        parts = HeldOutWindows(stream, self.context, CHUNK, max(1, stream.size // HELD_OUT))
        shaped = ((x.expand(M, -1, -1), y.expand(M, -1), d) for x, y, d in parts)
        found = evaluate(model, shaped)
        return {"loss": found.loss.tolist(), "se": found.se.tolist()}
