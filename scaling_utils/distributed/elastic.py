"""Ranks under torchrun's agent, which starts all of them again when one of them fails."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch.distributed as dist
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from scaling_utils._check import number, whole
from scaling_utils.distributed import _folder, _rank, _start, launcher
from scaling_utils.distributed.failures import RankError

COUNT = "TORCHELASTIC_RESTART_COUNT"  # in the environment of each rank: 0 at first
LOG = "agent"  # what the agent says, in the launch's folder
INTERVAL = 0.1  # seconds between two looks of the agent at its ranks


def launch_elastic(
    worker: Callable,
    ranks: int,
    *args,
    restarts: int = 1,
    timeout: float = 120.0,
    start: str = "auto",
    seed: int = 0,
    show: bool = True,
) -> launcher.Results:
    """Run ``worker(rank, ranks, *args)`` as torchrun does: when a rank fails, start all again.

    The agent is torch's own (``torch.distributed.launcher.api``), in a process of its own. It
    restarts processes and restores nothing: the worker has to begin with what it has saved. The
    ranks of each start meet in a file of their own, named after the count of restarts, since the
    file of an earlier start holds the addresses of processes that are gone.

    All is on the CPU, with gloo, and else as in ``launch``. A worker reads how often it has been
    restarted from ``os.environ["TORCHELASTIC_RESTART_COUNT"]``. After a failure the agent loads
    ``torch._dynamo``, which takes seconds where the notebook has not done so (DDP and Adam do).

    Parameters
    ----------
    worker, ranks, *args, start, seed, show
        As in ``launch``. What is shown is the output of the last start.
    restarts : int
        Times that all ranks are started again, 0 or more.
    timeout : float
        Seconds for the whole, all starts included.

    Returns
    -------
    Results
        Of the start in which all ranks returned.

    Raises
    ------
    RankError
        If a rank still fails after the last restart, or time is up. Its ``rank`` is None.
    TypeError, ValueError, RuntimeError
        If an argument is not as described, or this machine cannot run it.
    """
    if not callable(worker):
        raise TypeError(f"worker must be a function, got {worker!r}")
    ranks, restarts = whole("ranks", ranks), whole("restarts", restarts, at_least=0)
    timeout, seed = number("timeout", timeout, above=0), whole("seed", seed, at_least=0)
    start = launcher.way(start, "cpu", ranks)
    began = time.monotonic()
    with launcher.launch_folder() as folder:
        setting = _rank.Setting(str(folder), ranks, "cpu", timeout, seed)
        if start == "fresh":
            launcher.write_down(setting, worker, args)
        agents: list[int] = []
        try:
            with _start.uninterrupted():
                agents.append(_start_agent(setting, restarts, worker, args, start))
                _folder.note_process(folder, agents[0])
            code = _wait(agents[0], began + timeout)
            seconds = time.monotonic() - began
        finally:
            with _start.uninterrupted():
                _start.end(agents)
                for pid in _folder.processes(folder):  # ranks that a killed agent leaves behind
                    _start.kill(pid)
            printed = launcher.said(folder, ranks, show)
        if code != 0:
            raise _given_up(setting, restarts, code, printed)
        values = [_folder.load_value(_folder.path(folder, r, _folder.RESULT)) for r in range(ranks)]
    return launcher.Results(values, printed, seconds, start)


def _start_agent(setting, restarts: int, worker: Callable, args: tuple, start: str) -> int:
    """Return the process of the agent."""
    if start == "fresh":
        program = ["-m", "scaling_utils.distributed._fresh", setting.folder, "agent", str(restarts)]
        return _start.spawn(program, Path(setting.folder, LOG))
    sys.stdout.flush()  # what is left in a buffer would be there in each fork
    sys.stderr.flush()

    def agent() -> None:
        _redirect(Path(setting.folder, LOG))
        be_agent(setting, restarts, be_rank, (setting, lambda: worker, lambda: args))

    return _start.fork(agent)


def _wait(pid: int, deadline: float) -> int | None:
    """Return the exit code of the agent, or None if it still runs when time is up."""
    while (code := _start.ended(pid)) is None and time.monotonic() < deadline:
        time.sleep(launcher.TICK)
    return code


def be_agent(setting: _rank.Setting, restarts: int, entry: Callable | str, args: tuple) -> None:
    """Be torchrun's agent for the ranks, and leave with 0 if all have returned at last.

    Parameters
    ----------
    entry, args : what each rank runs, a function that is forked or a program that is started
    """
    code = 1
    try:
        _rank.own_signals()
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=setting.world,
            run_id=Path(setting.folder).name,
            rdzv_backend="c10d",  # of agents; here there is one. The ranks meet in a file
            rdzv_endpoint="localhost:0",
            local_addr="127.0.0.1",
            max_restarts=restarts,
            monitor_interval=INTERVAL,
            start_method="fork",
        )
        elastic_launch(config, entry)(*args)
        code = 0
    finally:  # nothing of the parent's (exit handlers, a kernel's sockets) may run here
        os._exit(code)


def _redirect(file: Path) -> None:
    """Send what the agent logs to a file: it reports each failed rank at length."""
    log = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout = sys.stderr = open(log, "w", buffering=1, encoding="utf-8")  # noqa: SIM115


def be_rank(setting: _rank.Setting, worker: Callable[[], Callable], args: Callable[[], tuple]):
    """Run a worker in a process of the agent's, which sees only whether it ends well."""
    folder, rank = Path(setting.folder), int(os.environ["RANK"])
    _folder.note_process(folder, os.getpid())
    _rank.own_signals()
    for kind in (_folder.RESULT, _folder.FAILURE):  # of an earlier start
        _folder.path(folder, rank, kind).unlink(missing_ok=True)
    _rank.capture(folder, rank)
    _rank.join(setting, rank, f"file://{folder / ('rendezvous-' + os.environ[COUNT])}")
    if not _rank.run(folder, rank, lambda: worker()(rank, setting.world, *args())):
        os._exit(1)
    dist.barrier()  # a rank that ends early would be a lost connection to the others
    dist.destroy_process_group()


def _given_up(
    setting: _rank.Setting, restarts: int, code: int | None, printed: list[str]
) -> RankError:
    """Return the error of a run that has not ended well."""
    folder = Path(setting.folder)
    kind = "late" if code is None else "raised"
    head = (
        f"not done after {setting.timeout:g} s, and ended"
        if code is None
        else f"the ranks did not end well, and {restarts} restarts are used up"
    )
    states = {}
    for rank in range(setting.world):
        failure = _folder.load_failure(folder, rank)
        done = _folder.path(folder, rank, _folder.RESULT).exists()
        unknown = "was done" if done else "left no word: it was killed, or was still running"
        states[rank] = f"raised {failure['error']}" if failure else unknown
    lines = [head, *(f"rank {rank} {state}" for rank, state in states.items())]
    return RankError("\n".join(lines), None, kind, states, printed)
