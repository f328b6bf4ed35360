"""Running the jobs of a sweep on Dask workers, each result written down as it comes."""

from __future__ import annotations

import hashlib
import queue
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scaling_utils._check import whole
from scaling_utils.sweeps.clusters import connected
from scaling_utils.sweeps.jobs import checked_jobs, find_experiment
from scaling_utils.sweeps.ledger import Ledger, LedgerError
from scaling_utils.sweeps.progress import Progress
from scaling_utils.sweeps.provenance import command_line
from scaling_utils.sweeps.tables import rows_of
from scaling_utils.sweeps.worker import run_job

_LOOK = 60.0  # seconds without news after which the workers are looked at


@dataclass(frozen=True)
class Failure:
    """A job that failed: its key, its settings, and the error in one line."""

    key: str
    job: dict
    error: str


class JobsFailed(RuntimeError):
    """Some jobs failed; the others are in the ledger.

    ``failures`` says which and why, ``rows`` holds the rows of those that are done.
    """

    def __init__(self, failures: list[Failure], rows: list[dict]):
        self.failures = failures
        self.rows = rows
        lines = [f"  {failure.key} {failure.job}: {failure.error}" for failure in failures]
        super().__init__("\n".join([f"{len(failures)} job(s) failed:", *lines]))


def sweep(
    function: str | Callable,
    jobs: Iterable[Mapping],
    ledger: str | Path,
    *,
    scheduler: str | None = None,
    slurm: Mapping | None = None,
    workers: int = 2,
    progress: bool = True,
    path: Iterable[str | Path] = (),
) -> list[dict]:
    """Run the jobs that the ledger does not hold yet, and return the rows of all.

    Each job gets a folder beside the ledger, ``<ledger's stem>.jobs/<key>``, which survives a
    killed worker and a killed sweep; it is removed once the job's rows are on the disk. Jobs
    whose worker dies are started again. Where the function has an attribute ``cost``, itself a
    function of the job, the dearest jobs start first and the time left is estimated from it.

    Parameters
    ----------
    function : ``(job, folder) -> rows``: a registered experiment's name, "module:function",
        or a function of a module. ``rows`` is a list of dicts, one for each recorded run.
    jobs : dicts that JSON can hold. Equal jobs have the same key, in every sweep.
    ledger : the file of JSON lines; made where it is missing, with its folder.
    scheduler : address of a running Dask scheduler; its workers must see the ledger's folder
        and have one thread each. Without it worker processes are started here.
    slurm : options of `dask_jobqueue.SLURMCluster`; Slurm then starts the workers.
    workers : number of worker processes, each with one thread; not used with ``scheduler``.
    progress : whether to write lines about it to standard error.
    path : folders in which the workers look for modules, besides the usual ones.

    Returns
    -------
    The rows of all jobs, in the order of the jobs: ``key``, ``row``, the job's settings and
    what the function returned.

    Raises
    ------
    JobsFailed : after all others have ended. Failed jobs are tried again by the next call.
    LedgerError : a ledger that is damaged, in use, or of another experiment.
    ValueError, TypeError : jobs that are no dicts, repeat each other or are none; a function
        that is not found.
    ImportError : Dask is not installed.
    ConnectionError : the scheduler does not answer, or went away; Slurm ended all workers.
    """
    workers = whole("workers", workers)
    if scheduler is not None and slurm is not None:
        raise ValueError("give a scheduler or options for Slurm, not both")
    wanted = checked_jobs(jobs)
    name, found = _function(function)
    with Ledger(ledger) as book:
        _same_experiment(book, name)
        _forget_folders(book)
        todo = {key: job for key, job in wanted.items() if key not in book.jobs}
        failures: list[Failure] = []
        if todo:
            costs = _costs(found, todo)
            run = _Run(book, name, function, [str(Path(place).resolve()) for place in path])
            counter = Progress(costs, len(wanted) - len(todo)) if progress else None
            with connected(min(workers, len(todo)), scheduler, slurm) as (client, check):
                first = dict(sorted(todo.items(), key=lambda item: -costs[item[0]]))
                failures = run.all(client, check, first, counter)
        rows = rows_of(book.jobs[key] for key in wanted if key in book.jobs)
    if failures:
        raise JobsFailed(failures, rows)
    return rows


def _function(function: str | Callable) -> tuple[str, Callable]:
    if isinstance(function, str):
        return find_experiment(function)
    if not callable(function):
        raise TypeError(f"function must be 'module:function' or a function, got {function!r}")
    return f"{function.__module__}:{function.__qualname__}", function


def _same_experiment(book: Ledger, name: str) -> None:
    for line in book.jobs.values():
        if line["experiment"] != name:
            raise LedgerError(
                f"{book.path}: holds results of {line['experiment']!r}, not of {name!r}; "
                "give each experiment its own ledger"
            )


def _folder(book: Ledger, key: str) -> Path:
    return book.path.resolve().with_suffix(".jobs") / key


def _forget_folders(book: Ledger) -> None:
    """Remove the folders of jobs that are done, which a killed sweep may have left."""
    for key in book.jobs:
        _forget(_folder(book, key))


def _forget(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_suffix(".lock").unlink(missing_ok=True)


def _costs(function: Callable, jobs: dict[str, dict]) -> dict[str, float]:
    cost = getattr(function, "cost", None)
    return {key: 1.0 if cost is None else float(cost(job)) for key, job in jobs.items()}


@dataclass
class _Run:
    """One call of `sweep`: what all of its jobs share."""

    book: Ledger
    name: str
    function: str | Callable
    path: list[str]

    def all(
        self, client, check: Callable[[int], None], jobs: dict[str, dict], counter: Progress | None
    ) -> list[Failure]:
        """Run the jobs, the first ones first; return those that failed."""
        ended: queue.SimpleQueue = queue.SimpleQueue()
        running = {}
        for number, (key, job) in enumerate(jobs.items()):
            future = self._submit(client, key, job, priority=-number)
            future.add_done_callback(ended.put)
            running[future.key] = (key, job, future)
        if counter:
            counter.show(len(client.nthreads()))
        failures = []
        while running:
            try:
                future = ended.get(timeout=_LOOK)
            except queue.Empty:
                workers = len(client.nthreads())
                check(workers)
                if counter:
                    counter.show(workers)
                continue
            key, job, _ = running.pop(future.key)
            error, seconds = self._keep(key, job, future)
            if error is not None:
                failures.append(Failure(key, job, error))
            if counter:
                counter.ended(key, seconds, len(client.nthreads()))
            future.release()
        return failures

    def _submit(self, client, key: str, job: dict, priority: int):
        # Dask's keys must differ between ledgers that share a scheduler.
        place = hashlib.sha256(str(self.book.path.resolve()).encode()).hexdigest()[:8]
        return client.submit(
            run_job,
            self.function,
            job,
            str(_folder(self.book, key)),
            self.path,
            key=f"{self.name}-{place}-{key}",
            priority=priority,
        )

    def _keep(self, key: str, job: dict, future) -> tuple[str | None, float | None]:
        """Write down what came of a job; return the error, if any, and the seconds."""
        if future.status in ("cancelled", "lost"):
            raise ConnectionError(
                "the Dask scheduler went away; the same call goes on where this one stopped"
            )
        if future.status == "error":
            return f"{type(future.exception()).__name__}: {future.exception()}", None
        outcome = future.result()
        if "error" in outcome:
            return outcome["error"], None
        source = outcome["provenance"] | {"command": command_line()}
        self.book.append(
            key,
            job,
            outcome["rows"],
            experiment=self.name,
            seconds=outcome["seconds"],
            provenance=source,
        )
        _forget(_folder(self.book, key))
        return None, outcome["seconds"]
