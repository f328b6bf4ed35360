"""``scaling-utils fit``: a scaling law of a table of runs, with its doubts."""

from __future__ import annotations

import math
from pathlib import Path

import click

from scaling_utils._remarks import Remark
from scaling_utils.cli._fit_forms import FORMS, wanted
from scaling_utils.cli._numbers import Number
from scaling_utils.cli._out import emit, output_options
from scaling_utils.cli._reading import (
    Conditioned,
    Sizes,
    column_options,
    file_options,
    read_table,
    thinned,
)

MOST_RESAMPLES = 1_000_000  # their constants alone would fill the memory beyond this
RESAMPLES = 400  # enough for 95 %: ten lie beyond each bound
MOST_ROWS = 10_000  # more rows than this are steps of runs, and would take minutes
PICTURES = (".png", ".svg", ".pdf")

_EPILOG = (
    """\b
Forms:
"""
    + "".join(f"  {name:<9} {about}\n" for name, about in FORMS.items())
    + """
\b
Examples:
  scaling-utils fit runs.csv --budget 1e21
  scaling-utils fit runs.csv --N params --N-unit M --loss val_loss --where dataset=c4
  scaling-utils fit runs.jsonl --hold-out 'C>1e21' --compare --save fit.json --plot fit.png
  scaling-utils fit runs.csv --form power --x N,D --y lr --at N=7e9,D=2e12
  scaling-utils fit runs.csv --form isoflop --budget 1e23
  scaling-utils fit runs.csv --accuracy hellaswag_acc --at N=7e9,D=2e12"""
)


class Held(click.ParamType):
    """A constant and its value, such as alpha=0.34."""

    name = "name=value"

    def convert(self, value, param, ctx):
        """Read a text."""
        name, _, number = value.partition("=")
        try:
            return name.strip(), float(number)
        except ValueError:
            what = f"must be a constant and a number, such as alpha=0.34, got {value!r}"
            self.fail(what, param, ctx)


class Tie(click.ParamType):
    """Constants that are equal, such as alpha=beta."""

    name = "a=b"

    def convert(self, value, param, ctx):
        """Read a text."""
        names = tuple(name.strip() for name in value.replace(",", "=").split("="))
        if len(names) < 2 or not all(names):
            self.fail(f"must join constants, such as alpha=beta, got {value!r}", param, ctx)
        return names


class Point(click.ParamType):
    """A point, such as N=7e9,D=2e12."""

    name = "point"

    def convert(self, value, param, ctx):
        """Read a text."""
        point, number = {}, Number()
        for part in value.split(","):
            name, sign, text = part.partition("=")
            if not sign:
                self.fail(f"must be as N=7e9,D=2e12, got {value!r}", param, ctx)
            point[name.strip()] = number.convert(text.strip(), param, ctx)
        return point


class Delta(click.ParamType):
    """Zero, a number above it, or inf."""

    name = "x"

    def convert(self, value, param, ctx):
        """Read a text."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if math.isnan(number) or number < 0:
            self.fail(f"must be 0, a number above it, or inf, got {value!r}", param, ctx)
        return number


class Resampled(Number):
    """A whole number of resamples, 0 for none."""

    def __init__(self):
        super().__init__("plain", whole=True, zero=True)

    def convert(self, value, param, ctx):
        """Read a text."""
        n = super().convert(value, param, ctx)
        if n > MOST_RESAMPLES:
            self.fail(f"must be at most {MOST_RESAMPLES:,}, got {value!r}", param, ctx)
        if 0 < n < 2:
            self.fail(f"must be 0 or at least 2, got {value!r}", param, ctx)
        return n


@click.command("fit", epilog=_EPILOG)
@click.argument("runs")
@click.option("--form", type=click.Choice(list(FORMS)), default="additive", show_default=True,
              help="Which law.")  # fmt: skip
@column_options
@click.option("--x", metavar="COLUMN[,COLUMN]", help="Variables of a power law (default: C).")
@click.option("--y", metavar="COLUMN", help="What the power law gives (default: loss).")
@click.option("--sizes", type=Sizes(), metavar="X,Y",
              help="Which two of N, D and C to use (default: N,D).")  # fmt: skip
@file_options
@click.option("--group", metavar="COLUMN", help="Draw whole groups of rows: the runs, say.")
@click.option("--weights", metavar="COLUMN", help="How much each row counts.")
@click.option("--fix", "fixed", type=Held(), multiple=True, metavar="NAME=VALUE",
              help="Hold a constant, such as alpha=0.34.")  # fmt: skip
@click.option("--tie", type=Tie(), metavar="A=B", help="Make constants equal: alpha=beta.")
@click.option("--delta", type=Delta(), metavar="X",
              help="Log residuals beyond it count by size, not squared; 0 or inf for one kind "
              "throughout. Default: 1e-3 for additive and coupled, inf for others.")  # fmt: skip
@click.option("--bootstrap", "n", type=Resampled(), default=RESAMPLES, show_default=True,
              metavar="n", help="95 % intervals from n resamples of rows; 0: none.")  # fmt: skip
@click.option("--seed", type=Number("plain", whole=True, zero=True), default=0, show_default=True,
              help="Of the resamples.")  # fmt: skip
@click.option("--kind", type=click.Choice(["mean", "new-run"]), default="mean", show_default=True,
              help="Intervals of the law, or of one more run.")  # fmt: skip
@click.option("--budget", "budgets", type=Number("work"), multiple=True, metavar="C",
              help="Best N and D for C training FLOPs; may be given again.")  # fmt: skip
@click.option("--at", type=Point(), multiple=True, metavar="N=..,D=..",
              help="The law at a point; may be given again.")  # fmt: skip
@click.option("--accuracy", metavar="COLUMN",
              help="A second step: accuracy as a sigmoid of the loss.")  # fmt: skip
@click.option("--chance", type=Number("share", zero=True), help="Accuracy of guessing, held.")
@click.option("--hold-out", type=Conditioned(), multiple=True, metavar="CONDITION",
              help="Fit the other rows and check on these: C>1e21.")  # fmt: skip
@click.option("--compare", is_flag=True, help="Score four forms on held-out rows.")
@click.option("--most-rows", type=Number("plain", whole=True), default=MOST_ROWS,
              show_default=True, help="Fit so many rows, drawn at random.")  # fmt: skip
@click.option(
    "--plot", metavar="FILE", help="Draw the fit: .png, .svg or .pdf; - for the terminal."
)
@click.option("--residuals", metavar="FILE", help="Write each row with its prediction, as CSV.")
@click.option("--save", metavar="FILE", help="Keep the fit for `scaling-utils predict`, as JSON.")
@output_options
def command(runs, form, x, y, sizes, group, weights, fixed, tie, delta, n, seed, kind, budgets, at,
            accuracy, chance, hold_out, compare, most_rows, plot, residuals, save, as_json, strict,
            **options) -> int:  # fmt: skip
    """Fit a law to a table of RUNS: delimited text, JSON, JSON lines, Parquet, or - for stdin.

    Columns are found by their names: N (parameters), D (tokens), C (training FLOPs) and loss
    (nats per token); two of the three sizes are enough, with C = 6 N D. What was assumed is told,
    and what is not clear is asked about. Rows without a loss are left out and counted.
    """
    from scaling_utils.cli._fit_run import answer

    asked = wanted(form, x, y, delta, fixed, tie or ())
    _check(asked, sizes, budgets, at, accuracy, chance, compare, plot, residuals, save)
    named = {"accuracy": accuracy} if accuracy else {}
    if y and y != "loss":
        named[y] = y
    optional = ("D",) if form == "isoflop" else ("accuracy",) if accuracy else ()
    table = read_table(
        runs, options, named, sizes=sizes, roles=asked.roles, optional=optional, mark=hold_out,
        group=group, weights=weights,
    )  # fmt: skip
    table, notes = thinned(table, most_rows, seed)
    result, remarks, drawn_by = answer(
        asked, table, n=n, seed=seed, kind=kind, budgets=budgets, points=at, chance=chance,
        rule=" and ".join(map(str, hold_out)), compare=compare,
    )  # fmt: skip
    remarks = [*table.remarks, *notes, *remarks]
    if residuals:
        from scaling_utils.cli._fit_answers import write_residuals

        write_residuals(drawn_by.fit, drawn_by.runs, residuals)
        result["residuals"] = residuals
    if save:
        remarks += _keep(drawn_by.saved, save, result)
    if plot and plot != "-":
        from scaling_utils.cli._fit_plot import draw

        draw(drawn_by, plot)
        result["plot"] = plot
    return emit(
        "fit", result, lambda: _shown(result, table, drawn_by, plot), remarks,
        as_json=as_json, strict=strict,
    )  # fmt: skip


def _keep(saved, path: str, result: dict) -> list[Remark]:
    """Write the fit, where it has constants that can be written."""
    from scaling_utils.fitting import save

    beyond = [name for name, value in saved.constants.items() if not math.isfinite(value)]
    if beyond:
        sentence = f"{', '.join(beyond)} is beyond all numbers: there is no law to keep"
        return [Remark("not-saved", f"{path} is not written: {sentence}")]
    save(saved, path)
    result["saved"] = path
    return []


def _shown(result: dict, table, drawn_by, plot: str | None) -> list[str]:
    from scaling_utils.cli._fit_text import in_words

    lines = in_words(result, table)
    if plot == "-":
        from scaling_utils.cli._fit_plot import in_terminal

        lines.append(in_terminal(drawn_by))
    return lines


def _check(asked, sizes, budgets, at, accuracy, chance, compare, plot, residuals, save) -> None:
    """Refuse what does not go together, and files that could not be written, before the fit."""
    pair = asked.form in ("additive", "coupled")
    if sizes and not pair:
        raise ValueError(f"--sizes belongs to the forms of N and D, got --form {asked.form}")
    if budgets and not (pair or asked.form == "isoflop"):
        raise ValueError(f"--budget needs a form with an optimum, got --form {asked.form}; --at")
    if accuracy and not pair:
        raise ValueError(f"--accuracy needs a loss of N and D, got --form {asked.form}")
    if chance is not None and not accuracy:
        raise ValueError("--chance belongs to --accuracy")
    if compare and not pair:
        raise ValueError(f"--compare scores forms of N and D, got --form {asked.form}")
    names = {"N", "D"} if pair else {"C"} if asked.form == "isoflop" else set(asked.x)
    for point in at:
        if set(point) != names:
            raise ValueError(
                f"--at gives {' and '.join(sorted(names, reverse=True))} here, got "
                f"{', '.join(point)}"
            )
    if plot and plot != "-" and Path(plot).suffix.lower() not in PICTURES:
        raise ValueError(f"--plot must end in {', '.join(PICTURES)}, or be -, got {plot!r}")
    for option, path in (("--save", save), ("--plot", plot), ("--residuals", residuals)):
        if path and path != "-" and not Path(path).absolute().parent.is_dir():
            raise ValueError(f"{option}: {path}: its folder does not exist")
