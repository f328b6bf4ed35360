"""Refresh requirements.lock: the exact versions, with hashes, that the Makefile installs.

    make lock

PyTorch and the CUDA packages that its Linux wheel names are left out; tools/install.py
chooses a build of PyTorch for the machine. What a CPU build needs is in the lock.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from install import LOCK, OLDEST_PYTHON, ROOT, TORCH_VERSION

EXTRAS = ("book", "test", "lab", "bench", "lint")
# Forty packages that one part of one chapter asks for; it is skipped, and counted, without them.
# And a meter that nothing here calls.
NOT_LOCKED = ("evaluation", "carbon")
LEFT_OUT = re.compile(r"(torch|triton|cuda|nvidia)\b")
HEADER = """\
# The exact versions that `make` installs, for Python 3.11 and later on any system.
# Written by `make lock`; PyTorch is chosen by tools/install.py.
"""


def entries(compiled: str) -> list[str]:
    """Split uv's output into one entry per package, its hashes included."""
    starts = [m.start() for m in re.finditer(r"^[a-zA-Z0-9]", compiled, flags=re.MULTILINE)]
    return [
        compiled[start:end].rstrip() + "\n"
        for start, end in zip(starts, [*starts[1:], len(compiled)], strict=True)
    ]


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        pin = Path(folder, "torch.txt")
        pin.write_text(f"torch=={TORCH_VERSION}\n")
        command = [
            str(Path(sys.executable).with_name("uv")),
            *("pip", "compile", str(ROOT / "pyproject.toml"), "--constraint", str(pin)),
            *("--universal", "--fork-strategy", "fewest", "--generate-hashes"),
            *("--python-version", ".".join(map(str, OLDEST_PYTHON))),
            *("--no-annotate", "--no-header", "--upgrade"),
            *(f"--extra={extra}" for extra in EXTRAS),
        ]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        return done.returncode
    kept = [entry for entry in entries(done.stdout) if not LEFT_OUT.match(entry)]
    LOCK.write_text(HEADER + "".join(kept), encoding="utf-8")
    print(f"{LOCK.name}: {len(kept)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
