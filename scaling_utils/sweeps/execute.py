"""One job, run in this process, in a folder of its own, on one thread."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pickle
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scaling_utils.sweeps import code
from scaling_utils.sweeps._lock import lock
from scaling_utils.sweeps.folders import ERROR_FILE, claim_folder
from scaling_utils.sweeps.jobs import RESERVED, find_experiment
from scaling_utils.sweeps.loaded import Notes
from scaling_utils.sweeps.provenance import collect_provenance


@dataclass(frozen=True)
class Task:
    """A job, and all that a worker must know to run it.

    Attributes
    ----------
    experiment
        "module:function"; or the function, pickled, where it cannot be imported.
    module
        The name of its module.
    sha256
        Of that module's file, where it is not imported.
    key, job
        The job and its key.
    folder
        Where the job keeps its checkpoints; made where it is missing. It is locked: a second
        process that was given the same job waits until the first is gone.
    path
        Folders in which modules are looked for, besides the usual ones.
    code
        The digest of each module of the experiment, by its name.
    accept_changed
        Whether to go on from checkpoints of other code.
    """

    experiment: str | bytes
    module: str
    sha256: str | None
    key: str
    job: dict
    folder: str
    path: list[str]
    code: dict[str, str]
    accept_changed: bool = False


def execute(task: Task, notes: Notes) -> dict:
    """Run a job.

    Returns
    -------
    dict with ``rows``, ``seconds`` and ``provenance``; or with ``error``, one line, where the
    experiment failed: its traceback is in error.txt in the folder; or with ``stale``, the names
    of modules, where the code that this process has loaded is not the task's. Then nothing has
    run, or, where a module was first imported on the way, nothing counts.
    """
    place = Path(task.folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
        with place.with_suffix(".lock").open("ab") as file:
            lock(file, wait=True)
            return _run(task, notes, place)
    except BaseException as error:  # sys.exit, too: it is reported, and the other jobs go on
        with contextlib.suppress(OSError):  # a full disk
            (place / ERROR_FILE).write_text(traceback.format_exc(), encoding="utf-8")
        return {"error": " ".join("".join(traceback.format_exception_only(error)).split())}


def _run(task: Task, notes: Notes, folder: Path) -> dict:
    sys.path.extend(place for place in task.path if place not in sys.path)
    if stale := notes.differing(task.code):
        return {"stale": stale}
    function = _function(task.experiment)
    earlier = claim_folder(folder, task.key, code.combined(task.code), task.accept_changed)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for a torch that is loaded later
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    collect_provenance()  # notes the commit now: the checkout may have changed when the job ends
    start = time.perf_counter()
    rows = _plain(function(task.job, folder))
    seconds = time.perf_counter() - start
    if stale := notes.differing(task.code):
        return {"stale": stale}
    (folder / ERROR_FILE).unlink(missing_ok=True)
    source = collect_provenance() | {
        "experiment_sha256": task.sha256 or _sha256(notes.source(task.module)),
        "code_sha256": code.combined(task.code),
        "modules": task.code,
    }
    if earlier:
        source["begun_by_code_sha256"] = earlier
    return {"rows": rows, "seconds": round(seconds, 3), "provenance": source}


def _function(experiment: str | bytes) -> Callable:
    if isinstance(experiment, bytes):
        return pickle.loads(experiment)
    return find_experiment(experiment)[1]


def _sha256(source: bytes | None) -> str | None:
    return None if source is None else hashlib.sha256(source).hexdigest()


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
