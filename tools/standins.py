"""Stand-ins for other machines: settings under which this one computes as another would.

Numerical libraries choose their inner loops by the processor, and split sums by the number of
threads. Both can be told to choose otherwise, and then round otherwise. A setting that the
processor does not allow, or that a library passes over, would show nothing: `available` leaves
those out and says why, and `not_taken` asks the kernel that ran what its libraries really used.
"""

from __future__ import annotations

import ast
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kernel import THREADS, kernel_environment

# What numpy can be told to do without, from the oldest that it knows on; it goes by level.
LEVELS = {"baseline": 0, "avx2": 1, "avx512": 2}
# Asked of a kernel: which inner loops the loaded libraries use, and on how many threads.
PROBE = {
    "openblas": "sorted({lib.get('architecture', '') for lib in "
    "__import__('threadpoolctl').threadpool_info() if lib['internal_api'] == 'openblas'})",
    "torch": "(lambda m: m['torch'].backends.cpu.get_cpu_capability() if 'torch' in m else '')"
    "(__import__('sys').modules)",
    "torch_threads": "(lambda m: m['torch'].get_num_threads() if 'torch' in m else 0)"
    "(__import__('sys').modules)",
    "numpy": "[name for name in __import__('numpy')._core._multiarray_umath.__cpu_dispatch__ if "
    "__import__('numpy')._core._multiarray_umath.__cpu_features__[name]]",
}


@dataclass(frozen=True)
class StandIn:
    """One set of settings; an empty one leaves a library its own choice."""

    name: str
    openblas: str = ""  # OPENBLAS_CORETYPE
    torch: str = ""  # ATEN_CPU_CAPABILITY
    mkl: str = ""  # MKL_CBWR: torch multiplies matrices with MKL
    numpy: str = ""  # a level of LEVELS; above it numpy's own loops are switched off
    threads: int = 1

    def environment(self, dispatched: Iterable[str]) -> dict[str, str]:
        """Return a kernel's environment; ``dispatched`` names numpy's switchable features."""
        settings = {
            "OPENBLAS_CORETYPE": self.openblas,
            "ATEN_CPU_CAPABILITY": self.torch,
            "MKL_CBWR": self.mkl,
            "NPY_DISABLE_CPU_FEATURES": " ".join(self.switched_off(dispatched)),
            # MKL's and OpenBLAS's own variables go before OpenMP's, and may be set already.
            **dict.fromkeys(THREADS, str(self.threads)),
            # Threads that wait for each other sleep, so that two chapters can share two cores.
            "OMP_WAIT_POLICY": "passive",
            "OPENBLAS_THREAD_TIMEOUT": "4",  # the least: 2^4 rounds of looking for work
            "CUDA_VISIBLE_DEVICES": "-1",
        }
        plain = {k: v for k, v in kernel_environment().items() if k not in settings}
        return plain | {name: value for name, value in settings.items() if value}

    def switched_off(self, dispatched: Iterable[str]) -> list[str]:
        """Return the features of numpy above this level."""
        highest = LEVELS.get(self.numpy, 99)
        return [name for name in dispatched if _level(name) > highest]


STAND_INS = (
    StandIn("this machine"),
    StandIn("two threads", threads=2),
    StandIn("SkylakeX", openblas="SkylakeX", torch="default", mkl="AVX2", numpy="avx2"),
    StandIn("Haswell", openblas="Haswell", torch="avx2", mkl="AVX2", numpy="avx2"),
    StandIn("Haswell, two threads", openblas="Haswell", torch="default", mkl="AVX", threads=2),
    StandIn("Zen", openblas="Zen", torch="avx2", mkl="COMPATIBLE", numpy="baseline"),
    StandIn("Nehalem", openblas="Nehalem", torch="default", mkl="COMPATIBLE", numpy="baseline"),
)
NEEDS = {"SkylakeX": "AVX512_SKX", "Haswell": "AVX2", "Zen": "AVX2", "Nehalem": "SSE42"}
SAME_LOOPS = {"Zen": "Haswell"}  # OpenBLAS has none of Zen's own, and takes these


def _level(feature: str) -> int:
    """Return the level that a feature of numpy's belongs to: X86_V3 and AVX2 go together."""
    if re.search(r"AVX512|X86_V4", feature):
        return LEVELS["avx512"]
    return LEVELS["avx2"] if re.search(r"AVX2|FMA3|X86_V3", feature) else LEVELS["baseline"]


def processor() -> tuple[dict[str, bool], list[str]]:
    """Return numpy's view of the processor, and the features that it can be told to leave."""
    from numpy._core import _multiarray_umath as core

    return dict(core.__cpu_features__), [
        n for n in core.__cpu_dispatch__ if core.__cpu_features__[n]
    ]


def available(features: Mapping[str, bool] | None = None) -> tuple[list[StandIn], list[str]]:
    """Return the stand-ins that this processor allows, and a sentence for each other one."""
    features = processor()[0] if features is None else features
    allowed, left_out = [], []
    for one in STAND_INS:
        need = NEEDS.get(one.openblas)
        if one.openblas and platform.machine().lower() not in ("x86_64", "amd64"):
            left_out.append(f"{one.name}: its loops are for x86, and this is {platform.machine()}")
        elif need and not features.get(need, False):
            left_out.append(f"{one.name}: this processor has no {need}")
        elif one.threads > (os.cpu_count() or 1):
            left_out.append(f"{one.name}: there is one processor core")
        else:
            allowed.append(one)
    return allowed, left_out


def not_taken(one: StandIn, answers: Mapping) -> list[str]:
    """Compare what a kernel's libraries used with what a stand-in asked of them.

    A library that was not loaded used nothing.
    """
    asked = {
        "openblas": SAME_LOOPS.get(one.openblas, one.openblas),
        "torch": one.torch.upper(),
        "torch_threads": one.threads,
    }
    found = {
        "openblas": ", ".join(answers["openblas"]),
        "torch": answers["torch"],
        "torch_threads": answers["torch_threads"],
    }
    problems = [
        f"{name} was asked for {asked[name]} and used {used}"
        for name, used in found.items()
        if used and asked[name] and used != asked[name]
    ]
    on = one.switched_off(answers["numpy"])
    return problems + ([f"numpy used {', '.join(on)}"] if on else [])


def ask(one: StandIn) -> dict:
    """Return the answers to `PROBE` of a fresh interpreter under a stand-in."""
    questions = ", ".join(f"{name!r}: {question}" for name, question in PROBE.items())
    code = f"import numpy, scipy.linalg, torch; print({{{questions}}})"
    environment = one.environment(processor()[1])
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return ast.literal_eval(done.stdout)
