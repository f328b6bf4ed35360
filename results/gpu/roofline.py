"""Part 1: what the device reaches, against what is printed: FLOP/s and bytes per second.

Square products by number format and size; copies and triads by size; and thin products, whose
arithmetic intensity goes from about 1 FLOP per byte to far beyond the ridge.
"""

from __future__ import annotations

from functools import partial

import torch
from keeping import Cell, Row
from machine import Machine, share_of_peak, spread

NAME = "roofline"
DTYPES = ("bf16", "fp16", "tf32", "fp32", "fp8")
TORCH = {
    "fp32": torch.float32,
    "tf32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "fp8": torch.float8_e4m3fn,
}
BYTES = {"fp32": 4, "tf32": 4, "fp16": 2, "bf16": 2, "fp8": 1}
OUT_BYTES = BYTES | {"fp8": 2}  # a product of fp8 matrices is written in bf16
SQUARES = (512, 1024, 2048, 4096, 8192, 16384)
LARGEST_FP32 = 8192
THIN = tuple(2**k for k in range(14))  # rows of the left matrix: 1 to 8,192
WIDE = 8192
SIZES = tuple(2**k for k in range(20, 32))  # bytes of one array: 1 MiB to 2 GiB
REPEATS = 7


def cells(machine: Machine) -> list[Cell]:
    """Return the measurements, the largest products first: they carry the most."""
    squares, thin, sizes = SQUARES, THIN, SIZES
    wide = WIDE
    if machine.toy:
        squares, thin, sizes, wide = (32, 64), (1, 16), (2**12, 2**16), 64
    found = []
    for n in reversed(squares):
        for dtype in DTYPES:
            if not (dtype == "fp32" and n > LARGEST_FP32):
                found.append(_product(machine, "square", dtype, n, n, n))
    for kind in ("copy", "triad"):
        found += [
            Cell({"kind": kind, "bytes": size}, 0.1, partial(stream, machine, kind, size))
            for size in reversed(sizes)
        ]
    found += [_product(machine, "thin", "bf16", m, wide, wide) for m in reversed(thin)]
    return found


def _product(machine: Machine, kind: str, dtype: str, m: int, n: int, k: int) -> Cell:
    seconds = 0.1 + 12 * product_flops(m, n, k) / (3e13 if dtype == "fp32" else 2e14)
    key = {"kind": kind, "dtype": dtype, "m": m, "n": n, "k": k}
    return Cell(key, seconds, partial(product, machine, dtype, m, n, k))


def product_flops(m: int, n: int, k: int) -> int:
    """Return the FLOPs of an (m, k) by (k, n) product: a multiplication and an addition each."""
    return 2 * m * n * k


def product_bytes(dtype: str, m: int, n: int, k: int) -> int:
    """Return the bytes that a product must move: both matrices read, one written."""
    return BYTES[dtype] * (m * k + k * n) + OUT_BYTES[dtype] * m * n


def product(machine: Machine, dtype: str, m: int, n: int, k: int) -> Row:
    """Time one product of normal numbers."""
    if why := machine.lacks(dtype):
        return {"status": "skipped", "reason": why}
    machine.free()
    draw = torch.Generator(machine.device).manual_seed(0)
    # "high" lets a product of fp32 numbers use TF32 units; "highest" does not.
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if dtype == "tf32" else "highest")
    try:
        a, b = (
            torch.randn(shape, device=machine.device, generator=draw).to(TORCH[dtype])
            for shape in ((m, k), (n, k))
        )
        b = b.t()  # (k, n), column by column, as the units for fp8 want it
        if dtype == "fp8":
            one = torch.ones((), device=machine.device)
            work = partial(
                torch._scaled_mm, a, b, one, one, out_dtype=torch.bfloat16, use_fast_accum=True
            )
        else:
            work = partial(torch.mm, a, b, out=torch.empty(m, n, device=a.device, dtype=a.dtype))
        seconds = machine.times(work, REPEATS)
    finally:
        torch.set_float32_matmul_precision(before)
    found = spread(seconds)
    flops, moved = product_flops(m, n, k), product_bytes(dtype, m, n, k)
    rate = flops / found["seconds_median"]
    return (
        found
        | {"flop": flops, "bytes_least": moved, "intensity_flop_per_byte": flops / moved}
        | {"flop_per_s": rate, "byte_per_s": moved / found["seconds_median"], "seed": 0}
        | share_of_peak(machine, rate, dtype)
    )


def stream(machine: Machine, kind: str, size: int) -> Row:
    """Time ``a = b`` or ``a = b + 3 c`` on arrays of ``size`` bytes of fp32 numbers.

    Copies count two arrays moved and triads three, as McCalpin's STREAM counts them:
    https://www.cs.virginia.edu/stream/ref.html. Arrays that fit a cache run at its speed.
    """
    machine.free()
    a, b, c = (torch.ones(size // 4, device=machine.device) for _ in range(3))
    work = partial(a.copy_, b) if kind == "copy" else partial(torch.add, b, c, alpha=3.0, out=a)
    found = spread(machine.times(work, REPEATS))
    moved = size * (2 if kind == "copy" else 3)
    rate = moved / found["seconds_median"]
    peak = machine.chip.bandwidth if machine.chip else None
    return found | {
        "bytes_moved": moved,
        "byte_per_s": rate,
        "share_of_bandwidth": rate / peak if peak else None,
        "share_missing": machine.why_no_chip,
        "seed": None,  # nothing is drawn
    }
