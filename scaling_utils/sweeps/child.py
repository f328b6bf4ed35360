"""The process that runs jobs for a worker. It ends when the worker does."""

from __future__ import annotations

import os
import queue
import signal
import threading
import traceback
from multiprocessing.connection import Connection

from scaling_utils.sweeps.execute import execute
from scaling_utils.sweeps.loaded import Notes


def main(pipe: int) -> None:
    """Run the tasks that come through a pipe, and send back what came of each."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the sweep, which ends us
    connection = Connection(pipe)
    tasks: queue.SimpleQueue = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, tasks), daemon=True).start()
    notes = None
    while True:
        task = tasks.get()
        if notes is None:
            notes = Notes(["scaling_utils", *task.code])
        connection.send(execute(task, notes))


def _receive(connection: Connection, tasks: queue.SimpleQueue) -> None:
    """Hand on what comes; end the process, whatever it is at, when the worker is gone."""
    try:
        while True:
            tasks.put(connection.recv())
    except (EOFError, OSError):
        pass
    except Exception:  # a task of another version of this package
        traceback.print_exc()
    finally:
        os._exit(1)
