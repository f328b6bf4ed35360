"""What ``fit`` does between reading and printing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils import __version__, fitting
from scaling_utils._remarks import Remark
from scaling_utils.cli import _fit_answers as ask
from scaling_utils.cli import _fit_remarks as said
from scaling_utils.cli._fit_forms import Wanted, ends_of, unit_of
from scaling_utils.fitting import FitError, SavedFit, saved_of
from scaling_utils.fitting.resamples import Resamples
from scaling_utils.tables import Runs, TableError

FEWEST_DRAWS = 40  # for 95 %: one beyond each bound


@dataclass(frozen=True)
class Drawn:
    """A fit with what was drawn of it, for plots and files."""

    wanted: Wanted
    runs: Runs
    fit: fitting.fit.Fit
    saved: SavedFit


def answer(
    wanted: Wanted, table: Runs, *, n: int, seed: int, kind: str, budgets, points, chance,
    rule: str, compare: bool,
) -> tuple[dict, list[Remark], Drawn]:  # fmt: skip
    """Fit, resample and answer.

    Returns
    -------
    dict, list of Remark, Drawn
        The result for programs, what to say beside it, and what plots need.
    """
    held = table.marked
    if held is not None and (held.all() or not held.any()):
        which = "every row" if held.all() else "no row"
        raise TableError(f"{table.name}: {which} meets --hold-out {rule}")
    runs = table if held is None else table.part(~held)
    fit, warned = ask.fitted(wanted, runs)
    drawn, why_not, noted = _resample(fit, runs, n, seed)
    warned += noted
    accuracy, chained = None, None
    remarks, notes = _remarks(wanted, runs, fit, drawn, why_not)
    if "accuracy" in table.columns:
        accuracy, chained, second, noted = _step(fit, drawn, runs, n, seed, chance)
        warned += noted
        remarks += [
            Remark(one.code, f"of the accuracy: {one.sentence}") for one in said.about_fit(second)
        ]
        drawn = drawn if chained is None else chained.first
    source = {"file": table.name, "columns": dict(table.names), "seed": seed,
              "version": __version__}  # fmt: skip
    saved = saved_of(
        fit, drawn, y="N" if wanted.form == "isoflop" else wanted.y, unit=unit_of(wanted),
        x=None if wanted.roles is None or wanted.form == "isoflop" else wanted.x,
        accuracy=accuracy, source=source,
    )  # fmt: skip
    kind = _possible(kind, saved, remarks)
    optima = ask.optima(saved, budgets, kind)
    at = ask.points(saved, points, kind)
    for row in [*optima, *at]:
        what = f"the budget {row['C']:.3g}" if "tokens_per_parameter" in row else "the point"
        remarks += said.about_reach(row["decades_beyond"], what)
    result = {
        "file": table.name,
        "form": wanted.form,
        "formula": saved.words,
        "unit": saved.unit,
        **_what_was_read(table, len(runs)),
        "ranges": {name: list(ends) for name, ends in ends_of(wanted, runs).items()},
        "law": dict(saved.constants),
        **_exponent(fit),
        "objective": fit.objective,
        "delta": None if not np.isfinite(fit.delta) else fit.delta,
        "fixed": dict(wanted.fixed),
        "tied": list(wanted.tie),
        "converged": fit.converged,
        "message": fit.message,
        "doubts": [remark.sentence for remark in remarks if remark.code != "extrapolation"],
        "notes": [vars(note) for note in notes],
        "report": fit.report.as_dict(),
        "far_lines": _lines(fit, runs),
        "noise": saved.noise and {"scale": saved.noise.scale, "sd": saved.noise.sd},
        "bootstrap": _what_was_drawn(drawn, why_not, n, seed),
        "intervals_95": None if drawn is None else _intervals(drawn),
        "kind": kind,
        "optima": optima,
        "points": at,
        "budgets": _budgets(fit) if wanted.form == "isoflop" else None,
        "accuracy": _second(accuracy, second) if accuracy else None,
        "hold_out": None,
        "comparison": None,
        "warnings": list(dict.fromkeys(warned)),
    }
    if held is not None:
        if wanted.form == "isoflop":
            raise TableError(f"{table.name}: --hold-out does not belong to --form isoflop")
        result["hold_out"] = ask.held_out(saved, table.part(held), rule)
    if compare:
        try:
            result["comparison"] = ask.compared(table, held, seed)
        except (ValueError, FitError) as error:
            remarks.append(Remark("no-comparison", f"the forms were not compared: {error}"))
        else:
            remarks += [
                Remark("comparison", f"of the comparison: {note}")
                for note in result["comparison"]["notes"]
            ]
    return result, remarks, Drawn(wanted, runs, fit, saved)


def _resample(fit, runs: Runs, n: int, seed: int):
    """Return the resampled fits, or None and why there are none; the fit itself is kept."""
    if n == 0:
        return None, None, []
    try:
        drawn, noted = ask.quietly(fitting.bootstrap, fit, n=n, seed=seed, by=runs.group)
        drawn.interval(drawn.names[0], ask.LEVEL)  # too few resamples are found here
        return drawn, None, noted
    except (ValueError, FitError) as error:
        return None, str(error), []


def _step(fit, drawn, runs: Runs, n: int, seed: int, chance):
    try:
        (accuracy, chained, second), noted = ask.quietly(
            ask.second_step, fit, drawn, runs, n, seed, chance
        )
    except (ValueError, FitError, ArithmeticError) as error:
        if isinstance(error, TableError):
            raise
        raise TableError(f"{runs.name}: the second step, accuracy: {error}") from error
    return accuracy, chained, second, noted


def _remarks(wanted: Wanted, runs: Runs, fit, drawn: Resamples | None, why_not):
    remarks, notes = said.about_fit(fit), []
    remarks += said.about_intervals(drawn, why_not)
    if wanted.form in ("additive", "coupled"):
        more, notes = said.about_design(runs, fit)
        remarks += more
    return remarks, notes


def _possible(kind: str, saved: SavedFit, remarks: list[Remark]) -> str:
    if kind == "new-run" and (saved.noise is None or not len(saved.noise.residuals)):
        remarks.append(
            Remark("no-new-run", "single runs have no noise here: intervals are those of the law")
        )
        return "mean"
    return kind


def _what_was_read(table: Runs, fitted: int) -> dict:
    ratio = table.six_nd_over_c
    return {
        "runs": fitted,
        "left_out": dict(table.left_out),
        "sizes": list(table.read_from),
        "columns": dict(table.names),
        "six_nd_over_c": ratio and dict(zip(("lowest", "middle", "highest"), ratio, strict=True)),
        "groups": None if table.group is None else len(np.unique(table.group)),
    }


def _exponent(fit) -> dict:
    a = fit.quantities.get("a") if "alpha" in fit.quantities else None
    return {} if a is None else {"exponent_of_optimal_N": a}


def _lines(fit, runs: Runs) -> list[int]:
    rows = np.array(fit.report.far, dtype=int)
    used = getattr(fit, "used", None)
    return runs.lines[rows if used is None else used[rows]].tolist()


def _what_was_drawn(drawn, why_not: str | None, n: int, seed: int) -> dict | None:
    if n == 0:
        return None
    if drawn is None:
        return {"n": n, "seed": seed, "failed": why_not}
    kept = drawn.as_dict(ask.LEVEL)
    del kept["intervals"]
    return {**kept, "failed": None}


def _intervals(drawn) -> dict[str, list[float] | None]:
    found = {name: drawn.interval(name, ask.LEVEL) for name in drawn.names}
    return {name: pair and list(pair) for name, pair in found.items()}


def _budgets(fit) -> dict:
    rows = zip(fit.C, fit.N, fit.D, fit.loss, fit.bracketed, fit.runs, strict=True)
    names = ("C", "N", "D", "loss", "bracketed", "runs")
    return {
        "used": [dict(zip(names, row, strict=True)) for row in rows],
        "left_out": {f"{budget:.6g}": why for budget, why in fit.left_out.items()},
        "tokens_from": fit.convention,
        "six_nd_over_c": fit.flops_ratio,
    }


def _second(accuracy, second) -> dict:
    names = tuple(accuracy.constants)
    intervals = None
    if len(accuracy.draws):
        from scaling_utils.fitting._intervals import interval_of

        found = interval_of(
            accuracy.draws, np.full(4, np.nan), lambda: None, ask.LEVEL, "percentile"
        )
        intervals = {name: pair and list(pair) for name, pair in zip(names, found, strict=True)}
    return {
        "formula": "accuracy = low + (high - low) / (1 + exp(-slope (middle - loss)))",
        "law": accuracy.constants,
        "intervals_95": intervals,
        "rows": len(second.residuals),
        "residual_rms": second.report.residual_rms,
        "losses": list(accuracy.range),
    }
