"""What W&B exports: charts with a column per run, and tables with dictionaries in cells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain, islice

from scaling_utils.tables._json import loads_loosely, of_objects
from scaling_utils.tables._numbers import is_missing
from scaling_utils.tables._source import SAMPLE, Source, chunks_of

_BOUND = re.compile(r".*__(?:MIN|MAX)")
_DICTIONARIES = ("config", "summary", "summary_metrics")


def unfolded(source: Source) -> Source:
    """Return what a source means: a row per run and step of a chart, a column per key of a cell."""
    charted = _charted(source)
    if charted is not None:
        return charted
    places = [
        k for k, name in enumerate(source.header)
        if name in _DICTIONARIES and any(_like_a_dictionary(row[k]) for row in source.sample)
    ]  # fmt: skip
    if not places:
        return source
    plain = [k for k in range(len(source.header)) if k not in places and source.header[k]]

    def rows() -> Iterator[tuple[int, Mapping]]:
        for chunk in source.chunks([*plain, *places]):
            for line, row in zip(chunk.lines, zip(*chunk.columns, strict=True), strict=True):
                out = {source.header[k]: cell for k, cell in zip(plain, row, strict=False)}
                for k, cell in zip(places, row[len(plain) :], strict=True):
                    inner = loads_loosely(cell) if isinstance(cell, str) else cell
                    out[source.header[k]] = inner if isinstance(inner, Mapping) else {}
                yield line, out

    return of_objects(source.name, rows(), by_line=source.by_line)


def _like_a_dictionary(cell) -> bool:
    return isinstance(cell, str) and cell.lstrip().startswith("{")


def _charted(source: Source) -> Source | None:
    """Return a chart's export, columns "run - metric" beside a step, as rows of runs."""
    parted = {
        k: tuple(name.rsplit(" - ", 1))
        for k, name in enumerate(source.header)
        if " - " in name and not _BOUND.fullmatch(name)
    }
    rest = [k for k, name in enumerate(source.header) if k not in parted]
    bounds = any(_BOUND.fullmatch(name) for name in source.header)
    if not parted or not (bounds or len(parted) > 1):
        return None
    plain = [k for k in rest if not _BOUND.fullmatch(source.header[k])]
    runs = list(dict.fromkeys(run for run, _ in parted.values()))
    metrics = list(dict.fromkeys(metric for _, metric in parted.values()))
    place_of = {pair: k for k, pair in parted.items()}
    header = ["run", *(source.header[k] for k in plain), *metrics]
    used = [*plain, *parted]
    at = {k: n for n, k in enumerate(used)}

    def melted() -> Iterator[tuple[int, list]]:
        for chunk in source.chunks(used):
            for line, row in zip(chunk.lines, zip(*chunk.columns, strict=True), strict=True):
                for run in runs:
                    cells = [
                        row[at[place_of[run, metric]]] if (run, metric) in place_of else None
                        for metric in metrics
                    ]
                    if not all(map(is_missing, cells)):
                        yield line, [run, *(row[at[k]] for k in plain), *cells]

    rows = melted()
    sample = list(islice(rows, SAMPLE))
    rest_of_rows = chain(sample, rows)
    return replace(
        source,
        header=header,
        sample=[row for _, row in sample],
        chunks=lambda places: chunks_of(
            rest_of_rows, lambda row: tuple(row[place] for place in places)
        ),
        kind=f"a chart of {len(runs)} runs, {source.kind}",
    )


def with_pattern(source: Source, pattern: str) -> Source:
    """Return the source with columns read off the names of runs by a pattern's named groups."""
    found = re.compile(pattern)
    groups = list(found.groupindex)
    best, most = None, 0
    for k in range(len(source.header)):
        hits = sum(isinstance(row[k], str) and bool(found.search(row[k])) for row in source.sample)
        best, most = (k, hits) if hits > most else (best, most)
    if best is None:
        return source
    width = len(source.header)

    def cells_of(cell) -> list:
        match = found.search(cell) if isinstance(cell, str) else None
        return [match[group] if match else None for group in groups]

    def chunks(places: list[int]):
        own = [place for place in places if place < width]
        for chunk in source.chunks([*own, best]):
            parsed = [cells_of(cell) for cell in chunk.columns[-1]]
            columns = iter(chunk.columns)
            yield replace(
                chunk,
                columns=[
                    next(columns) if place < width else [cells[place - width] for cells in parsed]
                    for place in places
                ],
            )

    return replace(
        source,
        header=[*source.header, *groups],
        sample=[[*row, *cells_of(row[best])] for row in source.sample],
        chunks=chunks,
    )
