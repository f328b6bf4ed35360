"""The folders of jobs, in which they keep their checkpoints: whose a folder is."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

ERROR_FILE = "error.txt"
_CLAIM = ".job.json"  # says whose folder it is


class FolderError(RuntimeError):
    """A folder whose checkpoints this job must not go on from."""


def job_folder(ledger: Path, key: str) -> Path:
    """Return the folder of a job of a ledger."""
    return ledger.resolve().with_suffix(".jobs") / key


def forget(folder: Path) -> None:
    """Remove the folder of a job that is done."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_suffix(".lock").unlink(missing_ok=True)


def claim_folder(folder: Path, key: str, code: str, accept_changed: bool) -> list[str]:
    """Write down whose folder this is; return the other code that it was filled by.

    Parameters
    ----------
    folder
        Of a job, there and locked.
    key
        The job's.
    code
        The digest of what runs now.
    accept_changed
        Whether to go on from what other code has left.

    Raises
    ------
    FolderError
        If it holds the files of another job, or of other code; or its claim is damaged.
    """
    claim = folder / _CLAIM
    before = _read(claim) if claim.exists() else {"key": key, "code": []}
    if before["key"] != key:
        raise FolderError(
            f"{folder} holds the files of the job {before['key']}, not of {key}: remove it"
        )
    filled = any(file.name not in (_CLAIM, ERROR_FILE) for file in folder.iterdir())
    earlier = [digest for digest in before["code"] if digest != code] if filled else []
    if earlier and not accept_changed:
        raise FolderError(
            f"{folder} holds checkpoints of other code: the experiment has changed since the job "
            "began. Remove the folder to start the job again, or accept the change "
            "(--accept-changed) to go on from them"
        )
    draft = folder / f"{_CLAIM}.draft"
    with draft.open("w", encoding="utf-8") as file:
        json.dump({"key": key, "code": [*earlier, code]}, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(claim)
    return earlier


def _read(claim: Path) -> dict:
    try:
        content = json.loads(claim.read_text(encoding="utf-8"))
        if isinstance(content["key"], str) and isinstance(content["code"], list):
            return content
    except (OSError, ValueError, TypeError, KeyError):
        pass
    raise FolderError(f"{claim} is damaged: remove its folder to start the job again")
