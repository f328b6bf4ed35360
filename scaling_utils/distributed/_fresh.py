"""The program of a rank that starts as a fresh process: folder and rank are its arguments."""

from __future__ import annotations

import sys
from pathlib import Path

from scaling_utils.distributed import _folder, _rank


def _main(folder: str, rank: str) -> None:
    _rank.main(
        _rank.load_setting(folder),
        int(rank),
        lambda: _rank.written_worker(Path(folder, "worker.py")),
        lambda: _folder.load_value(Path(folder, "args")),
    )


if __name__ == "__main__":
    _main(*sys.argv[1:])
