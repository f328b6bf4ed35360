"""Loaded by Dask in each worker process that a sweep starts on this machine."""

from __future__ import annotations

import logging
import signal


def dask_setup(worker) -> None:
    """Leave signals that reach all processes of a command to the sweep that started us.

    Ctrl-C in a terminal is one, SIGTERM from ``timeout`` or a batch system another. The sweep then
    ends the workers, whose complaints about jobs that were cut short and a scheduler that no longer
    answers say nothing new.
    """
    logging.getLogger("distributed.worker").setLevel(logging.CRITICAL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A handler, not SIG_IGN, which the processes that run jobs would inherit.
    signal.signal(signal.SIGTERM, lambda *_: None)
