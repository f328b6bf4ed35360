"""What happens inside one rank: its output, its process group, its worker, what it leaves."""

from __future__ import annotations

import faulthandler
import importlib.util
import json
import logging
import os
import random
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist

from scaling_utils.distributed import _folder

SPARE = 60.0  # seconds by which torch's own time limit exceeds the launcher's


@dataclass(frozen=True)
class Setting:
    """What every rank of a launch is told."""

    folder: str
    world: int
    device: str  # "cpu" or "cuda"
    timeout: float  # seconds
    seed: int


def main(setting: Setting, rank: int, worker: Callable[[], Callable], args: Callable[[], tuple]):
    """Run a worker and leave what came of it; then wait to be ended, and never return.

    The process waits because its peers may still be talking to it: were it to end, they would
    fail with a lost connection, and not stand where a reader can see them waiting.

    Parameters
    ----------
    worker, args : the worker and its further arguments, fetched here so that an error on the way
        to them is reported too.
    """
    folder = Path(setting.folder)
    try:
        own_signals()
        capture(folder, rank)
        join(setting, rank, f"file://{folder / 'rendezvous'}")
        run(folder, rank, lambda: worker()(rank, setting.world, *args()))
        while True:
            signal.pause()
    finally:  # nothing of the parent's (exit handlers, a kernel's sockets) may run here
        os._exit(1)


def own_signals() -> None:
    """Leave the parent's handlers behind; Ctrl-C is for the launcher, which ends us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def capture(folder: Path, rank: int) -> None:
    """Send all output to files, and the stack of all threads too whenever SIGUSR1 comes.

    What Python prints is kept apart from what libraries print below it, which no reader wants to
    see unless something fails.
    """
    native = os.open(_folder.path(folder, rank, _folder.NATIVE), os.O_WRONLY | os.O_CREAT, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, theirs in ((nothing, 0), (native, 1), (native, 2)):
        os.dup2(ours, theirs)
    before = (sys.stdout, sys.stderr)
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 (until the process ends)
    sys.stdout, sys.stderr = (
        open(_folder.path(folder, rank, kind), "w", buffering=1, encoding="utf-8")  # noqa: SIM115
        for kind in (_folder.PRINTED, _folder.WARNED)
    )
    for logger in (logging.root, *logging.root.manager.loggerDict.values()):
        for handler in getattr(logger, "handlers", ()):
            if getattr(handler, "stream", None) in before:
                handler.setStream(sys.stderr)
    faulthandler.enable(native)
    stack = _folder.path(folder, rank, _folder.STACK)
    part = open(stack.with_suffix(".part"), "w")  # noqa: SIM115
    faulthandler.register(signal.SIGUSR1, file=part, all_threads=True)
    os.replace(part.name, stack)  # from now on the signal may be sent


def join(setting: Setting, rank: int, rendezvous: str) -> None:
    """Make the process group, over files and this machine's loopback: no port is chosen."""
    torch.set_num_threads(1)  # also: the threads that a parent has started are not here
    random.seed(setting.seed)
    np.random.seed(setting.seed)  # noqa: NPY002 (for workers that use the old interface)
    torch.manual_seed(setting.seed)
    loopback = next((name for _, name in socket.if_nameindex() if name.startswith("lo")), "lo")
    os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(setting.world)}
    if setting.device == "cuda":
        torch.cuda.set_device(rank)
    dist.init_process_group(
        "nccl" if setting.device == "cuda" else "gloo",
        init_method=rendezvous,
        rank=rank,
        world_size=setting.world,
        timeout=timedelta(seconds=setting.timeout + SPARE),
    )


def run(folder: Path, rank: int, work: Callable[[], object]) -> bool:
    """Leave the value that ``work`` returns, or how it failed; return whether it returned one."""
    try:
        value = work()
        _folder.save_value(_folder.path(folder, rank, _folder.RESULT), value)
    except BaseException as error:
        _folder.save_failure(folder, rank, failure(error))
    sys.stdout.flush()
    sys.stderr.flush()
    return _folder.path(folder, rank, _folder.RESULT).exists()


def failure(error: BaseException) -> dict:
    """Return an error as plain data: when, what, and where from the worker's first line on."""
    told = traceback.TracebackException.from_exception(error)
    frames = [frame for frame in told.stack if frame.filename not in (__file__, _folder.__file__)]
    lines = [f"  {place(f.filename)}, line {f.lineno}, in {f.name}\n    {f.line}" for f in frames]
    return {
        "time": time.time(),
        "error": "".join(told.format_exception_only()).strip(),
        "traceback": "\n".join(lines),
    }


def place(filename: str) -> str:
    """Return how a reader knows a source file: cells of a notebook are no files."""
    return f'File "{filename}"' if os.path.exists(filename) else "The cell"


def written_worker(file: Path) -> Callable:
    """Return the worker that stands in a file of source."""
    spec = importlib.util.spec_from_file_location("worker", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules["worker"] = module  # where classes look for their module
    spec.loader.exec_module(module)
    return module.WORKER


def save_setting(setting: Setting) -> None:
    """Write what ranks that do not share this process's memory have to know."""
    Path(setting.folder, "setting.json").write_text(json.dumps(asdict(setting)), "utf-8")


def load_setting(folder: str) -> Setting:
    """Return what a rank is told in a file."""
    return Setting(**json.loads(Path(folder, "setting.json").read_text("utf-8")))
