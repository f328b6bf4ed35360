"""The training loop of every chapter and of every recorded run."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from scaling_utils._check import number, whole

Batches = Callable[[int], tuple[Tensor, Tensor]]


class Trainer:
    """Train a model on numbered batches; stop, save and go on anywhere.

    ``batches(i)`` gives micro-batch i and nothing else, so that a run that was interrupted
    sees the same data as one that was not. What else is random, dropout for example, uses
    torch's own generator, whose state is saved too.

    Parameters
    ----------
    model : has ``loss(inputs, targets)``, the mean cross-entropy in nats per token: a
        scalar, or one value for each of M members trained side by side.
    optimiser : its parameter groups carry their peak rate as ``base``.
    batches : index of a micro-batch -> inputs and targets; targets count as tokens.
    clip : largest norm of the gradient, for each member alone; None does not clip.
    accumulate : micro-batches per step, each of the same number of targets.

    Attributes
    ----------
    step : optimiser steps done. history : one dict for each recorded step, with step,
    tokens (per member), loss (nats per token, a float or a list of M), factor (of the peak
    rate), and what ``evaluate`` returned.

    Raises
    ------
    TypeError, ValueError : a clip that is not positive; an accumulate that is not whole.
    FloatingPointError : from ``train``: the loss of every member is no longer finite.
    """

    def __init__(
        self,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        batches: Batches,
        *,
        clip: float | None = None,
        accumulate: int = 1,
    ):
        self.model, self.optimiser, self.batches = model, optimiser, batches
        self.clip = None if clip is None else number("clip", clip, above=0)
        self.accumulate = whole("accumulate", accumulate)
        self.step = 0
        self.tokens = 0
        self.history: list[dict[str, Any]] = []

    def train(
        self,
        until: int,
        schedule: Callable[[int], float],
        *,
        every: int | None = None,
        evaluate: Callable[[nn.Module], dict[str, Any]] | None = None,
    ) -> None:
        """Train up to step ``until``; record every ``every`` steps, and the last one."""
        until = whole("until", until, at_least=self.step)
        every = until if every is None else whole("every", every)
        self.model.train()
        while self.step < until:
            factor = schedule(self.step)
            losses = self._one_step(factor)
            if self.step % max(every, 1) == 0 or self.step == until:
                self._record(losses, factor, evaluate)

    def _one_step(self, factor: float) -> Tensor:
        self.optimiser.zero_grad(set_to_none=True)
        total = 0.0
        for part in range(self.accumulate):
            inputs, targets = self.batches(self.step * self.accumulate + part)
            losses = self.model.loss(inputs, targets) / self.accumulate  # () or (M,)
            losses.sum().backward()  # members share no weights, so each gets its own gradient
            total = total + losses.detach()
            members = targets.shape[0] if losses.dim() else 1
            self.tokens += targets.numel() // members
        if self.clip is not None:
            self._clip(members=total.dim() > 0)
        for group in self.optimiser.param_groups:
            group["lr"] = group["base"] * factor
        self.optimiser.step()
        self.step += 1
        return total

    def _clip(self, members: bool) -> None:
        if not members:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
            return
        grads = [p.grad for p in self.model.parameters() if p.grad is not None]
        norms = torch.stack([g.flatten(1).norm(dim=1) for g in grads]).norm(dim=0)  # (M,)
        scale = (self.clip / (norms + 1e-6)).clamp(max=1.0)
        for grad in grads:
            grad.mul_(scale.view(-1, *[1] * (grad.dim() - 1)))

    def _record(self, losses: Tensor, factor: float, evaluate) -> None:
        if not torch.isfinite(losses).any():
            raise FloatingPointError(
                f"the loss is {losses.tolist()} at step {self.step}: lower the learning rate"
            )
        row = {"step": self.step, "tokens": self.tokens, "loss": losses.tolist(), "factor": factor}
        if evaluate is not None:
            self.model.eval()
            with torch.no_grad():
                row |= evaluate(self.model)
            self.model.train()
        self.history.append(row)

    def state(self) -> dict[str, Any]:
        """Return all that a run needs to go on, as tensors and plain values, copied."""
        return copy.deepcopy(
            {
                "model": self.model.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "generator": torch.get_rng_state(),
                "step": self.step,
                "tokens": self.tokens,
                "history": self.history,
            }
        )

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state that ``state()`` returned, of the same model and optimiser."""
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(copy.deepcopy(state["optimiser"]))
        torch.set_rng_state(state["generator"])
        self.step, self.tokens = state["step"], state["tokens"]
        self.history = copy.deepcopy(state["history"])
