"""The same model and layout in other planners, and the way from our number to theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from scaling_utils._check import member, whole
from scaling_utils.architectures.resolving import resolve
from scaling_utils.planning.estimate import PARTS, Estimate
from scaling_utils.planning.footprints import Footprint, footprint
from scaling_utils.planning.layout import Layout
from scaling_utils.planning.portions import held, parameters_on
from scaling_utils.planning.theirs import accelerate, by_hand, cookbook, deepspeed, megatron
from scaling_utils.planning.theirs_gated import llm_analysis, xtuner
from scaling_utils.units import GIB

PLANNERS: Mapping[str, Callable[..., Estimate]] = MappingProxyType(
    {
        "cookbook": cookbook,
        "llm-analysis": llm_analysis,
        "xtuner": xtuner,
        "megatron": megatron,
        "deepspeed": deepspeed,
        "accelerate": accelerate,
        "by hand": by_hand,
    }
)
_OF_PARAMETERS = ("weights", "gradients", "optimiser")
_CAUSE = {
    "weights": "bytes of a weight",
    "gradients": "bytes of a gradient, and when it is there",
    "optimiser": "bytes of master copy and moments",
}


def others(name: str, architecture, layout: Layout, *, context: int | None = None, **options):
    """Return what another planner says about one device of a layout.

    Parameters
    ----------
    name : str
        One of ``PLANNERS``.
    architecture : Architecture, str, shapes.Transformer, dict or path
        Anything that :func:`scaling_utils.architectures.resolve` takes.
    layout : Layout
        What it does not know of is not read.
    context : int, optional
        Tokens of a sequence; the model's own unless given.
    **options
        Of the planner: ``grouped`` of "cookbook".

    Returns
    -------
    Estimate
        By part and item, in bytes.

    Raises
    ------
    ValueError
        For an unknown name, or where the planner has no answer.
    """
    a = resolve(architecture)
    if not isinstance(layout, Layout):
        raise TypeError(f"layout must be a Layout, got {layout!r}")
    length = whole("context", a.shape.context if context is None else context)
    return PLANNERS[member("name", name, PLANNERS)](a, layout, length, **options)


@dataclass(frozen=True)
class Step:
    """One difference on the way from our number to theirs.

    Attributes
    ----------
    cause : str
        What is counted in another way.
    size : float
        Bytes that it adds; below zero where it takes away.
    so_far : float
        Bytes after it.
    """

    cause: str
    size: float
    so_far: float


@dataclass(frozen=True)
class Explanation:
    """From our number to theirs.

    Attributes
    ----------
    ours : Footprint
        Its peak is where the steps begin.
    theirs : Estimate
        Its total is where they end.
    steps : tuple of Step
        The differences, none of them zero; they add up to the whole one.
    """

    ours: Footprint
    theirs: Estimate
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        lines = [f"{self.ours.peak / GIB:8.2f} GiB  ours, at '{self.ours.peak_instant}'"]
        lines += [f"{step.size / GIB:+8.2f}      {step.cause}" for step in self.steps]
        lines.append(f"{self.theirs.total / GIB:8.2f} GiB  {self.theirs.name}")
        return "\n".join(lines)


def explain(
    name: str, architecture, layout: Layout, *, context: int | None = None, **options
) -> Explanation:
    """Return the differences between our number and another planner's, one by one.

    Ours is the highest instant of the worst stage. For each part it is replaced by theirs: first
    the number of parameters at our bytes, then the bytes, then each item of the activations.

    Parameters
    ----------
    name, architecture, layout, context, **options
        As in :func:`others`.

    Returns
    -------
    Explanation

    Raises
    ------
    ValueError
        As :func:`others` and :func:`footprint` do.
    """
    theirs = others(name, architecture, layout, context=context, **options)
    ours = footprint(architecture, layout, context=context)
    stage = held(
        ours.architecture, layout.pipeline, layout.interleave, ours.stage, layout.layers_per_stage
    )
    count = float(sum(parameters_on(ours.architecture, stage, layout.tensor, layout.expert)))
    mine = dict(ours.parts)
    mine["optimiser"] = mine.pop("master") + mine.pop("moments")
    found: list[tuple[str, float]] = []
    for part in PARTS:
        items = [item for item in theirs.items if item.part == part]
        if part in _OF_PARAMETERS:
            found += _of_parameters(part, mine[part], count, items, theirs)
        else:
            found += _of_items(part, mine[part], items)
    steps, so_far = [], ours.peak
    for cause, size in found:
        if size:
            so_far += size
            steps.append(Step(cause, size, so_far))
    return Explanation(ours, theirs, tuple(steps))


def _of_parameters(part: str, mine: float, count: float, items, theirs: Estimate):
    rate = mine / count
    size = sum(item.size for item in items)
    why = "; ".join(item.reason for item in items) or "left out"
    more = theirs.counting or "parameters on the device"
    return [
        (f"{part}: parameters ({more})", (theirs.parameters - count) * rate),
        (f"{part}: {_CAUSE[part]} ({why})", size - theirs.parameters * rate),
    ]


def _of_items(part: str, mine: float, items):
    found = [(f"{part}: ours, taken away", -mine)] if mine else []
    return found + [(f"{part}: {item.reason}", item.size) for item in items]
