"""Checkpoints that survive a killed process and refuse damaged files.

A checkpoint is a pair of files in one folder: ``step-000000100.pt``, written by
``torch.save``, and ``step-000000100.pt.sha256`` in the format of ``sha256sum``. Both are
written under a temporary name, forced to the disk, and renamed, the hash first. So a file
under its final name is complete, with its hash, whenever the process was killed.

A folder belongs to one run, and to one process at a time. A checkpoint may say whose it is:
saved with an ``owner``, it is refused to every other one, whatever folder it lies in.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import warnings
from collections import OrderedDict
from pathlib import Path

import torch

from scaling_utils._check import whole
from scaling_utils.training._storage import check_storable, replace_file

_NAME = re.compile(r"step-(\d{9,})\.pt")
_HASH_LINE = re.compile(r"([0-9a-f]{64})  (\S+)")
_OWNER = "checkpoint.owner"  # the key under which a file says whose it is


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be trusted, or that would hide a later one."""


class CheckpointOwnerError(CheckpointError):
    """A good checkpoint that belongs to another run."""


class CheckpointWarning(UserWarning):
    """A damaged checkpoint was passed over in favour of an earlier one."""


def save(
    folder: str | os.PathLike, step: int, state: dict, keep: int = 2, *, owner: str | None = None
) -> Path:
    """Write the state of a run after ``step`` optimiser steps, so that no crash can spoil it.

    Left-overs of a killed process and damaged checkpoints of later steps are removed first,
    and when the new one is safe, those before the last ``keep``. One of this step is replaced.

    Parameters
    ----------
    folder : path
        Made if it does not exist.
    step : int
        Optimiser steps done, at least 0.
    state : dict
        Nested dicts, lists and tuples of tensors (random states, too), numbers, text and None.
    keep : int
        Checkpoints that stay, at least 1; 2 leaves one to go back to if the newest is damaged.
    owner : str, optional
        Whose it is, such as the key of a job; ``load`` and ``latest`` compare it if given one.

    Returns
    -------
    Path of the ``.pt`` file.

    Raises
    ------
    TypeError, ValueError
        If the state holds something else, or a key of this module; or another argument is bad.
    CheckpointError
        If the folder holds a good checkpoint of a later step, one that cannot be read, or, as a
        ``CheckpointOwnerError``, one that is not the owner's. To go on, call ``latest``.
    OSError
        If the disk is full or refuses. What was saved before is as good as it was.
    """
    step, keep = whole("step", step, at_least=0), whole("keep", keep)
    if type(state) not in (dict, OrderedDict):
        raise TypeError(f"state must be a dict, got {type(state).__name__}")
    check_storable("state", state)
    _check_owner_argument(owner)
    if _OWNER in state:
        raise ValueError(f"state must not use the key {_OWNER!r}; pass owner instead")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if owner is not None:
        _check_folder(folder, owner)
    _remove_left_overs(folder)
    _remove_damaged_after(folder, step)

    path = folder / f"step-{step:09d}.pt"
    buffer = io.BytesIO()
    torch.save(state if owner is None else {_OWNER: owner, **state}, buffer)
    data = buffer.getvalue()
    digests = [hashlib.sha256(data).hexdigest()]
    old = _good_hash(path)
    if old is not None:  # until the new data are in place, the old ones count
        digests.append(old)
    replace_file(_hash_path(path), _hash_text(path, digests))
    replace_file(path, data)
    if len(digests) > 1:
        replace_file(_hash_path(path), _hash_text(path, digests[:1]))

    for _, old in _found(folder)[keep:]:
        old.unlink()  # before its hash: a .pt file is never without one
        _hash_path(old).unlink(missing_ok=True)
    return path


def load(path: str | os.PathLike, *, owner: str | None = None) -> dict:
    """Return the state in a checkpoint after checking its sha256; nothing in the file is run.

    Parameters
    ----------
    path : path
        Of the ``.pt`` file.
    owner : str, optional
        Whose the checkpoint must be; None accepts any.

    Returns
    -------
    dict, its tensors on the CPU.

    Raises
    ------
    TypeError
        If the owner is neither None nor a text that is not empty.
    CheckpointError
        If the file or its hash file is missing or damaged, or the hash does not fit; or, as a
        ``CheckpointOwnerError``, if the file is good and belongs to another owner, or to none.
    """
    _check_owner_argument(owner)
    path = Path(path)
    state = _unpack(path, _checked(path)[0])
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} holds a {type(state).__name__}, not the dict of a run")
    _check_owner(path, state.pop(_OWNER, None), owner)
    return state


def latest(folder: str | os.PathLike, *, owner: str | None = None) -> tuple[int, dict] | None:
    """Return step and state of the newest good checkpoint.

    Damaged newer ones are passed over, each with a ``CheckpointWarning`` that says why.

    Parameters
    ----------
    folder : path
        Of one run.
    owner : str, optional
        Whose the checkpoint must be; None accepts any.

    Returns
    -------
    (int, dict), or None where there is no checkpoint at all.

    Raises
    ------
    TypeError, CheckpointError, CheckpointOwnerError
        As ``load``, of the newest good one; or if there are some and none is good. Starting
        over in silence would hide the loss of a run; remove the folder to do so.
    """
    _check_owner_argument(owner)
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise CheckpointError(f"{folder} is a file, not a folder of checkpoints")
    reasons = []
    for step, path in _found(folder):
        try:
            state = load(path, owner=owner)
        except CheckpointOwnerError:
            raise
        except CheckpointError as error:
            reasons.append(str(error))
            continue
        for reason in reasons:
            warnings.warn(f"{reason}; going back to {path.name}", CheckpointWarning, stacklevel=2)
        return step, state
    if reasons:
        raise CheckpointError(f"no checkpoint in {folder} is good: {'; '.join(reasons)}")
    return None


def _found(folder: Path) -> list[tuple[int, Path]]:
    """Return step and path of all checkpoints, good or not, the newest first."""
    names = [(_NAME.fullmatch(path.name), path) for path in folder.glob("step-*.pt")]
    return sorted(((int(name[1]), path) for name, path in names if name), reverse=True)


def _hash_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _hash_text(path: Path, digests: list[str]) -> bytes:
    return "".join(f"{digest}  {path.name}\n" for digest in digests).encode()


def _check_owner_argument(owner: str | None) -> None:
    if owner is not None and (not isinstance(owner, str) or not owner):
        raise TypeError(f"owner must be None or a text that is not empty, got {owner!r}")


def _check_owner(path: Path, stored: str | None, owner: str | None) -> None:
    if owner is not None and stored != owner:
        whose = "no owner" if stored is None else f"the owner {stored!r}"
        raise CheckpointOwnerError(
            f"{path} has {whose}, not {owner!r}: it belongs to another run. Each run needs a "
            "folder of its own"
        )


def _check_folder(folder: Path, owner: str) -> None:
    """Raise if the newest checkpoint that can be read belongs to another owner."""
    for _, path in _found(folder):
        try:
            # Mapped, so that the tensors are not read; the hash does not matter for this.
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            stored = state.get(_OWNER)
        except Exception:  # damaged, which is another matter
            continue
        _check_owner(path, stored, owner)
        return


def _recorded_hashes(path: Path) -> list[str]:
    """Return the hashes beside ``path``: one, or two if a replacement was interrupted."""
    beside = _hash_path(path)
    try:
        lines = beside.read_bytes().decode("ascii").splitlines()
    except FileNotFoundError:
        raise CheckpointError(f"{path} has no hash file {beside.name}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{beside} cannot be read: {error}") from error
    matches = [_HASH_LINE.fullmatch(line) for line in lines]
    if not 1 <= len(matches) <= 2 or not all(m and m[2] == path.name for m in matches):
        raise CheckpointError(f"{beside} does not hold a sha256 of {path.name}")
    return [match[1] for match in matches]


def _checked(path: Path) -> tuple[bytes, str]:
    """Return what is in the file, and its hash, if that is the recorded one."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {path}") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if not data:
        raise CheckpointError(f"{path} is empty")
    digest = hashlib.sha256(data).hexdigest()
    recorded = _recorded_hashes(path)
    if digest not in recorded:
        raise CheckpointError(
            f"{path} is damaged or cut short: its {len(data)} bytes have the sha256 "
            f"{digest[:12]}..., recorded is {recorded[0][:12]}..."
        )
    return data, digest


def _unpack(path: Path, data: bytes):
    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever the reader trips over, the file is not ours
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path} is not a checkpoint of this package: {reason}") from error


def _good_hash(path: Path) -> str | None:
    """Return the hash of a checkpoint, or None if it is missing or damaged."""
    try:
        return _checked(path)[1]
    except CheckpointError as error:
        if isinstance(error.__cause__, OSError):  # it may be good, and must not be removed
            raise
        return None


def _remove_left_overs(folder: Path) -> None:
    """Remove what a killed ``save`` leaves: temporary files, and hashes without their data."""
    for path in folder.glob(".step-*.tmp"):
        path.unlink()
    for path in folder.glob("step-*.pt.sha256"):
        if not path.with_suffix("").exists():
            path.unlink()


def _remove_damaged_after(folder: Path, step: int) -> None:
    """Remove damaged checkpoints of later steps; a good one there means a mistake."""
    for later, path in _found(folder):
        if later > step:
            if _good_hash(path):
                raise CheckpointError(
                    f"step {step} cannot be saved: {folder} holds a good checkpoint of the later "
                    f"step {later}; resume from it, or use another folder for another run"
                )
            path.unlink()
            _hash_path(path).unlink(missing_ok=True)
