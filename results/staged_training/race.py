"""Runs of the race: networks that are trained at one size, or grown once, on a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from growth import carry, grow, stacked, zero_on_top

from scaling_utils.models import Residuals
from scaling_utils.tasks import WaveTask
from scaling_utils.training import MemberAdam, Trainer

OPERATORS = {"zero": zero_on_top, "stack": stacked}
NEW_WEIGHTS = 1_000_003  # added to a run's seed, for the fresh weights of its new blocks


@dataclass(frozen=True)
class Arm:
    """How a run spends its budget.

    Attributes
    ----------
    name : str
        As in the table.
    layers : int
        Blocks at the end.
    first : int
        Blocks of the first stage; 0 where there is none.
    operator : str
        "zero" or "stack"; empty where nothing grows.
    share : float
        Of the budget that the first stage spends, at most.
    rewarm : bool
        Whether the rate rises once more, as at the start, after the growth.
    """

    name: str
    layers: int
    first: int = 0
    operator: str = ""
    share: float = 0.0
    rewarm: bool = False


@dataclass(frozen=True)
class Setting:
    """What all runs of a race share.

    Attributes
    ----------
    width, batch : int
        Of the stream, and points in a step.
    budget : float
        FLOPs of one run.
    warmup : int
        Steps in which the rate rises.
    decay : float
        Share of the budget, at its end, in which the rate falls to 0.
    """

    width: int
    batch: int
    budget: float
    warmup: int
    decay: float

    def network(self, task: WaveTask, layers: int, seeds: Sequence[int]) -> Residuals:
        """Return networks of that depth, one for each seed."""
        return Residuals(task.inputs.shape[1], self.width, layers, seeds)


@dataclass(frozen=True)
class Plan:
    """The steps of a run: each stage pays for its own size.

    Attributes
    ----------
    first, second : int
        Steps of the two stages; the first may be 0.
    costs : (int, int)
        FLOPs of one step of each.
    rewarm : bool
        As of the arm.
    """

    first: int
    second: int
    costs: tuple[int, int]
    rewarm: bool = False

    @property
    def flops(self) -> int:
        """FLOPs of the whole run."""
        return self.first * self.costs[0] + self.second * self.costs[1]

    def spent(self, step: int) -> int:
        """Return the FLOPs of the first ``step`` steps."""
        early = min(step, self.first)
        return early * self.costs[0] + (step - early) * self.costs[1]


def plan_of(arm: Arm, setting: Setting, task: WaveTask) -> Plan:
    """Return the steps that the budget pays for: all of it, but for less than one step."""
    sizes = (arm.first or arm.layers, arm.layers)
    small, large = (
        setting.network(task, layers, [0]).flops_per_point * setting.batch for layers in sizes
    )
    first = int(arm.share * setting.budget // small) if arm.first else 0
    second = int((setting.budget - first * small) // large)
    return Plan(first, second, (small, large), arm.rewarm)


def factor(plan: Plan, setting: Setting, step: int) -> float:
    """Return the share of the peak rate at a step: it follows the FLOPs spent, not the steps."""
    left = 1 - plan.spent(step) / setting.budget
    since = step - plan.first if plan.rewarm and step >= plan.first else step
    return min(1.0, (since + 1) / setting.warmup, left / setting.decay)


def race(
    arm: Arm,
    setting: Setting,
    task: WaveTask,
    rates: Sequence[float],
    marks: int = 0,
) -> list[dict]:
    """Train a network for each of the task's seeds and each rate side by side; measure them.

    A seed names the function, and the network's first weights. All networks see the same points in
    the same order, as far as each gets. ``marks`` is the number of measurements on the way, evenly
    spaced in FLOPs.

    Returns
    -------
    list of dict
        For each seed, rate and measurement: "step", "flops" so far, "points" and "loss", the
        held-out squared error in units of the function's variance. A grown network is measured
        right before and right after its growth, at equal FLOPs.
    """
    plan = plan_of(arm, setting, task)
    each = [(seed, rate) for seed in task.seeds for rate in rates]
    batches = task.batches(task.seeds, setting.batch, len(rates))
    model = setting.network(task, arm.first or arm.layers, [seed for seed, _ in each])
    optimiser = MemberAdam(model, [rate for _, rate in each])
    rows: list[dict] = []

    def measure(step: int, stage: int) -> None:
        losses = task.measure(model)["loss"]
        for (seed, rate), loss in zip(each, losses, strict=True):
            row = {"arm": arm.name, "seed": seed, "rate": rate, "stage": stage, "step": step}
            row |= {"points": step * setting.batch, "flops": plan.spent(step)}
            rows.append(row | {"loss": float(f"{loss:.7g}")})

    def train(begin: int, end: int, stage: int) -> None:
        trainer = Trainer(model, optimiser, lambda i: batches(begin + i), clip=1.0)
        stops = [s for s in _marked(plan, marks) if begin < s < end]
        for stop in (*stops, end):
            trainer.train(stop - begin, lambda step: factor(plan, setting, begin + step))
            measure(stop, stage)

    if plan.first:
        train(0, plan.first, 1)
        origins = OPERATORS[arm.operator](arm.first, arm.layers)
        fresh = setting.network(task, arm.layers, [seed + NEW_WEIGHTS for seed, _ in each])
        larger = grow(model, fresh, origins)
        moved = MemberAdam(larger, [rate for _, rate in each])
        carry(optimiser, moved, origins, model, larger)
        model, optimiser = larger, moved
        measure(plan.first, 2)
    train(plan.first, plan.first + plan.second, 2)
    return rows


def _marked(plan: Plan, marks: int) -> list[int]:
    """Return the steps at which equal parts of the FLOPs are spent, without the last."""
    found = []
    for mark in range(1, marks):
        wanted = mark * plan.flops / marks
        early = min(plan.first, int(wanted // plan.costs[0]))
        found.append(early + int((wanted - early * plan.costs[0]) // plan.costs[1]))
    return found
