"""The two public planners that know gated MLPs and grouped heads: llm-analysis and xtuner.

As in :mod:`scaling_utils.planning.theirs`, the formulas are theirs and the code is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

from scaling_utils.architectures.architecture import Architecture
from scaling_utils.architectures.size import attention_matrices
from scaling_utils.planning.estimate import Estimate, Item, NotCovered
from scaling_utils.planning.layout import Layout


def llm_analysis(a: Architecture, layout: Layout, s: int) -> Estimate:
    """Return what cli99/llm-analysis says of training.

    Its sum is weights, optimiser, the larger of gradients and activations, and two layers' weights
    for prefetching. Its attention's statistics are eight bytes a head and token. A term of two
    bytes a value for the first layer's input is inferred from what it prints (18.24 GiB for
    Llama-2-7B, where the other terms give 18.21).

    Parameters
    ----------
    a : Architecture
        The model.
    layout : Layout
        Sequence parallelism is taken to be on wherever there is tensor parallelism.
    s : int
        Tokens of a sequence.

    Returns
    -------
    Estimate
    """
    if a.latent is not None:
        raise NotCovered("llm-analysis has no latent attention")
    shape, t, d, e = a.shape, layout.tensor, layout.data, layout.expert
    h, layers = shape.d_model, shape.n_layer // layout.pipeline
    keys = max(shape.n_kv_head / t, 1) * t / shape.n_head
    attention = (2 * h * h + 2 * h * h * keys) / t
    count = 1 if a.experts is None else a.experts.count
    width = shape.d_ff if a.experts is None else a.d_expert
    mlp = (3 if shape.gated else 2) * h * width * count / e / t
    router = h * count / t if count > 1 else 0.0
    plain = attention + 2 * h / t  # and the norms
    ends = (shape.vocab * h + h) / t
    common, routed = layers * (plain + router) + ends, layers * mlp
    z = layout.zero

    def share(bytes_each: float, first: int) -> float:
        cut = z >= first
        return bytes_each * (common / (d if cut else 1) + routed / (d / e if cut else 1))

    gradients = share(4, 2)
    items = [
        Item("weights", share(2, 3), "2 bytes"),
        Item("optimiser", share(12, 1), "12 bytes"),
    ]
    kept, out = _llm_analysis_activations(a, layout, s, width, count)
    fetched = 2 * 2 * (plain + mlp)
    if gradients >= sum(item.size for item in (*kept, out)):
        left = {"activations": sum(item.size for item in kept), "logits": out.size}
        items.append(Item("gradients", gradients, "4 bytes; more than the activations, which go"))
    else:
        left = {"gradients": gradients}
        items += [*kept, out]
    items.append(Item("gathered", fetched, "two layers' weights, fetched before they are needed"))
    return Estimate(
        "llm-analysis",
        tuple(items),
        common + routed,
        "embedding and head are taken to be one matrix, on every stage",
        "2+4+12 bytes; gradients and activations are never added, the larger one counts",
        "cli99/llm-analysis, llm_analysis/analysis.py",
        left,
    )


def _llm_analysis_activations(a: Architecture, layout: Layout, s: int, width: int, count: int):
    shape, t, h = a.shape, layout.tensor, a.shape.d_model
    tokens = s * layout.micro_batch
    copies = count / layout.expert * (a.experts.active if a.experts else 1)
    if layout.recompute == "full":
        kept = [Item("activations", shape.n_layer * 2 * tokens * h / t, "a layer's input")]
    else:
        core = (2 * h + 4 * shape.n_head) * 2 / t
        if layout.attention == "materialised":
            core = 2 * shape.n_head * s * 2 / t
        attention = 2 * h / t + 8 * h / t + h / t + (layout.recompute == "none") * core
        mlp = (2 * h + 4 * width) * copies / t
        each = {
            "attention, with a mask of dropout and all heads' keys": attention,
            "MLP without its gate": mlp,
            "norms in fp32": 8 * h / t,
        }
        kept = [
            Item("activations", shape.n_layer * tokens * size, why) for why, size in each.items()
        ]
    kept.append(Item("activations", tokens * 4 * h / t, "the last norm in fp32"))
    kept.append(Item("activations", tokens * 2 * h / t, "the first layer's input (inferred)"))
    return kept, Item("logits", tokens * shape.vocab * 2 / t, "2 bytes a logit")


@dataclass(frozen=True)
class _Layer:
    """Parameters and activations of a layer on a device, as xtuner counts them."""

    common: float
    routed: float
    kept: float


def _xtuner_layer(a: Architecture, layout: Layout, tokens: float) -> _Layer:
    """``tokens`` are those of a device, after tensor parallelism."""
    shape, t, h = a.shape, layout.tensor, a.shape.d_model
    queries, keys = shape.d_attn, shape.n_kv_head * shape.d_head
    attention = 2 * h * (queries + keys) / t
    rounds = 3 if a.qk_norm != "none" else 2  # turned, multiplied, and normed
    kept = 2 * (2 * h + rounds * (queries + keys) + keys + queries + shape.n_head)
    if a.latent is not None:
        attention, kept = _xtuner_latent(a)
        attention /= t
    kept += 2 * 2 * h  # the MLP's norm, and its output
    if a.experts is None:
        f = shape.d_ff
        kept += 2 * (2 * h + 2 * f)
        return _Layer(attention + h + 3 * h * f / t + h / t, 0.0, tokens * kept)
    x, m = a.experts, a.d_expert
    kept += 2 * x.active * (2 + 2 * h + 5 * m) + 2 * x.shared * 3 * m
    common = attention + 2 * h + h * x.count + x.shared * 3 * h * m
    return _Layer(common, x.count / layout.expert * 3 * h * m, tokens * kept)


def _xtuner_latent(a: Architecture) -> tuple[float, float]:
    """Parameters without norms, and bytes a token, of latent attention.

    The result before the last projection counts with the width of queries, not of values.
    """
    x, h, heads = a.latent, a.shape.d_model, a.shape.n_head
    count = attention_matrices(a)
    short = 2 * (x.q_rank or 0) + 2 * x.kv_rank + x.d_rotary
    wide = heads * (x.d_rotary + 2 * a.d_query + 1 + x.d_value + a.d_query)
    return count, 2 * (2 * h + short + wide)


def xtuner(a: Architecture, layout: Layout, s: int) -> Estimate:
    """Return what xtuner's memory calculator says.

    At stage 3 the answer is the highest of the instants that it looks at: the end of the first
    forward pass with one micro-batch, of a later one with several.

    Parameters
    ----------
    a : Architecture
        A model with gated MLPs. First layers without experts count as if they had them.
    layout : Layout
        Stage 1 or 3. Recomputation at stage 1 stops that program with an error.
    s : int
        Tokens of a sequence.

    Returns
    -------
    Estimate
    """
    _check_xtuner(a, layout)
    shape, t, d = a.shape, layout.tensor, layout.devices // layout.tensor // layout.pipeline
    h, layers, tokens = shape.d_model, shape.n_layer // layout.pipeline, s * layout.micro_batch / t
    one = _xtuner_layer(a, layout, tokens)
    ends = 0.0 if layout.pipeline > 1 and layout.zero == 1 else (2 * shape.vocab * h + h) / t
    common, routed = layers * one.common + ends, layers * one.routed
    experts = layout.devices / layout.expert / layout.pipeline
    if layout.zero == 3:
        d = experts if layout.expert > 1 else d
        experts = d

    def share(rate: float) -> float:
        return rate * (common / d + routed / experts)

    entries = 2 * shape.vocab if layout.chunks == 1 else 2 * shape.vocab / layout.chunks
    head = tokens * 2 * (2 * h + entries)
    if layout.zero == 1:
        flying = layout.pipeline * (1 if layout.interleave == 1 else 1 + 1 / layout.interleave)
        items = [
            Item("weights", 2 * (common + routed), "2 bytes"),
            Item("gradients", 2 * (common + routed), "2 bytes"),
            Item("gradients", share(4), "a master copy of 4 bytes, divided"),
            Item("optimiser", share(12), "12 bytes, divided"),
            Item("activations", layers * flying * one.kept, "24 h + 4 f + 2 a bytes a layer"),
        ]
        if ends:
            items.append(Item("activations", tokens * 2, "ids"))
            items.append(Item("logits", head, "2 copies of 2 bytes, and the head's input twice"))
    else:
        items = _xtuner_stage_3(shape, layout, one, tokens, head, share)
    return Estimate(
        "xtuner",
        tuple(items),
        common + routed,
        "" if layout.pipeline == 1 else "of embedding and head nothing is counted on the stage",
        "2+2+16/n bytes, of which 4 are a divided copy of the gradients; the MLP keeps 4 h + 2 f "
        "values where its experts keep five times their width; prints 1024^3 parameters as B",
        "InternLM/xtuner, xtuner/tools/llm_calc/llm_calculator.py",
    )


def _check_xtuner(a: Architecture, layout: Layout) -> None:
    refused = {
        "xtuner counts stages 1 and 3": layout.zero not in (1, 3),
        "xtuner needs compressed queries": a.latent is not None and a.latent.q_rank is None,
        "xtuner's MLP is gated": not a.shape.gated,
        "xtuner does not count context parallelism": layout.context > 1,
        "xtuner stops with an error for recomputation at stage 1": (
            layout.zero == 1 and layout.recompute != "none"
        ),
    }
    for sentence, holds in refused.items():
        if holds:
            raise NotCovered(sentence)


def _xtuner_stage_3(shape, layout: Layout, one: _Layer, tokens, head, share) -> list[Item]:
    """The end of a forward pass: nothing but shares, one layer, the head and activations."""
    vocabulary = (shape.vocab * shape.d_model + shape.d_model) / layout.tensor
    kept, why = shape.n_layer * one.kept, "24 h + 4 f + 2 a bytes a layer"
    if layout.recompute != "none":
        kept = one.kept + (shape.n_layer - 1) * 2 * tokens * shape.d_model
        why = "one layer, and the others' inputs"
    ids = tokens * 2 if layout.recompute == "none" else 0.0
    return [
        Item("optimiser", share(12), "12 bytes, divided; there are no weights of 2 bytes beside"),
        Item(
            "gradients",
            share(4) if layout.micro_batches > 1 else 0.0,
            "a master copy of 4 bytes from the second micro-batch on",
        ),
        Item("gathered", 2 * (one.common + one.routed + vocabulary), "a layer and the head"),
        Item("activations", kept + ids, why),
        Item("logits", head, "2 copies of 2 bytes, and the head's input twice"),
    ]
