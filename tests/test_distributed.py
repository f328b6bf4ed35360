"""Ranks from a function: values come back, failures are told, and no process is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from scaling_utils.distributed import RankError, _folder, launch, launcher
from scaling_utils.distributed._source import written

FACTOR = 3


def note_pid(folder: str) -> None:
    Path(folder, f"pid-{os.getpid()}").touch()


def noted(folder: Path) -> list[int]:
    return [int(path.name.removeprefix("pid-")) for path in folder.glob("pid-*")]


def running(folder: Path) -> list[int]:
    """Return the noted processes that are still there; one that nobody has reaped is not."""
    return [pid for pid in noted(folder) if psutil.pid_exists(pid) and not is_zombie(pid)]


def is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def left(tmp_path):
    """A folder where workers note themselves; after the test none of them may run."""
    before = {child.pid for child in psutil.Process().children()}
    yield tmp_path
    assert noted(tmp_path)
    assert running(tmp_path) == []
    assert {child.pid for child in psutil.Process().children()} <= before  # the janitor neither


def total(rank, world, start):
    x = torch.full((2,), float(start + rank), requires_grad=True)
    y = x.detach().clone()
    dist.all_reduce(y)
    print(f"I am {rank}\nof {world}")
    return {"sum": y, "mine": x, "plain": [rank, None, ("a", 1.5)]}


def test_values_and_output_come_back_by_rank(capfd):
    results = launch(total, 3, 10)
    assert [r["sum"].tolist() for r in results] == [[33.0, 33.0]] * 3
    assert [r["mine"].tolist() for r in results] == [[10.0] * 2, [11.0] * 2, [12.0] * 2]
    assert not results[0]["mine"].requires_grad
    assert [r["plain"] for r in results] == [[rank, None, ("a", 1.5)] for rank in range(3)]
    assert results.printed[2] == "I am 2\nof 3\n"
    assert results.start == "fork"
    lines = [f"[rank {rank}] {text}" for rank in range(3) for text in (f"I am {rank}", "of 3")]
    assert capfd.readouterr() == ("\n".join(lines) + "\n", "")


def scaled(value):
    return FACTOR * value


def by_source(rank, world, tensor):
    x = scaled(tensor)
    dist.all_reduce(x)
    return x


@pytest.mark.slow
def test_a_fresh_process_runs_the_source_of_the_worker():
    results = launch(by_source, 2, torch.tensor([1.0, 2.0]), start="fresh", timeout=900)
    assert [r.tolist() for r in results] == [[6.0, 12.0]] * 2
    assert results.start == "fresh"


def gradient(rank, world, model, x):
    alone = torch.autograd.grad(model(x).square().mean(), list(model.parameters()))
    parallel = DistributedDataParallel(model)
    part = x.chunk(world)[rank]
    parallel(part).square().mean().backward()
    mine = [p.grad for p in model.parameters()]
    return max(float((a - b).abs().max()) for a, b in zip(alone, mine, strict=True))


def test_backward_works_in_a_fork_of_a_process_that_has_trained_on_several_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    model = torch.nn.Sequential(torch.nn.Linear(256, 256), torch.nn.ReLU(), torch.nn.Linear(256, 9))
    model = model.double()
    x = torch.randn(512, 256, dtype=torch.float64)
    # nested backward passes use threads of their own
    y = checkpoint(model, x.clone().requires_grad_(), use_reentrant=True)
    y.square().mean().backward()
    model.zero_grad()
    try:
        differences = launch(gradient, 2, model, x)
    finally:
        torch.set_num_threads(before)
    assert max(differences) < 1e-14
    assert all(p.grad is None for p in model.parameters())  # what a fork changes stays there


def drawn(rank, world):
    return torch.rand(2)


def test_every_rank_and_every_launch_draws_the_same_numbers():
    first, other = launch(drawn, 2), launch(drawn, 2, seed=1)
    torch.rand(7)
    again = launch(drawn, 2)
    assert first[0].tolist() == first[1].tolist() == again[0].tolist() != other[0].tolist()


def raises(rank, world, folder):
    note_pid(folder)
    x = torch.ones(2)
    dist.barrier()
    if rank == 1:
        print("so far so good")
        raise ZeroDivisionError("no good")
    dist.all_reduce(x)


def test_a_rank_that_raises_is_told_with_its_line_and_how_the_others_stood(left):
    with pytest.raises(RankError, match="rank 1 of 3 raised ZeroDivisionError: no good") as caught:
        launch(raises, 3, str(left), show=False)
    error = caught.value
    assert (error.rank, error.kind) == (1, "raised")
    assert 'raise ZeroDivisionError("no good")' in str(error)
    assert "rank 1 said last:\n  so far so good" in str(error)
    assert error.printed[1] == "so far so good\n"
    for rank in (0, 2):
        assert re.match(r"was still running at line \d+, in raises: dist\.", error.states[rank])
    assert len(noted(left)) == 3


@pytest.fixture
def time_runs_out(monkeypatch, left):
    """Let the time run out when so many processes have noted themselves, on any machine."""

    def after(count: int) -> None:
        def watch(folder, pids, deadline):
            assert wait_for(lambda: len(noted(left)) == count, 200)
            return wait(folder, pids, time.monotonic() + 1)

        wait = launcher._watch
        monkeypatch.setattr(launcher, "_watch", watch)

    return after


def hangs(rank, world, folder):
    if rank == 0:
        note_pid(folder)
        return 1
    helper = subprocess.Popen(["sleep", "1000"])
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    Path(folder, f"pid-{helper.pid}").touch()
    note_pid(folder)
    dist.barrier()
    return 2


def test_ranks_that_hang_are_ended_with_what_they_have_started(left, time_runs_out):
    time_runs_out(5)
    with pytest.raises(RankError, match="not done after 60 s, and ended\nrank 0") as caught:
        launch(hangs, 3, str(left), timeout=60)
    assert (caught.value.rank, caught.value.kind) == (None, "late")
    assert re.match(r"was still running at line \d+, in hangs: ", caught.value.states[2])
    assert len(noted(left)) == 5


def sleeps(rank, world):
    time.sleep(1000)


def test_the_time_limit_holds():
    with pytest.raises(RankError, match=r"not done after 0\.5 s"):
        launch(sleeps, 2, timeout=0.5)


def dies(rank, world, folder, number):
    note_pid(folder)
    if rank == 1:
        os.kill(os.getpid(), number)
        time.sleep(1000)
    dist.all_reduce(torch.ones(2))


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV"])
def test_a_rank_that_is_killed_is_told_and_not_those_that_lose_it(left, name):
    with pytest.raises(
        RankError, match=rf"rank 1 of 2 died[^\n]*\n.*ended by the signal {name}"
    ) as e:
        launch(dies, 2, str(left), getattr(signal, name))
    assert (e.value.rank, e.value.kind) == (1, "died")
    assert "Extension modules" not in str(e.value)
    if name == "SIGSEGV":  # which leaves the time to say where
        assert "in dies: os.kill(os.getpid(), number)" in str(e.value)


def leaves(rank, world):
    os._exit(7)


def test_a_rank_that_ends_itself_is_told():
    with pytest.raises(RankError, match="rank 0 of 1 died\n  it ended itself with exit code 7"):
        launch(leaves, 1)


def exits(rank, world):
    sys.exit("enough")


def test_an_exit_of_the_interpreter_is_an_error_like_any_other():
    with pytest.raises(RankError, match="rank 0 of 1 raised SystemExit: enough"):
        launch(exits, 1)


def stopped(rank, world, folder):
    note_pid(folder)
    os.kill(os.getpid(), signal.SIGSTOP)


def test_a_rank_that_is_stopped_is_ended(left, time_runs_out):
    time_runs_out(1)
    with pytest.raises(RankError, match="rank 0 was still running"):
        launch(stopped, 1, str(left))


PROGRAM = """
import signal, sys, time, torch
from pathlib import Path
import torch.distributed as dist
from scaling_utils.distributed import launch
import os

def worker(rank, world):
    Path(sys.argv[1], f"pid-{os.getpid()}").touch()
    if rank == 0:
        time.sleep(1000)
    dist.barrier()

if __name__ == "__main__":
    # a shell that starts tests in the background has it ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    launch(worker, 3, timeout=500)
"""


def start_program(folder: Path, begin: int = 3) -> subprocess.Popen:
    (folder / "program.py").write_text(PROGRAM)
    program = subprocess.Popen(
        [sys.executable, str(folder / "program.py"), str(folder)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    wait_for(lambda: len(noted(folder)) == begin or program.poll() is not None, 200)
    return program


def wait_for(what, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (came := what()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return came


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGKILL"])
def test_an_interrupted_or_killed_launcher_leaves_no_process_and_no_folder(left, name):
    program = start_program(left)
    program.send_signal(getattr(signal, name))
    code = program.wait(60)
    said = program.stderr.read()
    assert wait_for(lambda: not running(left), 30)
    assert wait_for(lambda: not list(left.glob("ranks-*")), 30)
    assert code != 0
    assert ("KeyboardInterrupt" in said) == (name == "SIGINT"), said


def test_two_launches_at_once_do_not_meet():
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(launch, total, 2, start, show=False) for start in (0, 100)]
        sums = [call.result()[0]["sum"].tolist() for call in calls]
    assert sums == [[1.0, 1.0], [201.0, 201.0]]


def returns(rank, world, value):
    return {"a": [0, value]}


def test_a_value_that_cannot_pass_is_refused_by_its_place():
    with pytest.raises(
        RankError, match=r"TypeError: the value\['a'\]\[1\] must be .*got PosixPath"
    ):
        launch(returns, 1, Path())


def test_a_view_comes_back_without_what_it_was_cut_from(tmp_path):
    _folder.save_value(tmp_path / "v", torch.zeros(100_000)[:3])
    assert (tmp_path / "v").stat().st_size < 10_000
    assert _folder.load_value(tmp_path / "v").tolist() == [0.0] * 3


def test_nothing_in_a_result_is_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    torch.save(Evil(), tmp_path / "v")
    with pytest.raises(Exception, match="mkdir"):
        _folder.load_value(tmp_path / "v")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("changed", "error", "match"),
    [
        ({"ranks": 0}, ValueError, "ranks must be at least 1, got 0"),
        ({"ranks": 1.5}, ValueError, "ranks must be a whole number, got 1.5"),
        ({"timeout": 0}, ValueError, "timeout must be above 0, got 0"),
        ({"device": "gpu"}, ValueError, "device must be one of 'cpu', 'cuda'; got 'gpu'"),
        ({"start": "spawn"}, ValueError, "start must be one of 'auto', 'fork', 'fresh'"),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"worker": 3}, TypeError, "worker must be a function, got 3"),
    ],
)
def test_bad_arguments_are_refused(changed, error, match):
    with pytest.raises(error, match=match):
        launch(**{"worker": drawn, "ranks": 1} | changed)


def test_two_ranks_on_one_card_are_refused():
    cards = torch.cuda.device_count()
    with pytest.raises(
        ValueError, match=f"at most the number of CUDA devices, {cards}: .*got {cards + 1}"
    ):
        launch(drawn, cards + 1, device="cuda")


def test_a_process_that_has_used_cuda_is_not_forked(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    assert launcher._way("auto", "cpu", 2) == "fresh"
    with pytest.raises(ValueError, match="start must not be 'fork': this process has used CUDA"):
        launch(drawn, 2, start="fork")


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import socket\nopened = socket.socket()\ndef worker(r, w): return opened", "uses opened"),
        (
            "def outer(n):\n    def worker(r, w): return n\n    return worker\nworker = outer(1)",
            "got n",
        ),
        ("worker = lambda r, w: 1", "made by def"),
    ],
)
def test_a_worker_that_cannot_be_written_down_is_refused(tmp_path, source, error):
    (tmp_path / "m.py").write_text(source)
    known = {"__name__": "__main__"}
    exec(compile(source, str(tmp_path / "m.py"), "exec"), known)
    with pytest.raises(TypeError, match=error):
        written(known["worker"])


def test_a_written_worker_brings_what_it_uses_and_no_more(tmp_path):
    source = textwrap.dedent("""
        from math import sqrt as root
        import numpy as np
        SIZE, OTHER = 4, 5
        class Kept:
            def get(self): return root(SIZE)
        def even(n): return n == 0 or odd(n - 1)
        def odd(n): return n != 0 and even(n - 1)
        def worker(rank, world, n=SIZE):
            return Kept().get() + n, even(rank)
        raise_if_run = 1
    """)
    (tmp_path / "m.py").write_text(source)
    known = {"__name__": "__main__"}
    exec(compile(source, str(tmp_path / "m.py"), "exec"), known)
    text = written(known["worker"])
    assert not any(name in text for name in ("OTHER", "numpy", "raise_if_run"))
    alone = {"__name__": "worker"}
    exec(compile(text, "worker.py", "exec"), alone)
    assert alone["WORKER"](3, 4) == (6.0, False)


def test_a_variable_of_the_worker_hides_the_notebooks_of_that_name(tmp_path):
    source = textwrap.dedent("""
        data, i, table = object(), object(), object()  # none of them can be written down
        def worker(rank, world, data):
            table = {rank: data}
            def inner(key): return table[key]
            return [inner(rank) for i in range(world)]
    """)
    (tmp_path / "m.py").write_text(source)
    known = {"__name__": "__main__"}
    exec(compile(source, str(tmp_path / "m.py"), "exec"), known)
    alone = {"__name__": "worker"}
    exec(compile(written(known["worker"]), "worker.py", "exec"), alone)
    assert alone["WORKER"](1, 2, "mine") == ["mine"] * 2
