"""How fast and how right the parametric fit and its bootstrap are, on one core.

Compared, in one run and on one table, with

(a) the procedure of the published refit (Besiroglu et al. 2024, https://arxiv.org/abs/2404.10102):
    L-BFGS with finite differences from a grid of 4,500 starts for the fit, then, for each of
    4,000 resamples, BFGS from Chinchilla's published constants with the gradient that autograd
    derives. A random sample of starts and of resamples is run and its time scaled up; the table
    says so. Variants that the publication did not use are shown beside it.
(b) a loop of ``scipy.optimize.least_squares(loss="huber")`` over resamples, from the optimum.

All times are processor time of one thread, so that a busy machine does not count.

    python benchmarks/fitting.py

It exits with 1 if a goal is missed.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is imported

import platform
import sys
import time
from itertools import product

import numpy as np
from scipy.optimize import least_squares, minimize

from scaling_utils.corpora import DataUnavailable, run_table
from scaling_utils.fitting import bootstrap, fit_parametric
from scaling_utils.laws import BESIROGLU, CHINCHILLA

try:
    import autograd
    import autograd.numpy as autonp
except ImportError:
    autograd = None

DELTA = 1e-3
RESAMPLES = 4000
REPEATS = 5
CHECKED = 200
SAMPLE = 60  # resamples of each baseline that are really run
STARTS_RUN = 60
# The grid of Hoffmann et al. (2022), https://arxiv.org/abs/2203.15556, section D.2.
GRID = list(
    product(
        np.arange(0, 30, 5.0),  # log A
        np.arange(0, 30, 5.0),  # log B
        np.arange(-1, 1.5, 0.5),  # log E
        np.arange(0, 2.5, 0.5),  # alpha
        np.arange(0, 2.5, 0.5),  # beta
    )
)
NEAR = 1e-6  # an objective within this share of the lowest known counts as the optimum

results: list[tuple[str, str, str, bool]] = []


def goal(name: str, measured: str, wanted: str, met: bool) -> None:
    results.append((name, measured, wanted, met))


def table() -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Return the 240 runs of the published refit, or as many made up where they are not at hand."""
    try:
        runs = run_table("epoch_chinchilla")
    except DataUnavailable:
        rng = np.random.default_rng(0)
        N, D = np.exp(rng.uniform(np.log([[5e7], [1e9]]), np.log([[1.5e10], [3e11]]), (2, 240)))
        loss = BESIROGLU.loss(N, D) * np.exp(0.01 * rng.standard_t(3, 240))
        return N, D, loss, "240 synthetic runs (the published table is not at hand)"
    kept = runs.loss < np.sort(runs.loss)[-5]
    N, C, loss = runs.N[kept], runs.C[kept], runs.loss[kept]
    return N, C / (6 * N), loss, "the 240 runs of the published refit"


def predicted(z, logs):
    """Return log loss and the share of each term, at z = log A, log B, log E, alpha, beta."""
    terms = np.exp([z[0] - z[3] * logs[0], z[1] - z[4] * logs[1], np.full_like(logs[0], z[2])])
    total = terms.sum(axis=0)
    return np.log(total), terms / total


def objective(z, logs):
    r = predicted(z, logs)[0] - logs[2]
    size = np.abs(r)
    return np.where(size <= DELTA, 0.5 * r * r, DELTA * (size - 0.5 * DELTA)).sum()


def jacobian(z, logs):
    share = predicted(z, logs)[1]
    return np.stack([*share, -share[0] * logs[0], -share[1] * logs[1]], axis=1)


def gradient(z, logs):
    r = predicted(z, logs)[0] - logs[2]
    return np.clip(r, -DELTA, DELTA) @ jacobian(z, logs)


def timed(call, repeats: int = 1):
    """Return the median processor time of a call in seconds and what it last returned."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        out = call()
        times.append(time.process_time() - start)
    return float(np.median(times)), out


def row(name: str, seconds: float, ours: float, reached: float, note: str) -> None:
    print(f"  {name:<34} {seconds:>11,.3g} s {seconds / ours:>9,.1f} x {reached:>9.0%}   {note}")


def heading(title: str) -> None:
    print(f"\n{title}\n  {'':<34} {'time':>13} {'of ours':>11} {'optimum':>9}")


def compare_fit(logs, fit, ours: float) -> None:
    """Time a random sample of the 4,500 starts and scale it up."""
    heading(f"The full fit, {len(logs[0])} runs")
    row("fit_parametric", ours, ours, 1.0, f"median of {REPEATS}")
    chosen = np.random.default_rng(0).choice(len(GRID), STARTS_RUN, replace=False)
    for name, jac in (("published: L-BFGS, 4,500 starts", None), ("the same, analytic", gradient)):

        def starts(jac=jac):
            found = [
                minimize(objective, GRID[k], args=(logs,), jac=jac, method="L-BFGS-B").fun
                for k in chosen
            ]
            return np.array(found)

        with np.errstate(all="ignore"):
            seconds, found = timed(starts)
        reached = float((found <= fit.objective * (1 + NEAR)).mean())
        scaled = seconds * len(GRID) / STARTS_RUN
        row(name, scaled, ours, reached, f"{STARTS_RUN} starts run, scaled to {len(GRID):,}")


def differentiated():
    """Return the objective and its gradient as autograd derives it."""

    def loss(z, logs):
        terms = (
            autonp.exp(z[0] - z[3] * logs[0]) + autonp.exp(z[1] - z[4] * logs[1]) + autonp.exp(z[2])
        )
        size = autonp.abs(autonp.log(terms) - logs[2])
        return autonp.sum(autonp.where(size <= DELTA, 0.5 * size**2, DELTA * (size - 0.5 * DELTA)))

    return loss, autograd.grad(loss)


def squares(start, jac):
    def solve(part):
        slopes = (lambda z: jacobian(z, part)) if jac else "2-point"
        r = lambda z: predicted(z, part)[0] - part[2]  # noqa: E731
        return least_squares(r, start, jac=slopes, loss="huber", f_scale=DELTA).x

    return solve


def bfgs(start, function, jac):
    return lambda part: minimize(function, start, args=(part,), jac=jac, method="BFGS").x


def compare_bootstrap(logs, fit, ours: float, indices, lowest) -> tuple[float, float]:
    """Time a random sample of resamples in loops of scipy; return the two ratios to ours."""
    published, best = (
        np.array([np.log(law.A), np.log(law.B), np.log(law.E), law.alpha, law.beta])
        for law in (CHINCHILLA, fit.law)
    )
    loops = {
        "published: BFGS, autograd": bfgs(published, *differentiated()) if autograd else None,
        "the same, finite differences": bfgs(published, objective, None),
        "the same, analytic gradient": bfgs(published, objective, gradient),
        "least_squares(loss='huber')": squares(best, False),
        "the same, analytic Jacobian": squares(best, True),
    }
    heading(f"{RESAMPLES:,} resamples")
    row("bootstrap", ours, ours, 1.0, "median of 3, all run, 8 of them checked from scratch")
    chosen = np.random.default_rng(1).choice(len(indices), SAMPLE, replace=False)
    parts = [logs[:, indices[k]] for k in chosen]
    ratios = []
    for name, solve in loops.items():
        if solve is None:
            print(f"  {name:<34} not run: autograd is not installed")
            continue
        seconds, found = timed(lambda solve=solve: [solve(part) for part in parts])
        values = [objective(z, part) for z, part in zip(found, parts, strict=True)]
        reached = float((np.array(values) <= lowest[chosen] * (1 + NEAR)).mean())
        scaled = seconds * RESAMPLES / SAMPLE
        row(name, scaled, ours, reached, f"{SAMPLE} run, scaled to {RESAMPLES:,}")
        ratios.append(scaled / ours)
    return ratios[0], ratios[-2]


def main() -> int:
    N, D, loss, source = table()
    print(f"{source}; {platform.machine()}, Python {platform.python_version()}")
    print("processor time of one thread")
    print(f"numpy {np.__version__}; objective: sum of Huber losses of log loss, delta {DELTA:g}")
    logs = np.log(np.stack([N, D, loss]))
    seconds, fit = timed(lambda: fit_parametric(N, D, loss, DELTA), REPEATS)
    law = fit.law
    print(f"optimum: {law}")
    print(f"objective {fit.objective:.13g}, share of starts that agree {fit.agreement:.0%}")
    goal("full fit", f"{seconds:.3f} s", "< 0.2 s", seconds < 0.2)
    compare_fit(logs, fit, seconds)

    indices = np.random.default_rng(0).integers(0, len(loss), (RESAMPLES, len(loss)))
    ours, resamples = timed(lambda: bootstrap(fit, draws=indices), 3)
    goal("4,000 resamples", f"{ours:.2f} s", "< 15 s", ours < 15)
    published, loop = compare_bootstrap(logs, fit, ours, indices, resamples.objective)
    goal("against the published bootstrap", f"{published:.0f} x", ">= 100 x", published >= 100)
    goal("against the least_squares loop", f"{loop:.0f} x", ">= 10 x", loop >= 10)

    checked = bootstrap(fit, draws=indices, check=CHECKED)
    print(f"\n{checked.checked} random resamples fitted again from scratch: {checked.missed} lower")
    converged = resamples.converged.mean()
    print(f"resamples that converged: {converged:.2%}")
    goal("missed optima", f"{checked.missed} of {checked.checked}", "0", checked.missed == 0)
    goal("resamples converged", f"{converged:.2%}", ">= 99.9 %", converged >= 0.999)

    print()
    for name, measured, wanted, met in results:
        print(f"  {'PASS' if met else 'FAIL'}  {name:<34} {measured:>12}   goal {wanted}")
    return 0 if all(met for *_, met in results) else 1


if __name__ == "__main__":
    sys.exit(main())
