"""How fast a training step is, beside what this machine could do with the same work.

A step is that of ``training.Trainer``: gradients cleared, forward, backward, optimiser. Its
FLOPs are the exact count of the matrix products; nothing else counts as work. Its roofline
(Williams et al. 2009, https://doi.org/10.1145/1498765.1498785) is measured in the same run:

    attainable FLOP/s = min(P, intensity x bandwidth)

P is the rate of the step's own products, each shape timed alone, so that small or narrow ones
do not have to keep up with large squares. The intensity is FLOPs per byte that the step's
operators read and write if each reads its inputs and writes its outputs once; a fused kernel
(recurrent layers, attention, Adam) is one operator. That is an estimate: what is read twice
moves more bytes, and what was just written may still be in a cache. The bandwidth is that of
a = b + s c over as many bytes as the step moves, up to 96 MiB, so that a small step is held to
the bandwidth of the cache that holds it.

All times are processor time of one thread: another process costs no time, but it does take
memory bandwidth and its share of a shared cache. Each step is timed right after its roofs. The
learning rate is tiny, because a batch that is learnt by heart leaves gradients so small that
the processor handles them slowly; a real run does not come to that.

    python benchmarks/training.py
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before torch is imported

import platform
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from scaling_utils.counting import matmul_flops
from scaling_utils.models import GPT, LSTM, NeuralNgrams
from scaling_utils.shapes import Transformer
from scaling_utils.training import MemberAdam, Trainer, adamw

RATE = 1e-5
REPEATS = 9
STEP_SECONDS = 0.1  # of one repeat of a step
PART_SECONDS = 0.02  # of one repeat of a product or of the triad
LARGEST = 96 * 2**20  # bytes of the triad's three arrays together
SMALLEST = 2**18
SQUARES = (64, 256, 1024)
MiB = 2**20


@dataclass(frozen=True)
class Rate:
    """Median of the repeats, and half the distance between their quartiles as a share of it."""

    median: float
    spread: float


@dataclass(frozen=True)
class Case:
    """A model with its optimiser and one batch; ``flops`` are those of one step."""

    name: str
    model: nn.Module
    optimiser: torch.optim.Optimizer
    batch: tuple[Tensor, Tensor]
    flops: int


# --- what is timed ------------------------------------------------------------------------


def ngrams(width: int, members: int, windows: int = 256, vocab: int = 64) -> Case:
    model = NeuralNgrams(vocab, 3, width, list(range(members)))
    tokens = torch.randint(vocab, (members, windows, 4))
    return Case(
        f"NeuralNgrams width {width}, {members} member{'s' * (members > 1)}",
        model,
        MemberAdam(model, [RATE] * members),
        (tokens[..., :3], tokens[..., 3]),
        members * windows * model.flops_per_token,
    )


def gpt(d_model: int, layers: int, batch: int = 8) -> Case:
    shape = Transformer(n_layer=layers, d_model=d_model, n_head=4, vocab=256, context=128)
    model = GPT(shape)
    tokens = torch.randint(shape.vocab, (batch, shape.context + 1))
    return Case(
        f"GPT width {d_model}, {layers} layers",
        model,
        adamw(model, RATE),
        (tokens[:, :-1], tokens[:, 1:]),
        matmul_flops(shape, batch=batch).total,
    )


def lstm(width: int, layers: int, batch: int = 16, length: int = 64) -> Case:
    model = LSTM(256, width, layers)
    tokens = torch.randint(256, (batch, length + 1))
    return Case(
        f"LSTM width {width}, {layers} layers",
        model,
        adamw(model, RATE),
        (tokens[:, :-1], tokens[:, 1:]),
        batch * length * model.flops_per_token,
    )


CASES: tuple[Callable[[], Case], ...] = (
    lambda: ngrams(32, 1),
    lambda: ngrams(32, 4),
    lambda: ngrams(32, 16),
    lambda: ngrams(128, 4),
    lambda: ngrams(512, 4),
    lambda: gpt(64, 2),
    lambda: gpt(256, 2),
    lambda: lstm(64, 2),
    lambda: lstm(256, 2),
)


# --- clocks -------------------------------------------------------------------------------


def timed(call: Callable[[int], object], work: float, seconds: float, repeats=REPEATS) -> Rate:
    """Return work per second of ``call(times)``, each repeat about ``seconds`` long."""
    times = 1
    while True:
        start = time.process_time()
        call(times)
        took = time.process_time() - start
        if took > seconds / 4:
            break
        times *= 2
    times = max(1, round(times * seconds / took))
    rates = []
    for _ in range(repeats):
        start = time.process_time()
        call(times)
        rates.append(times * work / (time.process_time() - start))
    low, median, high = np.quantile(rates, [0.25, 0.5, 0.75])
    return Rate(float(median), float((high - low) / 2 / median))


def bandwidth(size: float) -> Rate:
    """Return the bytes per second of a = b + s c over three arrays of ``size`` bytes together."""
    numbers = int(min(max(size, SMALLEST), LARGEST) / 12)
    a, b, c = (torch.ones(numbers) for _ in range(3))

    def triad(times: int) -> None:
        for _ in range(times):
            torch.add(b, c, alpha=3.0, out=a)

    return timed(triad, 12 * numbers, PART_SECONDS)


def product_rate(shape: tuple[int, int, int, int]) -> Rate:
    """Return the FLOP/s of M products (n, k) x (k, m) at once; ``shape`` is (M, n, k, m)."""
    M, n, k, m = shape
    left, right, out = torch.randn(M, n, k), torch.randn(M, k, m), torch.empty(M, n, m)
    if M == 1:
        left, right, out = left[0], right[0], out[0]

    def multiply(times: int) -> None:
        for _ in range(times):
            torch.matmul(left, right, out=out)

    return timed(multiply, 2 * M * n * k * m, PART_SECONDS, repeats=3)


# --- what a step consists of --------------------------------------------------------------


class Moved(TorchDispatchMode):
    """Adds up the bytes of all inputs and outputs of each operator that is not a mere view."""

    def __init__(self):
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        view = any(r.alias_info and not r.alias_info.is_write for r in function._schema.returns)
        if not view and "_unsafe_view" not in str(function):
            for leaf in tree_leaves((args, kwargs, out)):
                if isinstance(leaf, Tensor):
                    full = leaf.numel() * leaf.element_size()
                    self.bytes += min(full, leaf.untyped_storage().nbytes())  # less if expanded
        return out


class Products(TorchDispatchMode):
    """Counts the matrix products by shape (M, n, k, m)."""

    def __init__(self):
        super().__init__()
        self.shapes: Counter[tuple[int, int, int, int]] = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        if name in ("mm", "bmm", "addmm", "baddbmm"):
            left, right = args[1:3] if "add" in name else args[:2]
            M = left.shape[0] if left.dim() == 3 else 1
            self.shapes[M, *left.shape[-2:], right.shape[-1]] += 1
        return function(*args, **(kwargs or {}))


def full_step(case: Case) -> None:
    case.optimiser.zero_grad()
    case.model.loss(*case.batch).sum().backward()
    case.optimiser.step()


def products_of(case: Case) -> Counter:
    """Return the products of a step, with fused kernels taken apart so that they are seen."""
    # It warns of an Intel GPU's settings when the CPU's fused kernels are switched off.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = torch.backends.mkldnn.flags(enabled=False)
        with plain, sdpa_kernel(SDPBackend.MATH), Products() as seen:
            full_step(case)
    return seen.shapes


# --- the table ----------------------------------------------------------------------------


def measure(case: Case) -> float:
    """Time the roofs and the step, print a row, and return the share that is reached."""
    full_step(case)  # the optimiser makes its state in the first step
    shapes = products_of(case)
    with Moved() as seen:
        full_step(case)
    moved = seen.bytes
    work = {shape: 2 * np.prod(shape) * times for shape, times in shapes.items()}
    seconds = sum(flops / product_rate(shape).median for shape, flops in work.items())
    alone = sum(work.values()) / seconds
    memory = bandwidth(moved)
    intensity = case.flops / moved
    attainable = min(alone, intensity * memory.median)

    trainer = Trainer(case.model, case.optimiser, lambda index: case.batch)

    def steps(times: int) -> None:
        trainer.train(trainer.step + times, lambda step: 1.0)

    step = timed(steps, case.flops, STEP_SECONDS)
    tokens = case.batch[1].numel()
    share = step.median / attainable
    bound = "products" if alone <= intensity * memory.median else "memory"
    print(
        f"  {case.name:<34} {tokens * step.median / case.flops:>9,.0f} "
        f"{1e3 * case.flops / step.median:>8.2f} {step.spread:>6.1%} {step.median / 1e9:>7.2f} "
        f"{moved / MiB:>7.1f} {intensity:>6.1f} {alone / 1e9:>8.1f} "
        f"{intensity * memory.median / 1e9:>7.1f} {share:>6.0%}  {bound}"
    )
    return share


def main() -> int:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"{platform.machine()}, torch {torch.__version__}, float32, one thread")
    print(f"processor time, medians of {REPEATS} repeats; +- is half the interquartile range")
    print("\nRoofs of the machine")
    for size in SQUARES:
        rate = product_rate((1, size, size, size))
        print(f"  product {size:>4} x {size:<4} {rate.median / 1e9:>8.1f} GFLOP/s")
    for size in (MiB, 8 * MiB, LARGEST):
        rate = bandwidth(size)
        print(
            f"  a = b + s c, {size / MiB:>3.0f} MiB {rate.median / 1e9:>6.1f} GB/s "
            f"+- {rate.spread:.1%}"
        )
    print("\nTraining steps (tokens of all members; FLOP are those of matrix products)")
    print(f"{'attainable GFLOP/s':>102}")
    print(
        f"  {'':<34} {'tokens/s':>9} {'ms/step':>8} {'+-':>6} {'GFLOP/s':>7} {'MiB':>7} "
        f"{'FLOP/B':>6} {'products':>8} {'memory':>7} {'share':>6}  bound"
    )
    shares = [measure(make()) for make in CASES]
    print(f"\n  The steps reach {min(shares):.0%} to {max(shares):.0%} of their lower roof.")
    print("  The rest goes to operators other than products, and passes between operators.")
    print(f"  {time.process_time():.0f} s of processor time in all")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
