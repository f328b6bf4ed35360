"""Loaded by Dask in each worker process that a sweep starts on this machine."""

from __future__ import annotations

import logging
import signal


def dask_setup(worker) -> None:
    """Leave Ctrl-C, which reaches every process of a terminal, to the sweep that started us.

    It then ends the workers, whose warnings about jobs that were cut short say nothing new.
    """
    logging.getLogger("distributed.worker.state_machine").setLevel(logging.ERROR)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
