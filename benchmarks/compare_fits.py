"""What other packages answer on the public run tables, and how long they take, beside ours.

Compared on one objective, the sum of Huber losses of log loss with delta 1e-3 (Hoffmann et al.
2022, Eq. 3), evaluated at what each package returns, whatever it minimises itself; and in processor
time of one thread, as a multiple of ours in the same run. Packages that are not installed are named
and left out. The tables belong to their authors and are read, never stored.

    python benchmarks/compare_fits.py            # print
    python benchmarks/compare_fits.py --write    # and write results/compare_fits/fits.csv

simple-scaling-laws needs Python 3.12 and brings polars, chinchilla brings pandas: a virtual
environment for these two is best, with this checkout on PYTHONPATH.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"):
    os.environ[name] = "1"  # before numpy is imported

import csv
import sys
import tempfile
import time
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from scaling_utils.corpora import DataUnavailable, run_table
from scaling_utils.fitting import FitWarning, bootstrap, fit_parametric, fit_quantile
from scaling_utils.laws import ParametricLaw

OUT = Path(__file__).resolve().parent.parent / "results" / "compare_fits" / "fits.csv"
DELTA, REPEATS, DRAWS = 1e-3, 3, 200
AXIS = 3  # values of each axis of chinchilla's grid of starts; its README has 5, 3,125 starts
FIELDS = (
    "table", "runs", "package", "version", "minimises", "objective", "over_ours",
    "E", "alpha", "beta", "fit_time", "resample_time",
)  # fmt: skip


def tables() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return N, D and loss of the public tables that can be had."""
    found = {}
    for name in ("kyo_takano", "epoch_chinchilla", "cs336", "gadre"):
        try:
            runs = run_table(name)
        except DataUnavailable as why:
            print(f"  {name} left out: {why}")
            continue
        kept = np.ones(len(runs), dtype=bool)
        if name == "epoch_chinchilla":
            kept = runs.loss < np.sort(runs.loss)[-5]  # as its authors fit it
        if name == "gadre":
            kept = runs.other["dataset"] == "rpj"
        found[name] = tuple(column[kept] for column in (runs.N, runs.D, runs.loss))
    return found


def objective(law: ParametricLaw, N, D, loss) -> float:
    """Return the sum of Huber losses of log loss."""
    size = np.abs(np.log(law.loss(N, D) / loss))
    return float(np.where(size <= DELTA, size**2 / 2, DELTA * (size - DELTA / 2)).sum())


def timed(call, repeats: int = REPEATS):
    """Return the median processor time in seconds, and what the call last returned."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        out = call()
        times.append(time.process_time() - start)
    return float(np.median(times)), out


# Each returns the law, the seconds of the fit, and those of one resample or None.


def ours(N, D, loss):
    seconds, fit = timed(lambda: fit_parametric(N, D, loss, DELTA))
    each, _ = timed(lambda: bootstrap(fit, DRAWS, check=0), 1)
    return fit.law, seconds, each / DRAWS


def ours_one_sided(N, D, loss):
    """Return the law through the quantile 1/11, where chinchilla's own loss weighs 10 to 1."""
    seconds, fit = timed(lambda: fit_quantile(N, D, loss, 1 / 11, space="raw"))
    each, _ = timed(lambda: bootstrap(fit, DRAWS // 4, check=0), 1)
    return fit.law, seconds, each / (DRAWS // 4)


def simple_scaling_laws(N, D, loss):
    import polars
    import simple_scaling_laws as other

    frame = polars.DataFrame(
        {
            "training_run_id": np.arange(len(N)),
            "model_size__N": N,
            "dataset_size__D": D,
            "test_loss__loss": loss,
        }
    )
    short, _ = timed(lambda: other.fit(frame, n_draws=2))
    long, model = timed(lambda: other.fit(frame, n_draws=DRAWS), 1)
    found, at = model.params("test_loss__loss"), model.observed_domain
    A, B = (
        found[name] * at[column]["reference"] ** found[exponent]
        for name, column, exponent in (
            ("A", "model_size__N", "alpha"),
            ("B", "dataset_size__D", "beta"),
        )
    )
    law = ParametricLaw(found["E"], A, B, found["alpha"], found["beta"])
    return law, short, (long - short) / (DRAWS - 2)


def chinchilla(N, D, loss, loss_fn=None):
    import pandas
    from chinchilla import Chinchilla

    step = {"num": AXIS}
    grid = {"E": np.linspace(1, 2, **step)}  # the README's, with fewer values
    grid |= {name: np.linspace(1, 10, **step) for name in ("a", "b")}
    grid |= {name: np.linspace(0.1, 0.7, **step) for name in ("alpha", "beta")}
    with tempfile.TemporaryDirectory() as folder:
        settings = {} if loss_fn is None else {"loss_fn": loss_fn}
        model = Chinchilla(folder, param_grid=grid, log_level=100, **settings)
        columns = {"C": 6 * N * D, "N": N, "D": D, "loss": loss}
        model.database.df = pandas.DataFrame(columns)
        model.visualizer.optim = lambda *args, **kwargs: None  # no plot
        with np.errstate(all="ignore"):
            seconds, _ = timed(lambda: model.fit(parallel=False), 1)
        law = ParametricLaw(*(float(model.params[n]) for n in ("E", "A", "B", "alpha", "beta")))
    return law, seconds, None


def chinchilla_huber(N, D, loss):
    from chinchilla._metrics import log_huber

    return chinchilla(N, D, loss, lambda y, predicted: log_huber(y, predicted, DELTA))


RIVALS = {
    "scaling_utils": ("scaling-utils", "Huber of log loss", ours),
    "scaling_utils, quantile 1/11": ("scaling-utils", "absolute loss, 10 to 1", ours_one_sided),
    "simple-scaling-laws": ("simple-scaling-laws", "squares of loss", simple_scaling_laws),
    "chinchilla, its log_huber": ("chinchilla", "Huber of log loss", chinchilla_huber),
    "chinchilla, as it comes": ("chinchilla", "absolute loss, 10 to 1", chinchilla),
}


def compare() -> list[dict]:
    """Return one row for each table and package."""
    rows = []
    for table, (N, D, loss) in tables().items():
        base = None
        for name, (distribution, minimises, fit) in RIVALS.items():
            try:
                found = version(distribution)
                law, seconds, each = fit(N, D, loss)
            except (PackageNotFoundError, ImportError):
                print(f"  {name} left out: not installed")
                continue
            reached = objective(law, N, D, loss)
            base = (reached, seconds, each) if base is None else base
            row = [table, len(N), name, found, minimises, f"{reached:.6g}"]
            row += [f"{reached / base[0]:.4g}" if base[0] > 1e-12 else ""]
            row += [f"{value:.4f}" for value in (law.E, law.alpha, law.beta)]
            row += [f"{seconds / base[1]:.2g}", "" if each is None else f"{each / base[2]:.2g}"]
            rows.append(dict(zip(FIELDS, row, strict=True)))
            print("  " + "  ".join(f"{value!s:>10}" for value in row), flush=True)
    return rows


def main() -> int:
    warnings.simplefilter("ignore", FitWarning)
    rows = compare()
    if "--write" in sys.argv[1:]:
        with OUT.open("w", newline="") as file:
            writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
