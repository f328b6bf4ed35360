"""Running the jobs of a sweep on Dask workers, each result written down as it comes."""

from __future__ import annotations

import hashlib
import queue
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path

from scaling_utils._check import whole
from scaling_utils.sweeps.clusters import connected
from scaling_utils.sweeps.code import combined
from scaling_utils.sweeps.execute import Task
from scaling_utils.sweeps.experiment import Experiment
from scaling_utils.sweeps.folders import forget, job_folder
from scaling_utils.sweeps.jobs import alike, canonical, checked_jobs
from scaling_utils.sweeps.ledger import Ledger, LedgerError
from scaling_utils.sweeps.progress import Progress
from scaling_utils.sweeps.provenance import command_line
from scaling_utils.sweeps.tables import rows_of
from scaling_utils.sweeps.worker import run_job

_LOOK = 20.0  # seconds without news after which the workers are looked at
_PATIENCE = 30.0  # seconds that a scheduler has to answer
_GONE = "the Dask scheduler went away; the same call goes on where this one stopped"


@dataclass(frozen=True)
class Failure:
    """A job that failed.

    Attributes
    ----------
    key : str
        The job's key.
    job : dict
        Its settings.
    error : str
        What went wrong, in one line.
    """

    key: str
    job: dict
    error: str


class JobsFailed(RuntimeError):
    """Some jobs failed; the others are in the ledger.

    Attributes
    ----------
    failures : list of Failure
        Which jobs, and why.
    rows : list of dict
        The rows of those that are done, as ``sweep`` returns them.
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
    accept_changed: bool = False,
) -> list[dict]:
    """Run the jobs that the ledger does not hold yet, and return the rows of all.

    Each job gets a folder beside the ledger, ``<ledger's stem>.jobs/<key>``, which survives a
    killed worker and a killed sweep; it is removed once the job's rows are on the disk. A job
    whose process dies is tried three times in all. Where the function has an attribute ``cost``,
    itself a function of the job, the dearest jobs start first and the time left is estimated from
    it.

    The code of the experiment is that on the disk when this is called: of its module and of all
    that it imports, but for installed packages. Workers that have loaded other code start anew; a
    job whose worker cannot get this code fails.

    Parameters
    ----------
    function : str or callable
        ``(job, folder) -> rows``: a registered experiment's name, "module:function", or a function
        of a module. ``rows`` is a list of dicts, one for each recorded run.
    jobs : iterable of mapping
        Settings that JSON can hold. Equal jobs have the same key, in every sweep.
    ledger : path
        The file of JSON lines; made where it is missing, with its folder.
    scheduler : str, optional
        Address of a running Dask scheduler; its workers must see the ledger's folder and have one
        thread each. Without it worker processes are started here.
    slurm : mapping, optional
        Options of `dask_jobqueue.SLURMCluster`; Slurm then starts the workers.
    workers : int
        Worker processes, at least 1, each with one thread; not used with ``scheduler``.
    progress : bool
        Whether to write lines about it to standard error.
    path : iterable of path
        Folders in which the workers look for modules, besides the usual ones.
    accept_changed : bool
        Whether to go on where the ledger, or a checkpoint, comes from other code.

    Returns
    -------
    list of dict
        The rows of all jobs, in the order of the jobs: ``key``, ``row``, the job's settings and
        what the function returned.

    Raises
    ------
    JobsFailed
        After all others have ended. Failed jobs are tried again by the next call.
    LedgerError
        If the ledger is damaged, in use, of another experiment or of other code, or has one of
        the jobs with its numbers written in another way; or the disk is full. What was written
        before stays.
    ValueError, TypeError
        If jobs are no dicts, repeat each other or are none; the function, or its module, is not
        found, or its ``cost`` fails; both a scheduler and Slurm are asked for; or Slurm refuses
        its options.
    ImportError
        If Dask, or for Slurm dask-jobqueue, is not installed.
    ConnectionError
        If the scheduler does not answer, or went away; or all workers died for good.
    """
    workers = whole("workers", workers)
    if scheduler is not None and slurm is not None:
        raise ValueError("give a scheduler or options for Slurm, not both")
    wanted = checked_jobs(jobs)
    experiment = Experiment(function)
    with Ledger(ledger) as book:
        experiment.check_ledger(book, accept_changed)
        _check_twins(book, wanted)
        for key in book.jobs:  # a killed sweep may have left their folders
            forget(job_folder(book.path, key))
        todo = {key: job for key, job in wanted.items() if key not in book.jobs}
        failures: list[Failure] = []
        if todo:
            costs = _costs(experiment.function, todo)
            places = [str(Path(place).resolve()) for place in path]
            run = _Run(book, experiment, places, accept_changed)
            counter = Progress(costs, len(wanted) - len(todo)) if progress else None
            with connected(min(workers, len(todo)), scheduler, slurm) as (client, check):
                first = dict(sorted(todo.items(), key=lambda item: -costs[item[0]]))
                failures = run.all(client, check, first, counter)
        rows = rows_of(book.jobs[key] for key in wanted if key in book.jobs)
    if failures:
        raise JobsFailed(failures, rows)
    return rows


def _check_twins(book: Ledger, wanted: Mapping[str, dict]) -> None:
    """Raise where a job is in the ledger with 1 for its 1.0, under another key."""
    done = {alike(line["job"]): key for key, line in book.jobs.items()}
    for key, job in wanted.items():
        twin = done.get(alike(job), key)
        if twin != key:
            raise LedgerError(
                f"{book.path}: holds the job {canonical(job)} written as "
                f"{canonical(book.jobs[twin]['job'])}; write its numbers in the same way"
            )


def _costs(function: Callable, jobs: dict[str, dict]) -> dict[str, float]:
    cost = getattr(function, "cost", None)
    if cost is None:
        return dict.fromkeys(jobs, 1.0)
    found = {}
    for key, job in jobs.items():
        try:
            found[key] = float(cost(job))
        except Exception as error:
            raise ValueError(
                f"the experiment's cost fails for {job}: {type(error).__name__}: {error}"
            ) from error
    return found


@dataclass
class _Run:
    """One call of `sweep`: what all of its jobs share."""

    book: Ledger
    experiment: Experiment
    path: list[str]
    accept_changed: bool

    def all(
        self, client, check: Callable[[int], None], jobs: dict[str, dict], counter: Progress | None
    ) -> list[Failure]:
        """Run the jobs, the first ones first; return those that failed."""
        ended: queue.SimpleQueue = queue.SimpleQueue()
        running = {}
        for number, task in enumerate(self._tasks(jobs)):
            future = self._submit(client, task, priority=-number)
            future.add_done_callback(ended.put)
            running[future.key] = (task.key, task.job, future)
        if counter:
            counter.show(_workers(client))
        failures = []
        while running:
            try:
                future = ended.get(timeout=_LOOK)
            except queue.Empty:
                workers = _workers(client)
                check(workers)
                if counter:
                    counter.show(workers)
                continue
            outcome = _outcome(future)
            if outcome is None:  # its worker died with the result: the job runs once more
                future.add_done_callback(ended.put)
                continue
            key, job, _ = running.pop(future.key)
            if "error" in outcome:
                failures.append(Failure(key, job, outcome["error"]))
            else:
                self._keep(key, job, outcome)
            if counter:
                counter.ended(key, outcome.get("seconds"), _workers(client))
            future.release()
        return failures

    def _tasks(self, jobs: dict[str, dict]) -> Iterator[Task]:
        sent, digest = self.experiment.sent()
        for key, job in jobs.items():
            yield Task(
                experiment=sent,
                module=self.experiment.module,
                sha256=digest,
                key=key,
                job=job,
                folder=str(job_folder(self.book.path, key)),
                path=self.path,
                code=self.experiment.code,
                accept_changed=self.accept_changed,
            )

    def _submit(self, client, task: Task, priority: int):
        # Dask's keys must differ between ledgers that share a scheduler, and between codes: it
        # would give us the result of an earlier sweep's job that still runs.
        about = f"{self.book.path.resolve()} {combined(task.code)}"
        place = hashlib.sha256(about.encode()).hexdigest()[:8]
        key = f"{self.experiment.name}-{place}-{task.key}"
        return client.submit(run_job, task, key=key, priority=priority)

    def _keep(self, key: str, job: dict, outcome: dict) -> None:
        """Write down what came of a job, and only then remove its checkpoints."""
        self.book.append(
            key,
            job,
            outcome["rows"],
            experiment=self.experiment.name,
            seconds=outcome["seconds"],
            provenance=outcome["provenance"] | {"command": command_line()},
        )
        forget(job_folder(self.book.path, key))


def _workers(client) -> int:
    """Return the number of connected workers."""
    try:
        return len(client.sync(client.scheduler.ncores, callback_timeout=_PATIENCE))
    except (OSError, TimeoutError) as error:
        raise ConnectionError(_GONE) from error


def _outcome(future) -> dict | None:
    """Return what a worker reported of a job that has ended; None where that is lost."""
    if future.status in ("cancelled", "lost"):
        raise ConnectionError(_GONE)
    try:
        if future.status != "error":
            return future.result(timeout=_PATIENCE)
        error = future.exception(timeout=_PATIENCE)
    except TimeoutError:
        return None
    except CancelledError as cancelled:
        raise ConnectionError(_GONE) from cancelled
    return {"error": " ".join(f"{type(error).__name__}: {error}".split())}
