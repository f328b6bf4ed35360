"""What runs on a worker: one job, in a folder of its own, on one thread."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from scaling_utils.sweeps._lock import lock
from scaling_utils.sweeps.jobs import RESERVED, find_experiment
from scaling_utils.sweeps.provenance import collect_provenance, source_digest

ERROR_FILE = "error.txt"
# torch's generator of random numbers belongs to the process: two jobs must not share it.
_ONE_AT_A_TIME = threading.Lock()


def run_job(experiment: str | Callable, job: dict, folder: str, path: list[str]) -> dict:
    """Run a job in its folder.

    Parameters
    ----------
    experiment : "module:function", or the function.
    job : the settings.
    folder : where the job keeps its checkpoints; made where it is missing. It is locked: a
        second worker that was given the same job waits until the first is gone.
    path : folders in which modules are looked for, besides the usual ones.

    Returns
    -------
    dict with ``rows``, ``seconds`` and ``provenance``; or with ``error``, one line, where the
    experiment failed: its traceback is in error.txt in the folder.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    with _ONE_AT_A_TIME, place.with_suffix(".lock").open("ab") as file:
        lock(file, wait=True)
        try:
            return _run(experiment, job, place, path)
        except Exception as error:  # of any kind: it is reported, and the other jobs go on
            (place / ERROR_FILE).write_text(traceback.format_exc(), encoding="utf-8")
            return {"error": "".join(traceback.format_exception_only(error)).strip()}


def _run(experiment: str | Callable, job: dict, folder: Path, path: list[str]) -> dict:
    sys.path.extend(place for place in path if place not in sys.path)
    function = find_experiment(experiment)[1] if isinstance(experiment, str) else experiment
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for a torch that is loaded later
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    collect_provenance()  # notes the commit now: the checkout may have changed when the job ends
    start = time.perf_counter()
    rows = _plain(function(job, folder))
    seconds = time.perf_counter() - start
    (folder / ERROR_FILE).unlink(missing_ok=True)
    source = collect_provenance() | {"experiment_sha256": source_digest(function)}
    return {"rows": rows, "seconds": round(seconds, 3), "provenance": source}


def _plain(rows) -> list[dict]:
    """Return an experiment's rows as JSON holds them, or say what is wrong with them."""
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise TypeError(f"an experiment must return a list of one or more dicts, got {rows!r}")
    for row in rows:
        for name in row:
            if not isinstance(name, str) or name in RESERVED:
                raise ValueError(f"a row's names must be text and not key or row, got {name!r}")
    return json.loads(json.dumps(rows, default=_number))


def _number(value):
    """Return a number or array of numpy or torch as Python's."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a row holds text, numbers and lists of them, got {value!r}")
