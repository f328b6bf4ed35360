"""Experiments of the sweep tests: arithmetic, done slowly enough to be killed on the way."""

from __future__ import annotations

import os
import time
from pathlib import Path


def power(job: dict, folder: Path) -> list[dict]:
    """One row: ``base`` to the ``exponent``."""
    return [{"value": job["base"] ** job["exponent"]}]


def counting(job: dict, folder: Path) -> list[dict]:
    """Count to ``job["to"]`` with a checkpoint at each step; two rows.

    Each start of the job leaves a file, named after its process, beside the checkpoint. Where
    the environment names a gate, jobs of seed 2 and above stay half-way until that file is
    there: a test that interrupts them cannot come too late.
    """
    checkpoint = Path(folder) / "count"
    count = int(checkpoint.read_text()) if checkpoint.exists() else 0
    trace = Path(job["trace"]) if "trace" in job else None
    gate = os.environ.get("COUNTING_GATE")
    if trace is not None:
        (trace / f"{job['seed']}-{count}-{os.getpid()}").touch()
    while count < job["to"]:
        time.sleep(job.get("pause", 0.0))
        if gate and job["seed"] >= 2 and count >= job["to"] // 2 and not Path(gate).exists():
            continue
        count += 1
        draft = checkpoint.with_name("draft")
        draft.write_text(str(count))
        draft.replace(checkpoint)
    total = sum(range(count + 1)) + 1000 * job["seed"]
    return [{"half": False, "value": total}, {"half": True, "value": total / 2}]


def grumpy(job: dict, folder: Path) -> list[dict]:
    """Fail where ``bad`` is set, unless the file that it names is there."""
    if job.get("bad") and not Path(job["bad"]).exists():
        raise RuntimeError(f"no luck with {job['n']}")
    return [{"double": 2 * job["n"]}]


def costly(job: dict, folder: Path) -> list[dict]:
    """Return when it started, for the order of the jobs."""
    started = time.time()
    time.sleep(0.2)
    return [{"started": started}]


costly.cost = lambda job: job["size"]


def odd(job: dict, folder: Path):
    """Return ``job["rows"]`` as it is: what no experiment may return."""
    return job["rows"]


def surroundings(job: dict, folder: Path) -> list[dict]:
    """Return the threads that torch may use, the process, and values of numpy and torch."""
    import numpy as np
    import torch

    return [
        {
            "torch": torch.get_num_threads(),
            "variable": os.environ.get("OMP_NUM_THREADS"),
            "process": os.getpid(),
            "array": np.array([1.5, 2.5]),
            "scalar": torch.tensor(0.5),
        }
    ]


def deadly(job: dict, folder: Path) -> list[dict]:
    """End the process, as a crash in compiled code does, where ``bad`` is set."""
    starts = Path(folder) / "starts"
    with starts.open("a") as file:
        file.write(f"{os.getpid()}\n")
    if job.get("bad"):
        os._exit(9)
    time.sleep(0.2)
    return [{"double": 2 * job["n"], "starts": len(starts.read_text().split())}]


def wordy(job: dict, folder: Path) -> list[dict]:
    """Return a long row, for disks that fill up."""
    return [{"n": job["n"], "text": "x" * job["length"]}]


def leaving(job: dict, folder: Path) -> list[dict]:
    """Leave by ``sys.exit``."""
    raise SystemExit(3)
