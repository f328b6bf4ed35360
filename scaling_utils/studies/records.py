"""The tables of a recorded study: where they lie, and their rows.

``jobs.csv`` has one row for each job: its key, its settings, how long it took, and where it
ran (device, threads, versions, commit). ``runs.csv`` has one row for each recorded run, with
the key of its job. Together they say what is needed to train any of the runs again. What writes
them is ``sweeps.record``.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

RESULTS = "results"  # the folder of the book's recorded studies
# Hashes, some of which would pass for numbers.
NAMES = ("key", "corpus", "source_corpus", "commit", "experiment_sha256", "code_sha256")
# What jobs.csv says of a job besides its settings: how it is known, and where and how it ran.
ABOUT = (
    "key",
    "experiment",
    "seconds",
    "device",
    "threads",
    "python",
    "torch",
    "numpy",
    "scaling_utils",
    "commit",
    "dirty",
    "command",
    "experiment_sha256",
    "code_sha256",
    "begun_by_code_sha256",
)


def read_rows(path: str | Path) -> list[dict]:
    """Read a CSV of recorded runs; what looks like a number becomes one, hashes stay text.

    Parameters
    ----------
    path : path
        Of the file, whose first line names the columns.

    Returns
    -------
    list of dict
        One for each row, by the names of the columns: an int, a float or a text each.

    Raises
    ------
    OSError
        If the file is missing or cannot be read.
    ValueError
        If it has no rows.
    """
    with Path(path).open(newline="", encoding="utf-8") as file:
        rows = [
            {name: text if name in NAMES else _number(text) for name, text in row.items()}
            for row in csv.DictReader(file)
        ]
    if not rows:
        raise ValueError(f"{path} holds no rows")
    return rows


def _number(text: str):
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text


def read_record(folder: str | Path) -> tuple[dict[str, dict], list[dict]]:
    """Read the two tables of a recorded study.

    Parameters
    ----------
    folder : path
        Holds ``jobs.csv`` and ``runs.csv``.

    Returns
    -------
    (dict of str to dict, list of dict)
        The settings and origin of each job by its key, and the runs.

    Raises
    ------
    OSError
        If a file is missing.
    ValueError
        If a file has no rows, or a run is of a job that is not in ``jobs.csv``.
    """
    about = {row["key"]: row for row in read_rows(Path(folder) / "jobs.csv")}
    runs = read_rows(Path(folder) / "runs.csv")
    unknown = {row["key"] for row in runs} - set(about)
    if unknown:
        raise ValueError(f"{folder}: runs of jobs that jobs.csv lacks: {sorted(unknown)}")
    return about, runs


def recorded(name: str) -> Path:
    """Return the folder of a recorded study of this book, ``results/<name>``.

    It is looked for beside the package, as in a checkout; inside it, as it is installed; and in
    the working folder and those above it.

    Parameters
    ----------
    name : str
        Of the study, such as "known_entropy".

    Returns
    -------
    Path
        The first such folder that holds ``runs.csv``.

    Raises
    ------
    FileNotFoundError
        If there is no study of that name; the message lists those that there are.
    """
    package = Path(__file__).parents[1]
    places = [
        place / RESULTS for place in (package.parent, package, Path.cwd(), *Path.cwd().parents)
    ]
    for place in places:
        if (place / name / "runs.csv").is_file():
            return place / name
    there = sorted({file.parent.name for place in places for file in place.glob("*/runs.csv")})
    raise FileNotFoundError(
        f"name must be one of the recorded studies ({', '.join(there)}), got {name!r}; looked in "
        f"{RESULTS}/ of {package.parent}, {package}, {Path.cwd()} and above"
    )


def settings_of(job: dict) -> dict:
    """Return the settings of a row of ``jobs.csv`` as the job had them.

    Lists and tables, which the file holds as JSON, are read; an empty cell is a setting that
    this job was not given.

    Parameters
    ----------
    job : dict
        A row of ``jobs.csv``, as ``read_record`` gives it.

    Returns
    -------
    dict
        The job's settings, without what the row says of where and how it ran.
    """
    return {
        name: _setting(value)
        for name, value in job.items()
        if name not in ABOUT and value not in ("", None)
    }


def _setting(value):
    if value in ("True", "False"):
        return value == "True"
    if isinstance(value, str) and value[:1] in ("[", "{"):
        return json.loads(value)
    return value
