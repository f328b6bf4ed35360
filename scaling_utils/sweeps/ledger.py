"""The ledger of a sweep: a file of JSON lines to which each job adds one line as it ends.

A line holds all rows of its job, so that a job is either in the ledger whole or not at all,
whatever is killed when. Lines of another kind say where the results come from; a job's line
names its own by ``provenance``. Numbers that are not finite are written as Python writes them:
NaN, Infinity, -Infinity.
"""

from __future__ import annotations

import os
from pathlib import Path

from scaling_utils.sweeps._lock import lock
from scaling_utils.sweeps.lines import LedgerError, LedgerWarning, line_of, read_lines, source_id

__all__ = ["Ledger", "LedgerError", "LedgerWarning", "read_ledger"]


class Ledger:
    """An open ledger, locked against other processes. Use it in a ``with`` statement.

    Parameters
    ----------
    path : path
        Of the file; it is made, with its folder, where it is missing.

    Attributes
    ----------
    jobs : dict of str to dict
        The jobs' lines by key, in the order in which the jobs ended.
    sources : dict of str to dict
        The provenances by id.

    Raises
    ------
    LedgerError
        If another sweep has the file open, it is not a ledger, or it cannot be opened or written.

    Warns
    -----
    LedgerWarning
        If the last line was cut short. It is removed, and its job is not done.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.jobs: dict[str, dict] = {}
        self.sources: dict[str, dict] = {}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab", buffering=0)
        except OSError as error:
            raise LedgerError(f"{path}: cannot be opened: {error.strerror or error}") from error
        try:
            if not lock(self._file, wait=False):
                raise LedgerError(f"{path}: another sweep is writing to it; wait for it to end")
            self.jobs, self.sources, self._length = read_lines(self.path)
            self._file.truncate(self._length)
            os.fsync(self._file.fileno())
            _sync_folder(self.path.parent)
        except OSError as error:
            self._file.close()
            raise LedgerError(f"{path}: cannot be written: {error.strerror or error}") from error
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def append(
        self,
        key: str,
        job: dict,
        rows: list[dict],
        *,
        experiment: str,
        seconds: float,
        provenance: dict,
    ) -> None:
        """Write a job that has ended, in one go; it is on the disk when this returns.

        Parameters
        ----------
        key : str
            The job's key.
        job : dict
            Its settings.
        rows : list of dict
            One for each recorded run.
        experiment : str
            "module:function" of what ran.
        seconds : float
            Wall-clock time of the call that ended the job.
        provenance : dict
            Where the result comes from; it is written once for all jobs that share it.

        Raises
        ------
        LedgerError
            If the disk is full or refuses. The job counts as not done, and those before it stay.
        """
        source = source_id(provenance)
        line = {
            "kind": "job",
            "key": key,
            "experiment": experiment,
            "job": job,
            "rows": rows,
            "seconds": seconds,
            "provenance": source,
        }
        text = line_of(line)
        if source not in self.sources:
            text = line_of({"kind": "provenance", "id": source, **provenance}) + text
        self._write(text)
        self.sources.setdefault(source, {"kind": "provenance", "id": source, **provenance})
        self.jobs[key] = line

    def _write(self, text: bytes) -> None:
        """Add to the file and force it to the disk, or leave the file as it was."""
        try:
            rest = text
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(self._length)
            raise LedgerError(
                f"{self.path}: cannot be written: {error.strerror or error}; the "
                f"{len(self.jobs)} jobs in it are kept, and the same call goes on when it can be"
            ) from error
        self._length += len(text)


def read_ledger(path: str | Path) -> tuple[dict[str, dict], dict[str, dict]]:
    """Read a ledger without changing it.

    Parameters
    ----------
    path : path
        Of the file.

    Returns
    -------
    (dict of str to dict, dict of str to dict)
        The jobs' lines by key, in the order in which the jobs ended, and the provenances by id.

    Raises
    ------
    LedgerError
        If the file cannot be read or is not a ledger; the message names the line.

    Warns
    -----
    LedgerWarning
        If the last line was cut short. It is left out.
    """
    jobs, sources, _ = read_lines(Path(path))
    return jobs, sources


def _sync_folder(folder: Path) -> None:
    """Make sure that a new file's name is on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
