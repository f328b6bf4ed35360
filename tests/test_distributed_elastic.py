"""Ranks under torchrun's agent: a killed one is replaced, and nothing outlives the launch."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest
import torch
import torch._dynamo  # the agent needs it after a failure: once, not each time
import torch.distributed as dist

from scaling_utils.distributed import RankError, launch_elastic

LONG = 600  # seconds, for a machine that is busy


def killed(rank, world, folder, times):
    """Die on rank 1 in the first starts, in the middle of a conversation."""
    count = int(os.environ["TORCHELASTIC_RESTART_COUNT"])
    Path(folder, f"{count}-{rank}-{os.getpid()}").touch()
    x = torch.full((2,), float(rank + 1))
    dist.all_reduce(x)
    print(f"start {count}")
    if rank == 1 and count < times:
        os.kill(os.getpid(), signal.SIGKILL)
    dist.all_reduce(x)
    return {"count": count, "sum": x}


def starts(folder):
    return sorted(path.name[:3] for path in folder.iterdir())


def alive(pid):
    """Whether a process still runs; one that nobody has reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def running(folder):
    pids = [int(path.name[4:]) for path in folder.iterdir()]
    deadline = time.monotonic() + 10  # a killed process takes a moment to be gone
    while (left := [pid for pid in pids if alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


@pytest.mark.parametrize("start", ["fork", "fresh"])
def test_all_ranks_start_again_when_one_is_killed(tmp_path, start):
    args = (killed, 2, str(tmp_path), 1)
    results = launch_elastic(*args, start=start, timeout=LONG, show=False)
    assert [r["count"] for r in results] == [1, 1]
    assert [r["sum"].tolist() for r in results] == [[6.0, 6.0]] * 2  # (1 + 2) from each of two
    assert starts(tmp_path) == ["0-0", "0-1", "1-0", "1-1"]
    assert results.printed == ["start 1\n"] * 2
    assert results.start == start
    assert running(tmp_path) == []


def test_the_agent_gives_up_when_restarts_are_used_up(tmp_path):
    with pytest.raises(RankError, match="did not end well, and 0 restarts are used up") as caught:
        launch_elastic(killed, 2, str(tmp_path), 9, restarts=0, timeout=LONG, show=False)
    assert (caught.value.rank, caught.value.kind) == (None, "raised")
    assert "rank 1 left no word" in str(caught.value)
    assert starts(tmp_path) == ["0-0", "0-1"]
    assert running(tmp_path) == []


def waits(rank, world, folder):
    Path(folder, f"0-{rank}-{os.getpid()}").touch()
    signal.pause()


def test_time_that_is_up_ends_agent_and_ranks(tmp_path):
    with pytest.raises(RankError, match="not done after 20 s") as caught:
        launch_elastic(waits, 2, str(tmp_path), timeout=20, show=False)
    assert caught.value.kind == "late"
    assert starts(tmp_path) == ["0-0", "0-1"]
    assert running(tmp_path) == []


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="restarts must be"):
        launch_elastic(waits, 2, restarts=-1)
    with pytest.raises(TypeError, match="worker must be a function, got 3"):
        launch_elastic(3, 2)
