"""Writing a recorded study: two tables in one folder, small enough to be kept with the book.

``jobs.csv`` has one row for each job: its key, its settings, how long it took, and where it
ran (device, threads, versions, commit). ``runs.csv`` has one row for each recorded run, with
the key of its job. Together they say what is needed to train any of the runs again;
``studies.read`` reads them.
"""

from __future__ import annotations

import json
from pathlib import Path

from scaling_utils.sweeps.ledger import read_ledger
from scaling_utils.sweeps.tables import write_csv

DIGITS = 7  # of losses and their errors; runs repeat to fewer
SHORT = 16  # hexadecimal digits of a hash
_LEFT_OUT = ("kind", "id", "modules")  # of a provenance; code_sha256 stands for the modules


def record(ledger: str | Path, folder: str | Path) -> None:
    """Write the jobs and the runs of a ledger to ``jobs.csv`` and ``runs.csv`` in a folder.

    Rows of ``runs.csv`` are sorted by the size, the tokens, the seed and the rate of the run, those
    of ``jobs.csv`` by their settings, so that the order does not depend on which job ended first.
    Floats keep seven digits, hashes sixteen.

    Parameters
    ----------
    ledger : path
        The file that ``sweep`` has written.
    folder : path
        Where the tables go; made where it is missing. Earlier tables there are replaced.

    Raises
    ------
    LedgerError
        If the ledger cannot be read or is none.
    ValueError
        If it holds no jobs.
    OSError
        If the tables cannot be written.
    """
    jobs, sources = read_ledger(ledger)
    if not jobs:
        raise ValueError(f"{ledger} holds no jobs yet")
    lines = sorted(jobs.values(), key=lambda line: json.dumps(line["job"], sort_keys=True))
    about = []
    for line in lines:
        source = {k: v for k, v in sources[line["provenance"]].items() if k not in _LEFT_OUT}
        own = {"key": line["key"], "experiment": line["experiment"], **line["job"]}
        about.append(_short({**own, **source, "seconds": line["seconds"]}))
    runs = [_short({"key": line["key"], **row}) for line in lines for row in line["rows"]]
    runs.sort(key=lambda row: [row.get(name, 0) or 0 for name in ("N", "D", "seed", "rate")])
    write_csv(about, Path(folder) / "jobs.csv")
    write_csv(runs, Path(folder) / "runs.csv")


def _short(row: dict) -> dict:
    return {name: _shortened(name, value) for name, value in row.items()}


def _shortened(name: str, value):
    if isinstance(value, float) and value == value:
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, str) and name.endswith(("sha256", "corpus")):
        return value[:SHORT]
    return value
