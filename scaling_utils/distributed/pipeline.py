"""The order in which a pipeline has run, and how long its ranks would be idle at nominal costs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from numbers import Rational

# Forward; whole backward; its two halves, for the input and for the weights.
COSTS = {"F": 1, "B": 2, "I": 1, "W": 1}


@contextmanager
def traced(*stages) -> Iterator[list[tuple]]:
    """Note what the stages of a pipeline do while a block runs.

    The note is taken from the run, and not from what its schedule says that it would do.

    Parameters
    ----------
    *stages : torch.distributed.pipelining.PipelineStage
        Those of this rank.

    Yields
    ------
    list of (stage, kind, micro-batch, start, end)
        Filled while the block runs. ``kind`` is F for a forward pass, B for a backward one, or
        I and W for its halves; start and end are in seconds of ``time.monotonic``, which all
        processes of a machine share on Linux.
    """
    steps: list[tuple] = []
    try:
        for stage in stages:
            for method in ("forward_one_chunk", "backward_one_chunk", "backward_weight_one_chunk"):
                setattr(stage, method, _noting(stage, method, steps))
        yield steps
    finally:
        for stage in stages:
            for method in ("forward_one_chunk", "backward_one_chunk", "backward_weight_one_chunk"):
                vars(stage).pop(method, None)  # the class's own comes back


def _noting(stage, method: str, steps: list[tuple]):
    run = getattr(stage, method)

    def noted(micro_batch, *args, **kwargs):
        whole = kwargs.get("full_backward", True)
        kind = {"f": "F", "b": "B" if whole else "I"}[method[0]] if "weight" not in method else "W"
        start = time.monotonic()
        value = run(micro_batch, *args, **kwargs)
        steps.append((stage.stage_index, kind, micro_batch, start, time.monotonic()))
        return value

    return noted


@dataclass(frozen=True)
class Replay:
    """A pipeline's run at nominal costs. All times are in the unit of the costs, and exact.

    Attributes
    ----------
    steps : tuple of (rank, stage, kind, micro-batch, start, end)
        Every step with its times.
    total : Fraction
        From the first start to the last end.
    useful : Fraction
        Time that the ranks work, on average.
    """

    steps: tuple
    total: Fraction
    useful: Fraction

    @property
    def idle_of_total(self) -> Fraction:
        """Idle share of the whole time: (p - 1) / (m + p - 1) for GPipe and 1F1B."""
        return 1 - self.useful / self.total

    @property
    def idle_of_useful(self) -> Fraction:
        """Idle time over useful time: (p - 1) / m for GPipe and 1F1B."""
        return self.total / self.useful - 1


def replay(
    orders: Sequence[Sequence[tuple]], costs: Mapping[str, Rational] | None = None
) -> Replay:
    """Return when each step of a pipeline would run, if steps took what they nominally cost.

    Each rank runs its steps in the given order, each as soon as what it needs is there: a forward
    pass needs that of the stage before; a backward one its own forward pass and the backward pass
    of the stage after; W needs its I. Messages take no time. For p equal stages and m
    micro-batches GPipe (Huang et al. 2019, https://arxiv.org/abs/1811.06965, Sec. 2.3) and 1F1B
    idle for (p - 1) / m of the useful time, interleaved 1F1B with v stages a rank for
    (p - 1) / (v m) (Narayanan et al. 2021, https://arxiv.org/abs/2104.04473, Sec. 2.2).

    Parameters
    ----------
    orders : sequence of sequences of tuple
        For each rank its steps (stage, kind, micro-batch, ...), such as ``traced`` notes.
    costs : mapping of str to a whole number or Fraction, optional
        Of the kinds F, B, I and W; by default 1, 2, 1 and 1.

    Returns
    -------
    Replay
        The times of all steps, and the idle share of the whole and over the useful time.

    Raises
    ------
    ValueError
        If an order waits for something that never comes, a step is there twice, or a cost is not
        positive.
    KeyError
        If a step's kind has no cost.
    """
    costs = {kind: Fraction(cost) for kind, cost in (costs or COSTS).items()}
    if min(costs.values()) <= 0:
        raise ValueError(f"costs must be above 0, got {dict(costs)}")
    waiting = [[tuple(step[:3]) for step in order] for order in orders]
    every = [step for order in waiting for step in order]
    if len(set(every)) < len(every) or not every:
        raise ValueError("orders must hold each step once, and at least one; got none or one twice")
    stages = 1 + max(stage for stage, _, _ in every)
    ends: dict[tuple, Fraction] = {}
    free, steps = [Fraction(0)] * len(waiting), []
    while any(waiting):
        before = len(steps)
        for rank, order in enumerate(waiting):
            while order and (needs := _needs(order[0], stages, ends)) is not None:
                step = order.pop(0)
                start = max([free[rank], *needs])
                free[rank] = start + costs[step[1]]
                ends[_done(*step)] = free[rank]
                steps.append((rank, *step, start, free[rank]))
        if len(steps) == before:
            stuck = {rank: order[0] for rank, order in enumerate(waiting) if order}
            raise ValueError(
                f"orders must not wait for ever; rank: step that cannot start: {stuck}"
            )
    useful = sum((costs[kind] for _, kind, _ in every), Fraction(0)) / len(waiting)
    return Replay(tuple(steps), max(free), useful)


def _done(stage: int, kind: str, micro_batch: int) -> tuple:
    """Return what a step leaves: a whole backward pass leaves the input's gradient too."""
    return (stage, "I" if kind == "B" else kind, micro_batch)


def _needs(step: tuple, stages: int, ends: Mapping[tuple, Fraction]) -> list[Fraction] | None:
    """Return when that was there which a step needs, or None while it is not."""
    stage, kind, micro_batch = step
    needed = {
        "F": [(stage - 1, "F")] if stage > 0 else [],
        "W": [(stage, "I")],
    }.get(kind, [(stage, "F"), *([(stage + 1, "I")] if stage < stages - 1 else [])])
    keys = [(place, what, micro_batch) for place, what in needed]
    return [ends[key] for key in keys] if all(key in ends for key in keys) else None
