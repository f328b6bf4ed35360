"""Runs of this folder: networks of one attention layer that look values up by their keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from scaling_utils.models import Recall
from scaling_utils.tasks._task import Batches, side_by_side
from scaling_utils.training import MemberAdam, Trainer
from scaling_utils.training.schedules import Schedule

# Seeds of the held-out sequences of each phase; those that train are below.
HELD_OUT = {"tuning": 1_000_003, "scored": 1_000_004}


class Pairs:
    """Pairs of a key and a value: different keys, any values, each key asked once.

    Parameters
    ----------
    pairs, keys, values : int
        P in a sequence; K and V to draw from.
    held_out : int
        Sequences to measure on, a multiple of 64.
    phase : {"tuning", "scored"}
        Each is measured on sequences of its own.
    """

    sha256 = entropy = None

    def __init__(self, pairs: int, keys: int, values: int, held_out: int, phase: str):
        self.pairs, self.keys, self.values = pairs, keys, values
        self.held_out, self.seed = held_out, HELD_OUT[phase]

    def draw(self, seed: int, index: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return pairs (size, 2, P) and the value of each key (size, P)."""
        generator = torch.Generator().manual_seed(seed * 1_000_000 + index)
        order = torch.rand(size, self.keys, generator=generator).argsort(-1)  # (size, K)
        keys = order[:, : self.pairs]  # (size, P)
        values = torch.randint(self.values, keys.shape, generator=generator)  # (size, P)
        return torch.stack([keys, values], 1), values

    def batches(self, seeds: int | Sequence[int], size: int, copies: int = 1) -> Batches:
        """Return what gives the batches of some seeds: see ``tasks.Task``."""
        return side_by_side(lambda seed, index: self.draw(seed, index, size), seeds, copies)

    @torch.no_grad()
    def measure(self, model: Recall) -> dict[str, list[float]]:
        """Return the loss, its standard error and the share of right answers of each member."""
        losses, right = [], []
        for index in range(self.held_out // 64):
            pairs, targets = self.draw(self.seed, index, 64)
            pairs = pairs.expand(model.members, -1, -1, -1)  # (M, B, 2, P)
            logits = model(pairs)  # (M, B, P, V)
            right.append((logits.argmax(-1) == targets).double().mean(-1))  # (M, B)
            wanted = targets.expand(model.members, -1, -1)[..., None]  # (M, B, P, 1)
            losses.append(-logits.log_softmax(-1).gather(-1, wanted).double().mean((-1, -2)))
        each = torch.cat(losses, 1)  # (M, n)
        found = {"loss": each.mean(1), "se": each.std(1) / each.shape[1] ** 0.5}
        return {k: x.tolist() for k, x in (found | {"right": torch.cat(right, 1).mean(1)}).items()}


@dataclass(frozen=True)
class Arm:
    """A kind of attention and the width of its keys."""

    kind: str
    width: int

    @property
    def name(self) -> str:
        """As in the table."""
        return f"{self.kind} {self.width}"


@dataclass(frozen=True)
class Setting:
    """What all runs share: sizes, and a schedule in steps."""

    keys: int
    values: int
    value_width: int
    batch: int
    steps: int
    warmup: int
    decay: int
    held_out: int


def race(
    arm: Arm,
    pairs: int,
    setting: Setting,
    phase: str,
    seeds: Sequence[int],
    rates: Sequence[float],
) -> list[dict]:
    """Train a network for each seed and rate side by side, and measure them at the end.

    A seed names the sequences and the first weights.
    """
    each = [(seed, rate) for seed in seeds for rate in rates]
    task = Pairs(pairs, setting.keys, setting.values, setting.held_out, phase)
    size = (setting.keys, setting.values, arm.width, setting.value_width)
    model = Recall(arm.kind, *size, [seed for seed, _ in each])
    batches = task.batches(seeds, setting.batch, len(rates))
    trainer = Trainer(model, MemberAdam(model, [rate for _, rate in each]), batches, clip=1.0)
    trainer.train(setting.steps, Schedule(setting.steps, setting.warmup, setting.decay))
    found = task.measure(model)
    return [
        {
            "phase": phase,
            "arm": arm.name,
            "pairs": pairs,
            "seed": seed,
            "rate": rate,
            "steps": setting.steps,
            "state": model.state,
            "right": round(found["right"][m], 5),
            "loss": float(f"{found['loss'][m]:.6g}"),
        }
        for m, (seed, rate) in enumerate(each)
    ]
