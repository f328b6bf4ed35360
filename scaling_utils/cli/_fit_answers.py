"""What a fit is asked for besides its constants: optima, points, held-out rows, other forms."""

from __future__ import annotations

import csv
import warnings

import numpy as np

from scaling_utils.cli._fit_forms import Wanted, fit_of
from scaling_utils.fitting import Accuracy, Chain, FitError, FitWarning, SavedFit, fit_accuracy
from scaling_utils.tables import Runs, TableError

LEVEL = 0.95


def optima(saved: SavedFit, budgets, kind: str) -> list[dict]:
    """Return the best size and tokens at each budget, with intervals."""
    if not budgets:
        return []
    best = saved.optimum(np.array(budgets), kind=kind, level=LEVEL)
    out = []
    for k, budget in enumerate(budgets):
        N, D = float(best["N"]["value"][k]), float(best["D"]["value"][k])
        row = {"C": budget, "N": N, "D": D, "tokens_per_parameter": D / N}
        if "loss" in best:
            row["loss"] = float(best["loss"]["value"][k])
        if saved.n:
            for name, part in best.items():
                row[f"{name}_interval_95"] = pair(part["low"][k], part["high"][k])
        row["decades_beyond"] = {
            name: float(found[0]) for name, found in saved.decades_outside(C=budget).items()
        }
        out.append(row)
    return out


def points(saved: SavedFit, asked: list[dict[str, float]], kind: str) -> list[dict]:
    """Return the law at each point, with its interval and how far outside the rows it lies."""
    out = []
    for at in asked:
        x = [at[name] for name in saved.x]
        found = saved.predict(*x, kind=kind, level=LEVEL)
        where = {name: at[name] for name in saved.x}
        if {"N", "D"} == set(saved.x):
            where["C"] = 6 * at["N"] * at["D"]
        row = {**{name: at[name] for name in saved.x}, saved.y: float(found["value"][0])}
        if "low" in found:
            row[f"{saved.y}_interval_95"] = pair(found["low"][0], found["high"][0])
        if "accuracy" in found:
            row["accuracy"] = float(found["accuracy"][0])
            if "accuracy_low" in found:
                row["accuracy_interval_95"] = pair(
                    found["accuracy_low"][0], found["accuracy_high"][0]
                )
        row["decades_beyond"] = {
            name: float(value[0]) for name, value in saved.decades_outside(**where).items()
        }
        out.append(row)
    return out


def pair(low: float, high: float) -> list[float] | None:
    """Return an interval; None where a bound is missing."""
    return [float(low), float(high)] if np.isfinite(low) and np.isfinite(high) else None


def held_out(saved: SavedFit, held: Runs, rule: str) -> dict:
    """Return how the fit of the other rows meets the held-out ones."""
    seen = held[saved.y]
    x = [held[name] for name in saved.x]
    found = saved.predict(*x, level=LEVEL)
    error = found["value"] / seen - 1
    out = {
        "rule": rule,
        "rows": len(held),
        "lines": held.lines.tolist(),
        "mean_size_of_error": float(np.abs(error).mean()),
        "bias": float(error.mean()),
        "largest": float(np.abs(error).max()),
        "inside_new_run_95": None,
    }
    if saved.n and saved.noise is not None and len(saved.noise.residuals):
        wide = saved.predict(*x, kind="new-run", level=LEVEL)
        out["inside_new_run_95"] = float(np.mean((wide["low"] <= seen) & (seen <= wide["high"])))
    return out


def compared(runs: Runs, held: np.ndarray | None, seed: int) -> dict:
    """Return the forms' errors on held-out rows: those given, or the fifth of largest compute."""
    from scaling_utils.fitting import compare_forms

    rule = "the rows of --hold-out"
    if held is None:
        held, rule = 0.2, "the fifth of the rows with the largest N D"
    found = compare_forms(
        runs["N"], runs["D"], runs["loss"], hold_out=held, by=runs.group, seed=seed
    )
    return {"rule": rule, **found.as_dict()}


def second_step(fit, drawn, runs: Runs, n: int, seed: int, chance: float | None):
    """Fit accuracy to the loss, and resample both steps together.

    Returns the step, the draws of the first step (paired with it), and the fit of the second.
    """
    seen = np.isfinite(runs["accuracy"])
    accuracy = runs["accuracy"][seen]
    percent = bool(accuracy.max() > 1)
    if accuracy.max() > 100:
        raise TableError(
            f"{runs.name}: column {runs.names['accuracy']} must be accuracies, at most 1 or 100 "
            f"(per cent), got {accuracy.max():g}"
        )
    scale = 100.0 if percent else 1.0
    fixed = {} if chance is None else {"low": chance}
    weights = None if runs.weights is None else runs.weights[seen]
    second = fit_accuracy(runs["loss"][seen], accuracy / scale, weights=weights, fixed=fixed)
    constants = {name: float(getattr(second.law, name)) for name in ("low", "high", "slope",
                                                                     "middle")}  # fmt: skip
    losses = runs["loss"][seen]
    ends = float(losses.min()), float(losses.max())
    if drawn is None:
        return Accuracy(constants, np.empty((0, 4)), ends), None, second
    paired = bool(seen.all())
    group = runs.group
    by_second = None if group is None or paired else group[seen]
    resampled = Chain(fit, second).resample(n, seed, by=group, by_second=by_second, paired=paired)
    return Accuracy(constants, resampled.second.columns, ends), resampled, second


def quietly(function, *arguments, **options):
    """Call a fit, and return what it gives with what it warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FitWarning)
        out = function(*arguments, **options)
    return out, [str(warning.message) for warning in caught]


def fitted(wanted: Wanted, runs: Runs):
    """Fit, with errors that name the table."""
    try:
        return quietly(fit_of, wanted, runs)
    except (ValueError, FitError) as error:
        if isinstance(error, TableError):
            raise
        raise TableError(f"{runs.name}: {error}") from error


def write_residuals(fit, runs: Runs, path: str) -> None:
    """Write the fitted rows with what the law says of each: line, columns, predicted, residual."""
    used = getattr(fit, "used", np.arange(len(runs)))
    names = [name for name in runs.columns if name != "accuracy"]
    seen = list(fit.data.values())[-1]
    log = fit.report.scale == "log"
    predicted = seen * np.exp(fit.residuals) if log else seen + fit.residuals
    rows = zip(
        runs.lines[used], *(runs[name][used] for name in names), predicted, fit.residuals,
        strict=True,
    )  # fmt: skip
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["line", *names, "predicted", "log_residual" if log else "residual"])
        writer.writerows([int(line), *map(float, row)] for line, *row in rows)
