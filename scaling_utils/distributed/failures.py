"""What a launch says when a rank fails: which one, how, where, and how the others stood."""

from __future__ import annotations

import json
import linecache
import re
import signal
from collections.abc import Mapping
from pathlib import Path

from scaling_utils.distributed import _folder

SHOWN = 20  # last lines of a rank's output in the message
CRASH = "Fatal Python error"  # where faulthandler's own words start
LOST = "Connection closed by peer", "Connection reset by peer", "Broken pipe"
FRAME = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+) in (?P<name>.+)$')


class RankError(RuntimeError):
    """A rank raised, died, or was not done in time.

    Attributes
    ----------
    rank : int or None
        The rank that failed first; None where the time ran out.
    kind : str
        "raised", "died" or "late".
    states : dict of int to str
        How each rank stood when the first one failed.
    printed : list of str
        What each rank had printed.
    """

    def __init__(self, message: str, rank: int | None, kind: str, states, printed):
        super().__init__(message)
        self.rank, self.kind, self.states, self.printed = rank, kind, states, printed


def rank_error(folder: Path, world: int, codes: Mapping[int, int], timeout: float) -> RankError:
    """Return the error of a launch that is not all well.

    Parameters
    ----------
    codes : exit codes of the ranks that have ended by themselves.
    timeout : seconds that the launch was given.
    """
    told = {rank: _state(folder, rank, codes) for rank in range(world)}
    states = {rank: state for rank, (_, state) in told.items()}
    raised = {rank: json.loads(text) for rank in told if (text := _failure(folder, rank))}
    died = [rank for rank, (kind, _) in told.items() if kind == "died"]
    rank = None
    if died and all(_lost(entry["error"]) for entry in raised.values()):
        kind, rank = "died", died[0]  # what others then raise follows from it
    elif raised:
        kind, rank = "raised", min(raised, key=lambda r: raised[r]["time"])
    else:
        kind = "late"
    if rank is None:
        head, rest = f"not done after {timeout:g} s, and ended", list(told)
    else:
        head, rest = f"rank {rank} of {world} {states[rank]}", [r for r in told if r != rank]
        if kind == "raised":
            head += "\n" + raised[rank]["traceback"]
    lines = [head, *(f"rank {other} {states[other]}" for other in rest)]
    lines += _output(folder, rank) if rank is not None else []
    printed = [_folder.read(folder, r, _folder.PRINTED) for r in range(world)]
    return RankError("\n".join(lines), rank, kind, states, printed)


def _failure(folder: Path, rank: int) -> str:
    return _folder.read(folder, rank, _folder.FAILURE)


def _state(folder: Path, rank: int, codes: Mapping[int, int]) -> tuple[str, str]:
    """Return how a rank stands, in a word and in words that follow its name."""
    if failure := _failure(folder, rank):
        error = json.loads(failure)["error"]
        return "raised", "lost its connection to another rank" if _lost(
            error
        ) else f"raised {error}"
    if _folder.path(folder, rank, _folder.RESULT).exists():
        return "done", "was done"
    if rank in codes:
        crash = _folder.read(folder, rank, _folder.NATIVE).partition(CRASH)[2]
        return "died", f"died{where(crash)}\n  {_exit(codes[rank])}"
    return "running", f"was still running{where(_folder.read(folder, rank, _folder.STACK))}"


def _lost(error: str) -> bool:
    """Whether an error only says that a peer is gone."""
    return any(words in error for words in LOST)


def _exit(code: int) -> str:
    if code >= 0:
        return f"it ended itself with exit code {code}"
    names = {-number: number.name for number in signal.Signals}
    return f"it was ended by the signal {names.get(code, -code)}"


def where(stack: str) -> str:
    """Return the line of the reader's own code in a stack as faulthandler writes it.

    That is the innermost line which lies outside this room and outside all installed packages;
    its source is shown where it can be had.
    """
    room = str(Path(__file__).parent)
    for text in stack.splitlines():
        frame = FRAME.match(text)
        if not frame or frame["file"].startswith((room, "<")):
            continue
        if "site-packages" in frame["file"] or "/lib/python" in frame["file"]:
            continue
        source = linecache.getline(frame["file"], int(frame["line"])).strip()
        return f" at line {frame['line']}, in {frame['name']}: {source}".rstrip(": ")
    return ""


def _output(folder: Path, rank: int) -> list[str]:
    """Return the last lines of all that a rank has said."""
    kinds = (_folder.PRINTED, _folder.WARNED, _folder.NATIVE)
    texts = [_folder.read(folder, rank, kind).partition(CRASH)[0] for kind in kinds]
    said = [line for text in texts for line in text.splitlines()]
    return [f"rank {rank} said last:", *(f"  {line}" for line in said[-SHOWN:])] if said else []
