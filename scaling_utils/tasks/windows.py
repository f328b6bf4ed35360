"""Windows of a language or of a text, for n-gram networks side by side."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from scaling_utils._check import whole
from scaling_utils.corpora import languages, splits, texts
from scaling_utils.corpora.windows import HeldOutWindows, Windows
from scaling_utils.tasks._task import Batches, side_by_side
from scaling_utils.training.evaluation import HeldOut, evaluate

CHUNK = 4096  # held-out windows of a language at a time
TEXT_CHUNK = 512  # and of a text
HELD_OUT = 32_768  # held-out windows


class LanguageWindows:
    """Independent windows of a language of known entropy.

    Parameters
    ----------
    language : Language or dict
        A ``corpora.languages.Language``, or arguments of ``dirichlet_language``.
    unique : int, optional
        Number of distinct training windows, which are then repeated in a new order in each
        epoch; None draws every window fresh.
    held_out : int or None
        Contexts on which the loss is measured, the same ones for all networks. None measures
        all contexts with their exact weights.

    Raises
    ------
    TypeError, ValueError
        If ``unique`` or ``held_out`` is not a whole number from 1, or the arguments of the
        language are bad.
    """

    def __init__(
        self,
        language: languages.Language | dict,
        unique: int | None = None,
        held_out: int | None = HELD_OUT,
    ):
        if isinstance(language, dict):
            language = languages.dirichlet_language(**language)
        self.language, self.vocab, self.context = language, language.vocab, language.order
        self.unique = None if unique is None else whole("unique", unique)
        self.held_out = None if held_out is None else whole("held_out", held_out)
        self.entropy, self.sha256 = language.entropy, language.sha256

    def batches(self, seeds: int | Sequence[int], size: int, copies: int = 1) -> Batches:
        """Return what gives the batches of some seeds: see ``Task.batches``.

        Parameters
        ----------
        seeds : int or sequence of int
            Of the windows, S of them, or one as a number; each is 0 or more.
        size, copies : int
            ``size`` windows a batch, ``copies`` networks a seed: 1 where ``seeds`` is a number.

        Returns
        -------
        callable
            Index of a batch -> windows (S copies, size, order) and targets (S copies, size); of one
            seed as a number (size, order) and (size,).

        Raises
        ------
        TypeError, ValueError
            If ``copies`` is out of range.
        """
        many = [seeds] if isinstance(seeds, int) else list(seeds)
        numbers = self._fresh if self.unique is None else self._repeated(many)

        def draw(seed: int, index: int) -> tuple[Tensor, Tensor]:
            windows, targets = numbers(size, seed, index)
            return torch.from_numpy(windows), torch.from_numpy(targets)

        return side_by_side(draw, seeds, copies)

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

    def measure(self, model: nn.Module) -> dict[str, list[float]]:
        """Return each member's held-out loss.

        The loss after each held-out context is the cross-entropy against the true row, so
        that no drawn symbol adds noise; mean loss is the source's entropy plus the mean
        Kullback-Leibler divergence. Its error is over contexts, which all networks share, so
        differences between networks are better known. It is 0 where all contexts are measured.

        Parameters
        ----------
        model : torch.nn.Module
            Maps windows (M, B, order) to logits (M, B, V), and has ``members``, M.

        Returns
        -------
        dict of str to list of float, shape (M,)
            "loss" and "se", its standard error, in nats per symbol.
        """
        if self.held_out is None:
            return {"loss": self.measure_all(model), "se": [0.0] * model.members}
        windows, _ = self.language.windows(self.held_out, 0, 0, languages.HELD_OUT)
        powers = self.vocab ** np.arange(self.context - 1, -1, -1)
        each = self._divergences(model, windows @ powers)
        return {
            "loss": (self.entropy + each.mean(1)).tolist(),
            "se": (each.std(1) / each.shape[1] ** 0.5).tolist(),
        }

    def measure_all(self, model: nn.Module) -> list[float]:
        """Return each member's loss over all contexts with their exact weights.

        The language of the recorded study has 262,144, eight times what ``measure`` takes.

        Parameters
        ----------
        model : torch.nn.Module
            As for ``measure``.

        Returns
        -------
        list of float, shape (M,)
            Nats per symbol, without an error of sampling.
        """
        each = self._divergences(model, np.arange(len(self.language.rows)))
        return (self.entropy + each @ torch.from_numpy(self.language.mass)).tolist()

    @torch.no_grad()
    def _divergences(self, model: nn.Module, contexts: np.ndarray) -> Tensor:
        """Return KL(row of the language, the model's) after each context, (M, contexts), nats."""
        found = []
        for part in torch.from_numpy(contexts).split(CHUNK):
            row = torch.from_numpy(self.language.rows[part.numpy()]).float()  # (n, V)
            windows = torch.from_numpy(self.language.symbols(part.numpy()))  # (n, c)
            logits = model(windows.expand(model.members, -1, -1))  # (M, n, V)
            gap = row.log() - torch.log_softmax(logits, -1)  # (M, n, V)
            found.append((row * gap).sum(-1))  # (M, n)
        return torch.cat(found, 1).double()


class TextWindows:
    """Windows of a text that needs no download, drawn from the documents to train on.

    Parameters
    ----------
    name : str
        Of the corpus, as in ``corpora.texts.text``: "python", "english" or "cpp".
    context : int
        Bytes before the target, at least 1.
    unique : int, optional
        Bytes of documents to train on, more than ``context``: the first ones in an order that the
        seed decides. None takes all of them.
    held_out : int
        Windows on which the loss is measured, about.
    training_documents : bool
        Whether it is measured on documents that were trained on, too.

    Raises
    ------
    TypeError, ValueError, DataUnavailable
        If a number is out of its range; and as ``split_text``.
    """

    vocab = 256
    entropy = None

    def __init__(
        self,
        name: str,
        context: int,
        unique: int | None = None,
        held_out: int = HELD_OUT,
        training_documents: bool = True,
    ):
        self.split, self.context = split_text(name), whole("context", context)
        self.sha256 = self.split.text.sha256
        self.unique = None if unique is None else whole("unique", unique, at_least=context + 1)
        self.held_out, self.training_documents = whole("held_out", held_out), training_documents

    def batches(self, seeds: int | Sequence[int], size: int, copies: int = 1) -> Batches:
        """Return what gives the batches of some seeds: see ``Task.batches``.

        Parameters
        ----------
        seeds : int or sequence of int
            Of the windows, S of them, or one as a number; each is 0 or more and below 2^53.
        size, copies : int
            ``size`` windows a batch, ``copies`` networks a seed: 1 where ``seeds`` is a number.

        Returns
        -------
        callable
            Index of a batch -> windows (S copies, size, context) and targets (S copies, size); of
            one seed as a number (size, context) and (size,).

        Raises
        ------
        TypeError, ValueError
            If an argument is out of range, ``unique`` is more than the documents have, or none of
            them holds a window.
        """
        many = [seeds] if isinstance(seeds, int) else list(seeds)
        drawn = {seed: Windows(self._part(seed), self.context, size, seed) for seed in many}
        return side_by_side(lambda seed, index: drawn[seed](index), seeds, copies)

    def _part(self, seed: int) -> splits.Stream:
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
        names = tuple(train.names[i] for i in order[:kept])
        return splits.Stream(np.concatenate(pieces), offsets, names)

    def measure(self, model: nn.Module) -> dict[str, list[float]]:
        """Return each member's loss on held-out documents.

        The standard error takes documents as independent. ``loss_training_documents``, if
        asked for, is over windows spread evenly through the training documents; a run that drew
        D of the S windows there has seen a share 1 - exp(-D/S) of them.

        Parameters
        ----------
        model : torch.nn.Module
            Maps windows (M, B, context) to logits (M, B, 256), and has ``members``, M.

        Returns
        -------
        dict of str to list of float, shape (M,)
            "loss", "se", and perhaps "loss_training_documents", in nats per byte.
        """
        held_out = self._evaluated(model, self.split.held_out)
        found = {"loss": held_out.loss.tolist(), "se": held_out.se.tolist()}
        if self.training_documents:
            training = self._evaluated(model, self.split.train)
            found["loss_training_documents"] = training.loss.tolist()
        return found

    def _evaluated(self, model: nn.Module, stream: splits.Stream) -> HeldOut:
        stride, M = max(1, stream.size // self.held_out), model.members
        parts = HeldOutWindows(stream, self.context, TEXT_CHUNK, stride)
        return evaluate(model, ((x.expand(M, -1, -1), y.expand(M, -1), d) for x, y, d in parts))


@lru_cache(maxsize=2)
def split_text(name: str) -> splits.Split:
    """Return a corpus, divided by document into nine tenths to train on and the rest.

    Parameters
    ----------
    name : str
        Of the corpus, as in ``corpora.texts.text``: "python", "english" or "cpp".

    Returns
    -------
    corpora.splits.Split
        Of the documents, by their names; the last two that were asked for are kept.

    Raises
    ------
    ValueError, DataUnavailable
        If the name is unknown; if this machine has no files of which to make the corpus.
    """
    return splits.split(texts.text(name))
