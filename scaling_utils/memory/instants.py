"""The memory of one device, instant by instant: the peak says when it comes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils._check import member, whole
from scaling_utils.memory._arrays import amounts, flag
from scaling_utils.memory.activation import Activations
from scaling_utils.memory.output import Logits
from scaling_utils.memory.state import States

PARTS = (
    "weights",
    "gathered",
    "gradients",
    "master",
    "moments",
    "activations",
    "logits",
    "buffers",
)


@dataclass(frozen=True)
class Ledger:
    """Bytes by instant and part.

    Attributes
    ----------
    instants : tuple of str
        In the order in which they come.
    parts : tuple of str
        What the bytes are of.
    table : array, shape (instants, parts, ...)
        Bytes; further axes are those of the arrays that came in.
    label : str
        The convention, "2+2+12/8"; empty where it differs between entries.
    """

    instants: tuple[str, ...]
    parts: tuple[str, ...]
    table: np.ndarray
    label: str = ""

    @property
    def totals(self) -> np.ndarray:
        """Bytes at each instant, shape (instants, ...)."""
        return self.table.sum(axis=1)

    @property
    def peak(self) -> float | np.ndarray:
        """Bytes at the highest instant."""
        return self.totals.max(axis=0)[()]

    @property
    def peak_instant(self) -> str | np.ndarray:
        """Name of the highest instant, the first of several."""
        return np.array(self.instants, dtype=object)[self.totals.argmax(axis=0)]

    def at(self, instant: str) -> dict[str, float | np.ndarray]:
        """Return the bytes of each part at one instant.

        Parameters
        ----------
        instant : str
            One of ``instants``.

        Returns
        -------
        dict
            Bytes by part.

        Raises
        ------
        ValueError
            For another instant.
        """
        row = self.instants.index(member("instant", instant, self.instants))
        return {part: self.table[row, column][()] for column, part in enumerate(self.parts)}


def _of_class(name: str, value, kind: type):
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be of class {kind.__name__}, got {value!r}")
    return value


def ledger(
    states: States,
    activations: Activations,
    logits: Logits | None = None,
    *,
    micro_batches: int = 1,
    gradients_kept: bool = False,
    gathered=0.0,
    buffers=0.0,
    step_buffers=0.0,
) -> Ledger:
    """Return what one device holds at the instants of a training step that can be its highest.

    - "forward": the first forward pass has ended; there are no gradients yet.
    - "backward": its backward pass begins; the logits are at their highest.
    - "later forward", "later backward": the same with the gradients of earlier micro-batches.
    - "last layer": the backward pass is in the layer that it meets last; all gradients are there.
    - "step": the optimiser steps.

    Between these nothing that is counted is higher: while activations go, gradients come, both at
    an even pace. Left out are gradients of activations, which a layer's backward pass makes and
    drops, and what no tensor holds, see :func:`available`. The moments are there from the second
    step on; before the first they are not.

    Parameters
    ----------
    states : States
        Of this device.
    activations : Activations
        Of this device.
    logits : Logits, optional
        On the device that has the head.
    micro_batches : int
        Whose gradients are summed before the step, at least 1.
    gradients_kept : bool
        Whether the gradients' buffer is there all the time, as in Megatron-LM, and not freed
        between steps.
    gathered : float or array
        Bytes of the layers' weights that stage 3 holds in full at once, at least 0.
    buffers : float or array
        Bytes that are there all the time, such as communication buckets.
    step_buffers : float or array
        Bytes of temporary arrays of the optimiser's step.

    Returns
    -------
    Ledger
        Bytes by instant and part.

    Raises
    ------
    TypeError, ValueError
        If a part is of the wrong class, or a number below zero.
    """
    _of_class("states", states, States)
    _of_class("activations", activations, Activations)
    out = Logits(0.0, 0.0) if logits is None else _of_class("logits", logits, Logits)
    always = amounts("buffers", buffers)
    stored, last = activations.total, activations.per_layer + activations.working
    first = states.gradients if flag("gradients_kept", gradients_kept) else 0.0
    passes = [
        ("forward", (first, stored, out.stored)),
        ("backward", (first, stored, out.peak)),
    ]
    if whole("micro_batches", micro_batches) > 1:
        passes += [
            ("later forward", (states.gradients, stored, out.stored)),
            ("later backward", (states.gradients, stored, out.peak)),
        ]
    passes.append(("last layer", (states.gradients, last, 0.0)))
    full = amounts("gathered", gathered)
    rows = [
        (states.weights, full, gradients, states.master, states.moments, acts, outs, always)
        for _, (gradients, acts, outs) in passes
    ]
    step = always + amounts("step_buffers", step_buffers)
    rows.append(
        (states.weights, 0.0, states.gradients, states.master, states.moments, 0.0, 0.0, step)
    )
    together = np.broadcast_arrays(*(part for row in rows for part in row))
    table = np.array(together, dtype=float).reshape(len(rows), len(PARTS), *together[0].shape)
    return Ledger((*(name for name, _ in passes), "step"), PARTS, table, states.label)
