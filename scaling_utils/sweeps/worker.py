"""What runs on a Dask worker: it has each job run by a process of its own.

A job that takes its process along, by a crash or for want of memory, leaves the worker
standing. And a worker that has been up for long runs the code that is on the disk now: it starts
another process where the present one has loaded older code.
"""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import threading

from scaling_utils.sweeps.execute import Task

TRIES = 3  # of a job whose process dies
# A job may use the whole memory of a worker's share: one at a time, on however many threads.
_ONE_AT_A_TIME = threading.Lock()


def run_job(task: Task) -> dict:
    """Have a job run; return what `execute` does, with ``error`` in place of ``stale``."""
    with _ONE_AT_A_TIME:
        deaths: list[str] = []
        while len(deaths) < TRIES:
            outcome, fresh = _HAND.run(task)
            if "died" in outcome:
                deaths.append(outcome["died"])
            elif "stale" not in outcome:
                return outcome
            elif fresh:
                return {"error": _not_the_code(outcome["stale"])}
            _HAND.end()
    return {"error": f"its process died in each of {TRIES} tries: {', '.join(deaths)}"}


def _not_the_code(names: list[str]) -> str:
    return (
        f"{', '.join(sorted(names))}: not the code that the sweep was started with; it was edited "
        "since, or this worker finds other files. Start the sweep again"
    )


class _Hand:
    """A process that runs jobs, started when it is first needed, and after each end anew."""

    def __init__(self):
        self._process: subprocess.Popen | None = None
        self._pipe = None

    def run(self, task: Task) -> tuple[dict, bool]:
        """Return what came of a task, and whether the process was new; ``died`` says how."""
        fresh = self._process is None
        if fresh:
            self._start()
        try:
            self._pipe.send(task)
            return self._pipe.recv(), fresh
        except (EOFError, OSError):
            return {"died": _how(self._process.wait())}, fresh

    def end(self) -> None:
        """End the process, whatever it is at."""
        self._pipe.close()
        self._process.kill()
        self._process.wait()
        self._process = None

    def _start(self) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        # Python itself, not multiprocessing: a worker under a nanny may have no children there.
        words = (
            f"import sys; sys.path[:] = {sys.path!r}",
            "from scaling_utils.sweeps.child import main",
            f"main({theirs.fileno()})",
        )
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", "\n".join(words)],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )


def _how(code: int) -> str:
    """Return how a process ended, in words."""
    if code == -signal.SIGKILL:
        return "killed, perhaps for want of memory"
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


_HAND = _Hand()
