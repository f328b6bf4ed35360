"""The folder that a launch and its ranks share: names of files, and how each is written.

A file appears with its whole content or not at all, so that whoever sees it can read it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch

RESULT, FAILURE, STACK = "result", "failure", "stack"  # what a rank leaves
PRINTED, WARNED, NATIVE = "printed", "warned", "native"  # its output: Python's two, and C++'s
PIDS = "pids"  # a folder in it, with an empty file for each process

PLAIN = (bool, int, float, complex, str, bytes, torch.dtype, torch.Size, torch.device)


def path(folder: Path, rank: int, kind: str) -> Path:
    """Return where a rank leaves a thing of this kind."""
    return Path(folder, f"{rank}.{kind}")


def read(folder: Path, rank: int, kind: str) -> str:
    """Return the text that a rank has left, or none."""
    file = path(folder, rank, kind)
    return file.read_text("utf-8", errors="replace") if file.exists() else ""


def note_process(folder: Path, pid: int) -> None:
    """Say that a process belongs to the launch, to whoever has to end it."""
    Path(folder, PIDS, str(pid)).touch()


def processes(folder: Path) -> list[int]:
    """Return the processes that belong to the launch."""
    return sorted(int(name) for name in os.listdir(Path(folder, PIDS)))


def save_failure(folder: Path, rank: int, failure: dict) -> None:
    """Leave what went wrong on a rank, as JSON."""
    target = path(folder, rank, FAILURE)
    part = target.with_suffix(".part")
    part.write_text(json.dumps(failure), "utf-8")
    os.replace(part, target)


def save_value(target: Path, value) -> None:
    """Leave a value of plain data and tensors, which are stored on the CPU, alone and whole."""
    part = target.with_suffix(".part")
    torch.save(portable(value), part)
    os.replace(part, target)


def load_value(source: Path):
    """Return a value that ``save_value`` has left. Nothing in the file is run."""
    return torch.load(source, map_location="cpu", weights_only=True)


def portable(value, where: str = "the value"):
    """Return a value in the form in which it can pass between processes.

    Raises
    ------
    TypeError : it holds something other than plain data and tensors.
    """
    if value is None or type(value) in PLAIN:
        return value
    if isinstance(value, torch.Tensor):
        if type(value) not in (torch.Tensor, torch.nn.Parameter):
            raise TypeError(f"{where} must be a plain tensor, got {type(value).__name__}")
        return value.detach().cpu().clone()
    if isinstance(value, dict):
        return {
            portable(key, f"a key of {where}"): portable(entry, f"{where}[{key!r}]")
            for key, entry in value.items()
        }
    if type(value) in (list, tuple, set):
        return type(value)(portable(v, f"{where}[{i}]") for i, v in enumerate(value))
    raise TypeError(
        f"{where} must be None, a number, text, a tensor, or a list, tuple, set or dict of these, "
        f"to pass between processes; got {type(value).__name__}"
    )
