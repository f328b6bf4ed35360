"""What networks side by side are trained on: batches for each seed, and a held-out loss."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from scaling_utils._check import whole
from scaling_utils.corpora import languages

CHUNK = 4096  # held-out windows at a time


class LanguageWindows:
    """Independent windows of a language of known entropy.

    Parameters
    ----------
    settings : arguments of ``corpora.languages.dirichlet_language``.
    unique : number of distinct training windows, which are then repeated in a new order in
        each epoch; None draws every window fresh.
    held_out : contexts on which the loss is measured, the same ones for all networks.
    """

    def __init__(self, settings: dict, unique: int | None = None, held_out: int = 32_768):
        self.language = languages.dirichlet_language(**settings)
        self.vocab, self.context = self.language.vocab, self.language.order
        self.unique = None if unique is None else whole("unique", unique)
        self.held_out = whole("held_out", held_out)
        self.sha256 = _table_hash(**settings)

    def batches(self, seeds: Sequence[int], copies: int, size: int):
        """Return index -> windows (S copies, size, c) and targets (S copies, size).

        Each seed has its own data; its ``copies`` (learning rates, say) see the same.
        """
        draw = self._fresh if self.unique is None else self._repeated(seeds)

        def batches(index: int) -> tuple[Tensor, Tensor]:
            drawn = [draw(size, seed, index) for seed in seeds]
            windows, targets = (torch.from_numpy(np.stack(part)) for part in zip(*drawn))
            return windows.repeat_interleave(copies, 0), targets.repeat_interleave(copies, 0)

        return batches

    def _fresh(self, size: int, seed: int, index: int):
        return self.language.windows(size, seed, index)

    def _repeated(self, seeds: Sequence[int]):
        pools = {
            seed: self.language.windows(self.unique, seed, 0, languages.FINITE) for seed in seeds
        }

        def draw(size: int, seed: int, index: int):
            places = np.arange(index * size, (index + 1) * size)
            picked = np.empty(size, dtype=np.int64)
            for epoch in np.unique(places // self.unique):
                here = places // self.unique == epoch
                order = np.random.default_rng([seed, int(epoch)]).permutation(self.unique)
                picked[here] = order[places[here] % self.unique]
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
        rows = torch.from_numpy(self.language.rows[windows @ powers]).float()  # (n, V)
        divergences = []
        for part, row in zip(torch.from_numpy(windows).split(CHUNK), rows.split(CHUNK)):
            logits = model(part.expand(model.members, -1, -1))  # (M, n, V)
            gap = row.log() - torch.log_softmax(logits, -1)  # (M, n, V)
            divergences.append((row * gap).sum(-1))  # (M, n)
        each = torch.cat(divergences, 1).double()
        entropy = self.language.entropy
        return {
            "loss": (entropy + each.mean(1)).tolist(),
            "se": (each.std(1) / each.shape[1] ** 0.5).tolist(),
            "entropy": entropy,
        }


@lru_cache(maxsize=4)
def _table_hash(**settings) -> str:
    rows = languages.dirichlet_language(**settings).rows
    return hashlib.sha256(np.ascontiguousarray(rows)).hexdigest()
