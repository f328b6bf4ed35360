"""Recall from context: pairs of a key and a value, a key once more, and its value is wanted.

Letters in shape comments: M members, B sequences, T tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from scaling_utils.models import AttentionOnly
from scaling_utils.training import MemberAdam, Trainer

PAIRS, VOCAB = 6, 32  # the first half of the vocabulary are keys, the second values


@dataclass(frozen=True)
class Arm:
    """A kind of network: all can learn which tokens are values; not all can look one up."""

    name: str
    layers: int = 2
    placed: bool = True
    given: bool = False


ARMS = (
    Arm("two layers"),
    Arm("one layer", layers=1),
    Arm("one layer, given", layers=1, given=True),
    Arm("no places", placed=False),
)


def asked(members: int, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return sequences (M, B, T), T = 2 PAIRS + 1, and the value that each asks for, (M, B)."""
    generator, half = torch.Generator().manual_seed(seed), VOCAB // 2
    drawn = torch.rand(2, members, size, half, generator=generator).argsort(-1)[..., :PAIRS]
    keys, values = drawn[0], half + drawn[1]  # (M, B, PAIRS) each, no two alike
    which = torch.randint(PAIRS, (members, size, 1), generator=generator)
    pairs = torch.stack([keys, values], -1).flatten(-2)
    return torch.cat([pairs, keys.gather(-1, which)], -1), values.gather(-1, which).squeeze(-1)


def measures(model: AttentionOnly, size: int = 512) -> dict[str, Tensor]:
    """Return what is recorded of each member, (M,) each, on ``size`` sequences of its own."""
    tokens, targets = asked(len(model.seeds), size, 10**9)
    with torch.no_grad():
        logits, looks = model.attended(tokens)
        cut = model(tokens, without=0)
    right = logits.double().log_softmax(-1).gather(-1, targets[..., None]).squeeze(-1)
    broken = cut.double().softmax(-1).gather(-1, targets[..., None]).squeeze(-1)
    wanted = tokens == targets[..., None]  # (M, B, T): where the value stands
    odd = torch.arange(1, 2 * PAIRS, 2)
    return {
        "p": right.exp().mean(1),
        "geometric": right.mean(1).exp(),
        "token": (logits.argmax(-1) == targets).double().mean(1),
        "cut": broken.mean(1),  # p once the first layer is left out
        "back": looks[0][:, :, odd, odd - 1].double().mean((1, 2)),  # from values to their keys
        "match": (looks[-1][:, :, -1] * wanted).sum(-1).double().mean(1),
    }


def learn(arm: Arm, width: int, rate: float, seeds: list[int], steps: int, batch: int = 64):
    """Train one network for each seed; return a row of each, with p on the way in ``curve``."""
    T = 2 * PAIRS + 1
    model = AttentionOnly(arm.layers, width, VOCAB, T, seeds, placed=arm.placed, given=arm.given)
    optimiser = MemberAdam(model, [rate] * len(seeds))
    first = 10**6 * (seeds[0] + 1)  # numbers of the batches, which no other group uses
    trainer = Trainer(model, optimiser, lambda i: asked(len(seeds), batch, first + i), clip=1.0)
    trainer.train(
        steps,
        lambda step: min(1.0, (step + 1) / 50),
        every=max(steps // 12, 1),
        evaluate=lambda model: {"p": measures(model, 128)["p"].tolist()},
    )
    last, rows = measures(model), []
    for member, seed in enumerate(seeds):
        row = {"arm": arm.name, "size": width, "N": model.parameters_each}
        row |= {"seed": seed, "rate": rate}
        row |= {name: round(float(values[member]), 6) for name, values in last.items()}
        row["curve"] = " ".join(f"{mark['p'][member]:.3f}" for mark in trainer.history)
        rows.append(row)
    return rows
