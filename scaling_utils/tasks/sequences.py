"""Passages of a language or of a text, for a GPT or an LSTM."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from scaling_utils._check import whole
from scaling_utils.corpora import languages
from scaling_utils.corpora.windows import HeldOutSequences, Sequences
from scaling_utils.tasks._task import Batches, side_by_side
from scaling_utils.tasks.windows import split_text
from scaling_utils.training.evaluation import IGNORED, evaluate

PASSAGES = 1024  # drawn at a time: a passage alone costs as much as many together
HELD_OUT = 32_768  # held-out tokens
CHUNK = 4096  # held-out tokens at a time


class LanguageSequences:
    """Passages of a language of known entropy.

    Parameters
    ----------
    language : Language or dict
        A ``corpora.languages.Language``, or arguments of ``dirichlet_language``.
    length : int
        Tokens of a sequence, more than the order of the language.

    Raises
    ------
    TypeError, ValueError
        If the length does not exceed the order, so that no place sees all it needs; or the
        arguments of the language are bad.
    """

    def __init__(self, language: languages.Language | dict, length: int):
        if isinstance(language, dict):
            language = languages.dirichlet_language(**language)
        self.language, self.vocab = language, language.vocab
        self.length = whole("length", length, at_least=language.order + 1)
        self.entropy, self.sha256 = language.entropy, language.sha256
        self._block = lru_cache(maxsize=2)(self._drawn)

    def _drawn(self, seed: int, block: int) -> np.ndarray:
        return self.language.chains(PASSAGES, self.length + 1, seed, block)

    def batches(self, seeds: int | Sequence[int], size: int, copies: int = 1) -> Batches:
        """Return what gives the batches of some seeds: see ``Task.batches``.

        Parameters
        ----------
        seeds : int or sequence of int
            Of the passages, S of them, or one as a number; each is 0 or more.
        size : int
            Sequences in a batch.
        copies : int
            Networks that learn from each seed; 1 where ``seeds`` is a number.

        Returns
        -------
        callable
            Index of a batch -> inputs and targets, (size, length) each, or (S copies, size, length)
            of several seeds.

        Raises
        ------
        TypeError, ValueError
            If ``copies`` is out of range.
        """

        def draw(seed: int, index: int) -> tuple[Tensor, Tensor]:
            places = np.arange(index * size, (index + 1) * size)
            rows = [
                self._block(seed, int(b))[p] for b, p in zip(*divmod(places, PASSAGES), strict=True)
            ]
            passages = torch.from_numpy(np.stack(rows))  # (B, T + 1)
            return passages[:, :-1], passages[:, 1:]

        return side_by_side(draw, seeds, copies)

    def measure(self, model: nn.Module) -> dict[str, float]:
        """Return the loss where the context is whole.

        Only places that see ``order`` symbols count, so that the entropy is the smallest
        possible loss. It is measured against the true rows: no drawn symbol adds noise. The
        standard error takes passages as independent; all networks share them.

        Parameters
        ----------
        model : torch.nn.Module
            Maps tokens (B, T) to logits (B, T, V).

        Returns
        -------
        dict of str to float
            "loss" and "se", its standard error, in nats per symbol.
        """
        each = self._divergences(model).mean(1)  # (n,)
        return {
            "loss": self.entropy + each.mean().item(),
            "se": (each.std() / len(each) ** 0.5).item(),
        }

    def by_place(self, model: nn.Module) -> list[float]:
        """Return the loss at each place of a sequence that sees ``order`` symbols or more.

        Parameters
        ----------
        model : torch.nn.Module
            Maps tokens (B, T) to logits (B, T, V).

        Returns
        -------
        list of float, shape (length - order + 1,)
            Nats per symbol, the first such place first; ``measure`` gives their mean.
        """
        return (self.entropy + self._divergences(model).mean(0)).tolist()

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
    name : str
        Of the corpus, as in ``corpora.texts.text``: "python", "english" or "cpp".
    length : int
        Bytes of a sequence, 1 to 4096.

    Raises
    ------
    TypeError, ValueError
        If the name is unknown, or the length not a whole number from 1 to 4096.
    DataUnavailable
        If this machine has no files of which to make the corpus.
    """

    vocab = 256
    entropy = None

    def __init__(self, name: str, length: int):
        self.split = split_text(name)
        self.length = whole("length", length)
        if self.length > CHUNK:
            raise ValueError(f"length must be at most {CHUNK} bytes, got {length}")
        self.sha256 = self.split.text.sha256

    def batches(self, seeds: int | Sequence[int], size: int, copies: int = 1) -> Batches:
        """Return what gives the batches of some seeds: see ``Task.batches``.

        Parameters
        ----------
        seeds : int or sequence of int
            Of the passages, S of them, or one as a number; each is 0 or more and below 2^53.
        size : int
            Sequences in a batch, at least 1.
        copies : int
            Networks that learn from each seed; 1 where ``seeds`` is a number.

        Returns
        -------
        callable
            Index of a batch -> inputs and targets, (size, length) each, or (S copies, size, length)
            of several seeds.

        Raises
        ------
        TypeError, ValueError
            If an argument is out of range, or no document is longer than a sequence.
        """
        many = [seeds] if isinstance(seeds, int) else list(seeds)
        drawn = {seed: Sequences(self.split.train, self.length, size, seed) for seed in many}
        return side_by_side(lambda seed, index: drawn[seed](index), seeds, copies)

    def measure(self, model: nn.Module) -> dict[str, float]:
        """Return the loss on held-out documents.

        Pieces of all held-out documents are taken evenly; documents count as independent.

        Parameters
        ----------
        model : torch.nn.Module
            Maps tokens (B, T) to logits (B, T, 256).

        Returns
        -------
        dict of str to float
            "loss" and "se", its standard error, in nats per byte.
        """
        found = evaluate(model, self._held_out)
        return {"loss": found.loss, "se": found.se}

    @torch.no_grad()
    def by_place(self, model: nn.Module) -> list[float]:
        """Return the loss at each place of a piece of a held-out document.

        Parameters
        ----------
        model : torch.nn.Module
            Maps tokens (B, T) to logits (B, T, 256).

        Returns
        -------
        list of float, shape (length,)
            Nats per byte, the place that sees one byte first. The mean of ``measure`` weighs places
            by how often pieces reach them.
        """
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
