"""What GPTs and LSTMs are trained on: batches of sequences, and a held-out loss."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from scaling_utils._check import whole
from scaling_utils.corpora import languages
from scaling_utils.corpora.windows import HeldOutSequences, Sequences
from scaling_utils.tasks.windows import split_text, table_hash
from scaling_utils.training.evaluation import IGNORED, evaluate

PASSAGES = 1024  # drawn at a time: a passage alone costs as much as many together
HELD_OUT = 32_768  # held-out tokens
CHUNK = 4096  # held-out tokens at a time


def sequence_task(language: dict | None, text: str | None, length: int):
    """Return the task of a job: a language by its settings, or a text by its name.

    Raises
    ------
    ValueError : both or neither.
    """
    if (language is None) == (text is None):
        raise ValueError("a job needs either 'language' or 'text'")
    return TextSequences(text, length) if text is not None else LanguageSequences(language, length)


class LanguageSequences:
    """Passages of a language of known entropy.

    Parameters
    ----------
    settings : arguments of ``corpora.dirichlet_language``. length : tokens of a sequence.

    Raises
    ------
    ValueError : a length that does not exceed the order, so that no place sees all it needs.
    """

    def __init__(self, settings: dict, length: int):
        self.language = languages.dirichlet_language(**settings)
        self.vocab = self.language.vocab
        self.length = whole("length", length, at_least=self.language.order + 1)
        self.sha256 = table_hash(**settings)
        self._block = lru_cache(maxsize=2)(self._drawn)

    def _drawn(self, seed: int, block: int) -> np.ndarray:
        return self.language.chains(PASSAGES, self.length + 1, seed, block)

    def batch(self, size: int, seed: int, index: int) -> tuple[Tensor, Tensor]:
        """Return inputs and targets (size, length) of batch ``index``."""
        places = np.arange(index * size, (index + 1) * size)
        rows = [
            self._block(seed, int(b))[p] for b, p in zip(*divmod(places, PASSAGES), strict=True)
        ]
        passages = torch.from_numpy(np.stack(rows))  # (B, T + 1)
        return passages[:, :-1], passages[:, 1:]

    def measure(self, model: nn.Module) -> dict[str, float]:
        """Return the loss in nats per symbol where the context is whole, and its error.

        Only places that see ``order`` symbols count, so that the entropy is the smallest
        possible loss. It is measured against the true rows: no drawn symbol adds noise. The
        standard error takes passages as independent; all networks share them.
        """
        each = self._divergences(model).mean(1)  # (n,)
        entropy = self.language.entropy
        return {
            "loss": entropy + each.mean().item(),
            "se": (each.std() / len(each) ** 0.5).item(),
            "entropy": entropy,
        }

    def by_place(self, model: nn.Module) -> list[float]:
        """Return the loss at each place that sees ``order`` symbols or more, the first one
        first, in nats per symbol; ``measure`` gives their mean."""
        return (self.language.entropy + self._divergences(model).mean(0)).tolist()

    @torch.no_grad()
    def _divergences(self, model: nn.Module) -> Tensor:
        """Return the divergence of the true rows from the model's, shape (n, T - order + 1)."""
        order, n = self.language.order, max(2, HELD_OUT // self.length)
        passages = self.language.chains(n, self.length, 0, 0, languages.HELD_OUT)  # (n, T)
        seen = np.lib.stride_tricks.sliding_window_view(passages, order, axis=1)
        contexts = seen @ self.vocab ** np.arange(order - 1, -1, -1)  # (n, T - order + 1)
        model.eval()
        found = []
        step = max(1, CHUNK // self.length)
        for first in range(0, n, step):
            tokens = torch.from_numpy(passages[first : first + step])  # (B, T)
            rows = torch.from_numpy(self.language.rows[contexts[first : first + step]]).float()
            guesses = torch.log_softmax(model(tokens)[:, order - 1 :], -1)  # (B, T', V)
            found.append((rows * (rows.log() - guesses)).sum(-1))  # (B, T')
        model.train()
        return torch.cat(found).double()


class TextSequences:
    """Passages of a text that needs no download.

    Parameters
    ----------
    name : of the corpus. length : bytes of a sequence.
    """

    vocab = 256

    def __init__(self, name: str, length: int):
        self.split = split_text(name)
        self.length = whole("length", length)
        self.sha256 = self.split.text.sha256
        self._sequences = lru_cache(maxsize=2)(self._drawn)

    def _drawn(self, size: int, seed: int) -> Sequences:
        return Sequences(self.split.train, self.length, size, seed)

    def batch(self, size: int, seed: int, index: int) -> tuple[Tensor, Tensor]:
        """Return inputs and targets (size, length) of batch ``index``."""
        return self._sequences(size, seed)(index)

    def measure(self, model: nn.Module) -> dict[str, float]:
        """Return the loss on held-out documents in nats per byte, and its standard error.

        Pieces of all held-out documents are taken evenly; documents count as independent.
        """
        found = evaluate(model, self._held_out)
        return {"loss": found.loss, "se": found.se}

    @torch.no_grad()
    def by_place(self, model: nn.Module) -> list[float]:
        """Return the loss at each place of a piece, the one that sees one byte first, in nats
        per byte. The mean of ``measure`` weighs places by how often pieces reach them."""
        sums, counts = torch.zeros(2, self.length, dtype=torch.float64)  # (T,) each
        model.eval()
        for tokens, targets, _ in self._held_out:
            logits = model(tokens).flatten(0, 1)  # (B T, V)
            losses = cross_entropy(logits, targets.flatten(), reduction="none")  # 0 if ignored
            sums += losses.view(targets.shape).double().sum(0)
            counts += (targets != IGNORED).sum(0)
        model.train()
        return (sums / counts).tolist()

    @cached_property
    def _held_out(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        size = CHUNK // self.length
        parts = list(HeldOutSequences(self.split.held_out, self.length, size))
        stride = max(1, len(parts) * size * self.length // (8 * HELD_OUT))
        return parts[::stride]
