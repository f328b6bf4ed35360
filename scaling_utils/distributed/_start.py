"""Start processes that cannot outlive their launcher, and end them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from scaling_utils.distributed import _folder

DONE = b"done"
_LIFELINES: set[int] = set()  # open ends by which janitors see that this process lives


def fork(child: Callable[[], None]) -> int:
    """Return the process of a forked copy that runs ``child`` in a process group of its own."""
    with warnings.catch_warnings():  # newer Pythons warn of threads: see `launch`
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        try:
            os.setpgid(0, 0)
            for lifeline in _LIFELINES:  # else it would be open as long as we live, too
                os.close(lifeline)
            child()
        finally:
            os._exit(1)
    with contextlib.suppress(OSError):  # the child may have done it, or be gone
        os.setpgid(pid, pid)
    return pid


def spawn(arguments: Sequence[str], output: Path) -> int:
    """Return the process of a fresh interpreter that finds the same modules as this one."""
    paths = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    return os.posix_spawn(
        sys.executable,
        [sys.executable, *arguments],
        {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(output), os.O_WRONLY | os.O_CREAT, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setpgroup=0,
    )


def end(pids: Iterable[int], within: float = 10.0) -> None:
    """Kill processes with all that they have started, and wait until they are gone."""
    for pid in pids:
        kill(pid)
    deadline = time.monotonic() + within
    for pid in pids:
        while ended(pid) is None and time.monotonic() < deadline:
            time.sleep(0.005)


def kill(pid: int) -> None:
    """Kill a process and its group. Neither may be there."""
    for send in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(pid, signal.SIGKILL)


def ended(pid: int) -> int | None:
    """Return None while a child runs, then its exit code, which is minus a signal's number."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 0
    return os.waitstatus_to_exitcode(status) if found else None


@contextlib.contextmanager
def janitor(folder: Path) -> Iterator[None]:
    """Keep a process that ends a folder's processes and removes it, should this one be killed."""
    end_to_read, lifeline = os.pipe()
    _LIFELINES.add(lifeline)

    def wait() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if os.read(end_to_read, len(DONE)) != DONE:
            for pid in _folder.processes(folder):
                kill(pid)
            shutil.rmtree(folder, ignore_errors=True)

    pid = fork(wait)
    os.close(end_to_read)
    try:
        yield
    finally:
        with contextlib.suppress(BrokenPipeError):
            os.write(lifeline, DONE)
        _LIFELINES.discard(lifeline)
        os.close(lifeline)
        while ended(pid) is None:
            time.sleep(0.002)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off Ctrl-C, so that no process is forgotten between its start and our note of it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)
