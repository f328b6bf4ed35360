"""The tables of the published laws: one file each, listed without being read."""

from __future__ import annotations

from pathlib import Path

# Not importlib.resources, which takes longer to import than the rest of this room.
FOLDER = Path(__file__).parents[1] / "data" / "laws"


def names() -> list[str]:
    """Names of the laws that have a table, in order."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def constants() -> dict[str, str]:
    """The laws by the constant that stands for each: ``KAPLAN_SIZE`` for ``kaplan-size``."""
    return {name.upper().replace("-", "_"): name for name in names()}
