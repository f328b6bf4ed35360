"""One run of the race between dense networks and mixtures of experts, and the price of a step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from scaling_utils.memory import Experts
from scaling_utils.models import WindowModel, balance_loss
from scaling_utils.tasks import LanguageWindows
from scaling_utils.training import Schedule

LANGUAGE = {"vocab": 64, "order": 3, "strength": 10.0, "zipf": 1.0, "floor": 0.01, "seed": 0}
WIDTH, LAYERS, BATCH = 32, 2, 256
BALANCE = 0.01  # weight of the balancing loss, the mean over layers


@dataclass(frozen=True)
class Arm:
    """A network, and how much it may spend.

    Attributes
    ----------
    name : str
        As in the table.
    hidden : int or Experts
        Width inside a block's MLP, or the mixture in its place.
    alike : str
        The arm of equal seconds, where the budget is not of FLOPs: as many seconds as that one.
    """

    name: str
    hidden: int | Experts
    alike: str = ""

    def network(self, seed: int) -> WindowModel:
        """Return the network with fresh weights."""
        vocab, order = LANGUAGE["vocab"], LANGUAGE["order"]
        return WindowModel(vocab, order, WIDTH, LAYERS, self.hidden, seed)


def steps_of(arm: Arm, budget: float) -> int:
    """Return the steps that a budget of FLOPs pays for: all of it, but for less than one step."""
    return int(budget // (BATCH * arm.network(0).flops_per_token))


def train(arm: Arm, task: LanguageWindows, rate: float, seed: int, steps: int) -> dict:
    """Train one network; return what came.

    Returns
    -------
    dict
        "loss" and "excess", the held-out loss and what it has above the entropy, in nats; "fullest"
        the load of the fullest expert over the mean load in the last step, the highest of the
        layers, or None in a dense network; "cpu", seconds of processor time.
    """
    model = arm.network(seed)
    adam = torch.optim.Adam(model.parameters(), lr=rate, betas=(0.9, 0.98))
    schedule, batches = Schedule(steps, steps // 20, steps * 3 // 10), task.batches(seed, BATCH)
    begun = time.process_time()
    for step in range(steps):
        adam.param_groups[0]["lr"] = rate * schedule(step)
        one_step(model, adam, batches(step))
    spent = time.process_time() - begun
    loads = [layer.routing.load.float() for layer in model.mixtures]
    loss = task.measure(model)["loss"][0]
    return {
        "loss": float(f"{loss:.7g}"),
        "excess": float(f"{loss - task.entropy:.7g}"),
        "fullest": max((round(float(n.max() / n.mean()), 3) for n in loads), default=None),
        "cpu": round(spent, 2),
    }


def one_step(model: WindowModel, adam: torch.optim.Optimizer, batch: tuple) -> None:
    """Take one step on the loss, and on the balancing loss of each layer alone."""
    loss = model.loss(*batch)
    for layer in model.mixtures:
        loss = loss + BALANCE / LAYERS * balance_loss(layer.routing)
    adam.zero_grad()
    loss.backward()
    adam.step()


def price(arms: Sequence[Arm], task: LanguageWindows, rounds: int) -> list[dict]:
    """Return seconds of processor time of a step of each arm, in turns; the first are left out."""
    batches = task.batches(990, BATCH)
    models = [arm.network(990) for arm in arms]
    adams = [torch.optim.Adam(m.parameters(), lr=1e-3, betas=(0.9, 0.98)) for m in models]
    rows = []
    for turn in range(rounds + 5):
        for arm, model, adam in zip(arms, models, adams, strict=True):
            begun = time.process_time()
            one_step(model, adam, batches(turn))
            spent = time.process_time() - begun
            if turn >= 5:
                rows.append({"arm": arm.name, "turn": turn - 5, "ms": round(1e3 * spent, 3)})
    return rows
