"""Loaded by Dask in each worker process that a sweep starts on this machine."""

from __future__ import annotations

import logging
import signal


def dask_setup(worker) -> None:
    """Leave Ctrl-C, which reaches every process of a terminal, to the sweep that started us.

    It then ends the workers, whose complaints about jobs that were cut short and a scheduler that
    no longer answers say nothing new.
    """
    logging.getLogger("distributed.worker").setLevel(logging.CRITICAL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
