"""The program of a fresh process: a rank of ``launch``, or torchrun's agent and its ranks.

Its arguments are the folder of the launch, and then the rank, or "agent" and the number of
restarts, or "elastic" for a rank that the agent starts.
"""

from __future__ import annotations

import sys
from pathlib import Path

from scaling_utils.distributed import _folder, _rank, elastic


def _main(folder: str, role: str, restarts: str = "0") -> None:
    setting = _rank.load_setting(folder)
    work = (
        lambda: _rank.written_worker(Path(folder, "worker.py")),
        lambda: _folder.load_value(Path(folder, "args")),
    )
    if role == "agent":
        program = ("-m", "scaling_utils.distributed._fresh", folder, "elastic")
        elastic.be_agent(setting, int(restarts), sys.executable, program)
    elif role == "elastic":
        elastic.be_rank(setting, *work)
    else:
        _rank.main(setting, int(role), *work)


if __name__ == "__main__":
    _main(*sys.argv[1:])
