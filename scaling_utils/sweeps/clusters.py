"""The workers of a sweep: processes here, a Dask scheduler that runs already, or Slurm."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Mapping

# A job whose worker dies is given to another one. After this many deaths of its workers it
# counts as failed, so that a job that needs more memory than there is does not go on forever.
_DEATHS = 10
_ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS")}
_SETTINGS = {
    "distributed.scheduler.allowed-failures": _DEATHS,
    "distributed.scheduler.http.routes": [],
    # In place of Dask's own list, which also makes malloc give memory back at once: that cost
    # a small network's training a sixth of its time.
    "distributed.nanny.pre-spawn-environ": _ONE_THREAD,
}
# Dask's web server cannot be left out. It serves nothing, on a free port of loopback.
_NO_DASHBOARD = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}


@contextlib.contextmanager
def connected(workers: int, scheduler: str | None = None, slurm: Mapping | None = None) -> Iterator:
    """Give a Dask client, and end what was started for it.

    Parameters
    ----------
    workers : number of worker processes; not used with ``scheduler``.
    scheduler : address of a running scheduler, such as "tcp://127.0.0.1:8786".
    slurm : options of `dask_jobqueue.SLURMCluster`; Slurm then starts the workers.

    Raises
    ------
    ImportError : Dask, or dask-jobqueue, is not installed.
    ConnectionError : no scheduler answers at the address.
    ValueError : Slurm, or dask-jobqueue, refuses the options.
    """
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise ImportError(
            "sweeps need Dask's distributed: pip install 'scaling-utils[sweeps]'"
        ) from error
    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set(_SETTINGS))
        if scheduler is not None:
            target = scheduler
        elif slurm is not None:
            target = stack.enter_context(_on_slurm(workers, slurm))
        else:
            target = stack.enter_context(_local(workers))
        try:
            client = Client(target, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ConnectionError(f"no Dask scheduler answers at {target}: {error}") from error
        yield stack.enter_context(client)


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
            "sweeps on Slurm need dask-jobqueue: pip install 'scaling-utils[slurm]'"
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
