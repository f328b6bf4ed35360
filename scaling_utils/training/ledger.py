"""Every byte of one training step, operation by operation, by what it is for.

It follows the storages of all tensors with ``MemTracker`` of ``torch.distributed._tools``, on any
device and also on a CPU. The formulas that it is held against are in :mod:`scaling_utils.memory`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributed._tools.mem_tracker import MemTracker

from scaling_utils._check import member

# The tracker's words, and ours.
_CATEGORIES = {
    "Parameter": "weights",
    "Gradient": "gradients",
    "Optstate": "optimiser",
    "Activation": "activations",
    "Temp": "temporaries",
    "Buffer": "buffers",
    "Other": "inputs",
}


@dataclass(frozen=True)
class StepLedger:
    """The memory of one training step.

    Attributes
    ----------
    categories : tuple of str
        "weights", "gradients", "optimiser", "activations" (also the logits), "temporaries" (made in
        the backward pass and dropped in it), "buffers" (of the module) and "inputs".
    table : int array, shape (operations, categories)
        Bytes of the tensors that exist after each operation.
    operations : tuple of str
        Their names, such as "aten.mm.default".
    phases : tuple of str
        Of each operation: "forward", "backward", "later forward" and "later backward" for the
        micro-batches after the first, "step".
    layers : dict of str to int
        Bytes of activations that the forward pass of each module keeps, by its name. Of the last
        micro-batch.
    """

    categories: tuple[str, ...]
    table: np.ndarray
    operations: tuple[str, ...]
    phases: tuple[str, ...]
    layers: dict[str, int]

    @property
    def totals(self) -> np.ndarray:
        """Bytes after each operation, shape (operations,)."""
        return self.table.sum(axis=1)

    @property
    def peak(self) -> int:
        """Bytes at the highest operation."""
        return int(self.totals.max())

    @property
    def peak_phase(self) -> str:
        """The phase of the highest operation, the first of several."""
        return self.phases[int(self.totals.argmax())]

    def highest(self, phase: str) -> dict[str, int]:
        """Return the bytes by category at the highest operation of a phase.

        Parameters
        ----------
        phase : str
            One of ``phases``.

        Returns
        -------
        dict of str to int
            Bytes by category.

        Raises
        ------
        ValueError
            For a phase that the step did not have.
        """
        rows = self._rows(phase)
        return self._named(rows[int(self.totals[rows].argmax())])

    def end(self, phase: str) -> dict[str, int]:
        """Return the bytes by category after the last operation of a phase.

        Parameters
        ----------
        phase : str
            One of ``phases``.

        Returns
        -------
        dict of str to int
            Bytes by category.

        Raises
        ------
        ValueError
            For a phase that the step did not have.
        """
        return self._named(self._rows(phase)[-1])

    def _rows(self, phase: str) -> np.ndarray:
        member("phase", phase, dict.fromkeys(self.phases))
        return np.flatnonzero(np.array(self.phases) == phase)

    def _named(self, row: int) -> dict[str, int]:
        return dict(zip(self.categories, self.table[row].tolist(), strict=True))


class _Follower(MemTracker):
    """A tracker that notes what there is after each operation."""

    def __init__(self):
        super().__init__()
        self.phase = ""
        self.rows: list[tuple[str, str, list[int]]] = []

    def note(self, operation: str) -> None:
        devices = self.get_tracker_snapshot("current").values()
        held = {getattr(kind, "value", kind): 0 for device in devices for kind in device}
        for device in devices:
            for kind, size in device.items():
                held[getattr(kind, "value", kind)] += size
        self.rows.append((self.phase, operation, [held.get(kind, 0) for kind in _CATEGORIES]))

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = super().__torch_dispatch__(func, types, args, kwargs)
        if str(func).startswith("aten."):
            self.note(str(func))
        return result

    def kept(self) -> dict[str, int]:
        """Bytes of activations that each module's forward pass has added."""
        found = {}
        for stats in self.memory_tracking.values():
            states = {state.value: snapshots[-1] for state, snapshots in stats.snapshots.items()}
            before, after = (_activations(states[f"{when}-Forward"]) for when in ("Pre", "Post"))
            found[stats.mod_fqn.partition(".")[2]] = after - before
        return found


def _activations(snapshot: dict) -> int:
    kinds = [(kind, size) for device in snapshot.values() for kind, size in device.items()]
    return sum(size for kind, size in kinds if getattr(kind, "value", kind) == "Activation")


def follow_step(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    batches: Sequence,
    loss: Callable[[nn.Module, object], Tensor],
) -> StepLedger:
    """Run one training step and return the bytes of all its tensors after each operation.

    The step is real: weights and moments move. Adam makes its moments in its first step, so follow
    the second one to see what every later step needs. What an operation uses inside itself, and the
    allocator's gaps, are not seen. With activation checkpointing the tracker may take rebuilt
    activations for temporaries; the sum is right.

    Parameters
    ----------
    model : Module
        Its gradients must be None, as ``zero_grad()`` leaves them.
    optimiser : Optimizer
        Of the model's parameters.
    batches : sequence
        Micro-batches; their gradients are summed. Tensors, or tuples of them.
    loss : callable
        ``loss(model, batch)`` returns a scalar tensor.

    Returns
    -------
    StepLedger
        Bytes by operation and category.

    Raises
    ------
    ValueError
        If there is no batch, or a gradient is there already.
    """
    if len(batches) == 0:
        raise ValueError("batches must hold at least one micro-batch, got none")
    there = [name for name, weight in model.named_parameters() if weight.grad is not None]
    if there:
        raise ValueError(f"model must have no gradients yet, got one of {there[0]!r}")
    follower = _Follower()
    follower.track_external(model, optimiser, *batches)
    with follower:
        for number, batch in enumerate(batches):
            follower.reset_mod_stats()
            later = "later " if number else ""
            follower.phase = f"{later}forward"
            value = loss(model, batch)
            follower.note("the loss is there")
            follower.phase = f"{later}backward"
            value.backward()
            del value
            follower.note("the gradients are there")
        layers = follower.kept()
        follower.phase = "step"
        optimiser.step()
        follower.note("the step is done")
        optimiser.zero_grad()
        follower.note("the gradients are gone")
    phases, operations, table = zip(*follower.rows, strict=True)
    return StepLedger(tuple(_CATEGORIES.values()), np.array(table), operations, phases, layers)
