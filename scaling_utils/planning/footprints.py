"""The memory of one device of a layout: which stage, which instant, of what, and does it fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils._check import whole
from scaling_utils.architectures.architecture import Architecture
from scaling_utils.architectures.resolving import resolve
from scaling_utils.hardware import Device, get
from scaling_utils.memory import RESERVE, Ledger
from scaling_utils.memory.conventions import resolve as convention_of
from scaling_utils.planning.kept import stage_ledger
from scaling_utils.planning.layout import Layout
from scaling_utils.planning.reserves import ends_of, room, verdict
from scaling_utils.planning.rules import limits
from scaling_utils.units import GIB

NOT_COUNTED = (
    "the driver's context, kernels' work spaces, communication buffers and the allocator's gaps",
    "gradients of activations, which a layer's backward pass makes and drops",
    "what kernels store that are not fused, such as rotary turns of queries and keys",
    "uneven routing to experts, and padding of vocabulary and shares",
)


@dataclass(frozen=True)
class Footprint:
    """The memory of one device, on the stage that needs most.

    Attributes
    ----------
    architecture : Architecture
        The model.
    layout : Layout
        How it is laid out.
    context : int
        Tokens of a sequence.
    ledger : memory.Ledger
        Bytes by instant and part, of the stage that needs most.
    stage : int
        Which one that is, 0 for the first.
    stage_peaks : tuple of float
        Bytes at the highest instant of each stage.
    label : str
        Bytes per parameter, "2+2+12/8".
    device : hardware.Device or None
        What it shall fit on.
    reserve : tuple of float
        Bytes for what is not counted: lowest, middle, highest.
    """

    architecture: Architecture
    layout: Layout
    context: int
    ledger: Ledger
    stage: int
    stage_peaks: tuple[float, ...]
    label: str
    device: Device | None
    reserve: tuple[float, float, float]

    @property
    def peak(self) -> float:
        """Bytes that are counted, at the highest instant."""
        return float(self.ledger.peak)

    @property
    def peak_instant(self) -> str:
        """Name of that instant."""
        return str(self.ledger.peak_instant)

    @property
    def parts(self) -> dict[str, float]:
        """Bytes by part at that instant."""
        return {part: float(size) for part, size in self.ledger.at(self.peak_instant).items()}

    @property
    def needed(self) -> tuple[float, float, float]:
        """Bytes with the lowest, middle and highest reserve."""
        return tuple(self.peak + each for each in self.reserve)

    @property
    def fits(self) -> str | None:
        """ "yes", "no" or "perhaps", where only the smallest reserve leaves room; None without a
        device.
        """
        if self.device is None:
            return None
        return verdict(self.needed[0], self.needed[2], room(self.device))

    @property
    def conventions(self) -> tuple[str, ...]:
        """How it was counted, in words."""
        words = conventions(self.architecture, self.layout, self.label)
        if self.device is not None and self.device.memory_reported is None:
            words += (
                f"the memory of {self.device.name} is taken as it is sold, "
                f"{self.device.memory_as_printed}: nobody's report of the driver's figure is known",
            )
        return words

    @property
    def not_counted(self) -> tuple[str, ...]:
        """What the reserve is for."""
        return NOT_COUNTED

    def as_dict(self) -> dict:
        """Return everything as numbers and words that JSON takes, sizes in bytes."""
        names = ("low", "middle", "high")
        return {
            "layout": str(self.layout),
            "devices": self.layout.devices,
            "context": self.context,
            "bytes_per_param": self.label,
            "stage": self.stage,
            "stages": self.layout.pipeline,
            "stage_peaks": list(self.stage_peaks),
            "peak": self.peak,
            "peak_instant": self.peak_instant,
            "parts": self.parts,
            "instants": dict(
                zip(self.ledger.instants, map(float, self.ledger.totals), strict=True)
            ),
            "reserve": dict(zip(names, map(float, self.reserve), strict=True)),
            "needed": dict(zip(names, map(float, self.needed), strict=True)),
            "device": None if self.device is None else self.device.name,
            "usable": None if self.device is None else room(self.device),
            "fits": self.fits,
            "conventions": list(self.conventions),
            "not_counted": list(self.not_counted),
        }

    def __str__(self) -> str:
        low, _, high = (size / GIB for size in self.needed)
        listed = ", ".join(f"{name} {size / GIB:.2f}" for name, size in self.parts.items() if size)
        lines = [
            f"{self.layout}: {self.peak / GIB:.2f} GiB a device ({listed})",
            f"highest at '{self.peak_instant}' on stage {self.stage + 1} of "
            f"{self.layout.pipeline}; {self.label} bytes a parameter",
            f"with what is not counted {low:.1f} to {high:.1f} GiB",
        ]
        if self.device is not None:
            usable = room(self.device) / GIB
            lines[-1] += f"; fits on {self.device.name} ({usable:.1f} GiB usable): {self.fits}"
        return "\n".join(lines)


def conventions(a: Architecture, layout: Layout, label: str) -> tuple[str, ...]:
    """Return how a footprint is counted, in sentences.

    Parameters
    ----------
    a : Architecture
        The model.
    layout : Layout
        Its layout.
    label : str
        Bytes per parameter by part.

    Returns
    -------
    tuple of str
    """
    rule = convention_of(layout.convention)
    kept = "all the time" if layout.gradients_kept else "from the first backward pass to the step"
    tied = "tied: it is stored on the first and on the last stage" if a.shape.tied else "not tied"
    words = [
        f"{label} bytes a parameter: weights, gradients, optimiser ({rule.source or 'as given'})",
        f"gradients are there {kept}",
        f"the head is {tied if layout.pipeline > 1 or not a.shape.tied else 'tied'}",
        f"attention {layout.attention}, recomputation {layout.recompute}, activations of "
        f"{layout.bytes_per_value:g} bytes, {'with' if layout.dropout else 'without'} dropout",
        "logits: one copy in the activations' format and the loss in fp32, "
        + ("whole" if layout.chunks == 1 else f"in {layout.chunks} parts"),
        "sizes are bytes; 1 GiB is 2**30",
    ]
    if layout.pipeline > 1:
        words.append(
            "pipeline 1F1B: the first stage holds as many micro-batches as there are stages"
            + (", more with interleaving" if layout.interleave > 1 else "")
        )
    if layout.zero == 3:
        words.append("stage 3 has one layer and one vocabulary matrix gathered")
    if a.experts is not None:
        words.append("tokens are spread evenly; experts are divided over data x context")
    if layout.context > 1:
        words.append("context parallelism gathers keys and values of one layer")
    return tuple(words)


def footprint(
    architecture,
    layout: Layout,
    *,
    context: int | None = None,
    device: str | Device | None = None,
    reserve: float = RESERVE,
    reserve_range: tuple[float, float] | None = None,
) -> Footprint:
    """Return the memory of one device, of the stage that needs most.

    Parameters
    ----------
    architecture : Architecture, str, shapes.Transformer, dict or path
        Anything that :func:`scaling_utils.architectures.resolve` takes.
    layout : Layout
        How it is laid out.
    context : int, optional
        Tokens of a sequence; the model's own unless given.
    device : str or hardware.Device, optional
        What it shall fit on.
    reserve : float
        Bytes for what no formula counts.
    reserve_range : tuple of float, optional
        Lowest and highest reserve: [1, 6] GiB for the default, none for a reserve of your own.

    Returns
    -------
    Footprint

    Raises
    ------
    TypeError, ValueError
        If the layout contradicts the model; the message says what would be feasible.
    """
    a = resolve(architecture)
    if not isinstance(layout, Layout):
        raise TypeError(f"layout must be a Layout, got {layout!r}")
    length = whole("context", a.shape.context if context is None else context)
    broken = limits(a, layout, length)
    if broken:
        raise ValueError(broken[0].sentence)
    card = get(device) if isinstance(device, str) else device
    if card is not None and not isinstance(card, Device):
        raise TypeError(f"device must be a name or a Device, got {device!r}")
    stages = stage_ledger(a, layout, layout, np.arange(layout.pipeline), length)
    peaks = np.atleast_1d(stages.peak)
    worst = int(peaks.argmax())
    table = stages.table[..., worst] if stages.table.ndim > 2 else stages.table
    label = convention_of(layout.convention).label(layout.replicas, layout.zero)
    return Footprint(
        a,
        layout,
        length,
        Ledger(stages.instants, stages.parts, table, label),
        worst,
        tuple(float(peak) for peak in peaks),
        label,
        card,
        ends_of(reserve, reserve_range),
    )
