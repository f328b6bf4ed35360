"""Training runs that are killed with SIGKILL, for the tests of the checkpoints.

``python killed_runs.py run FOLDER`` trains a small model with checkpoints in FOLDER, and goes
on where an earlier run was killed. ``python killed_runs.py trials FOLDER`` kills such runs between
the system calls of a save and at random moments, and prints what became of each as JSON. For
speed it forks its runs; torch keeps to one thread here, so that this is safe.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import warnings
from pathlib import Path

import torch

from scaling_utils.models import GPT
from scaling_utils.shapes import Transformer
from scaling_utils.training import Trainer, adamw, checkpoint, wsd

STEPS, EVERY = 8, 2  # of a run; between two checkpoints
SHAPE = Transformer(n_layer=1, d_model=8, n_head=2, vocab=7, context=6)


def batches(index: int):
    """Return micro-batch ``index``; nothing but the index decides it."""
    drawn = torch.randint(0, 7, (4, 7), generator=torch.Generator().manual_seed(index))
    return drawn[:, :-1], drawn[:, 1:]


def train(folder: Path, keep: int = 2, report=lambda words: None) -> dict:
    """Train from the latest checkpoint to the end and return the last state."""
    torch.manual_seed(3)
    model = GPT(SHAPE, dropout=0.2)
    trainer = Trainer(model, adamw(model, 1e-2), batches, clip=1.0, accumulate=2)
    last = checkpoint.latest(folder)
    if last is not None:
        trainer.restore(last[1])
    while trainer.step < STEPS:
        trainer.train(trainer.step + 1, wsd(STEPS, 2), every=1)
        report(f"step {trainer.step}")
        if trainer.step % EVERY == 0:
            checkpoint.save(folder, trainer.step, trainer.state(), keep=keep)
            report(f"saved {trainer.step}")
    return trainer.state()


def rewrite(folder: Path, keep: int, report) -> dict:
    """Save another state over the one of the same step."""
    checkpoint.save(folder, 4, {"version": 2, "weights": torch.full((100,), 2.0)}, keep=keep)
    report("saved 4")
    return {}


class Halves:
    """A file that writes its data in two halves."""

    def __init__(self, file, event):
        self.file, self.event = file, event

    def write(self, data: bytes) -> None:
        """Write one half, tell, write the other."""
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        self.event("half written")
        self.file.write(data[len(data) // 2 :])
        self.event("written")

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.file.close()


def watch(event) -> None:
    """Call ``event`` around each system call of this process that changes the folder."""

    def around(name: str) -> None:
        real = getattr(os, name)

        def watched(*arguments):
            event(f"before {name}")
            real(*arguments)
            event(f"after {name}")

        setattr(os, name, watched)

    for name in ("fsync", "replace", "unlink"):
        around(name)
    real_open = Path.open

    def watched_open(path, mode="r", *arguments, **named):
        file = real_open(path, mode, *arguments, **named)
        return Halves(file, event) if mode == "wb" else file

    Path.open = watched_open


def fork(work, folder: Path, keep: int, kill_at: int | None = None) -> tuple[int, int]:
    """Start ``work`` in a process of its own, which kills itself at event ``kill_at``.

    Returns its id and the end of a pipe that it writes one line to for each event.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    try:
        os.close(reading)
        events = 0

        def event(words: str) -> None:
            nonlocal events
            events += 1
            os.write(writing, f"{words}\n".encode())
            if events == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

        watch(event)
        state = work(folder, keep, lambda words: os.write(writing, f"{words}\n".encode()))
        torch.save(state, f"{folder}.result")
        os._exit(0)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        os._exit(1)


def wait(child: int, reading: int, kill_after: int | None = None, delay: float = 0.0):
    """Wait for the end of a run; kill it ``delay`` seconds after so many lines, if told."""
    lines = []
    with os.fdopen(reading) as pipe:
        for line in pipe:
            lines.append(line.strip())
            if len(lines) == kill_after:
                time.sleep(delay)
                os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:
        raise RuntimeError("a run failed")
    return lines, os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def found(folder: Path) -> tuple[int | None, list[str], dict | None]:
    """Return the step of the latest checkpoint, the warnings about it, and its state."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        last = checkpoint.latest(folder)
    messages = [str(warning.message) for warning in caught]
    return (None, messages, None) if last is None else (last[0], messages, last[1])


def same(one, two) -> bool:
    """Tell whether two nested states are equal bit for bit."""
    if isinstance(one, torch.Tensor):
        return one.dtype == two.dtype and torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return type(one) is type(two) and one == two


def result(folder: Path) -> dict:
    """Return the last state of a run that came to its end."""
    return torch.load(f"{folder}.result", weights_only=True)


def events_of(lines: list[str], save: int) -> list[tuple[int, str]]:
    """Return number and name of the events in the save with this number, counted from 1."""
    out, saves, events = [], 1, 0
    for line in lines:
        if line.startswith("saved"):
            saves += 1
        elif not line.startswith("step"):
            events += 1
            if saves == save:
                out.append((events, line))
    return out


def killed_while_saving(root: Path, keep: int, saves: tuple[int, ...]) -> list[dict]:
    """Kill a run at each event of some of its saves, one after the other; resume each."""
    whole = root / f"whole-{keep}"
    lines, _ = wait(*fork(train, whole, keep))
    reference = result(whole)
    out = []
    for place, name in [event for save in saves for event in events_of(lines, save)]:
        folder = root / f"event-{keep}-{place}"
        seen, killed = wait(*fork(train, folder, keep, kill_at=place))
        saved = [int(line.split()[1]) for line in seen if line.startswith("saved")]
        step, messages, _ = found(folder)
        wait(*fork(train, folder, keep))
        out.append(
            {
                "event": name,
                "killed": killed,
                "saved": max(saved, default=0),
                "found": step or 0,
                "warnings": messages,
                "left": [path.name for path in folder.glob(".*")],
                "same": same(reference, result(folder)),
            }
        )
    return out


def killed_at_random(root: Path, runs: int) -> list[dict]:
    """Kill each run several times, at moments that it does not choose, then let it end."""
    draws = random.Random(11)
    reference = result(root / "whole-2")
    out = []
    for run in range(runs):
        folder, kills = root / f"random-{run}", 0
        for _ in range(5):
            after, delay = draws.randint(1, 40), draws.uniform(0, 0.004)
            kills += wait(*fork(train, folder, 2), kill_after=after, delay=delay)[1]
        wait(*fork(train, folder, 2))
        out.append({"kills": kills, "same": same(reference, result(folder))})
    return out


def killed_while_replacing(root: Path) -> list[dict]:
    """Kill a process while it replaces the only checkpoint of a step by another one."""
    out, killed, place = [], True, 0
    while killed:
        place += 1
        folder = root / f"rewrite-{place}"
        checkpoint.save(folder, 4, {"version": 1, "weights": torch.ones(100)}, keep=1)
        lines, killed = wait(*fork(rewrite, folder, 1, kill_at=place))
        step, messages, state = found(folder)
        out.append(
            {
                "event": lines[-1],
                "found": step,
                "warnings": messages,
                "version": state and state["version"],
                "whole": state is not None
                and bool((state["weights"] == float(state["version"])).all()),
            }
        )
    return out


def main(command: str, folder: str) -> None:
    """Run one of the two commands."""
    torch.set_num_threads(1)
    root = Path(folder)
    if command == "run":
        torch.save(train(root, report=lambda words: print(words)), f"{folder}.result")
        return
    train(root / "first")  # loads here, once, what torch loads at the first use
    trials = {
        "saving": killed_while_saving(root, 2, saves=(1, 3)),
        "saving one": killed_while_saving(root, 1, saves=(2,)),
        "random": killed_at_random(root, runs=4),
        "replacing": killed_while_replacing(root),
        "left": wait(*fork(train, root / "left", 2, kill_at=41))[0][-1],
    }
    print(json.dumps(trials))


if __name__ == "__main__":
    main(*sys.argv[1:])
