"""The options with which a command reads a table of runs."""

from __future__ import annotations

import re
from collections.abc import Mapping

import click
import numpy as np

from scaling_utils._remarks import Remark
from scaling_utils.tables import Runs, parse_condition, read, said_units

ROLES = ("N", "D", "C", "loss")
UNITS = {
    "N": "1, K, M, B or T parameters",
    "D": "1, K, M, B or T tokens",
    "C": "1, PF-days, 1e18 or 1e21 FLOPs",
    "loss": "nats, bits or perplexity",
}


class Conditioned(click.ParamType):
    """A condition on rows, such as loss<4 or dataset=c4."""

    name = "condition"

    def convert(self, value, param, ctx):
        """Read a text."""
        try:
            return parse_condition(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Sizes(click.ParamType):
    """Two different ones of N, D and C, such as N,C."""

    name = "x,y"

    def convert(self, value, param, ctx):
        """Read a text."""
        names = tuple(name.strip() for name in value.split(","))
        if len(names) != 2 or len(set(names)) != 2 or not set(names) <= {"N", "D", "C"}:
            self.fail(f"must be two of N, D and C, such as N,C, got {value!r}", param, ctx)
        return names


class Unit(click.ParamType):
    """A unit of a column: one of the table's, or how much it is as a number."""

    name = "unit"

    def __init__(self, role: str):
        self.role = role

    def convert(self, value, param, ctx):
        """Read a text."""
        try:
            return said_units(**{self.role: value})[self.role]
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Pattern(click.ParamType):
    """A regular expression with named groups."""

    name = "regex"

    def convert(self, value, param, ctx):
        """Compile a text, and pass it on."""
        try:
            groups = re.compile(value).groupindex
        except (re.error, OverflowError, RecursionError) as error:
            self.fail(f"must be a regular expression, got {value!r}: {error}", param, ctx)
        if not groups:
            self.fail(f"must have named groups, such as (?P<N>\\d+M), got {value!r}", param, ctx)
        return value


def column_options(function):
    """Give a command the options that name columns and their units."""
    for role in reversed(ROLES):
        function = click.option(
            f"--{role}-unit",
            f"{role}_unit",
            type=Unit(role),
            metavar="UNIT",
            help=f"Unit of {role}: {UNITS[role]}. Asked about where it is unlikely.",
        )(function)
    for role in reversed(ROLES):
        function = click.option(
            f"--{role}",
            role,
            metavar="COLUMN",
            help=f"Column of {role}, where its name does not say so; or a product, step*524288.",
        )(function)
    return function


def file_options(function):
    """Give a command the options that say how a file is written."""
    for names, settings in reversed(
        [
            (("--where",), {"type": Conditioned(), "multiple": True, "metavar": "CONDITION",
                            "help": "Keep rows that meet it: loss<4, dataset=c4; repeatable."}),
            (("--columns",), {"metavar": "A,B,C", "help": "Names for a table without a header."}),
            (("--separator",), {"metavar": "SIGN", "help": "Between cells; found if left out."}),
            (("--decimal",), {"type": click.Choice([".", ","]), "help": "Decimal sign; found."}),
            (("--from-name", "pattern"), {"type": Pattern(), "metavar": "REGEX",
             "help": "Read columns off the names of runs: '(?P<N>\\d+M)-(?P<D>\\d+B)'."}),
        ]
    ):  # fmt: skip
        function = click.option(*names, **settings)(function)
    return function


def read_table(path, options: Mapping, named: Mapping[str, str] | None = None, **more) -> Runs:
    """Read a table with the options of a command; ``named`` are further columns by role."""
    columns = {role: options[role] for role in ROLES if options.get(role)} | dict(named or {})
    said = {role: options[f"{role}_unit"] for role in ROLES if options.get(f"{role}_unit")}
    header = options.get("columns")
    return read(
        path,
        columns=columns,
        units=said,
        where=options.get("where") or (),
        header=header.split(",") if header else None,
        separator=options.get("separator"),
        decimal=options.get("decimal"),
        pattern=options.get("pattern"),
        **more,
    )


def thinned(runs: Runs, most: int, seed: int) -> tuple[Runs, list[Remark]]:
    """Return at most so many rows, drawn at random, and what is said about it."""
    if len(runs) <= most:
        return runs, []
    kept = np.sort(np.random.default_rng(seed).choice(len(runs), size=most, replace=False))
    sentence = (
        f"{most:,} of {len(runs):,} rows, drawn at random with seed {seed}, are fitted; intervals "
        "are those of so many rows. --most-rows takes more"
    )
    return runs.part(kept), [Remark("thinned", sentence)]
