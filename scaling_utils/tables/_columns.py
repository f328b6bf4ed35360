"""Tables that already stand in columns: frames of any library, mappings, Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from scaling_utils.tables._source import CHUNK, SAMPLE, Chunk, Source
from scaling_utils.tables.errors import TableError


def read_frame(frame) -> Source:
    """Return a mapping of columns, or a frame: ``numpy.asarray(frame[name])`` for each column.

    The names are those of ``frame.columns``, of ``frame.column_names``, or its keys.
    """
    names = next(
        (
            list(found)
            for found in (
                getattr(frame, "column_names", None),
                getattr(frame, "columns", None),
                frame.keys() if isinstance(frame, Mapping) else None,
                getattr(getattr(frame, "dtype", None), "names", None),
            )
            if found is not None and not callable(found)
        ),
        None,
    )
    if names is None:
        raise TypeError(
            "source must be a path, '-', a frame with columns, or a mapping of columns, got "
            f"{type(frame).__name__}"
        )
    name = "the frame" if not isinstance(frame, Mapping) else "the mapping"
    columns = [_column(name, frame, key) for key in names]
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        raise TableError(f"{name}: its columns must have one length, got {sorted(lengths)}")
    rows = lengths.pop() if lengths else 0

    def chunks(places: list[int]) -> Iterator[Chunk]:
        for start in range(0, rows, CHUNK):
            part = slice(start, min(start + CHUNK, rows))
            lines = range(start + 1, part.stop + 1)
            yield Chunk(start + 1, lines, [columns[place][part] for place in places])

    sample = [[column[k] for column in columns] for k in range(min(rows, SAMPLE))]
    return Source(name, [str(key) for key in names], sample, chunks, by_line=False, kind="frame")


def _column(name: str, frame, key) -> np.ndarray:
    values = (
        np.ma.filled(np.ma.asarray(frame[key], dtype=float), np.nan)
        if isinstance(frame[key], np.ma.MaskedArray)
        else np.asarray(frame[key])
    )
    if values.ndim != 1:
        raise TableError(f"{name}, column {key}: must have one dimension, got {values.ndim}")
    return values


def read_parquet(path: str) -> Source:
    """Return the table in a Parquet file, read batch by batch by pyarrow."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise TableError(
            f"{path}: is Parquet, which needs pyarrow: install the extra parquet, or pyarrow"
        ) from error
    try:
        file = pyarrow.parquet.ParquetFile(path)
        leaves = [field.replace(".list.element", "") for field in _leaves(file.schema_arrow)]
        first = next(file.iter_batches(batch_size=SAMPLE), None)
        sample = [] if first is None else _rows(first, leaves)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise TableError(f"{path}: cannot be read as Parquet: {_line(error)}") from error

    def chunks(places: list[int]) -> Iterator[Chunk]:
        start, tops = 1, sorted({leaves[place].split(".")[0] for place in places})
        try:
            for batch in file.iter_batches(batch_size=CHUNK, columns=tops):
                columns = [_leaf(batch, leaves[place]) for place in places]
                yield Chunk(start, range(start, start + batch.num_rows), columns)
                start += batch.num_rows
        except (pyarrow.ArrowException, OSError) as error:
            raise TableError(f"{path}: cannot be read as Parquet: {_line(error)}") from error

    return Source(path, leaves, sample, chunks, by_line=False, kind="Parquet")


def _leaves(schema, above: str = "") -> Iterator[str]:
    for field in schema:
        name = f"{above}{field.name}"
        if str(field.type).startswith("struct"):
            yield from _leaves(field.type, f"{name}.")
        else:
            yield name


def _leaf(batch, path: str) -> list:
    first, *rest = path.split(".") if path not in batch.schema.names else [path]
    values = batch.column(batch.schema.get_field_index(first)).to_pylist()
    for part in rest:
        values = [None if value is None else value.get(part) for value in values]
    return values


def _rows(batch, leaves: list[str]) -> list[list]:
    return [list(row) for row in zip(*(_leaf(batch, leaf) for leaf in leaves), strict=True)]


def _line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
