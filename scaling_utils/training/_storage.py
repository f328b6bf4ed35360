"""Writing a file so that a crash or a full disk leaves the old one, and what a file may hold."""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from pathlib import Path

import torch

_PLAIN = (type(None), bool, int, float, str)


def replace_file(path: Path, data: bytes) -> None:
    """Put ``data`` under the name ``path``, entirely or not at all, and force it to the disk."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        if os.name != "nt":  # Windows cannot open a folder
            handle = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(handle)  # the new name, too
            finally:
                os.close(handle)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)  # a full disk needs the room
        raise OSError(
            error.errno,
            f"{len(data)} bytes of a checkpoint could not be written, and those before it are as "
            f"they were: {error.strerror or error}",
            str(path),
        ) from error


def check_storable(place: str, value) -> None:
    """Raise for what ``torch.load(weights_only=True)`` would refuse, and say where it is."""
    if type(value) in (dict, OrderedDict):
        for key, entry in value.items():
            if type(key) not in _PLAIN:
                raise TypeError(f"{place} must have plain keys, got {key!r}")
            check_storable(f"{place}[{key!r}]", entry)
    elif type(value) in (list, tuple):
        for index, entry in enumerate(value):
            check_storable(f"{place}[{index}]", entry)
    elif type(value) not in _PLAIN and not isinstance(value, torch.Tensor):
        raise TypeError(
            f"{place} must be a tensor, number, string, None, dict, list or tuple, "
            f"got {type(value).__module__}.{type(value).__qualname__}"
        )
