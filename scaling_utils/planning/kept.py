"""Activations of one device beyond the plain transformer, and the ledger of a stage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scaling_utils.architectures.architecture import Architecture
from scaling_utils.memory import (
    Activations,
    Experts,
    Ledger,
    Logits,
    States,
    activations,
    ledger,
    logits,
    pipeline_layers,
    states,
)
from scaling_utils.memory.conventions import resolve
from scaling_utils.planning.layout import Layout
from scaling_utils.planning.portions import (
    Held,
    held,
    layer_portion,
    parameters_on,
    vocabulary_portion,
)

_FP32 = 4  # bytes: norms and softmax keep their statistics in it


def beyond_plain(a: Architecture, style: Layout, tensor):
    """Return the bytes a token and layer that this model keeps beyond the plain transformer.

    Latent attention keeps its compressed vectors before and after their norms, and full queries,
    keys and values of its own widths (DeepSeek-V2, arXiv:2405.04434, Sec. 2.1). A block with
    attention and MLP side by side has one norm less, Gemma 2 and 3 have two more, and norms of
    queries and keys keep these once more.

    Parameters
    ----------
    a : Architecture
        The model.
    style : Layout
        How a layer is run; its degrees of parallelism are not read.
    tensor : int or array
        Tensor-parallel devices.

    Returns
    -------
    float or array
        Bytes, below zero where less is kept.
    """
    shape, t = a.shape, np.asarray(tensor, dtype=float)
    value, sums = style.bytes_per_value, _FP32 * style.statistics
    stream = t if style.sequence_parallel else np.ones_like(t)
    moments = (2 if shape.norm == "layernorm" else 1) * sums
    keys = np.maximum(shape.n_kv_head / t, 1)
    extra = np.zeros_like(t)
    if a.latent is not None:
        x = a.latent
        short = 2 * (x.q_rank or 0) + 2 * x.kv_rank + x.d_rotary
        wide = shape.n_head * 2 * (a.d_query + x.d_value) / t
        plain = (2 * shape.d_attn / t) + 2 * keys * shape.d_head
        norms = (1 + (x.q_rank is not None)) * moments
        extra = extra + (wide - plain) * value + (short * value + norms) / stream
    if a.parallel:
        extra = extra - (2 * shape.d_model * value + moments) / stream
    if a.norms_per_layer == 4:
        extra = extra + 2 * (shape.d_model * value + moments) / stream
    if a.qk_norm != "none":
        heads = shape.n_head / t + keys
        extra = extra + shape.d_head * heads * value
        extra = extra + (heads if a.qk_norm == "head" else 2) * sums
    return extra


def layer_activations(a: Architecture, style: Layout, mixed: bool, batch, length, tensor):
    """Return what one layer keeps on a device, of one micro-batch.

    Parameters
    ----------
    a : Architecture
        The model.
    style : Layout
        How a layer is run; its degrees of parallelism are not read.
    mixed : bool
        Whether the layer has experts.
    batch, length, tensor : int or array
        Sequences, tokens of each on this device, tensor-parallel devices.

    Returns
    -------
    Activations
        With ``layers`` 1.
    """
    experts = None
    if mixed:
        given = a.experts
        experts = Experts(given.count, given.active, a.d_expert, given.shared)
    plain = activations(
        a.shape,
        batch,
        length,
        recompute=style.recompute,
        attention=style.attention,
        dropout=style.dropout,
        statistics=style.statistics,
        bytes_per_value=style.bytes_per_value,
        tensor_parallel=tensor,
        sequence_parallel=style.sequence_parallel,
        layers=1,
        experts=experts,
    )
    extra = np.asarray(batch) * length * beyond_plain(a, style, tensor)
    if style.recompute == "full":
        return replace(plain, working=plain.working + extra)
    return replace(plain, per_layer=plain.per_layer + extra)


def stage_activations(a: Architecture, style: Layout, c, stage: Held, index, length):
    """Return what a stage keeps, all its micro-batches in flight together.

    Parameters
    ----------
    a : Architecture
        The model.
    style : Layout
        How a layer is run.
    c : Layout or columns
        Degrees of parallelism, numbers or arrays.
    stage : Held
        What the stage holds.
    index : int or array
        Which stage.
    length : int
        Tokens of a sequence.

    Returns
    -------
    Activations
    """
    local = length / np.asarray(c.context)
    value = style.bytes_per_value
    stream = np.asarray(c.tensor) if style.sequence_parallel else 1
    flight = pipeline_layers(
        c.pipeline, c.pipeline, c.micro_batches, stage=index, interleave=c.interleave
    )
    kinds = [(False, stage.dense), (True, stage.mixed)]
    total, largest, working, outside = 0.0, 0.0, 0.0, 0.0
    for mixed, many in kinds:
        if mixed and not a.mixture_layers:
            continue
        one = layer_activations(a, style, mixed, c.micro_batch, local, c.tensor)
        if mixed or not a.mixture_layers:  # a module for later tokens is like the last layer
            project = 4 * a.shape.d_model * value * c.micro_batch * local / stream
            total = total + stage.last * a.multi_token * (one.per_layer + project)
        total = total + flight * many * one.per_layer
        present = many > 0
        largest = np.maximum(largest, present * (one.per_layer + one.working))
        working = np.maximum(working, present * one.working)
        outside = one.outside
    masks = style.dropout * a.shape.d_model * c.micro_batch * local / stream
    ends = stage.last * (outside - masks) + stage.first * flight * masks
    per_layer = np.maximum(largest - working, 1e-9)
    return Activations(per_layer, total / per_layer, ends, working)


def _states(a: Architecture, style: Layout, c, stage: Held) -> States:
    common, routed = parameters_on(a, stage, c.tensor, c.expert)
    replicas = np.asarray(c.data) * c.context
    rule = resolve(style.convention)
    first = states(common, replicas, c.zero, rule)
    second = states(routed, replicas / np.asarray(c.expert), c.zero, rule)
    parts = ("weights", "gradients", "master", "moments")
    return States(*(getattr(first, part) + getattr(second, part) for part in parts))


def _gathered(a: Architecture, style: Layout, c):
    """Bytes of weights that stage 3 has in full: one layer, and a vocabulary matrix."""
    layer = layer_portion(a, False, c.tensor, c.expert)[0]
    if a.mixture_layers:
        layer = np.maximum(layer, sum(layer_portion(a, True, c.tensor, c.expert)))
    full = (layer + vocabulary_portion(a, c.tensor)[1]) * resolve(style.convention).weights
    return np.where((np.asarray(c.zero) == 3) & (np.asarray(c.data) * c.context > 1), full, 0.0)


def _sequence_buffer(a: Architecture, style: Layout, c, length):
    """Bytes of keys and values of a whole sequence, which context parallelism gathers."""
    keys = np.maximum(a.shape.n_kv_head / np.asarray(c.tensor), 1)
    each = a.latent.cached if a.latent else 2 * keys * a.shape.d_head
    whole = np.asarray(c.micro_batch) * length * each * style.bytes_per_value
    return np.where(np.asarray(c.context) > 1, whole, 0.0)


def stage_ledger(a: Architecture, style: Layout, c, index, length: int) -> Ledger:
    """Return the ledger of a device of a stage; arrays broadcast.

    Parameters
    ----------
    a : Architecture
        The model.
    style : Layout
        How a layer is run: recomputation, attention, convention. Of its degrees of parallelism
        only ``layers_per_stage`` is read.
    c : Layout or columns
        Degrees of parallelism, numbers or arrays. Where some of ``micro_batches`` are 1 and others
        not, all are taken to have gradients from earlier ones.
    index : int or array
        Which stage.
    length : int
        Tokens of a sequence.

    Returns
    -------
    memory.Ledger
    """
    stage = held(a, c.pipeline, c.interleave, index, style.layers_per_stage)
    local = length / np.asarray(c.context)
    out = logits(
        a.shape,
        c.micro_batch,
        local,
        bytes_per_value=style.bytes_per_value,
        chunks=c.chunks,
        tensor_parallel=c.tensor,
    )
    heads = stage.last * (1 + a.multi_token)
    return ledger(
        _states(a, style, c, stage),
        stage_activations(a, style, c, stage, index, length),
        Logits(heads * out.stored, heads * out.peak),
        micro_batches=int(np.max(c.micro_batches)),
        gradients_kept=style.gradients_kept,
        gathered=_gathered(a, style, c),
        buffers=_sequence_buffer(a, style, c, length),
    )
