"""How far a sweep is, as lines of plain text."""

from __future__ import annotations

import sys
import time
from typing import TextIO

_SELDOM = 10.0  # seconds between lines where no one watches
_OFTEN = 0.2  # seconds between lines on a terminal


class Progress:
    """Counts jobs and says how long the rest may take.

    Parameters
    ----------
    costs
        The cost of each job that is to be run, by key; any unit.
    done
        Number of jobs that were done before.
    stream
        Where the lines go; on a terminal they overwrite each other.
    """

    def __init__(self, costs: dict[str, float], done: int, stream: TextIO | None = None):
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._left = dict(costs)
        self._total = len(costs) + done
        self._failed = 0
        self._spent = 0.0  # cost of the jobs that have ended, and their seconds
        self._seconds = 0.0
        self._start = time.monotonic()
        self._last = float("-inf")

    def ended(self, key: str, seconds: float | None, workers: int) -> None:
        """Count a job that has ended; ``seconds`` is None where it failed."""
        cost = self._left.pop(key)
        if seconds is None:
            self._failed += 1
        else:
            self._spent += cost
            self._seconds += seconds
        self.show(workers)

    def show(self, workers: int) -> None:
        """Write a line, unless the last one was only just written."""
        now = time.monotonic()
        if self._left and now - self._last < (_OFTEN if self._terminal else _SELDOM):
            return
        self._last = now
        line = self.line(workers)
        if self._terminal:
            print(f"\r{line:<78}", end="" if self._left else "\n", file=self._stream, flush=True)
        else:
            print(line, file=self._stream, flush=True)

    def line(self, workers: int) -> str:
        """Return how far the sweep is: ``workers`` share what is left."""
        ended = self._total - len(self._left) - self._failed
        words = [f"{ended} of {self._total} jobs done"]
        if self._failed:
            words.append(f"{self._failed} failed")
        words.append(f"{duration(time.monotonic() - self._start)} so far")
        if self._left and not workers:
            words.append("no worker is connected")
        elif self._left:
            left = self._estimate(workers)
            words.append("time left not known yet" if left is None else f"about {left} left")
        return ", ".join(words)

    def _estimate(self, workers: int) -> str | None:
        """Jobs that run now count in full: the estimate errs on the long side."""
        if self._spent <= 0:
            return None
        pace = self._seconds / self._spent
        return duration(sum(self._left.values()) * pace / min(workers, len(self._left)))


def duration(seconds: float) -> str:
    """Return a time in words: 42 s, 3 min, 2 h 5 min.

    >>> duration(7500)
    '2 h 5 min'
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
