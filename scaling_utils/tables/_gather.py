"""Going through a table once, keeping the numbers only: as text it may be larger than memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from scaling_utils.tables._names import KIND, RUN, STEP, in_words
from scaling_utils.tables._roles import SIZES, Columns, Role
from scaling_utils.tables._source import Chunk, Source
from scaling_utils.tables._values import Labels, numbers_in, shown
from scaling_utils.tables.conditions import Condition
from scaling_utils.tables.errors import TableError

MAY_BE_ZERO = frozenset({"accuracy"})
MOST_NOTICED = 200_000  # names of runs beyond which nobody looks for repeats


@dataclass
class Gathered:
    """The columns that were read, and what was counted on the way."""

    name: str
    columns: dict[str, np.ndarray]
    lines: np.ndarray
    left_out: dict[str, int]
    weights: np.ndarray | None
    group: np.ndarray | None
    labels: tuple[str, ...]
    met: dict[str, np.ndarray]  # of the conditions that mark, which rows meet each
    later: list[Condition]  # those on N, D, C or loss as they come out
    noticed: dict[str, Labels] = field(default_factory=dict)
    kinds: dict[str, Labels] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)  # columns that count steps

    def filtered(self, where: Sequence[Condition]) -> Gathered:
        """Leave out the rows that do not meet the conditions on what was computed."""
        kept = np.ones(len(self.lines), dtype=bool)
        for condition in self.later:
            if any(condition is other for other in where):
                met = condition.holds(self.columns[condition.column])
                _count(self.left_out, f"{condition} not met", int((kept & ~met).sum()))
                kept &= met
        if not kept.any():
            raise TableError(f"{self.name}: no run is left ({counted(self.left_out)})")
        if not kept.all():
            self.columns = {name: values[kept] for name, values in self.columns.items()}
            self.lines = self.lines[kept]
            self.weights = None if self.weights is None else self.weights[kept]
            self.group = None if self.group is None else self.group[kept]
            self.met = {name: values[kept] for name, values in self.met.items()}
        return self

    def marked(self, mark: Sequence[Condition]) -> np.ndarray | None:
        """Return which rows meet all conditions that mark."""
        if not mark:
            return None
        out = np.ones(len(self.lines), dtype=bool)
        for condition in mark:
            found = self.met.get(str(condition))
            out &= condition.holds(self.columns[condition.column]) if found is None else found
        return out


def gather(
    table: Source, columns: Columns, roles: Sequence[Role], required, *, where, mark, group,
    weights, decimal: str,
) -> Gathered:  # fmt: skip
    """Read the roles, and the columns that conditions, groups and weights name."""
    known = {role.name for role in roles} | (set(SIZES) if "loss" in required else set())
    raw, later, places = {}, [], {place for role in roles for place in role.places}
    for condition, option in [(c, "--where") for c in where] + [(c, "--hold-out") for c in mark]:
        if condition.column in known:
            later.append(condition)
        else:
            raw[id(condition)] = columns.place(condition.column, option)
    by = [columns.place(part.strip(), "--group") for part in group.split(",")] if group else []
    heavy = columns.place(weights, "--weights") if weights else None
    taken = {place for role in roles for place in role.places}
    runs, kinds = (
        [k for k, name in enumerate(columns.header) if in_words(name) in words and k not in taken]
        for words in (RUN, KIND)
    )
    places |= {*raw.values(), *by, *runs, *kinds, *([] if heavy is None else [heavy])}
    order = sorted(places)
    at = {place: n for n, place in enumerate(order)}
    labels = Labels(table.name, group or "")
    noticed = {columns.header[k]: Labels(table.name, "", math.inf) for k in runs}
    types = {columns.header[k]: Labels(table.name, "", math.inf) for k in kinds}
    parts: dict[str, list] = {name: [] for name in ("lines", "weights", "group", *(
        role.name for role in roles), *(f"met {c}" for c in mark if id(c) in raw))}  # fmt: skip
    left_out: dict[str, int] = {}
    number = 0
    for chunk in table.chunks(order):
        number = chunk.first + len(chunk.lines) - 1
        cells = lambda place, chunk=chunk: chunk.columns[at[place]]  # noqa: E731
        kept = np.ones(len(chunk.lines), dtype=bool)
        for condition in where:
            if id(condition) in raw:
                met = condition.holds(cells(raw[id(condition)]))
                _count(left_out, f"{condition} not met", int((kept & ~met).sum()))
                kept &= met
        values = {
            role.name: _values(table, chunk, cells, role, kept, decimal, role.name in required)
            for role in roles
        }
        if by:
            codes = labels.codes(
                ["" if any(not str(x).strip() for x in row) else ", ".join(map(str, row))
                 for row in zip(*map(cells, by), strict=True)]
            )  # fmt: skip
            _count(left_out, "no group", int((kept & (codes < 0)).sum()))
            kept &= codes >= 0
        if heavy is not None:
            role = Role(weights, (heavy,), 1.0, columns.header[heavy])
            values["weights"] = _values(table, chunk, cells, role, kept, decimal, True)
        for name in dict.fromkeys(("loss", *required, "weights")):
            if name in values and (name in required or name == "weights"):
                missing = kept & np.isnan(values[name])
                _count(left_out, f"no {name}", int(missing.sum()))
                kept &= ~missing
        for name, part in values.items():
            parts[name].append(part[kept])
        parts["lines"].append(np.asarray(chunk.lines, dtype=np.int64)[kept])
        if by:
            parts["group"].append(codes[kept])
        for condition in mark:
            if id(condition) in raw:
                met = condition.holds(cells(raw[id(condition)]))
                parts[f"met {condition}"].append(met[kept])
        _notice(noticed, columns, cells, kept)
        _notice(types, columns, cells, kept)
    if number == 0:
        raise TableError(f"{table.name}: has a header line but no runs")
    if not sum(map(len, parts["lines"])):
        what = "a loss and two sizes" if "loss" in required and len(required) == 3 else (
            ", ".join(required))  # fmt: skip
        raise TableError(f"{table.name}: has no run with {what} ({counted(left_out)})")
    whole = {name: np.concatenate(part) for name, part in parts.items() if part}
    out = {role.name: whole[role.name] for role in roles}
    for role in roles:  # what is only compared, or read where it is there
        if role.name not in {*required, *MAY_BE_ZERO} and np.isnan(out[role.name]).any():
            del out[role.name]
    return Gathered(
        name=table.name,
        columns=out,
        lines=whole["lines"],
        left_out=left_out,
        weights=whole.get("weights"),
        group=whole.get("group"),
        labels=tuple(labels.known),
        met={str(c): whole[f"met {c}"] for c in mark if id(c) in raw},
        later=later,
        noticed=noticed,
        kinds=types,
        steps=[name for name in columns.header if in_words(name) in STEP],
    )


def _values(
    table: Source, chunk: Chunk, cells, role: Role, kept: np.ndarray, decimal: str, needed: bool
) -> np.ndarray:
    """Return a role's numbers; NaN where a run has none, such as the loss of a diverged run.

    A cell of a column that is only compared may hold anything.
    """

    def refuse(place: int, cell) -> None:
        if needed:
            zero = "" if role.name in MAY_BE_ZERO else "positive "
            where = table.where(chunk.first + int(place), chunk.lines[int(place)])
            raise TableError(
                f"{where}, column {role.column}: must be a {zero}finite number, got {shown(cell)}"
            )

    values = np.full(len(kept), role.factor)
    for place in role.places:
        column = cells(place)
        read = numbers_in(column, kept, decimal, refuse)
        if role.name == "loss":
            read[read == np.inf] = np.nan  # a run that diverged
        bad = np.isinf(read) | (read < 0 if role.name in MAY_BE_ZERO else read <= 0)
        if bad.any():
            first = int(np.flatnonzero(bad)[0])
            refuse(first, column[first])
            read[bad] = np.nan
        values = values * read
        if role.perplexity:
            if (values <= 1).any():
                first = int(np.flatnonzero(values <= 1)[0])
                refuse(first, column[first])
            values = np.log(values)
    return values


def _notice(labels: dict[str, Labels], columns: Columns, cells, kept: np.ndarray) -> None:
    for name, known in labels.items():
        if len(known.known) <= MOST_NOTICED:
            column = cells(columns.header.index(name))
            known.codes([column[place] for place in np.flatnonzero(kept)])


def _count(left_out: dict[str, int], reason: str, rows: int) -> None:
    if rows:
        left_out[reason] = left_out.get(reason, 0) + rows


def counted(left_out) -> str:
    """Return why rows were left out, in words."""
    return ", ".join(f"{count} with {reason}" for reason, count in left_out.items())
