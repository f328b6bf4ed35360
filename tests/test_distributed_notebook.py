"""Ranks from a cell of a real notebook kernel, which has threads and sockets of its own."""

from __future__ import annotations

import kernel
import nbformat
import psutil
import pytest

TRAINED = """
import os, signal, threading, torch
import torch.distributed as dist
from pathlib import Path
from scaling_utils.distributed import launch
torch.set_num_threads(2)
model = torch.nn.Linear(300, 300)
model(torch.randn(300, 300)).square().mean().backward()
"""
WORKER = """
def worker(rank, world):
    loss = model(torch.ones(2, 300)).mean()
    loss.backward()
    total = torch.tensor(float(rank + 1))
    dist.all_reduce(total)
    print("the sum is", total.item())
    return total

sums = launch(worker, 3, timeout=120)
print([s.item() for s in sums])
"""
RAISES = """
def unlucky(rank, world):
    if rank == 1:
        raise KeyError("lost")
    dist.barrier()

launch(unlucky, 2, timeout=120)
"""
# What Jupyter's button does is to send SIGINT to the kernel.
HANGS = """
def stuck(rank, world):
    Path(f"{name}-{os.getpid()}").touch()
    if rank == 0:
        signal.pause()
    dist.barrier()

def later(number):
    while len(list(Path().glob("*-*"))) < wanted:
        pass_time.wait(0.1)
    os.kill(os.getpid(), number)

pass_time = threading.Event()
name, wanted = "interrupted", 2
threading.Thread(target=later, args=[signal.SIGINT]).start()
launch(stuck, 2, timeout=300)
"""
KILLED = """
name, wanted = "killed", 4
threading.Thread(target=later, args=[signal.SIGKILL]).start()
launch(stuck, 2, timeout=300)
"""


@pytest.mark.slow
def test_ranks_of_a_cell_return_fail_and_end_with_the_cell_and_with_the_kernel(tmp_path):
    cells = [nbformat.v4.new_code_cell(c) for c in (TRAINED, WORKER, RAISES, HANGS, KILLED)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    failed = {}
    with pytest.raises(kernel.ExecutionFailed, match=r"cell 4 failed(.|\n)*DeadKernelError"):
        kernel.run(
            notebook, tmp_path, set(), failed=lambda cell, error: failed.update({cell: error})
        )
    printed = "".join(f"[rank {r}] the sum is 6.0\n" for r in range(3)) + "[6.0, 6.0, 6.0]\n"
    assert [(out.name, out.text) for out in cells[1].outputs] == [("stdout", printed)]
    assert cells[0].outputs == []
    assert list(failed) == [cells[2].id, cells[3].id]
    assert failed[cells[2].id].startswith(
        "RankError: rank 1 of 2 raised KeyError: 'lost'\n  The cell"
    )
    assert 'raise KeyError("lost")' in failed[cells[2].id]
    assert "in unlucky: dist.barrier()" in failed[cells[2].id]
    assert failed[cells[3].id].startswith("KeyboardInterrupt")
    pids = {path.name: int(path.name.partition("-")[2]) for path in tmp_path.glob("*-*")}
    assert len(pids) == 4
    _, alive = psutil.wait_procs(
        [psutil.Process(pid) for pid in pids.values() if psutil.pid_exists(pid)], timeout=30
    )
    assert alive == []
