"""Run a function of a notebook cell as several ranks that talk through ``torch.distributed``."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from scaling_utils._check import member, number, whole
from scaling_utils.distributed import _folder, _rank, _source, _start
from scaling_utils.distributed.failures import rank_error

TICK = 0.01  # seconds between two looks at the ranks
GRACE = (
    0.3  # seconds that the others have after a first failure, to be done or to say where they are
)


class Results(list):
    """What each rank has returned, by rank.

    Attributes
    ----------
    printed : list of str
        What each rank has printed.
    seconds : float
        From the call to the last rank's result.
    start : str
        How the ranks were started: "fork" or "fresh".
    """

    def __init__(self, values, printed: list[str], seconds: float, start: str):
        super().__init__(values)
        self.printed, self.seconds, self.start = printed, seconds, start


def launch(
    worker: Callable,
    ranks: int,
    *args,
    timeout: float = 60.0,
    device: str = "cpu",
    start: str = "auto",
    seed: int = 0,
    show: bool = True,
) -> Results:
    """Run ``worker(rank, ranks, *args)`` on each rank, and return what each has returned.

    Every rank is a process with one thread, in a process group of all ranks that is made before
    the worker is called: gloo over this machine's loopback, or NCCL with one card for each rank.
    The ranks find each other through files in a folder of their own, so two launches at once do
    not meet. No rank outlives the call, nor this process, however either ends.

    Ranks are forked where that is safe, which takes a fraction of a second: they then share all
    that the notebook has defined and loaded, and what they change stays theirs. A process that
    has used CUDA cannot be forked; its ranks are fresh processes, which import torch anew and run
    the worker from its source, see ``_source.written``.

    Parameters
    ----------
    worker : callable
        A function of a cell, of a rank and the number of ranks. What it returns must be plain
        data and tensors, which come back on the CPU and without their history.
    ranks : int
        Number of processes, at least 1. With CUDA at most the number of cards: NCCL refuses two
        ranks on one card.
    *args
        Handed on to the worker. For fresh processes they must be plain data and tensors too.
    timeout : float
        Seconds that the whole may take, the start included.
    device : str
        "cpu" or "cuda".
    start : str
        "fork", "fresh" or "auto".
    seed : int
        Of the random numbers of Python, numpy and torch, the same on all ranks.
    show : bool
        Whether to print what the ranks have printed, rank by rank, when they are done.

    Returns
    -------
    Results
        A list of what each rank has returned, with ``printed``, ``seconds`` and ``start``.

    Raises
    ------
    RankError
        If a rank raises, dies or is not done in time. It says where the worker stood.
    TypeError, ValueError, RuntimeError
        If an argument is not as described, or this machine cannot run it.
    """
    if not callable(worker):
        raise TypeError(f"worker must be a function, got {worker!r}")
    ranks, timeout = whole("ranks", ranks), number("timeout", timeout, above=0)
    start = _way(start, member("device", device, ("cpu", "cuda")), ranks)
    began = time.monotonic()
    with launch_folder() as folder:
        setting = _rank.Setting(
            str(folder), ranks, device, timeout, whole("seed", seed, at_least=0)
        )
        if start == "fresh":
            _rank.save_setting(setting)
            _folder.save_value(folder / "args", args)
            (folder / "worker.py").write_text(_source.written(worker), "utf-8")
        pids: list[int] = []
        try:
            _start_all(setting, worker, args, start, pids)
            codes = _watch(folder, pids, began + timeout)
            seconds = time.monotonic() - began
            if not _done(folder, ranks):
                _ask_where(folder, pids, codes)
                raise rank_error(folder, ranks, codes, timeout)
        finally:
            with _start.uninterrupted():
                _start.end(pids)
            printed = said(folder, ranks, show)
        values = [_folder.load_value(_folder.path(folder, r, _folder.RESULT)) for r in range(ranks)]
    return Results(values, printed, seconds, start)


def _way(start: str, device: str, ranks: int) -> str:
    """Return how the ranks are to be started, or say why they cannot be."""
    if not hasattr(os, "fork"):
        raise RuntimeError("launch needs Linux or macOS; on Windows use WSL")
    member("start", start, ("auto", "fork", "fresh"))
    if device == "cuda" and torch.cuda.device_count() < ranks:
        raise ValueError(
            f"ranks must be at most the number of CUDA devices, {torch.cuda.device_count()}: "
            f"NCCL refuses two ranks on one; got {ranks}. On the CPU any number runs"
        )
    if start == "fork" and torch.cuda.is_initialized():
        raise ValueError("start must not be 'fork': this process has used CUDA; use 'fresh'")
    # Apple's own libraries do not work in a forked process.
    fresh = torch.cuda.is_initialized() or sys.platform == "darwin"
    return ("fresh" if fresh else "fork") if start == "auto" else start


@contextmanager
def launch_folder():
    """Give a launch its folder, and a janitor to those who will work in it."""
    with tempfile.TemporaryDirectory(prefix="ranks-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / _folder.PIDS).mkdir()
        with _start.janitor(folder):
            yield folder


def _start_all(setting: _rank.Setting, worker, args: tuple, start: str, pids: list[int]) -> None:
    """Start all ranks, and add each to the list of processes as soon as it runs."""
    folder = Path(setting.folder)
    sys.stdout.flush()  # what is left in a buffer would be there in each fork
    sys.stderr.flush()
    with _start.uninterrupted():
        for rank in range(setting.world):
            if start == "fork":
                pid = _start.fork(
                    lambda r=rank: _rank.main(setting, r, lambda: worker, lambda: args)
                )
            else:
                program = ["-m", "scaling_utils.distributed._fresh", setting.folder, str(rank)]
                pid = _start.spawn(program, _folder.path(folder, rank, _folder.NATIVE))
            pids.append(pid)
            _folder.note_process(folder, pid)


def _watch(folder: Path, pids: Sequence[int], deadline: float) -> dict[int, int]:
    """Wait until all ranks are done, the first has failed, or time is up.

    Returns
    -------
    dict of int to int
        Exit codes of the ranks that have ended; ranks that are well wait to be ended.
    """
    codes: dict[int, int] = {}
    failed_at = None
    while time.monotonic() < deadline:
        left = set(os.listdir(folder))
        for rank, pid in enumerate(pids):
            if rank not in codes and (code := _start.ended(pid)) is not None:
                codes[rank] = code
        silent = [r for r in range(len(pids)) if not left & _reports(r)]
        if failed_at is None and (
            set(codes) & set(silent)
            or any(f"{r}.{_folder.FAILURE}" in left for r in range(len(pids)))
        ):
            failed_at = time.monotonic()
        if not silent or (failed_at is not None and time.monotonic() > failed_at + GRACE):
            break
        time.sleep(TICK)
    return codes


def _reports(rank: int) -> set[str]:
    return {f"{rank}.{_folder.RESULT}", f"{rank}.{_folder.FAILURE}"}


def _done(folder: Path, ranks: int) -> bool:
    return all(_folder.path(folder, r, _folder.RESULT).exists() for r in range(ranks))


def _ask_where(folder: Path, pids: Sequence[int], codes: dict[int, int]) -> None:
    """Let the ranks that still run write down where they are."""
    asked = False
    for rank, pid in enumerate(pids):
        if rank not in codes and _folder.path(folder, rank, _folder.STACK).exists():
            os.kill(pid, signal.SIGUSR1)
            asked = True
    if asked:
        time.sleep(GRACE)


def said(folder: Path, ranks: int, show: bool) -> list[str]:
    """Return what each rank has printed, and print it here with the rank before each line."""
    printed = [_folder.read(folder, rank, _folder.PRINTED) for rank in range(ranks)]
    warned = [_folder.read(folder, rank, _folder.WARNED) for rank in range(ranks)]
    for texts, stream in ((printed, sys.stdout), (warned, sys.stderr)) if show else ():
        for rank, text in enumerate(texts):
            for line in text.splitlines():
                print(f"[rank {rank}] {line}", file=stream)
    return printed
