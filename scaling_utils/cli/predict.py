"""``scaling-utils predict``: what a saved fit says, and how far that lies from its runs."""

from __future__ import annotations

import math

import click
import numpy as np

from scaling_utils._remarks import Remark
from scaling_utils.cli._fit_remarks import about_reach
from scaling_utils.cli._numbers import Number, shown
from scaling_utils.cli._out import emit, output_options
from scaling_utils.cli._reading import read_table
from scaling_utils.cli._tables import Table, pairs
from scaling_utils.cli.fit import Point
from scaling_utils.fitting import SavedFit, load

LEVELS = (0.5, 0.8, 0.9, 0.95)
MOST_POINTS = 10_000


@click.command(
    "predict",
    epilog="""\b
Examples:
  scaling-utils predict fit.json --at N=7e9,D=2e12
  scaling-utils predict fit.json --budget 1e24 --kind new-run
  scaling-utils predict fit.json --N 7B --D 2T
  scaling-utils predict fit.json --table next_runs.csv --json""",
)
@click.argument("fit")
@click.option("--N", "size", type=Number(), metavar="n", help="Parameters (with --D).")
@click.option("--D", "tokens", type=Number(), metavar="n", help="Tokens (with --N).")
@click.option("--at", type=Point(), multiple=True, metavar="N=..,D=..",
              help="A point of the law; may be given again.")  # fmt: skip
@click.option("--budget", "budgets", type=Number("work"), multiple=True, metavar="C",
              help="Best N and D for C training FLOPs; may be given again.")  # fmt: skip
@click.option("--table", metavar="FILE", help="Points as a table; - for standard input.")
@click.option("--kind", type=click.Choice(["both", "mean", "new-run"]), default="both",
              show_default=True, help="Interval of the law, of one more run, or both.")  # fmt: skip
@click.option("--level", type=Number("share"), default=0.95, show_default=True,
              help="Nominal coverage.")  # fmt: skip
@click.option("--seed", type=Number("plain", whole=True, zero=True), default=0, show_default=True,
              help="Of the noise of new runs.")  # fmt: skip
@output_options
def command(fit, size, tokens, at, budgets, table, kind, level, seed, as_json, strict) -> int:
    """Predict with a FIT that `scaling-utils fit --save` wrote.

    Each answer has the interval of the law and that of one more run, and says how many decades it
    lies outside the rows that were fitted.
    """
    saved = load(fit)
    if not 0 < level < 1:
        raise ValueError(f"--level must lie between 0 and 1, got {level:g}")
    points = [*_point(size, tokens), *at]
    lines: list[int] = []
    if table:
        more, lines = _points_of(table, saved)
        points += more
    if not points and not budgets:
        x = ",".join(f"{name}=.." for name in saved.x)
        raise ValueError(f"nothing to predict: --at {x}, --budget or --table says what")
    remarks: list[Remark] = []
    kinds = _kinds(kind, saved, level, remarks)
    found = _at(saved, points, kinds, level, seed, remarks)
    first = len(points) - len(lines)
    for row, line in zip(found[first:], lines, strict=True):
        row["line"] = line
    best = [_budget(saved, float(C), kinds, level, seed, remarks) for C in budgets]
    result = {
        "fit": fit,
        "form": saved.form,
        "formula": saved.words,
        "unit": saved.unit,
        "constants": saved.constants,
        "ranges": saved.ranges,
        "rows": saved.rows,
        "resamples": saved.n,
        "level": level,
        "points": found,
        "optima": best,
    }
    text = lambda: _text(result, saved)  # noqa: E731
    return emit("predict", result, text, remarks, as_json=as_json, strict=strict)


def _point(N, D) -> list[dict[str, float]]:
    if (N is None) != (D is None):
        raise ValueError("a point needs both --N and --D; --at gives one of a law in one variable")
    return [] if N is None else [{"N": N, "D": D}]


def _points_of(path: str, saved: SavedFit) -> tuple[list[dict[str, float]], list[int]]:
    runs = read_table(path, {}, roles=saved.x)
    if len(runs) > MOST_POINTS:
        raise ValueError(f"{path}: has {len(runs):,} points; at most {MOST_POINTS:,} are predicted")
    rows = [{name: float(runs[name][k]) for name in saved.x} for k in range(len(runs))]
    return rows, runs.lines.tolist()


def _kinds(kind: str, saved: SavedFit, level: float, remarks: list[Remark]) -> list[str]:
    """Return which intervals there are, and say why others are not."""
    needed = math.ceil(2 / (1 - level) - 1e-9)
    if saved.n < needed:
        remarks.append(
            Remark(
                "no-intervals",
                f"no intervals: the fit has {saved.n} resamples, and {level:g} needs {needed}; "
                "fit again with --bootstrap",
            )
        )
        return []
    wished = ["mean", "new-run"] if kind == "both" else [kind]
    if "new-run" in wished and (saved.noise is None or not len(saved.noise.residuals)):
        wished.remove("new-run")
        remarks.append(
            Remark("no-new-run", "no interval of one more run: the fit has no noise of single runs")
        )
    return wished


def _at(saved: SavedFit, points, kinds, level, seed, remarks) -> list[dict]:
    for point in points:
        if set(point) != set(saved.x):
            raise ValueError(
                f"the law takes {' and '.join(saved.x)}, got {', '.join(point)}; --at gives them"
            )
    if not points:
        return []
    x = [np.array([point[name] for point in points]) for name in saved.x]
    where = dict(zip(saved.x, x, strict=True))
    if {"N", "D"} == set(saved.x):
        where["C"] = 6 * where["N"] * where["D"]
    decades = saved.decades_outside(**where)
    plain = _plain(saved)
    found = {kind: saved.predict(*x, kind=kind, level=level, seed=seed) for kind in kinds}
    value = plain.predict(*x)
    rows = []
    for k, point in enumerate(points):
        row = {**point, saved.y: float(value["value"][k])}
        for kind in kinds:
            row[_key(kind)] = _pair(found[kind], "", k)
        if "accuracy" in value:
            row["accuracy"] = float(value["accuracy"][k])
            row |= {"accuracy_mean": _pair(found[kinds[0]], "accuracy_", k)} if kinds else {}
        row["decades_beyond"] = {name: float(part[k]) for name, part in decades.items()}
        shown_at = ", ".join(f"{name} {v:.3g}" for name, v in point.items())
        if len(points) <= 20:
            remarks += about_reach(row["decades_beyond"], f"the point {shown_at}")
        remarks += _curve_reach(saved, row)
        rows.append(row)
    if len(points) > 20:
        worst = {n: float(part[np.abs(part).argmax()]) for n, part in decades.items()}
        remarks += about_reach(worst, "the furthest point")
    return rows


def _curve_reach(saved: SavedFit, row: dict) -> list[Remark]:
    if saved.accuracy is None:
        return []
    low, high = saved.accuracy.range
    if low <= row[saved.y] <= high:
        return []
    sentence = (
        f"the second step was fitted on losses of {low:.4g} to {high:.4g}; it extrapolates too"
    )
    return [Remark("extrapolation", sentence)]


def _budget(saved: SavedFit, C: float, kinds, level, seed, remarks) -> dict:
    value = _plain(saved).optimum(C)
    row = {"C": C, **{name: float(part["value"][0]) for name, part in value.items()}}
    row["tokens_per_parameter"] = row["D"] / row["N"]
    for kind in kinds:
        found = saved.optimum(C, kind=kind, level=level, seed=seed)
        for name, part in found.items():
            if kind == "mean" or name == "loss":
                row[f"{name}_{_key(kind)}"] = _pair(part, "", 0)
    row["decades_beyond"] = {
        name: float(part[0]) for name, part in saved.decades_outside(C=C).items()
    }
    remarks += about_reach(row["decades_beyond"], f"the budget {C:.3g}")
    return row


def _plain(saved: SavedFit) -> SavedFit:
    """Return the fit without resamples: its values alone."""
    from dataclasses import replace

    return replace(saved, draws={})


def _key(kind: str) -> str:
    return kind.replace("-", "_")


def _pair(found: dict, before: str, k: int) -> list[float] | None:
    low, high = float(found[f"{before}low"][k]), float(found[f"{before}high"][k])
    return [low, high] if math.isfinite(low) and math.isfinite(high) else None


def _text(result: dict, saved: SavedFit) -> list:
    parts: list = [
        f"fit         {result['formula']}, {result['unit']}; {result['rows']} rows, "
        f"{result['resamples']} resamples"
    ]
    level = f"{100 * result['level']:g} %"
    if result["points"]:
        heads = [*saved.x, saved.y, f"{level} of the law", f"{level} of one more run"]
        heads += ["accuracy", f"{level} of it"] if saved.accuracy is not None else []
        heads += ["decades outside"]
        rows = []
        for row in result["points"]:
            cells = [*(shown(row[name]) for name in saved.x), f"{row[saved.y]:.5g}"]
            cells += [_shown(row, "mean"), _shown(row, "new_run")]
            if saved.accuracy is not None:
                cells += [f"{row['accuracy']:.3g}", _shown(row, "accuracy_mean")]
            far = [f"{name} {v:+.2g}" for name, v in row["decades_beyond"].items() if v]
            rows.append([*cells, ", ".join(far) or "0"])
        parts.append(Table(heads, rows))
    for row in result["optima"]:
        lines = [
            (f"  {name}", f"{row[name]:.4g}  {_shown(row, f'{name}_mean')}".rstrip())
            for name in ("N", "D", "loss")
            if name in row
        ]
        if "loss_new_run" in row:
            lines.append(("  one more run", _shown(row, "loss_new_run")))
        lines.append(("  tokens per parameter", f"{row['tokens_per_parameter']:.3g}"))
        beyond = row["decades_beyond"]["C"]
        lines.append(("  decades outside", f"{beyond:+.2g}" if beyond else "0"))
        parts.append(pairs(lines, title=f"budget      {row['C']:.4g} FLOPs"))
    return parts


def _shown(row: dict, key: str) -> str:
    if key not in row:
        return "-"
    return "no bounds" if row[key] is None else f"[{row[key][0]:.4g}, {row[key][1]:.4g}]"
