"""Reading a table of runs, with errors that name file, row and column."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np

from scaling_utils._remarks import Remark
from scaling_utils.tables._columns import read_frame, read_parquet
from scaling_utils.tables._delimited import read_delimited
from scaling_utils.tables._gather import gather
from scaling_utils.tables._json import read_json
from scaling_utils.tables._notices import notices
from scaling_utils.tables._numbers import decimal_of
from scaling_utils.tables._roles import SIZES, Columns, Role, two_sizes
from scaling_utils.tables._source import Source
from scaling_utils.tables._text import blocks_of, lines_of, open_text
from scaling_utils.tables._wandb import unfolded, with_pattern
from scaling_utils.tables.conditions import Condition
from scaling_utils.tables.errors import TableError
from scaling_utils.tables.runs import Runs
from scaling_utils.tables.units import ask_about_units


def read(
    source,
    *,
    columns: Mapping[str, str] | None = None,
    sizes: tuple[str, str] | None = None,
    units: Mapping[str, float] | None = None,
    roles: Sequence[str] | None = None,
    optional: Sequence[str] = (),
    where: Sequence[Condition] = (),
    mark: Sequence[Condition] = (),
    group: str | None = None,
    weights: str | None = None,
    header: Sequence[str] | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    pattern: str | None = None,
) -> Runs:
    """Read the columns N (parameters), D (tokens), C (FLOPs) and loss (nats per token).

    Two of N, D and C are enough; the third follows from C = 6 N D. Columns are found by their
    names; what was assumed is said in ``remarks``, and what is not clear is asked about. Rows
    without a loss or a size, as a diverged or a running job leaves them, are left out and
    counted. Other columns are ignored.

    Parameters
    ----------
    source : str, path, mapping or frame
        A file of delimited text, JSON, JSON lines or Parquet; "-" for standard input; or a frame
        of any library, read through ``numpy.asarray(frame[name])``.
    columns : mapping of str to str, optional
        The column of each role: ``{"N": "params", "loss": "final_loss"}``. A path with dots in
        JSON; a number, or a product such as ``"step*524288"``, where no column holds it.
    sizes : (str, str), optional
        Which two of N, D and C to use; by default the first two, in this order, that are there.
    units : mapping of str to float, optional
        How much one unit of a column is, such as ``{"N": 1e6}`` for millions; for loss also
        "perplexity". A column that is named here is taken at its word; numbers of the others that
        cannot be meant as they stand are asked about.
    roles : sequence of str, optional
        What to read in place of loss and two sizes: ``("C", "N", "loss")``, or any column.
    optional : sequence of str
        What to read besides where it is there.
    where, mark : sequence of Condition
        Rows that do not meet the former are left out; those that meet the latter are marked.
    group : str, optional
        Column, or columns with commas between them, of which each value is a group of rows.
    weights : str, optional
        Column of how much each row counts, above zero.
    header : sequence of str, optional
        Names of the columns of a table without a header.
    separator, decimal : str, optional
        Between cells, and in numbers; otherwise they are found.
    pattern : str, optional
        A regular expression whose named groups are columns, read off the names of runs.

    Returns
    -------
    Runs
        In parameters, tokens, FLOPs and nats.

    Raises
    ------
    TableError
        If the file cannot be read, a column is missing or ambiguous, a cell is no positive number,
        no run is left, or the unit of a column must be said.
    """
    table = _source(source, header, separator)
    table = unfolded(table)
    if pattern:
        table = with_pattern(table, pattern)
    named, units = dict(columns or {}), dict(units or {})
    found = Columns(table.name, table.header, named, units)
    if roles is None:
        read_roles, read_from = two_sizes(found, sizes, named)
        extra = [role for name in optional if isinstance(role := found.role(name), Role)]
        read_roles += [role for role in extra if role.name not in SIZES]
    else:
        wanted = _derivable(found, roles)
        read_roles = [found.needed(name) for name in wanted]
        extra = [role for name in optional if isinstance(role := found.role(name), Role)]
        read_roles += [role for role in extra if role.name not in wanted]
        read_from = tuple(name for name in wanted if name in SIZES)
    required = ("loss", *read_from) if roles is None else tuple(wanted)
    sign = decimal or _decimal(table, read_roles)
    got = gather(
        table, found, read_roles, required, where=where, mark=mark, group=group, weights=weights,
        decimal=sign,
    )  # fmt: skip
    said = frozenset(role.name for role in read_roles if role.said)
    ask_about_units(table.name, got.columns, read_from, said)
    ratio = _ratio(got.columns)
    if roles is None or set(wanted) != set(roles):
        got.columns.update(_completed(got.columns, read_from))
    got = got.filtered(where)
    runs = Runs(
        columns=got.columns,
        read_from=read_from,
        lines=got.lines,
        left_out=got.left_out,
        six_nd_over_c=ratio,
        name=table.name,
        names={role.name: role.column for role in read_roles},
        weights=got.weights,
        group=got.group,
        labels=got.labels,
        marked=got.marked(mark),
    )
    remarks = [*_assumed(read_roles, sign, table), *notices(runs, got, group)]
    return Runs(**{**vars(runs), "remarks": tuple(remarks)})


def _derivable(columns: Columns, roles: Sequence[str]) -> list[str]:
    """Return the roles to read: where one size is not there, the two that it follows from."""
    missing = [name for name in roles if name in SIZES and columns.role(name) == []]
    others = [name for name in SIZES if name not in missing]
    if len(missing) == 1 and all(isinstance(columns.role(name), Role) for name in others):
        return list(dict.fromkeys([*(name for name in roles if name not in missing), *others]))
    return list(roles)


def _source(source, header, separator: str | None) -> Source:
    if not isinstance(source, (str, os.PathLike)):
        return read_frame(source)
    path = os.fspath(source)
    name, text = open_text(path)
    if text is None:
        if path == "-":
            raise TableError(f"{name}: is Parquet, which is read from files only")
        return read_parquet(path)
    first = _first_sign(name, text)
    if first in "[{":
        return read_json(name, _again(first, blocks_of(name, text)))
    names = None if header is None else [cell.strip() for cell in header]
    return read_delimited(name, _again(first, lines_of(name, text)), separator, names)


def _first_sign(name: str, text) -> str:
    """Return the text up to its first sign that is no white space, by lines where it is empty."""
    blank = ""
    try:
        while sign := text.read(1):
            blank += sign
            if not sign.isspace():
                return sign if sign in "[{" else blank
            if len(blank) > 100_000:
                break
    except UnicodeError as error:
        from scaling_utils.tables._text import not_text

        raise not_text(name) from error
    return blank or "\n"


def _again(first: str, rest):
    """Yield what was read and then the rest, the first line whole."""
    blank, sign = first[:-1], first[-1:]
    yield from (f"{line}\n" for line in blank.split("\n")[:-1])
    joined = blank.split("\n")[-1] + sign
    yield joined + next(rest, "")
    yield from rest


def _decimal(table: Source, roles: Sequence[Role]) -> str:
    places = [place for role in roles for place in role.places]
    losses = [place for role in roles if role.name == "loss" for place in role.places]
    return decimal_of(
        (row[place] for row in table.sample for place in places),
        (row[place] for row in table.sample for place in losses),
    )


def _assumed(roles: Sequence[Role], decimal: str, table: Source) -> list[Remark]:
    words = [role.assumed for role in roles if role.assumed]
    if words:
        options = ", ".join(f"--{role.name}" for role in roles if role.assumed)
        words[-1] += f"; {options} {'name' if ',' in options else 'names'} " + (
            "others" if "," in options else "another"
        )
    if decimal == ",":
        words.append("a comma is the decimal sign; --decimal says which")
    return [Remark("assumed", ", ".join(words))] if words else []


def _ratio(columns: Mapping[str, np.ndarray]) -> tuple[float, float, float] | None:
    if not set(SIZES) <= columns.keys():
        return None
    ratios = 6 * columns["N"] * columns["D"] / columns["C"]
    return float(ratios.min()), float(np.median(ratios)), float(ratios.max())


def _completed(table: Mapping[str, np.ndarray], read_from) -> dict[str, np.ndarray]:
    """Return N, D and C, one of which follows from C = 6 N D."""
    if "C" not in read_from:
        N, D = table["N"], table["D"]
    elif "N" in read_from:
        N, D = table["N"], table["C"] / (6 * table["N"])
    else:
        N, D = table["C"] / (6 * table["D"]), table["D"]
    return {"N": N, "D": D, "C": 6 * N * D}
