"""Run the cells of a notebook in a fresh kernel, and measure what that takes."""

from __future__ import annotations

import ast
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbclient.util import run_sync

CELL_TIMEOUT = 600  # seconds
# A library takes its own variable before OpenMP's: one that a shell exports would win.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
PROBE = {  # asked of the kernel after the last cell
    "peak": "__import__('resource').getrusage(0).ru_maxrss",
    "gpu": "(lambda m: m['torch'].cuda.get_device_name() "
    "if 'torch' in m and m['torch'].cuda.is_available() else '')(__import__('sys').modules)",
}


class ExecutionFailed(Exception):
    """A notebook that did not run to its end; the message names the cell and the error."""


@dataclass(frozen=True)
class Run:
    """What one run of a notebook took."""

    seconds: float
    peak_gb: float  # 10^9 bytes, of the kernel's process
    gpu: str  # the GPU's name, or an empty string
    slowed: float = 1.0  # by what else the machine did, see `Pace`
    answers: dict = field(default_factory=dict)  # to what else was asked


class Pace:
    """How much a machine is slowed by what else it does, measured while a notebook runs.

    A small piece of work is timed between the cells. Its mean time over its shortest one says by
    how much the other work on the machine stretches a run; it is 1 on a quiet machine.
    """

    def __init__(self):
        self.numbers = np.random.default_rng(0).standard_normal(20_000)
        self.times: list[float] = []

    def measure(self, times: int = 3) -> None:
        # No product of matrices: on a busy machine its threads wait long for each other.
        for _ in range(times):
            start, numbers = time.perf_counter(), self.numbers
            for _ in range(12):
                numbers = np.tanh(numbers + self.numbers)
            self.times.append(time.perf_counter() - start)

    def slowed(self) -> float:
        return float(np.mean(self.times) / np.min(self.times))


def kernel_environment() -> dict[str, str]:
    """Return the environment of a chapter's kernel: one thread, figures shown in place."""
    backend = "module://matplotlib_inline.backend_inline"
    return {**os.environ, **dict.fromkeys(THREADS, "1"), "MPLBACKEND": backend}


def run(
    notebook,
    folder: Path,
    missing: set[str],
    environment: Mapping[str, str] | None = None,
    failed: Callable[[str, str], None] | None = None,
    ask: Mapping[str, str] | None = None,
) -> Run:
    """Run all cells in a fresh kernel whose working directory is `folder`.

    Parameters
    ----------
    environment : of the kernel; by default `kernel_environment()`.
    failed : called with the id of a cell and its error; the run then goes on with the next cell.
    ask : more expressions to evaluate in the kernel after the last cell.

    Raises
    ------
    ExecutionFailed : a cell raised an error and `failed` is not given, or it took too long, or
        the kernel died.
    """
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--IPKernelApp.log_level=40"],  # errors only
        resources={"metadata": {"path": str(folder)}},
    )
    variables = kernel_environment() if environment is None else environment
    with (
        tempfile.TemporaryDirectory() as profile,  # no start-up files of the user's
        client.setup_kernel(env={**variables, "IPYTHONDIR": profile}),
    ):
        seconds, pace = 0.0, Pace()
        for index, cell in enumerate(notebook.cells):
            if not missing & set(cell.metadata.get("tags", [])):
                start = time.perf_counter()
                _run_cell(client, cell, index, failed)
                seconds += time.perf_counter() - start
                pace.measure()
        answers = _ask(client, {**PROBE, **(ask or {})})
    unit = 1 if sys.platform == "darwin" else 1024  # what the system counts ru_maxrss in
    return Run(
        seconds,
        answers.pop("peak") * unit / 1e9,
        answers.pop("gpu"),
        pace.slowed() if pace.times else 1.0,
        answers,
    )


def _run_cell(client: NotebookClient, cell, index: int, failed=None) -> None:
    try:
        client.execute_cell(cell, index)
    except CellExecutionError as error:
        said = f"{error.ename}: {error.evalue}"
        if failed is not None:
            return failed(cell.id, said)
    except (CellTimeoutError, DeadKernelError) as error:
        said = f"{type(error).__name__}: {error}"
    else:
        return None
    head = "\n".join(f"    {line}" for line in cell.source.splitlines()[:8])
    raise ExecutionFailed(f"cell {index} failed:\n{head}\n  {said}") from None


def _ask(client: NotebookClient, questions: Mapping[str, str]) -> dict:
    """Evaluate expressions in the kernel, outside the notebook's own cells."""
    reply = run_sync(client.kc.execute_interactive)(
        "", silent=True, store_history=False, user_expressions=dict(questions), timeout=120
    )
    answers = reply["content"]["user_expressions"]
    return {name: ast.literal_eval(answers[name]["data"]["text/plain"]) for name in questions}
