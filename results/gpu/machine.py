"""The machine that measures: its name and peaks, its clock, and where a row comes from."""

from __future__ import annotations

import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from scaling_utils import hardware

ROOT = Path(__file__).resolve().parents[2]
SHORTEST = 2e-3  # seconds: a shorter piece of work is repeated inside one timing
BF16, FP8 = (8, 0), (8, 9)  # compute capabilities that have such units


@dataclass(frozen=True)
class Machine:
    """A device as the parts see it.

    Attributes
    ----------
    device : "cuda" or "cpu". toy : whether all sizes are those of a try-out.
    name : as the driver or the operating system says it.
    chip : its row in ``scaling_utils.hardware``; None where it is not listed.
    why_no_chip : the reason, empty where there is a chip.
    """

    device: str
    toy: bool
    name: str
    chip: hardware.Device | None = field(repr=False)
    why_no_chip: str = ""

    @property
    def cuda(self) -> bool:
        """Whether it is a GPU."""
        return self.device == "cuda"

    def lacks(self, dtype: str) -> str:
        """Return why this device cannot compute with ``dtype``; nothing where it can.

        A T4 says yes to ``torch.cuda.is_bf16_supported()``, so the compute capability decides.
        """
        needed = {"bf16": BF16, "tf32": BF16, "fp8": FP8}.get(dtype)
        if not self.cuda:
            return "" if dtype not in ("tf32", "fp8") else f"{dtype} is measured on a GPU only"
        if needed and (have := torch.cuda.get_device_capability()) < needed:
            return f"{dtype} needs compute capability {needed}, this device has {have}"
        return ""

    def synchronise(self) -> None:
        """Wait for all work that was handed to the device."""
        if self.cuda:
            torch.cuda.synchronize()

    def free(self) -> None:
        """Give cached memory back and forget peaks."""
        if self.cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def stopwatch(self) -> Callable[[], float]:
        """Return what tells the seconds since now, both ends with the device at rest."""
        self.synchronise()
        begun = time.perf_counter()

        def seconds() -> float:
            self.synchronise()
            return time.perf_counter() - begun

        return seconds

    def times(self, work: Callable[[], object], repeats: int, warmup: int = 2) -> list[float]:
        """Return the seconds of one ``work()`` in each of ``repeats`` timings.

        Work shorter than 2 ms is done several times inside a timing. On a GPU two events in the
        stream are compared, so that the time between launches counts and the queue's does not.
        """
        for _ in range(warmup):
            work()
        inner = max(1, round(SHORTEST / max(self._one(work, 1), 1e-7)))
        return [self._one(work, inner) / inner for _ in range(repeats)]

    def _one(self, work: Callable[[], object], inner: int) -> float:
        self.synchronise()
        if not self.cuda:
            begun = time.perf_counter()
            for _ in range(inner):
                work()
            return time.perf_counter() - begun
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        first.record()
        for _ in range(inner):
            work()
        last.record()
        last.synchronize()
        return first.elapsed_time(last) / 1e3  # milliseconds


def spread(seconds: list[float]) -> dict[str, float | int]:
    """Return median, smallest and largest of some timings, as columns."""
    return {
        "seconds_median": statistics.median(seconds),
        "seconds_min": min(seconds),
        "seconds_max": max(seconds),
        "timings": len(seconds),
    }


def find_machine(device: str = "auto", toy: bool = False) -> Machine:
    """Return the machine; its chip is looked up by the exact name and never guessed.

    Raises
    ------
    SystemExit : a GPU was asked for and there is none.
    """
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise SystemExit("--device cuda: PyTorch finds no GPU here")
    device = ("cuda" if there else "cpu") if device == "auto" else device
    name = torch.cuda.get_device_name() if device == "cuda" else _processor()
    chip, why = look_up(name)
    return Machine(device, toy, name, chip, why)


def look_up(name: str) -> tuple[hardware.Device | None, str]:
    """Return the accelerator of that exact name and no reason, or None and the reason."""
    try:
        return hardware.get(name), ""
    except ValueError:
        return None, f"no peak is known for a device named {name!r}, and none is guessed"


def share_of_peak(machine: Machine, flop_per_s: float, dtype: str) -> dict[str, object]:
    """Return the share of the dense peak as a column, and why where there is none."""
    share, why = None, machine.why_no_chip
    if machine.chip is not None:
        if dtype in machine.chip.peaks:
            share = hardware.mfu(flop_per_s, machine.chip, dtype)
        else:
            why = f"no dense {dtype} peak of {machine.chip.name} is listed"
    return {"share_of_peak": share, "share_missing": why}


def origin(machine: Machine) -> dict[str, object]:
    """Return where a row comes from: device, driver, versions, checkout. No host, no folder."""
    commit = _said(["git", "rev-parse", "HEAD"])
    changed = _said(["git", "status", "--porcelain", "--", "scaling_utils", "results/gpu/*.py"])
    return {
        "device": machine.name,
        "toy": machine.toy,
        "driver": _driver() if machine.cuda else None,
        "cuda": torch.version.cuda if machine.cuda else None,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "threads": torch.get_num_threads(),
        "commit": commit,
        "dirty": None if changed is None else bool(changed),
    }


def now() -> str:
    """Return date and time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _driver() -> str | None:
    asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    said = _said(asked)
    return said.splitlines()[0] if said else None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def _said(words: list[str]) -> str | None:
    """Return what a command says; None where it is missing or fails."""
    try:
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
