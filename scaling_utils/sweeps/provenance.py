"""Where a result comes from, in words that name no person, no host and no folder."""

from __future__ import annotations

import functools
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import scaling_utils

_PACKAGE = Path(scaling_utils.__file__).resolve().parent


def collect_provenance() -> dict:
    """Return what ran here: the device, the number of threads, versions, the checkout's commit.

    torch is asked only where it is loaded already. The commit and the state of the files are
    those at the first call in a process.

    Returns
    -------
    dict
        ``device``, ``threads``, ``python``, ``torch``, ``numpy``, ``scaling_utils``, ``commit``
        (None outside a git checkout) and ``dirty`` (whether the package's files differ from the
        commit; None where there is none). ``threads`` is None where nothing says it, and a version
        where the package is missing.
    """
    commit, dirty = _checkout()
    return {
        "device": _device(),
        "threads": _threads(),
        "python": platform.python_version(),
        "torch": _version("torch"),
        "numpy": _version("numpy"),
        "scaling_utils": scaling_utils.__version__,
        "commit": commit,
        "dirty": dirty,
    }


def command_line(argv: Sequence[str] | None = None) -> str:
    """Return the command that runs, folders and addresses left out."""
    return " ".join(_without_place(word) for word in (sys.argv if argv is None else argv))


def _without_place(word: str) -> str:
    option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    if re.match(r"\w+://", value):
        value = "ADDRESS"
    return option + equals + value.rstrip("/").rpartition("/")[2]


def _device() -> str:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return _processor()


@functools.cache
def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, flags=re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _threads() -> int | None:
    torch = sys.modules.get("torch")
    if torch is not None:
        return torch.get_num_threads()
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return int(limit) if limit.isdigit() else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@functools.cache
def _checkout() -> tuple[str | None, bool | None]:
    """Return the commit of the checkout that holds the package, and whether its files differ."""
    tracked = _git("ls-files", "--error-unmatch", "__init__.py")
    commit = _git("rev-parse", "HEAD") if tracked else None
    if not commit:
        return None, None
    return commit, bool(_git("status", "--porcelain", "--", "."))


def _git(*words: str) -> str | None:
    """Return what git says in the package's folder; None where it fails or is missing."""
    try:
        done = subprocess.run(
            ["git", *words], cwd=_PACKAGE, capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
