"""How much memory a long table takes: a fit of 100,000 runs and 1,000 percentile resamples.

    python benchmarks/memory.py [rows] [resamples]

It exits with 1 if the goal is missed. The times are processor time of one thread.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is imported

import resource
import sys
import time

import numpy as np

from scaling_utils.fitting import bootstrap, fit_parametric
from scaling_utils.laws import BESIROGLU

GOAL = 2.0  # GiB


def peak() -> float:
    """Return the largest memory of this process so far, in GiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def main() -> int:
    rows, resamples = (int(float(word)) for word in (*sys.argv[1:], "1e5", "1e3")[:2])
    rng = np.random.default_rng(0)
    N, D = np.exp(rng.uniform(np.log([[5e7], [1e9]]), np.log([[1e10], [5e11]]), (2, rows)))
    loss = BESIROGLU.loss(N, D) * np.exp(0.01 * rng.normal(size=rows))
    print(f"{rows:,} rows; before the fit {peak():.2f} GiB")
    start = time.process_time()
    fit = fit_parametric(N, D, loss)
    print(f"after the fit {peak():.2f} GiB, {time.process_time() - start:.0f} s")
    start = time.process_time()
    found = bootstrap(fit, resamples)
    print(f"after {found.n:,} resamples {peak():.2f} GiB, {time.process_time() - start:.0f} s")
    print(f"alpha {fit.law.alpha:.5f}, 95 % {found.interval('alpha')}; notes: {found.notes}")
    met = peak() < GOAL
    print(f"  {'PASS' if met else 'FAIL'}  peak {peak():.2f} GiB, goal below {GOAL:g} GiB")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
