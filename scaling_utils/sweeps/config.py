"""Sweeps written down: a TOML or YAML file that names an experiment and its grids.

experiment = "package.module:function"   # or the name of a registered experiment

[fixed]                                  # settings of all jobs
steps = 1000

[[grid]]                                 # one or more
vary = { width = [8, 16], seed = [0, 1] }   # every combination is a job: four here
batch = 64                               # settings of all jobs of this grid
"""

from __future__ import annotations

import importlib.util
import itertools
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scaling_utils.sweeps.jobs import MOST_JOBS, RESERVED, alike, check_value, twice

LARGEST_FILE = 100_000  # bytes
_TOP = ("experiment", "fixed", "grid")


class ConfigError(ValueError):
    """A config that cannot be used; the message names the place and what is wanted there."""


@dataclass(frozen=True)
class Config:
    """A sweep that was read from a file.

    Attributes
    ----------
    experiment : str
        The name of a registered experiment, or "module:function".
    jobs : list of dict
        The jobs' settings, in their order.
    """

    experiment: str
    jobs: list[dict]


def read_config(path: str | Path) -> Config:
    """Read a sweep from a TOML file, or from a YAML file (.yaml, .yml) where PyYAML is there.

    Parameters
    ----------
    path : path
        Of the file, at most 100,000 bytes of UTF-8.

    Returns
    -------
    Config
        The experiment's name and the jobs. Whether there is such an experiment is not checked.

    Raises
    ------
    ConfigError
        If the file cannot be read, is too large, or is no TOML or YAML; a key is missing, not
        known or of the wrong type; a grid is empty; a setting is given twice; two jobs are equal;
        or there are more jobs than a sweep may have.
    """
    path = Path(path)
    try:
        content = _parsed(path)
        return Config(_experiment(content), expand(content))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def read_toml(path: str | Path) -> dict:
    """Read a TOML file.

    Parameters
    ----------
    path : path
        Of the file.

    Returns
    -------
    dict
        What it holds.

    Raises
    ------
    ConfigError
        If the file cannot be read, is too large, or is no TOML.
    """
    path = Path(path)
    try:
        return _toml(_text(path))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _text(path: Path) -> str:
    """Return the text of a small file in UTF-8, with a byte-order mark or without."""
    try:
        if path.exists() and not path.is_file():
            raise ConfigError("is a folder" if path.is_dir() else "is not a file")
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}") from error
    if len(content) > LARGEST_FILE:
        raise ConfigError(f"is too large: a config may have {LARGEST_FILE:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError("is not a text file in UTF-8") from error


def _toml(text: str) -> dict:
    try:
        return tomllib.loads(text)
    except ValueError as error:  # a number with more digits than Python reads is one, too
        raise ConfigError(f"is not TOML: {error}") from error
    except RecursionError as error:
        raise ConfigError("is nested too deeply") from error


def _parsed(path: Path) -> Mapping:
    if path.suffix == ".toml":
        return _toml(_text(path))
    if path.suffix not in (".yaml", ".yml"):
        raise ConfigError("must end in .toml, .yaml or .yml")
    text = _text(path)
    if importlib.util.find_spec("yaml") is None:
        raise ConfigError("needs PyYAML: pip install pyyaml, or write it in TOML")
    from scaling_utils.sweeps.yaml_files import YamlError, read_yaml

    try:
        content = read_yaml(text)
    except YamlError as error:
        raise ConfigError(str(error)) from error
    if not isinstance(content, Mapping):
        raise ConfigError(f"must hold the keys {', '.join(_TOP)}")
    return content


def _experiment(content: Mapping) -> str:
    if "experiment" not in content:
        raise ConfigError("the key 'experiment' is missing")
    if not isinstance(content["experiment"], str):
        raise ConfigError(f"experiment must be text, got {content['experiment']!r}")
    return content["experiment"]


def expand(content: Mapping) -> list[dict]:
    """Return the jobs of a sweep: every combination of each grid, the last key fastest.

    Parameters
    ----------
    content : mapping
        With "grid", a list of dicts, and perhaps "fixed", a dict of settings of all jobs. A
        grid's "vary" has a list of values for each setting that varies; the grid's other keys are
        settings of all its jobs. "experiment" is let pass.

    Returns
    -------
    list of dict
        The jobs' settings, grid by grid.

    Raises
    ------
    ConfigError
        If a key is missing, not known or of the wrong type; a grid is empty; a setting is given
        twice, has a reserved name ("key", "row") or a value that JSON cannot hold; two jobs are
        equal (1 and 1.0 are); or there are more than 100,000.
    """
    unknown = [key for key in content if key not in _TOP]
    if unknown:
        raise ConfigError(f"the key {unknown[0]!r} is not known; known: {', '.join(_TOP)}")
    if "grid" not in content:
        raise ConfigError("the key 'grid' is missing; write at least one [[grid]]")
    fixed = _settings("fixed", content.get("fixed", {}))
    grids = content["grid"]
    if not isinstance(grids, list):
        raise ConfigError("grid must be a list of tables: write [[grid]], not [grid]")
    if not grids:
        raise ConfigError("grid must hold at least one grid, got none")
    parts = [_part(f"grid {number}", grid, fixed) for number, grid in enumerate(grids, start=1)]
    count = sum(math.prod(len(values) for values in vary.values()) for _, vary in parts)
    if count > MOST_JOBS:
        raise ConfigError(f"the grids make {count:,} jobs; a sweep may have {MOST_JOBS:,}")
    seen: dict[str, tuple[int, dict]] = {}
    jobs = []
    for number, (shared, vary) in enumerate(parts, start=1):
        for values in itertools.product(*vary.values()):
            job = {**shared, **dict(zip(vary, values, strict=True))}
            first, before = seen.setdefault(alike(job), (number, job))
            if before is not job:
                raise ConfigError(
                    f"grid {number} repeats a job of grid {first}: {twice(job, before)}"
                )
            jobs.append(job)
    return jobs


def _part(name: str, grid, fixed: dict) -> tuple[dict, dict[str, list]]:
    """Return what all jobs of a grid share, and the lists of what varies."""
    if not isinstance(grid, Mapping):
        raise ConfigError(f"{name} must be a table, got {grid!r}")
    if "vary" not in grid:
        raise ConfigError(f"{name}: the key 'vary' is missing")
    vary = _settings(f"{name}: vary", grid["vary"])
    if not vary:
        raise ConfigError(f"{name}: vary must name at least one setting with its values")
    for key, values in vary.items():
        if not isinstance(values, list):
            raise ConfigError(f"{name}: vary.{key} must be a list of values, got {values!r}")
        if not values:
            raise ConfigError(f"{name}: vary.{key} must hold at least one value, got none")
    own = _settings(name, {key: value for key, value in grid.items() if key != "vary"})
    for key in [*own, *vary]:
        if key in fixed:
            raise ConfigError(f"{name}: {key!r} is in [fixed] too; give it once")
        if key in own and key in vary:
            raise ConfigError(f"{name}: {key!r} is in vary too; give it once")
    return {**fixed, **own}, vary


def _settings(name: str, table) -> dict:
    if not isinstance(table, Mapping):
        raise ConfigError(f"{name} must be a table of settings, got {table!r}")
    for key, value in table.items():
        if not isinstance(key, str):
            raise ConfigError(f"{name}: names of settings must be text, got {key!r}")
        if key in RESERVED:
            raise ConfigError(f"{name}: the name {key!r} is taken by a column of the table")
        try:
            check_value(f"{name}: {key}", value)
        except (TypeError, ValueError) as error:
            raise ConfigError(str(error)) from error
    return dict(table)
