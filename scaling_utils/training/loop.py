"""The training loop of every chapter and of every recorded run."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from scaling_utils._check import number, whole
from scaling_utils.training import _settings
from scaling_utils.training.evaluation import IGNORED
from scaling_utils.training.schedules import Schedule

Batches = Callable[[int], tuple[Tensor, Tensor]]


class Trainer:
    """Train a model on numbered batches; stop, save and go on anywhere.

    ``batches(i)`` gives micro-batch i and nothing else, so that a run that was interrupted
    sees the same data as one that was not. What else is random, dropout for example, uses
    torch's own generator, whose state is saved too.

    A step minimises the mean loss over all of its targets. Whole targets of -100 are padding:
    they have no loss and do not count. So with unequal numbers of targets in the micro-batches
    each of those weighs as much as it has targets, and the gradient is that of one big batch.

    Parameters
    ----------
    model : torch.nn.Module
        Has ``loss(inputs, targets)``, the mean cross-entropy in nats per token that counts: a
        scalar, or one value for each of M members trained side by side.
    optimiser : torch.optim.Optimizer
        Its parameter groups carry their peak rate as ``base``.
    batches : callable
        Index of a micro-batch -> inputs and targets, the latter with any members in front.
    clip : float, optional
        Largest norm of the gradient, above 0, for each member alone; None does not clip.
    accumulate : int
        Micro-batches per step. All are in memory at once, but their activations are not.
    about : mapping, optional
        Plain values that say what else makes this run, such as its seed and the hash of its
        corpus. They are saved, and compared when the run goes on.

    Attributes
    ----------
    step : int
        Optimiser steps done.
    tokens : int
        Targets that counted, per member.
    positions : int
        Places that went through the model, padding included, per member: the measure of work.
    history : list of dict
        For each recorded step: step, tokens, loss (nats per token, a float or a list of M),
        factor (of the peak rate), and what ``evaluate`` returned.

    Raises
    ------
    TypeError, ValueError
        If ``clip`` is not a positive number, or ``accumulate`` not a whole one from 1.
    """

    def __init__(
        self,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        batches: Batches,
        *,
        clip: float | None = None,
        accumulate: int = 1,
        about: Mapping[str, Any] | None = None,
    ):
        self.model, self.optimiser, self.batches = model, optimiser, batches
        self.clip = None if clip is None else number("clip", clip, above=0)
        self.accumulate = whole("accumulate", accumulate)
        self.about = dict(about or {})
        self.step = self.tokens = self.positions = 0
        self.history: list[dict[str, Any]] = []
        self._drawn = 0  # micro-batches so far: where the data go on, whatever accumulate is
        self._factors: list[float] = []  # of each step so far
        self._check_factors = False
        self._data: dict[str, Any] | None = None  # what identifies the data here
        self._data_of_state: dict[str, Any] | None = None

    def train(
        self,
        until: int,
        schedule: Callable[[int], float],
        *,
        every: int | None = None,
        evaluate: Callable[[nn.Module], dict[str, Any]] | None = None,
    ) -> None:
        """Train up to step ``until``; record every ``every`` steps, and the last one.

        Parameters
        ----------
        until : int
            Optimiser steps, counted from the start of the run; not below ``step``.
        schedule : callable
            Step, from 0, -> factor of the peak rates, such as a ``Schedule``.
        every : int, optional
            Steps between two records; left out, only the last step is recorded.
        evaluate : callable, optional
            Called with the model at each record; its dict joins the record.

        Raises
        ------
        TypeError, ValueError
            If a number is out of range; ``until`` lies behind a schedule that decays to 0; a step
            has no target that counts, or more for one member than for another; or, after
            ``restore``, schedule or data are those of another run.
        FloatingPointError
            If the loss of every member is no longer finite at a record.
        """
        until = whole("until", until, at_least=self.step)
        every = until if every is None else whole("every", every)
        if isinstance(schedule, Schedule) and schedule.ends_at_zero and until > schedule.steps:
            raise ValueError(
                f"until must be at most {schedule.steps}, where the schedule has reached a rate "
                f"of 0 and nothing more is learnt; got {until}"
            )
        if self._check_factors and until > self.step:
            _settings.check_schedule(schedule, self._factors)
            self._check_factors = False
        self.model.train()
        while self.step < until:
            factor = schedule(self.step)
            losses = self._one_step(factor)
            if self.step % max(every, 1) == 0 or self.step == until:
                self._record(losses, factor, evaluate)

    def _one_step(self, factor: float) -> Tensor:
        parts = [self.batches(self._drawn + part) for part in range(self.accumulate)]
        self._check_data(parts[0])
        counts = [_counted(targets) for _, targets in parts]  # (rows,) each
        if not any(count.any() for count in counts):
            raise ValueError(
                f"batches must give targets to learn from, and all of step {self.step} are "
                f"{IGNORED}, which means padding"
            )
        self.optimiser.zero_grad(set_to_none=True)
        total = 0.0
        for (inputs, targets), count in zip(parts, counts, strict=True):
            if not count.any():
                continue  # a mean over nothing is not a number
            losses = self.model.loss(inputs, targets)  # () or (M,)
            losses = losses / self._parts_of(count, counts, losses)
            losses.sum().backward()  # members share no weights, so each gets its own gradient
            total = total + losses.detach()
        self._advance(parts, counts, members=total.dim() > 0)
        if self.clip is not None:
            self._clip(members=total.dim() > 0)
        for group in self.optimiser.param_groups:
            group["lr"] = group["base"] * factor
        self.optimiser.step()
        self.step += 1
        self._factors.append(float(factor))
        return total

    def _parts_of(self, count: Tensor, counts: list[Tensor], losses: Tensor) -> Tensor | float:
        """Return the step's targets over those of one micro-batch, () or one for each member."""
        if not losses.dim():
            return sum(int(each.sum()) for each in counts) / int(count.sum())
        totals = torch.stack(counts).sum(0)  # (M,)
        if (totals != totals[0]).any():
            raise ValueError(
                f"batches must give every member equally many targets in a step, and step "
                f"{self.step} has {totals.tolist()}"
            )
        return (totals.double() / count).to(losses)  # (M,)

    def _advance(self, parts: list, counts: list[Tensor], members: bool) -> None:
        """Count the targets and the places of a step, and the micro-batches."""
        rows = len(counts[0]) if members else 1
        self.tokens += sum(int(count.sum()) for count in counts) // rows
        self.positions += sum(targets.numel() for _, targets in parts) // rows
        self._drawn += len(parts)

    def _check_data(self, first: tuple[Tensor, Tensor]) -> None:
        """Find out what identifies the data, and compare it with that of a restored state."""
        if self._data is None:
            with torch.random.fork_rng(devices=[]):
                self._data = _settings.fingerprint(*(self.batches(0) if self._drawn else first))
        if self._data_of_state is not None:
            _settings.check_data(self._data_of_state, self._data)
            self._data_of_state = None

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
        """Return all that a run needs to go on, as tensors and plain values, copied.

        Returns
        -------
        dict
            For ``restore`` and for ``checkpoint.save``.
        """
        return copy.deepcopy(
            {
                "settings": self._settings(),
                "data": self._data or self._data_of_state,
                "model": self.model.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "generator": torch.get_rng_state(),
                "step": self.step,
                "drawn": self._drawn,
                "tokens": self.tokens,
                "positions": self.positions,
                "factors": torch.tensor(self._factors, dtype=torch.float64),  # (steps,)
                "history": self.history,
            }
        )

    def restore(self, state: Mapping[str, Any], change: Iterable[str] = ()) -> None:
        """Go back to a state that ``state()`` returned.

        The trainer must be set up as the one that made the state: model, optimiser with its
        rates, clip, accumulate, ``about``. The first ``train`` that follows compares data and
        schedule too. A difference is an error that names the setting and both values.

        Parameters
        ----------
        state : mapping
            What ``state()`` returned.
        change : iterable of str
            Settings with which the run shall go on as they are here, such as ["rate"],
            ["accumulate"], ["schedule"], ["data"] or an option of the optimiser. The data go on
            behind the last micro-batch that was drawn, also under another ``accumulate``. Model
            and kind of optimiser cannot change.

        Raises
        ------
        ValueError
            If settings differ that ``change`` does not name; ``change`` names none; or the state
            is of an earlier version, without settings. Nothing has been restored then.
        """
        if "settings" not in state:
            raise ValueError(
                "state must say which settings it was made with, and an earlier version that "
                "kept none wrote this one; start the run again"
            )
        change = _settings.check_settings(state["settings"], self._settings(), change)
        options = [
            {name: value for name, value in group.items() if name not in ("params", "lr")}
            for group in self.optimiser.param_groups
        ]
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(copy.deepcopy(state["optimiser"]))
        for group, own in zip(self.optimiser.param_groups, options, strict=True):
            group.update(own)  # the same as in the state, or meant to change; each step sets lr
        torch.set_rng_state(state["generator"])
        self.step, self._drawn = state["step"], state["drawn"]
        self.tokens, self.positions = state["tokens"], state["positions"]
        self.history = copy.deepcopy(state["history"])
        self._factors = state["factors"].tolist()
        self._check_factors = "schedule" not in change
        self._data_of_state = None if "data" in change else copy.deepcopy(state["data"])

    def _settings(self) -> dict[str, Any]:
        return _settings.settings_of(
            self.model, self.optimiser, self.clip, self.accumulate, self.about
        )


def _counted(targets: Tensor) -> Tensor:
    """Return the number of targets that count in each row of the first axis, on the CPU."""
    rows = targets.reshape(len(targets), -1)  # (rows, n)
    if targets.is_floating_point() or not rows.numel() or rows.min() > IGNORED:  # the quick way
        return torch.full((len(rows),), rows.shape[1])
    return (rows != IGNORED).sum(1).cpu()
