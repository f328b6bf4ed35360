"""The published figures that the book lists, each read from the one table that holds it.

In scaling_utils/data, figures that a test recomputes stand in published_numbers.csv, the constants
of laws in laws/ and henighan_table_1.csv, and those of accelerators in accelerators.csv.
"""

from __future__ import annotations

import csv
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

EXP = re.compile(r"exp\((.+)\)")
_UNITS = {"reported_mib": "MiB", "bandwidth_tb_s": "TB/s", "power_w": "W"}


def rows(root: Path) -> list[dict[str, str]]:
    """Return all figures of a project: what each is, its value as printed, and its source."""
    data = root / "scaling_utils" / "data"
    found = _csv(data / "published_numbers.csv")
    for file in sorted((data / "laws").glob("*.toml")):
        found += _law(file.stem, tomllib.loads(file.read_text(encoding="utf-8")))
    found += [_domain(row) for row in _csv(data / "henighan_table_1.csv")]
    return found + [_device(row) for row in _csv(data / "accelerators.csv")]


def _csv(file: Path) -> list[dict[str, str]]:
    if not file.is_file():
        return []
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _row(id: str, quantity: str, value: dict, **more: str) -> dict[str, str]:
    given = {"unit": "", "formula": "constant", "tolerance": "as printed", "note": ""}
    return {"id": id, "quantity": quantity, "value": json.dumps(value), **given, **more}


def _law(name: str, entry: dict) -> list[dict[str, str]]:
    return [
        _row(
            f"law.{name}",
            f"the law {name}",
            dict(_printed(entry["constants"])),
            citation=entry["source"],
            certainty=entry["certainty"],
            note=entry.get("note", ""),
        )
    ]


def _printed(constants: dict, above: str = "") -> Iterator[tuple[str, float]]:
    """Yield the constants by name; of an exponential, the logarithm that is printed."""
    for name, value in constants.items():
        if isinstance(value, dict):
            yield from _printed(value, f"{above}{name}.")
        elif isinstance(value, str) and (inner := EXP.fullmatch(value)):
            yield f"ln {above}{name}", float(inner[1])
        elif name != "form":
            yield f"{above}{name}", value


def _numbers(row: dict[str, str], names: list[str]) -> dict[str, float]:
    return {name: float(row[name]) for name in names if row[name]}


def _domain(row: dict[str, str]) -> dict[str, str]:
    return _row(
        f"henighan.{row['domain']}",
        f"the laws of {row['domain']}",
        _numbers(row, [name for name in row if name not in ("domain", "note")]),
        citation="Henighan et al. (2020), arXiv:2010.14701, Table 1",
        certainty="primary text",
        note=row["note"],
    )


def _device(row: dict[str, str]) -> dict[str, str]:
    names = list(row)
    peaks = names[names.index("bf16") : names.index("certainty")]
    values = {
        f"memory in {row['memory_unit']}": float(row["memory"]),
        **{
            f"{name.split('_')[0]} in {unit}": value
            for name, unit in _UNITS.items()
            for value in _numbers(row, [name]).values()
        },
        **{f"{name} in TFLOP/s": value for name, value in _numbers(row, peaks).items()},
    }
    doubt = row["unverified"].replace(";", ", ")
    return _row(
        f"hw.{row['device']}",
        row["device"],
        values,
        citation=row["source"],
        certainty=row["certainty"] + (f", except {doubt}: unverified" if doubt else ""),
        note=row["note"],
    )
