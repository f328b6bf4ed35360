"""Which layouts fit: the best three, why the others do not, and the fewest devices."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scaling_utils._check import number, whole
from scaling_utils.architectures import training_flops
from scaling_utils.architectures.architecture import Architecture
from scaling_utils.architectures.resolving import resolve
from scaling_utils.hardware import Device, get
from scaling_utils.memory import RESERVE
from scaling_utils.memory.activation import RECOMPUTE
from scaling_utils.planning.candidates import NODE, Candidates, Refused, candidates, sieve
from scaling_utils.planning.footprints import Footprint, footprint
from scaling_utils.planning.kept import stage_ledger
from scaling_utils.planning.layout import Layout
from scaling_utils.planning.merit import BETWEEN, KERNELS, WORDS, step_time
from scaling_utils.planning.reserves import ends_of, room
from scaling_utils.units import GIB

BEST = 3
DEGREES = ("tensor", "context", "pipeline", "data", "expert")  # of these no two best agree in all
MOST = 2**20  # devices that the search for the fewest goes up to


@dataclass(frozen=True)
class Search:
    """What a search has found.

    Attributes
    ----------
    devices : int or None
        How many were searched for, or the fewest on which something fits; None if nothing does.
    best : tuple of Footprint
        Up to three layouts that fit with the middle reserve, the best first.
    step_seconds : tuple of float
        The estimate by which they are ranked.
    refused : tuple of Refused
        The others by the limit that they break first, the most frequent first.
    tried : int
        Layouts, those that fit among them.
    fitting : int
        Layouts that fit.
    smallest_devices : int or None
        The fewest devices on which something fits, as far as was searched.
    merit : str
        What makes one layout better than another.
    """

    devices: int | None
    best: tuple[Footprint, ...]
    step_seconds: tuple[float, ...]
    refused: tuple[Refused, ...]
    tried: int
    fitting: int
    smallest_devices: int | None
    merit: str

    @property
    def layout(self) -> Layout | None:
        """The best layout; None where nothing fits."""
        return self.best[0].layout if self.best else None

    def as_dict(self) -> dict:
        """Return everything as numbers and words that JSON takes."""
        return {
            "devices": self.devices,
            "best": [
                {**found.as_dict(), "step_seconds": seconds}
                for found, seconds in zip(self.best, self.step_seconds, strict=True)
            ],
            "refused": [
                {
                    "limit": each.code,
                    "layouts": each.count,
                    "example": str(each.example),
                    "sentence": each.sentence,
                }
                for each in self.refused
            ],
            "tried": self.tried,
            "fitting": self.fitting,
            "smallest_devices": self.smallest_devices,
            "merit": self.merit,
        }


@dataclass(frozen=True)
class _Task:
    """What stays the same while layouts are tried."""

    a: Architecture
    card: Device
    length: int
    sequences: int
    style: Layout
    reserve: float
    highest: float
    node: int


def _stages(a: Architecture, part) -> np.ndarray:
    """Return the stages that can need most: the first, which holds most micro-batches, the second,
    which may have a layer more, the first with nothing but experts, and the last.
    """
    last = part.pipeline - 1
    size = -(-a.shape.n_layer // (part.pipeline * part.interleave))
    sparse = -(-(a.dense_layers + 1) // size) if a.dense_layers else np.ones_like(last)
    found = (np.zeros_like(last), np.ones_like(last), sparse, last)
    return np.stack([np.minimum(stage, last) for stage in found])


def _peaks(task: _Task, left: Candidates, recompute: str):
    """Highest bytes of each layout, and at which instant."""
    style = replace(task.style, recompute=recompute, layers_per_stage=None)
    peak, instant = np.zeros(len(left)), np.empty(len(left), dtype=object)
    many = left.columns.micro_batches > 1  # only then are there gradients of earlier ones
    for chosen in (many, ~many):
        if not chosen.any():
            continue
        part = left.take(chosen).columns
        stages = _stages(task.a, part)
        found = stage_ledger(task.a, style, part, stages, task.length)
        highest, name = np.atleast_2d(found.peak), np.atleast_2d(found.peak_instant)
        worst = highest.argmax(axis=0)
        rows = np.arange(highest.shape[1])
        peak[chosen], instant[chosen] = highest[worst, rows], name[worst, rows]
    return peak, instant


def _try(task: _Task, devices: int):
    """Return all that fits, as (seconds or peak, recompute, index), and why the rest does not."""
    tried = candidates(task.a, devices, task.style, task.sequences, task.length, node=task.node)
    left, refused = sieve(task.a, tried, task.length, task.sequences)
    space = room(task.card) - task.reserve
    fits, heavy = [], {}
    for recompute in RECOMPUTE if len(left) else ():
        peak, instant = _peaks(task, left, recompute)
        fits += [(recompute, int(i), float(peak[i])) for i in np.flatnonzero(peak <= space)]
        for name in sorted(set(instant[peak > space])):
            chosen = np.flatnonzero((instant == name) & (peak > space))
            nearest = chosen[peak[chosen].argmin()]
            least, count, layout = heavy.get(name, (np.inf, 0, None))
            if peak[nearest] < least:
                least, layout = peak[nearest], left.layout(int(nearest), recompute)
            heavy[name] = (least, count + len(chosen), layout)
    for name, (least, count, layout) in heavy.items():
        sentence = (
            f"the nearest needs {least / GIB:.1f} GiB at '{name}' and {task.card.name} has "
            f"{space / GIB:.1f} GiB after the reserve"
        )
        refused.append(Refused(f"memory at {name}", count, layout, sentence))
    return left, fits, tuple(sorted(refused, key=lambda each: -each.count)), 3 * len(tried)


def _rank(task: _Task, left: Candidates, fits, kernels: float, between: float, dtype: str):
    """Return the layouts that fit with their seconds, best first, no two of the same degrees."""
    tokens = task.sequences * task.length
    found = []
    for recompute in RECOMPUTE:
        chosen = [(i, peak) for way, i, peak in fits if way == recompute]
        if not chosen:
            continue
        index = np.array([i for i, _ in chosen])
        flops = training_flops(task.a, tokens, context=task.length, recompute=recompute)
        seconds = step_time(
            task.a,
            left.take(index).columns,
            task.style,
            task.card,
            task.length,
            flops=float(flops.model),
            again=float(flops.recompute),
            recompute=recompute,
            dtype=dtype,
            kernels=kernels,
            between=between,
            node=task.node,
        ).total
        for (i, peak), each in zip(chosen, seconds, strict=True):
            tight = peak + task.highest > room(task.card)
            found.append((tight, float(each), peak, i, recompute))
    best = {}
    for _, seconds, _, i, recompute in sorted(found):
        degrees = tuple(int(getattr(left.columns, name)[i]) for name in DEGREES)
        best.setdefault(degrees, (left.layout(i, recompute), seconds))
        if len(best) == BEST:
            break
    return list(best.values())


def _fewest(task: _Task, most: int) -> int | None:
    """Return the fewest devices on which something fits, or None.

    Powers of two are tried up to the first success, then multiples of a node in between: all of
    them up to 256 devices, and sixteen of them beyond.
    """
    lowest, highest = 0, None
    n = 1
    while n <= most:
        if _try(task, n)[1]:
            highest = n
            break
        lowest, n = n, 2 * n
    if highest is None or highest <= task.node:
        return highest
    for n in range(lowest + task.node, highest, max(task.node, (highest - lowest) // 16)):
        if _try(task, n)[1]:
            return n
    return highest


def search(
    architecture,
    devices: int | None = None,
    device: str | Device = "H100-SXM",
    *,
    context: int | None = None,
    global_batch_tokens: float = 2**22,
    style: Layout | None = None,
    reserve: float = RESERVE,
    reserve_range: tuple[float, float] | None = None,
    dtype: str = "bf16",
    kernels: float = KERNELS,
    between: float = BETWEEN,
    node: int = NODE,
    most: int = MOST,
) -> Search:
    """Return the best three layouts that fit, why the others do not, and the fewest devices.

    Parameters
    ----------
    architecture : Architecture, str, shapes.Transformer, dict or path
        Anything that :func:`scaling_utils.architectures.resolve` takes.
    devices : int, optional
        How many there are; the fewest on which something fits unless given.
    device : str or hardware.Device
        What they are.
    context : int, optional
        Tokens of a sequence; the model's own unless given.
    global_batch_tokens : float
        Tokens of one step, rounded to whole sequences. 2**22 as in many runs of 2023, unless given.
    style : Layout, optional
        What all layouts have in common: convention, attention, chunks, dropout and so on. Its
        degrees of parallelism, ``zero``, ``recompute`` and micro-batches are searched.
    reserve, reserve_range : float, tuple of float
        See :func:`footprint`. What fits with the middle reserve is ranked; its ``fits`` says
        whether it does with the highest one.
    dtype : str
        Whose peak counts.
    kernels, between, node : float, float, int
        See :func:`scaling_utils.planning.merit.step_time`.
    most : int
        Devices that the search for the fewest goes up to.

    Returns
    -------
    Search

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range, or the model or device unknown.
    """
    a = resolve(architecture)
    card = device if isinstance(device, Device) else get(device)
    length = whole("context", a.shape.context if context is None else context)
    tokens = number("global_batch_tokens", global_batch_tokens, at_least=length)
    if style is not None and not isinstance(style, Layout):
        raise TypeError(f"style must be a Layout, got {style!r}")
    card.peak(dtype)  # a format without a rate is refused before anything is searched
    number("kernels", kernels, above=0, at_most=1)
    number("between", between, above=0)
    common = replace(style or Layout(sequence_parallel=True), layers_per_stage=None)
    _, middle, highest = ends_of(reserve, reserve_range)
    sequences = max(1, round(tokens / length))
    task = _Task(a, card, length, sequences, common, middle, highest, whole("node", node))
    fewest = _fewest(task, whole("most", most))
    given = fewest if devices is None else whole("devices", devices)
    merit = WORDS.format(kernels=kernels)
    if given is None:
        return Search(None, (), (), (), 0, 0, None, merit)
    left, fits, refused, tried = _try(task, given)
    ranked = _rank(task, left, fits, kernels, between, dtype)
    best = [
        footprint(
            a, layout, context=length, device=card, reserve=reserve, reserve_range=reserve_range
        )
        for layout, _ in ranked
    ]
    seconds = tuple(seconds for _, seconds in ranked)
    return Search(given, tuple(best), seconds, refused, tried, len(fits), fewest, merit)
