"""Sweeps for tests: beside a running Dask scheduler on this machine, or in the background."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from scaling_utils.sweeps import sweep

TESTS = Path(__file__).parent


def environment() -> dict[str, str]:
    """Return an environment in which other processes find the tests' experiments."""
    path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def wait_for(condition: Callable, what: str, seconds: float = 300.0):
    """Return the condition's first true value, or fail when the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds:g} s for {what}")


def in_background(*arguments, **options) -> tuple[threading.Thread, list]:
    """Start a sweep in a thread; its rows, or its error, will be in the list."""
    outcome: list = []

    def run() -> None:
        try:
            outcome.append(sweep(*arguments, progress=False, **options))
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


class Dask:
    """A scheduler and its workers on loopback; `stop` ends them, by their process ids."""

    def __init__(self, folder: Path, workers: int = 2):
        self.folder = folder
        file = folder / "scheduler.json"
        self.processes = [self._start("scheduler", f"--scheduler-file={file}", "--port=0")]
        try:
            wait_for(lambda: file.exists() and file.read_text(), "the scheduler")
            self.address = json.loads(file.read_text())["address"]
            for _ in range(workers):
                self.processes.append(
                    self._start("worker", self.address, "--nthreads=1", "--no-nanny")
                )
        except BaseException:
            self.stop()
            raise

    def _start(self, *words: str) -> subprocess.Popen:
        loopback = ("--host=127.0.0.1", "--no-dashboard", "--dashboard-address=127.0.0.1:0")
        command = [sys.executable, "-m", "dask", *words, *loopback]
        log = (self.folder / f"{words[0]}.log").open("ab")
        return subprocess.Popen(command, cwd=self.folder, env=environment(), stdout=log, stderr=log)

    def stop(self) -> None:
        """End all of it."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()
