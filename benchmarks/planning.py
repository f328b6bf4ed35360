"""A million plans in one call, against calling the same function in a Python loop.

A loop of bare arithmetic, without the function's checks, is timed too; no goal rests on it.

    python benchmarks/planning.py [plans]

It exits with 1 if a goal is missed. The ratio is that of one run; times are processor time.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is imported

import sys
import time

import numpy as np

from scaling_utils.planning import outcomes, plan

FEWER = 2_000  # plans of the loop; its time per plan does not depend on how many
RATIO = 100  # how many times faster one call must be
SECONDS = 5.0  # for all plans
ONE_PLAN = 0.5  # seconds of one plan() with its 2,000 draws


def _bare(rows: list[dict]) -> float:
    """Return the seconds of the same arithmetic on plain numbers, nothing checked."""
    start = time.process_time()
    found = []
    for r in rows:
        flops = 6 * r["N"] * r["D"]
        hours = flops / (989.4e12 * r["mfu"] * 3600)
        device_kwh = hours * r["power"] / 1000
        kwh = device_kwh * r["pue"]
        kg = kwh * r["grid"] / 1000
        cost, clock, steps = hours * r["price"], hours / r["devices"], r["D"] / 2**22
        found.append((flops, hours, clock, cost, device_kwh, kwh, kg, steps))
    return time.process_time() - start


def main() -> int:
    plans = int(float((*sys.argv[1:], "1e6")[0]))
    rng = np.random.default_rng(0)
    inputs = {
        "N": 10 ** rng.uniform(8, 12, plans),
        "D": 10 ** rng.uniform(10, 13, plans),
        "mfu": rng.uniform(0.2, 0.5, plans),
        "devices": rng.integers(8, 4096, plans),
        "price": rng.uniform(1, 4, plans),
        "power": rng.uniform(400, 800, plans),
        "pue": rng.uniform(1.05, 1.6, plans),
        "grid": rng.uniform(20, 700, plans),
    }
    known = {"peak": 989.4e12, "batch_tokens": 2**22}
    start = time.process_time()
    together = outcomes(**inputs, **known)
    seconds = time.process_time() - start
    rows = [{name: x[i].item() for name, x in inputs.items()} for i in range(FEWER)]
    start = time.process_time()
    singly = [outcomes(**row, **known) for row in rows]
    loop = (time.process_time() - start) * plans / FEWER
    worst = max(
        abs(one[name] / together[name][i] - 1) for i, one in enumerate(singly) for name in one
    )
    bare = _bare(rows) * plans / FEWER
    plan(flops=1e24)
    start = time.process_time()
    plan(flops=1e24)
    one = time.process_time() - start
    print(
        f"{plans:,} plans in one call: {seconds:.2f} s; one by one {loop:.0f} s ({FEWER:,} timed)"
    )
    print(
        f"a loop of bare arithmetic: {bare:.1f} s, {bare / seconds:.0f} times slower than one call"
    )
    goals = {
        f"{loop / seconds:,.0f} times faster than a loop, goal {RATIO}": loop >= RATIO * seconds,
        f"{seconds:.2f} s, goal below {SECONDS:g} s": seconds < SECONDS,
        f"same to {worst:.1e}, goal 1e-12": worst < 1e-12,
        f"one plan with its draws {one:.3f} s, goal below {ONE_PLAN:g} s": one < ONE_PLAN,
    }
    for words, met in goals.items():
        print(f"  {'PASS' if met else 'FAIL'}  {words}")
    return 0 if all(goals.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
