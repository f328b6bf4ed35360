"""What a sweep adds to its jobs: the start of the workers, and the time for each job.

The jobs do nothing. Each is sent to one of two local workers, run in a folder of its own, and
written to the ledger, which is forced to the disk.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import tempfile
import time
from pathlib import Path

from scaling_utils.sweeps import sweep

REPEATS = 5
JOBS = 200
LONGEST = 0.1  # seconds per job: a sixtieth of a run of six seconds


def nothing(job: dict, folder: Path) -> list[dict]:
    return [{"value": job["n"]}]


def swept(jobs: list[dict]) -> float:
    """Return the seconds of a sweep."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        sweep(nothing, jobs, Path(folder, "ledger.jsonl"), workers=2, progress=False)
        return time.perf_counter() - start


def called(jobs: list[dict]) -> float:
    """Return the seconds of calling the function for each job."""
    start = time.perf_counter()
    for job in jobs:
        nothing(job, Path())
    return time.perf_counter() - start


def line(label: str, seconds: list[float], unit: str = "s", factor: float = 1.0) -> str:
    values = sorted(factor * value for value in seconds)
    return (
        f"  {label:<34}{statistics.median(values):8.3g} {unit:<3}"
        f" [{values[0]:.3g}, {values[-1]:.3g}]"
    )


def main() -> int:
    jobs = [{"n": n} for n in range(JOBS)]
    print(
        f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; the times are real time"
    )
    fixed, each, direct = [], [], []
    for _ in range(REPEATS):  # one after another, so that all meet the same machine
        pair = swept(jobs[:2])
        whole = swept(jobs)
        fixed.append(pair)
        each.append((whole - pair) / (JOBS - 2))
        direct.append(called(jobs) / JOBS)
    print(f"median of {REPEATS} sweeps of {JOBS} jobs that do nothing, two workers [range]")
    print(line("start and end, with two jobs", fixed))
    print(line("each further job", each, "ms", 1e3))
    print(line("the function called directly", direct, "us", 1e6))
    met = statistics.median(each) < LONGEST
    print(f"\n  {'PASS' if met else 'FAIL'}  sweep: goal < {LONGEST:g} s for each job")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
