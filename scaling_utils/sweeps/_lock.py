"""Locks on files that the system takes back when their holder dies, however it dies."""

from __future__ import annotations

from typing import IO


def lock(file: IO, *, wait: bool) -> bool:
    """Lock an open file; return False where another process holds it and ``wait`` is False.

    The lock ends when the file is closed or the process is gone.
    """
    import fcntl  # not on Windows; importing the room must work there

    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
