"""A dictionary learnt by heart: words of k tokens for keys that have nothing in common.

Letters in shape comments: M members, K keys, k tokens of a word.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from scaling_utils.models import MLPs
from scaling_utils.training import MemberAdam, Trainer

BANDS = (0, 16, 32, 64, 128, 256)  # of the keys by rank: the first 16, the next 16, ...


@dataclass(frozen=True)
class Dictionary:
    """What is learnt: ``keys`` random signs of ``bits`` numbers, each with a random word.

    ``zipf`` is the exponent of the keys' frequencies by rank; 0 makes all alike.
    """

    keys: int = 256
    bits: int = 32
    length: int = 8
    letters: int = 10
    zipf: float = 0.0

    @property
    def frequencies(self) -> Tensor:
        """How often each key is asked, (K,), of sum 1."""
        weights = torch.arange(1, self.keys + 1).double() ** -self.zipf
        return (weights / weights.sum()).float()

    def drawn(self, seeds: list[int]) -> tuple[Tensor, Tensor]:
        """Return each seed's keys (M, K, bits) and words (M, K, k)."""
        pairs = []
        for seed in seeds:
            generator = torch.Generator().manual_seed(seed)
            signs = torch.randint(2, (self.keys, self.bits), generator=generator) * 2.0 - 1
            words = torch.randint(self.letters, (self.keys, self.length), generator=generator)
            pairs.append((signs, words))
        return tuple(map(torch.stack, zip(*pairs, strict=True)))


class Learner(MLPs):
    """Networks of one hidden layer that say a whole word at once: a distribution for each place."""

    def __init__(self, task: Dictionary, hidden: int, members: int, seed: int):
        super().__init__((task.bits, hidden, task.length * task.letters), members, seed)
        self.task = task
        self.register_buffer("frequencies", task.frequencies)

    @property
    def parameters_each(self) -> int:
        """Parameters of one member, biases included."""
        return sum(parameter[0].numel() for parameter in self.parameters())

    def said(self, keys: Tensor) -> Tensor:
        """Return log-probabilities, (M, K, k, letters)."""
        shape = (*keys.shape[:2], self.task.length, self.task.letters)
        return self(keys).view(shape).log_softmax(-1)

    def loss(self, keys: Tensor, words: Tensor) -> Tensor:
        """Mean cross-entropy of a token in nats, (M,), keys weighed by their frequency."""
        right = self.said(keys).gather(-1, words[..., None]).squeeze(-1)  # (M, K, k)
        return -(right.mean(-1) * self.frequencies).sum(-1)


def shuffled_exact(correct: Tensor, draws: int, seed: int) -> Tensor:
    """Share of whole words right once each place's errors are dealt to other keys, (M,).

    Every place keeps its share of right tokens. Only which key has the error changes, separately
    for each place, so that errors of one word no longer come together.
    """
    generator = torch.Generator().manual_seed(seed)
    found = 0.0
    for _ in range(draws):
        order = torch.rand(correct.shape, generator=generator).argsort(1)  # over the keys
        found = found + correct.gather(1, order).all(-1).double().mean(-1)
    return found / draws


def measures(model: Learner, keys: Tensor, words: Tensor) -> dict[str, Tensor]:
    """Return what is recorded of each member, (M,) each."""
    with torch.no_grad():
        said = model.said(keys).double()
    right = said.gather(-1, words[..., None]).squeeze(-1)  # log-probabilities (M, K, k)
    correct = said.argmax(-1) == words
    whole = correct.all(-1).double()  # (M, K)
    found = {
        "token": correct.double().mean((1, 2)),
        "exact": whole.mean(1),
        "asked": (whole * model.frequencies).sum(1),  # exact match, keys as often as they are asked
        "p": right.exp().mean((1, 2)),
        "geometric": right.mean((1, 2)).exp(),
        "sampled": right.sum(2).exp().mean(1),  # exact match of words that are drawn
        "shuffled": shuffled_exact(correct, 20, 0),
        "places": correct.double().mean(1).prod(1),  # product over the places
    }
    for band, (low, high) in enumerate(itertools.pairwise(BANDS), 1):
        found[f"band_{band}"] = whole[:, low:high].mean(1)
    return found


def learn(task: Dictionary, hidden: int, rate: float, seeds: list[int], steps: int) -> list[dict]:
    """Train one network for each seed on all keys at once; return a row of each."""
    keys, words = task.drawn(seeds)
    model = Learner(task, hidden, len(seeds), seed=seeds[0])
    optimiser = MemberAdam(model, [rate] * len(seeds))
    trainer = Trainer(model, optimiser, lambda _: (keys, words))

    def factor(step: int) -> float:
        return min(1.0, (step + 1) / 20, 2 * (steps - step) / steps)

    trainer.train(steps, factor)
    found = measures(model, keys, words)
    return [
        {"size": hidden, "N": model.parameters_each, "seed": seed, "rate": rate}
        | {name: round(float(values[member]), 6) for name, values in found.items()}
        for member, seed in enumerate(seeds)
    ]
