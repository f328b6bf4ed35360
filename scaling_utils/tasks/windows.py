"""What n-gram networks side by side are trained on: windows for each seed, a held-out loss."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from scaling_utils._check import whole
from scaling_utils.corpora import languages, splits, texts
from scaling_utils.corpora.windows import HeldOutWindows, Windows
from scaling_utils.training.evaluation import evaluate

CHUNK = 4096  # held-out windows at a time
HELD_OUT = 32_768  # held-out windows


def window_task(language: dict | None, text: str | None, context: int | None, unique: int | None):
    """Return the task of a job: a language by its settings, or a text by its name.

    Raises
    ------
    ValueError : both or neither; a text without a context; a language with one.
    """
    if (language is None) == (text is None):
        raise ValueError("a job needs either 'language' or 'text'")
    if (text is None) != (context is None):
        raise ValueError("a job on text needs a 'context'; one on a language has its order")
    if text is not None:
        if unique is not None:
            raise ValueError("'unique' windows are drawn from languages only")
        return TextWindows(text, context)
    return LanguageWindows(language, unique)


class LanguageWindows:
    """Independent windows of a language of known entropy.

    Parameters
    ----------
    settings : arguments of ``corpora.languages.dirichlet_language``, or a ``Language``.
    unique : number of distinct training windows, which are then repeated in a new order in
        each epoch; None draws every window fresh.
    held_out : contexts on which the loss is measured, the same ones for all networks.
    """

    def __init__(
        self,
        settings: dict | languages.Language,
        unique: int | None = None,
        held_out: int = HELD_OUT,
    ):
        made = isinstance(settings, languages.Language)
        self.language = settings if made else languages.dirichlet_language(**settings)
        self.vocab, self.context = self.language.vocab, self.language.order
        self.unique = None if unique is None else whole("unique", unique)
        self.held_out = whole("held_out", held_out)
        self.sha256 = _digest(self.language.rows) if made else table_hash(**settings)

    def batches(self, seeds: Sequence[int], copies: int, size: int):
        """Return index -> windows (S copies, size, c) and targets (S copies, size).

        Each seed has its own data; its ``copies`` (learning rates, say) see the same.
        """
        draw = self._fresh if self.unique is None else self._repeated(seeds)

        def batches(index: int) -> tuple[Tensor, Tensor]:
            drawn = [draw(size, seed, index) for seed in seeds]
            windows, targets = (
                torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True)
            )
            return windows.repeat_interleave(copies, 0), targets.repeat_interleave(copies, 0)

        return batches

    def _fresh(self, size: int, seed: int, index: int):
        return self.language.windows(size, seed, index)

    def _repeated(self, seeds: Sequence[int]):
        pools = {
            seed: self.language.windows(self.unique, seed, 0, languages.FINITE) for seed in seeds
        }

        @lru_cache(maxsize=2 * len(seeds))  # a batch reaches over the end of an epoch at times
        def order(seed: int, epoch: int) -> np.ndarray:
            return np.random.default_rng([seed, epoch]).permutation(self.unique)

        def draw(size: int, seed: int, index: int):
            places = np.arange(index * size, (index + 1) * size)
            picked = np.empty(size, dtype=np.int64)
            for epoch in np.unique(places // self.unique):
                here = places // self.unique == epoch
                picked[here] = order(seed, int(epoch))[places[here] % self.unique]
            return pools[seed][0][picked], pools[seed][1][picked]

        return draw

    @torch.no_grad()
    def measure(self, model: nn.Module) -> dict[str, list[float] | float]:
        """Return each member's loss in nats per symbol, and its standard error.

        The loss after each held-out context is the cross-entropy against the true row, so
        that no drawn symbol adds noise; mean loss is the source's entropy plus the mean
        Kullback-Leibler divergence. Its standard error is over contexts, which all networks
        share; differences between networks are better known than it says.
        """
        windows, _ = self.language.windows(self.held_out, 0, 0, languages.HELD_OUT)
        powers = self.vocab ** np.arange(self.context - 1, -1, -1)
        each = self._divergences(model, windows @ powers)
        entropy = self.language.entropy
        return {
            "loss": (entropy + each.mean(1)).tolist(),
            "se": (each.std(1) / each.shape[1] ** 0.5).tolist(),
            "entropy": entropy,
        }

    @torch.no_grad()
    def measure_all(self, model: nn.Module) -> list[float]:
        """Return each member's loss over all contexts with their exact weights, nats per symbol.

        It has no error of sampling. The language of the recorded study has 262,144 contexts,
        eight times what ``measure`` takes.
        """
        each = self._divergences(model, np.arange(len(self.language.rows)))
        return (self.language.entropy + each @ torch.from_numpy(self.language.mass)).tolist()

    def _divergences(self, model: nn.Module, contexts: np.ndarray) -> Tensor:
        """Return KL(row of the language, the model's) after each context, (M, contexts), nats."""
        found = []
        for part in np.array_split(contexts, -(-len(contexts) // CHUNK)):
            row = torch.from_numpy(self.language.rows[part]).float()  # (n, V)
            windows = torch.from_numpy(self.language.symbols(part))  # (n, c)
            logits = model(windows.expand(model.members, -1, -1))  # (M, n, V)
            gap = row.log() - torch.log_softmax(logits, -1)  # (M, n, V)
            found.append((row * gap).sum(-1))  # (M, n)
        return torch.cat(found, 1).double()


class TextWindows:
    """Windows of a text that needs no download, drawn from the documents to train on.

    Parameters
    ----------
    name : of the corpus. context : bytes before the target.
    """

    vocab = 256

    def __init__(self, name: str, context: int):
        self.split = split_text(name)
        self.context = whole("context", context)
        self.sha256 = self.split.text.sha256

    def batches(self, seeds: Sequence[int], copies: int, size: int):
        """Return index -> windows (S copies, size, c) and targets (S copies, size)."""
        drawn = [Windows(self.split.train, self.context, size, seed) for seed in seeds]

        def batches(index: int) -> tuple[Tensor, Tensor]:
            parts = zip(*(windows(index) for windows in drawn), strict=True)
            windows, targets = (torch.stack(part) for part in parts)
            return windows.repeat_interleave(copies, 0), targets.repeat_interleave(copies, 0)

        return batches

    def measure(self, model: nn.Module) -> dict[str, list[float]]:
        """Return each member's loss in nats per byte, on held-out and on training documents.

        The standard error takes documents as independent. ``loss_training_documents`` is over
        windows spread evenly through the training documents; a run that drew D of the S windows
        there has seen a share 1 - exp(-D/S) of them.
        """
        held_out = self._evaluated(model, self.split.held_out)
        training = self._evaluated(model, self.split.train)
        return {
            "loss": held_out.loss.tolist(),
            "se": held_out.se.tolist(),
            "loss_training_documents": training.loss.tolist(),
        }

    def _evaluated(self, model: nn.Module, stream: splits.Stream):
        stride = max(1, stream.size // HELD_OUT)
        parts = HeldOutWindows(stream, self.context, CHUNK // 8, stride)
        shape = model.members
        return evaluate(
            model, ((x.expand(shape, -1, -1), y.expand(shape, -1), d) for x, y, d in parts)
        )


@lru_cache(maxsize=2)
def split_text(name: str) -> splits.Split:
    """Return a corpus, divided by document into nine tenths to train on and the rest."""
    return splits.split(texts.text(name))


@lru_cache(maxsize=4)
def table_hash(**settings) -> str:
    """Return the SHA-256 of a language's table of probabilities."""
    return _digest(languages.dirichlet_language(**settings).rows)


def _digest(rows: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(rows)).hexdigest()
