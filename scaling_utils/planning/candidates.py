"""All layouts that a search tries, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np

from scaling_utils.architectures.architecture import Architecture
from scaling_utils.memory.activation import RECOMPUTE
from scaling_utils.planning.layout import Layout
from scaling_utils.planning.rules import RULES, as_columns, divisors

NODE = 8  # devices of one node, which tensor parallelism does not leave
PIECES = (1, 2, 4)  # of interleaved pipelines
MICRO_BATCHES = (1, 2, 4, 8)  # sequences at once
SHORTEST = 8192  # tokens above which context parallelism is tried
FIELDS = (
    "tensor",
    "context",
    "pipeline",
    "interleave",
    "data",
    "expert",
    "zero",
    "micro_batch",
    "micro_batches",
)


@dataclass(frozen=True)
class Candidates:
    """Layouts of as many devices, one an entry of each array.

    Attributes
    ----------
    columns : SimpleNamespace
        Fields of a layout by name, arrays of the same length.
    whole_batch : array of bool
        Whether the batch divides evenly among replicas and micro-batches.
    style : Layout
        What all have in common.
    """

    columns: SimpleNamespace
    whole_batch: np.ndarray
    style: Layout

    def __len__(self) -> int:
        return len(self.columns.data)

    def layout(self, index: int, recompute: str) -> Layout:
        """Return one of them as a Layout."""
        fields = {name: int(getattr(self.columns, name)[index]) for name in FIELDS}
        return replace(self.style, recompute=recompute, layers_per_stage=None, **fields)

    def take(self, chosen: np.ndarray) -> Candidates:
        """Return those that an array of bool or of places chooses."""
        columns = {name: getattr(self.columns, name)[chosen] for name in FIELDS}
        return Candidates(_columns(columns, self.style), self.whole_batch[chosen], self.style)


def _columns(arrays: dict, style: Layout) -> SimpleNamespace:
    return as_columns(
        **arrays,
        chunks=style.chunks,
        sequence_parallel=style.sequence_parallel,
        attention=style.attention,
        layers_per_stage=None,
    )


def candidates(
    a: Architecture, devices: int, style: Layout, sequences: int, length: int, *, node: int = NODE
) -> Candidates:
    """Return the layouts of ``devices`` devices that are worth a look.

    Tensor parallelism stays inside a node. Context parallelism is tried from 16,384 tokens, in
    powers of two; expert parallelism in divisors of the experts; stages of ZeRO all four, and only
    stage 0 where there is a single replica.

    Parameters
    ----------
    a : Architecture
        The model.
    devices : int
        All devices.
    style : Layout
        What all layouts have in common.
    sequences : int
        Of one step.
    length : int
        Tokens of each.
    node : int
        Devices of a node.

    Returns
    -------
    Candidates
        Not all are possible: the search says why.
    """
    contexts = [c for c in (1, 2, 4, 8, 16, 32) if c == 1 or length // c >= SHORTEST]
    experts = divisors(a.experts.count) if a.experts else [1]
    rows = []
    for t in divisors(devices, node):
        for c in (c for c in contexts if devices // t % c == 0):
            for p in divisors(devices // (t * c), a.shape.n_layer):
                d = devices // (t * c * p)
                replicas = [e for e in experts if e == 1 or d * c % e == 0]
                for v in PIECES if p > 1 else (1,):
                    for e in replicas:
                        for z in range(4) if d * c > 1 else (0,):
                            for b in MICRO_BATCHES:
                                rows.append((t, c, p, v, d, e, z, b))
    table = np.array(rows, dtype=int).T
    columns = dict(zip(FIELDS, table, strict=False))
    each = columns["data"] * columns["micro_batch"]
    columns["micro_batches"] = np.maximum(sequences // each, 1)
    return Candidates(_columns(columns, style), sequences % each == 0, style)


@dataclass(frozen=True)
class Refused:
    """Layouts that break the same limit first.

    Attributes
    ----------
    code : str
        The limit: "heads", "batch", "memory at backward", ...
    count : int
        Layouts.
    example : Layout
        The one that comes nearest, or the first.
    sentence : str
        What is wrong with the example, and what would be feasible.
    """

    code: str
    count: int
    example: Layout
    sentence: str


def sieve(a: Architecture, tried: Candidates, length: int, sequences: int):
    """Return the layouts that contradict neither model nor batch, and the others by limit.

    Parameters
    ----------
    a : Architecture
        The model.
    tried : Candidates
        All layouts.
    length, sequences : int
        Tokens of a sequence, and sequences of a step.

    Returns
    -------
    tuple
        The possible Candidates, and a list of Refused. Counts are of layouts times ways of
        recomputation.
    """
    left, refused = tried, []
    ways = len(RECOMPUTE)

    def drop(code: str, bad: np.ndarray, sentence) -> None:
        nonlocal left
        if bad.any():
            example = left.layout(int(np.argmax(bad)), RECOMPUTE[0])
            refused.append(Refused(code, ways * int(bad.sum()), example, sentence(example)))
            left = left.take(~bad)

    drop(
        "batch",
        ~left.whole_batch,
        lambda x: (
            f"{sequences} sequences a step are no multiple of data {x.data} x micro-batch "
            f"{x.micro_batch}; feasible: data a divisor of {sequences}"
        ),
    )
    for code, broken, sentence in RULES:
        bad = np.broadcast_to(broken(a, left.columns, length), len(left)).astype(bool)
        drop(code, bad, lambda x, say=sentence: say(a, x, length))
    return left, refused
