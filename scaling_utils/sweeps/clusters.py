"""The workers of a sweep: processes here, a Dask scheduler that runs already, or Slurm."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Mapping

# A job whose worker dies is given to another one. After more deaths than this it counts as
# failed. A job runs in a process of its own, so that a worker here dies of something else. On
# Slurm workers die whenever their time is over, and a long job outlives several.
_DEATHS, _DEATHS_ON_SLURM = 2, 10
_ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS")}
_SETTINGS = {
    "distributed.scheduler.worker-saturation": 1.0,  # a job waits for no particular worker
    # On a busy machine a worker takes longer than Dask's 15 s to start again. Given up, its
    # place would stay empty, and the sweep would wait forever.
    "distributed.deploy.lost-worker-timeout": "1 hour",
    "distributed.scheduler.http.routes": [],
    # In place of Dask's own list, which also makes malloc give memory back at once: that cost
    # a small network's training a sixth of its time.
    "distributed.nanny.pre-spawn-environ": _ONE_THREAD,
}
# Dask's web server cannot be left out. It serves nothing, on a free port of loopback.
_NO_DASHBOARD = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}


@contextlib.contextmanager
def connected(workers: int, scheduler: str | None = None, slurm: Mapping | None = None) -> Iterator:
    """Give a Dask client and a check of its workers, and end what was started for them.

    The check takes the number of connected workers. Called now and then, it raises
    ConnectionError when no worker is left and none will come: Slurm has ended all of them before
    they could connect, or those of this machine could not be started again. The sweep would wait
    for them forever.

    Parameters
    ----------
    workers
        Number of worker processes; not used with ``scheduler``.
    scheduler
        Address of a running scheduler, such as "tcp://127.0.0.1:8786".
    slurm
        Options of `dask_jobqueue.SLURMCluster`; Slurm then starts the workers.

    Raises
    ------
    ImportError
        If Dask, or dask-jobqueue, is not installed.
    ConnectionError
        If no scheduler answers at the address.
    ValueError
        If Slurm, or dask-jobqueue, refuses the options.
    """
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise ImportError(
            "sweeps need Dask's distributed: pip install '.[sweeps]' in a clone of the book"
        ) from error
    with contextlib.ExitStack() as stack:
        deaths = _DEATHS if slurm is None else _DEATHS_ON_SLURM
        settings = _SETTINGS | {"distributed.scheduler.allowed-failures": deaths}
        stack.enter_context(dask.config.set(settings))
        check = _no_check
        if scheduler is not None:
            target = scheduler
        elif slurm is not None:
            target = stack.enter_context(_on_slurm(workers, slurm))
            check = _SlurmCheck(target)
        else:
            target = stack.enter_context(_local(workers))
            check = _LocalCheck(target)
        try:
            client = Client(target, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ConnectionError(f"no Dask scheduler answers at {target}: {error}") from error
        yield stack.enter_context(client), check


def _no_check(workers: int) -> None:
    """The workers of a running scheduler are not ours: new ones may come at any time."""


class _LocalCheck:
    """Raises when no worker is connected and Dask has given up on all of them."""

    def __init__(self, cluster):
        self._cluster = cluster

    def __call__(self, workers: int) -> None:
        over = {"failed", "closed"}
        if not workers and all(
            nanny.status.name in over for nanny in [*self._cluster.workers.values()]
        ):
            raise ConnectionError(
                "the workers on this machine died and could not be started again; "
                "the same call goes on where this one stopped"
            )


def _local(workers: int):
    from distributed import LocalCluster

    # Loopback only. Dask's own limit on memory would stop a worker at its share
    # of the machine, which for one worker on 16 cores is a sixteenth.
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        scheduler_kwargs=_NO_DASHBOARD,
        memory_limit=None,
        preload=["scaling_utils.sweeps.preload"],
    )


def _on_slurm(workers: int, options: Mapping):
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError as error:
        raise ImportError(
            "sweeps on Slurm need dask-jobqueue: pip install '.[slurm]' in a clone of the book"
        ) from error
    chosen = dict(options)
    if "cores" in options:  # without it dask-jobqueue says what is missing
        chosen.setdefault("processes", options["cores"])
    chosen["scheduler_options"] = {
        "dashboard_address": None,
        **options.get("scheduler_options", {}),
    }
    cluster = SLURMCluster(**chosen)
    try:
        _ask_slurm(cluster.job_script())
    except BaseException:
        cluster.close()
        raise
    # Adapting between equal bounds, unlike scaling once, replaces jobs that Slurm has ended.
    cluster.adapt(minimum=workers, maximum=workers)
    return cluster


def _ask_slurm(script: str) -> None:
    """Raise where Slurm would never run a worker's job; Dask would wait for it forever."""
    try:
        done = subprocess.run(
            ["sbatch", "--test-only"], input=script, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise ValueError("Slurm is not here: the command sbatch is not found") from error
    if done.returncode != 0:
        raise ValueError(f"Slurm refuses the workers: {' '.join(done.stderr.split())}")


class _SlurmCheck:
    """Raises at the second call in a row that finds no worker, and no job that could start one.

    Dask takes some seconds to replace a worker's job that has ended, so that one call is not
    enough to tell.
    """

    def __init__(self, cluster):
        self._cluster = cluster
        self._alone = 0

    def __call__(self, workers: int) -> None:
        self._alone = 0 if workers or self._in_queue() else self._alone + 1
        if self._alone >= 2:
            raise ConnectionError(
                "the jobs of Slurm ended before their workers could connect; "
                "their output is where the option log_directory says"
            )

    def _in_queue(self) -> bool:
        command = ["squeue", "-h", "--me", "-o", "%A"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        ours = {str(job.job_id) for job in self._cluster.workers.values()}
        return done.returncode != 0 or bool(ours & set(done.stdout.split()))
