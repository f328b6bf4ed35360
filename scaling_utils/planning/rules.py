"""Which layouts contradict a model, and what would be feasible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from scaling_utils.architectures.architecture import Architecture


@dataclass(frozen=True)
class Limit:
    """A limit that a layout breaks.

    Attributes
    ----------
    code : str
        For programs: "heads", "layers", "memory at backward", ...
    sentence : str
        For people, with what would be feasible.
    """

    code: str
    sentence: str


def divisors(n: int, at_most: int | None = None) -> list[int]:
    """Return the divisors of ``n``, ascending.

    Parameters
    ----------
    n : int
        At least 1.
    at_most : int, optional
        The largest that is wanted.

    Returns
    -------
    list of int
    """
    return [k for k in range(1, min(n, at_most or n) + 1) if n % k == 0]


def short_layers(n_layer: int, pieces):
    """Return how many layers fewer than an even spread the pieces of a pipeline have together.

    One missing layer is left out of the last piece, which has the head, and a second one out of the
    first, which has the embedding: so Llama 3 has 126 layers on 16 stages (arXiv:2407.21783,
    Sec. 3.3.2). More than two cannot be placed, nor a layer be missing from a piece of one.

    Parameters
    ----------
    n_layer : int
        Layers of the model.
    pieces : int or array
        Stages times interleaving.

    Returns
    -------
    array
        0, 1 or 2, or -1 where the layers cannot be spread.
    """
    pieces = np.asarray(pieces)
    size = -(-n_layer // pieces)
    short = size * pieces - n_layer
    possible = (short == 0) | ((short <= 2) & (size > 1) & (pieces > 1))
    return np.where(possible, short, -1)


def _pipelines(a: Architecture, c) -> str:
    good = [p for p in range(1, a.shape.n_layer + 1) if short_layers(a.shape.n_layer, p) >= 0]
    return ", ".join(map(str, good))


def _uneven(a, c, s):
    stages = c.layers_per_stage
    if stages is not None:
        return sum(stages) != a.shape.n_layer
    return short_layers(a.shape.n_layer, c.pipeline * c.interleave) < 0


def _listed(n: int) -> str:
    return ", ".join(map(str, divisors(n, 256)))


def _key_heads(a, c, s):
    kv = a.shape.n_kv_head
    return (a.latent is None) & (kv % c.tensor != 0) & (np.asarray(c.tensor) % kv != 0)


def _dense_width(a, c, s):
    return (a.mixture_layers < a.shape.n_layer) & (a.shape.d_ff % c.tensor != 0)


def _uneven_passes(a, c, s):
    return (c.interleave > 1) & ((c.pipeline == 1) | (c.micro_batches % c.pipeline > 0))


def _expert_groups(a, c, s):
    return (a.experts is not None) & (c.data * c.context % c.expert != 0)


# Code, when it is broken, and what to say. The conditions take arrays as well as numbers, so that
# a search tries thousands of layouts at once; the first broken rule is the one that is named.
Rule = tuple[str, Callable, Callable[[Architecture, object, int], str]]
RULES: tuple[Rule, ...] = (
    (
        "positions",
        lambda a, c, s: a.shape.positions == "learned" and s > a.shape.context,
        lambda a, c, s: (
            f"context {s} is longer than the model's {a.shape.context} learned positions"
        ),
    ),
    (
        "heads",
        lambda a, c, s: a.shape.n_head % c.tensor != 0,
        lambda a, c, s: (
            f"tensor {c.tensor} does not divide the {a.shape.n_head} heads; "
            f"feasible: {_listed(a.shape.n_head)}"
        ),
    ),
    (
        "key heads",
        _key_heads,
        lambda a, c, s: (
            f"tensor {c.tensor} neither divides the {a.shape.n_kv_head} key heads nor is a "
            f"multiple of them; feasible: {_listed(a.shape.n_kv_head)} or a multiple"
        ),
    ),
    (
        "width",
        _dense_width,
        lambda a, c, s: (
            f"tensor {c.tensor} does not divide the MLP's width {a.shape.d_ff}; "
            f"feasible: {_listed(a.shape.d_ff)}"
        ),
    ),
    (
        "expert width",
        lambda a, c, s: a.experts is not None and a.d_expert % c.tensor != 0,
        lambda a, c, s: (
            f"tensor {c.tensor} does not divide the experts' width {a.d_expert}; "
            f"feasible: {_listed(a.d_expert)}"
        ),
    ),
    (
        "layers",
        _uneven,
        lambda a, c, s: (
            f"layers_per_stage has {sum(c.layers_per_stage)} layers and the model {a.shape.n_layer}"
            if c.layers_per_stage
            else f"{a.shape.n_layer} layers cannot be spread over pipeline {c.pipeline} x "
            f"interleave {c.interleave} with at most one fewer at each end; feasible products: "
            f"{_pipelines(a, c)}, or give layers_per_stage"
        ),
    ),
    (
        "interleave",
        _uneven_passes,
        lambda a, c, s: (
            f"interleave {c.interleave} needs a pipeline of at least 2 and micro_batches a "
            f"multiple of it, got pipeline {c.pipeline} and micro_batches {c.micro_batches}"
        ),
    ),
    (
        "no experts",
        lambda a, c, s: (a.experts is None) & (np.asarray(c.expert) > 1),
        lambda a, c, s: f"expert must be 1 for a model without experts, got {c.expert}",
    ),
    (
        "experts",
        lambda a, c, s: a.experts is not None and a.experts.count % c.expert != 0,
        lambda a, c, s: (
            f"expert {c.expert} does not divide the {a.experts.count} experts; "
            f"feasible: {_listed(a.experts.count)}"
        ),
    ),
    (
        "expert groups",
        _expert_groups,
        lambda a, c, s: (
            f"expert {c.expert} does not divide data x context = {c.data * c.context}, whose "
            f"devices hold the experts; feasible: {_listed(c.data * c.context)}"
        ),
    ),
    (
        "sequence",
        lambda a, c, s: (c.context > 1) & (s % (2 * np.asarray(c.context)) != 0),
        lambda a, c, s: (
            f"context-parallel {c.context} needs a sequence of a multiple of {2 * c.context} "
            f"tokens (two pieces a device balance the causal mask), got {s}"
        ),
    ),
    (
        "sequence parallel",
        lambda a, c, s: (
            c.sequence_parallel & ((s // np.asarray(c.context)) % np.asarray(c.tensor) != 0)
        ),
        lambda a, c, s: (
            f"sequence_parallel divides {s // c.context} tokens a device among tensor "
            f"{c.tensor}; feasible: {_listed(s // c.context)}"
        ),
    ),
    (
        "ring attention",
        lambda a, c, s: (np.asarray(c.context) > 1) & (c.attention == "materialised"),
        lambda a, c, s: (
            "attention 'materialised' needs the whole sequence on a device: with context "
            "parallelism take 'flash'"
        ),
    ),
    (
        "ZeRO with pipeline",
        lambda a, c, s: (np.asarray(c.zero) == 3) & (np.asarray(c.pipeline) > 1),
        lambda a, c, s: (
            "stage 3 of ZeRO with a pipeline would gather each layer again for each of the "
            "micro-batches, and is not offered; feasible: stage 2 or lower, or pipeline 1"
        ),
    ),
)


def limits(architecture: Architecture, layout, context: int) -> list[Limit]:
    """Return the limits of a model that a layout breaks, memory aside.

    Parameters
    ----------
    architecture : Architecture
        The model.
    layout : Layout
        Or anything with its fields.
    context : int
        Tokens of a sequence.

    Returns
    -------
    list of Limit
        In the order of ``RULES``; empty where the layout is possible.
    """
    return [
        Limit(code, sentence(architecture, layout, context))
        for code, broken, sentence in RULES
        if bool(np.any(broken(architecture, layout, context)))
    ]


def as_columns(**arrays) -> SimpleNamespace:
    """Return arrays under the names of a layout's fields, for the conditions of ``RULES``."""
    return SimpleNamespace(**arrays)
