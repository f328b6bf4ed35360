"""Ways to play the contest, each a function of a lab that ends with its commitment.

An expert, a thrifty and a careful player differ in how much of the budget they spend before the
final run. Three more screen nothing and take 20 symbols a weight, each with one of Adam's rates:
3e-4, which a saying calls the best (https://x.com/karpathy/status/801621764144971776); its default,
.001; and .01, about the best rate of a small run. They alone look up the unit of the lab, for a
rate that is the same in all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from scaling_utils.contest import Lab, Runs, Sweep
from scaling_utils.contest.languages import MIDDLE, unit_of
from scaling_utils.fitting import fit_power_law

RUNGS = (5e8, 2e9, 8e9, 3.2e10)  # FLOPs; from one to the next by four
FIRST_WIDTHS = (10, 14, 20, 28, 40)
FIRST_RATES = (0.7, 2.1, 6.3)  # in a unit that may be off by three either way
GROWTH = (0.40, 0.55)  # between these the exponent of the best size with C is believed
RATE_FALL = -0.2  # exponent of the best rate with C, before two rungs have been measured
CURVATURE = 0.04  # how far below a power law, per factor e of extrapolation, the excess may fall
TOKENS = 20  # symbols a weight, of the rule of thumb


@dataclass(frozen=True)
class Rung:
    """The best of one budget: its size, rate and excess (nats per symbol)."""

    C: float
    N: float
    rate: float
    excess: float


def bottom(x, y) -> tuple[float, float]:
    """Return where a parabola through (log x, log y) has its bottom, and y there.

    At most half a step beyond the ends. Where there is no bottom, or there are fewer than three
    points, the least y counts.
    """
    x, y = np.log(x), np.log(y)
    good = np.isfinite(y)
    x, y = x[good], y[good]
    least = int(np.argmin(y))
    if len(x) > 2:
        curve = np.polyfit(x, y, 2)
        if curve[0] > 1e-9:
            half = (x.max() - x.min()) / (len(x) - 1) / 2
            place = float(np.clip(-curve[1] / (2 * curve[0]), x.min() - half, x.max() + half))
            return math.exp(place), math.exp(float(np.polyval(curve, place)))
    return math.exp(x[least]), math.exp(y[least])


def best_of(runs: Runs) -> Rung:
    """Return the best of the runs of one budget: the rate at each size, then the size."""
    sizes = np.unique(runs.N)
    alike = [runs[size == runs.N] for size in sizes]
    found = [bottom(each.rate, each.excess) for each in alike]
    rates, excess = map(np.array, zip(*found, strict=True))
    N, least = bottom(sizes, excess)
    rate = math.exp(np.interp(math.log(N), np.log(sizes), np.log(rates)))
    return Rung(float(runs.C[0]), N, rate, least)


def width_of(lab: Lab, N: float) -> int:
    """Return the even width whose size is next to N."""
    return min(range(4, 1025, 2), key=lambda width: abs(math.log(lab.rules.size(width) / N)))


def size_at(rungs: list[Rung], C: float) -> float:
    """Return the best size at C: a power law through the last rung, with a believable exponent."""
    last = rungs[-1]
    exponent = 0.5 * sum(GROWTH)
    if len(rungs) > 1:
        fit = fit_power_law([r.C for r in rungs], [r.N for r in rungs], offset=False)
        exponent = min(max(-fit.b, GROWTH[0]), GROWTH[1])
    return last.N * (C / last.C) ** exponent


def rate_at(rungs: list[Rung], C: float) -> float:
    """Return the best rate at C, by a power law through the rungs."""
    if len(rungs) == 1:
        return rungs[0].rate * (C / rungs[0].C) ** RATE_FALL
    fit = fit_power_law([r.C for r in rungs], [r.rate for r in rungs], offset=False)
    return float(fit.predict(C))


def screen(lab: Lab, rungs: list[Rung], C: float, sizes: int, spread: float = 1.4) -> Sweep:
    """Return the next sweep: sizes about the one expected, three rates about the one expected."""
    expected = width_of(lab, size_at(rungs, C))
    widths = {
        2 * round(expected * spread**place / 2) for place in np.arange(sizes) - (sizes - 1) / 2
    }
    rate = rate_at(rungs, C)
    return Sweep(C, sorted(widths), [rate / 2, rate, rate * 2])


def finish(lab: Lab, rungs: list[Rung], sized: list[Rung]) -> None:
    """Commit what is left to the final run, and predict it from the rungs."""
    C = float(lab.left)
    width = width_of(lab, size_at(sized, C))
    C -= 2 * lab.rules.size(width) * lab.rules.contexts
    law = fit_power_law([r.C for r in rungs], [r.excess for r in rungs], offset=False)
    high = float(law.predict(C))
    low = high * math.exp(-CURVATURE * math.log(C / rungs[-1].C))
    lab.commit(width, rate_at(rungs, C), C, math.sqrt(low * high), low, high)


def thrifty(lab: Lab, third: bool = False) -> None:
    """Screen two rungs with 3 sizes and 3 rates each, in two rounds."""
    rungs = [best_of(lab.run(Sweep(RUNGS[0], FIRST_WIDTHS[1:4], FIRST_RATES)))]
    rungs.append(best_of(lab.run(screen(lab, rungs, RUNGS[1], sizes=3))))
    sized = list(rungs)
    if third:
        rungs.append(best_of(lab.run(screen(lab, rungs, RUNGS[2], sizes=1))))
    finish(lab, rungs, sized)


def expert(lab: Lab) -> None:
    """Screen as the thrifty one, and spend the third round on 3 rates at a third rung."""
    thrifty(lab, third=True)


def careful(lab: Lab) -> None:
    """Screen four rungs with 5, 5, 5 and 4 sizes and 3 rates each: half of the budget."""
    rungs = [best_of(lab.run(Sweep(RUNGS[0], FIRST_WIDTHS, FIRST_RATES)))]
    sweeps = [screen(lab, rungs, C, sizes=5) for C in RUNGS[1:3]]
    runs = lab.run(sweeps[0] + sweeps[1])
    rungs += [best_of(runs[runs.C == C]) for C in RUNGS[1:3]]
    rungs.append(best_of(lab.run(screen(lab, rungs, RUNGS[3], sizes=4))))
    finish(lab, rungs, rungs)


def by_rule(lab: Lab, rate: float) -> None:
    """Take 20 symbols a weight and one of Adam's rates, with no idea what will come."""
    width = width_of(lab, math.sqrt(lab.rules.budget / (6 * TOKENS)))
    C = float(lab.rules.budget - 2 * lab.rules.size(width) * lab.rules.contexts)
    lab.commit(width, rate / unit_of(lab.name), C, 0.1, 0.01, 1.0)


def rule(lab: Lab) -> None:
    """Screen nothing: 20 symbols a weight, at the rate that a saying calls the best."""
    by_rule(lab, 3e-4)


def default(lab: Lab) -> None:
    """Screen nothing: 20 symbols a weight, at Adam's default rate."""
    by_rule(lab, 1e-3)


def kept(lab: Lab) -> None:
    """Screen nothing: 20 symbols a weight, at the middle of the units, as of a small run."""
    by_rule(lab, MIDDLE)


STRATEGIES = {
    "expert": expert,
    "thrifty": thrifty,
    "careful": careful,
    "rule": rule,
    "default": default,
    "kept": kept,
}
