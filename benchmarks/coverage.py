"""How often nominal 95 % bootstrap intervals of the parametric fit cover the truth.

Many tables are made from one known law, with 1 % of noise on the loss, and each is fitted and
resampled. Two sizes of table, each without and with 5 % of wrong rows (losses too high by a
factor exp(t), t exponential with mean 0.1: runs that went wrong). Then tables as IsoFLOP studies
have them, six budgets of ten sizes, with 2 % of noise. The printed +- is the Monte Carlo error of
the coverages themselves, for a true coverage of 95 %.

    python benchmarks/coverage.py [tables]
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is imported

import sys
import time
import warnings

import numpy as np

from scaling_utils.fitting import FitWarning, bootstrap, fit_parametric
from scaling_utils.laws import BESIROGLU

NOISE, ISOFLOP_NOISE = 0.01, 0.02
BUDGETS, SIZES = np.geomspace(6e18, 3e21, 6), np.geomspace(0.2, 5.0, 10)  # over the best size
RESAMPLES = 300
TABLES = {60: 500, 240: 300}  # runs in a table: tables made
ISOFLOP_TABLES = 400
WRONG = (0.0, 0.05)
METHODS = ("percentile", "bca", "basic")
LOWEST, HIGHEST = 0.93, 0.98
NAMES = ("E", "A", "B", "alpha", "beta", "a")
TRUTH = np.array([getattr(BESIROGLU, name) for name in NAMES])


def spread(rng, runs: int) -> tuple[np.ndarray, np.ndarray]:
    """Return N and D of runs all over the plane."""
    return tuple(np.exp(rng.uniform(np.log([[5e7], [1e9]]), np.log([[1e10], [5e11]]), (2, runs))))


def isoflop() -> tuple[np.ndarray, np.ndarray]:
    """Return N and D of runs at a few budgets, about the best size of each."""
    C = np.repeat(BUDGETS, len(SIZES))
    N = BESIROGLU.optimal(C).N * np.tile(SIZES, len(BUDGETS))
    return N, C / (6 * N)


def cover(N, D, tables: int, wrong: float, noise: float, rng) -> tuple[dict[str, np.ndarray], int]:
    """Return the coverage of each quantity by method, and the resamples not converged."""
    runs = len(N)
    hits = {method: np.zeros(len(NAMES)) for method in METHODS}
    failed = 0
    for number in range(tables):
        loss = BESIROGLU.loss(N, D) * np.exp(noise * rng.normal(size=runs))
        spoilt = rng.random(runs) < wrong
        loss[spoilt] *= np.exp(rng.exponential(0.1, spoilt.sum()))
        resamples = bootstrap(fit_parametric(N, D, loss), RESAMPLES, seed=10**6 + number, check=0)
        failed += int((~resamples.converged).sum())
        for method in METHODS:
            # An interval that the resamples do not bound holds everything.
            bounds = [resamples.interval(name, 0.95, method) or (-np.inf, np.inf) for name in NAMES]
            low, high = np.array(bounds).T
            hits[method] += (low <= TRUTH) & (high >= TRUTH)
    return {method: count / tables for method, count in hits.items()}, failed


def designs():
    """Return a title, N, D, the tables to make, the share of wrong rows, noise and a generator."""
    for runs, tables in TABLES.items():
        for wrong in WRONG:
            rng = np.random.default_rng([runs, int(100 * wrong)])
            yield f"{runs} runs, {wrong:.0%} wrong", *spread(rng, runs), tables, wrong, NOISE, rng
    title = f"{len(BUDGETS)} budgets x {len(SIZES)} sizes, {ISOFLOP_NOISE:.0%} noise"
    rng = np.random.default_rng(6)
    yield title, *isoflop(), ISOFLOP_TABLES, 0.0, ISOFLOP_NOISE, rng


def main() -> int:
    warnings.simplefilter("ignore", FitWarning)
    start = time.perf_counter()
    print(f"coverage of nominal 95 % intervals, {RESAMPLES} resamples per table, case bootstrap")
    print("  " + f"{'':<44}" + "".join(f"{name:>8}" for name in NAMES))
    found = []
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else None
    for title, N, D, tables, wrong, noise, rng in designs():
        tables = asked or tables
        coverage, failed = cover(N, D, tables, wrong, noise, rng)
        error = np.sqrt(0.95 * 0.05 / tables)
        print(f"  {title}, {tables} tables, +- {error:.1%}", end="")
        print(f"; {failed} of {tables * RESAMPLES:,} resamples not converged", flush=True)
        for method, shares in coverage.items():
            print(f"    {method:<42}" + "".join(f"{share:>8.1%}" for share in shares), flush=True)
            if method != "basic":
                found.append((title, method, shares, tables))
    print(f"\n  {time.perf_counter() - start:.0f} s")
    met = True
    for title, method, shares, tables in found:
        below, above = (2 * np.sqrt(bound * (1 - bound) / tables) for bound in (LOWEST, HIGHEST))
        low, high = shares.min(), shares.max()
        if low >= LOWEST and high <= HIGHEST:
            verdict = "PASS"
        else:
            verdict = "NEAR" if LOWEST - below <= low and high <= HIGHEST + above else "FAIL"
        met &= verdict != "FAIL"
        print(f"  {verdict}  {method:<10} {title}", end="")
        print(f": mean {shares.mean():.1%}, least {low:.1%}, most {high:.1%}")
    print(
        f"  goal: each quantity {LOWEST:.0%} to {HIGHEST:.0%}; NEAR: outside by less than two Monte"
    )
    print("  Carlo errors, so that chance may explain it")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
