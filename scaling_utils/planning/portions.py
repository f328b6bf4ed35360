"""Which layers and parameters lie on one device of a layout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils.architectures.architecture import Architecture
from scaling_utils.architectures.size import MATRICES_PER_MODULE, dense_matrices
from scaling_utils.planning.rules import short_layers


@dataclass(frozen=True)
class Held:
    """What a stage holds.

    Attributes
    ----------
    dense, mixed : array
        Layers without and with experts.
    first, last : array of bool
        Whether it has the embedding, and whether the head.
    """

    dense: np.ndarray
    mixed: np.ndarray
    first: np.ndarray
    last: np.ndarray

    @property
    def layers(self) -> np.ndarray:
        """All layers."""
        return self.dense + self.mixed


def held(a: Architecture, pipeline, interleave, stage, layers_per_stage=None) -> Held:
    """Return the layers on a stage, those of an uneven pipeline included.

    Parameters
    ----------
    a : Architecture
        The model.
    pipeline, interleave, stage : int or array
        Stages, pieces on each, and which stage, from 0.
    layers_per_stage : tuple of int, optional
        Layers of each stage, in place of an even spread.

    Returns
    -------
    Held
    """
    p, v, i = np.broadcast_arrays(pipeline, interleave, stage)
    if layers_per_stage is not None:
        ends = np.cumsum([0, *layers_per_stage])
        spans = [(ends[i], ends[i + 1])]
    else:
        spans = _spans(a.shape.n_layer, p, v, i)
    # The first layers are those without experts.
    border = a.shape.n_layer - a.mixture_layers
    total, dense = np.zeros(p.shape), np.zeros(p.shape)
    for start, end in spans:
        total = total + (end - start)
        dense = dense + (np.minimum(end, border) - np.minimum(start, border))
    return Held(dense, total - dense, i == 0, i == p - 1)


def _spans(n_layer: int, p, v, i):
    """Yield the first and the past-last layer of each piece of a stage."""
    pieces = p * v
    size, short = -(-n_layer // pieces), short_layers(n_layer, pieces)
    lead = (short == 2).astype(int)  # a layer fewer on the first piece

    def start(piece):
        return np.minimum(piece * size - lead * (piece > 0), n_layer)

    for k in range(int(v.max())):
        piece = k * p + i
        there = k < v
        yield np.where(there, start(piece), 0), np.where(there, start(piece + 1), 0)


def _norm(a: Architecture) -> int:
    return a.shape.d_model * (2 if a.norm_bias else 1)


def attention_portion(a: Architecture, tensor):
    """Return the parameters of one layer's attention on a device.

    Heads are divided among the tensor-parallel devices; key heads are repeated where there are
    fewer of them. The compressions of latent attention are repeated on each.

    Parameters
    ----------
    a : Architecture
        The model.
    tensor : int or array
        Tensor-parallel devices.

    Returns
    -------
    float or array
        Parameters.
    """
    shape, d, t = a.shape, a.shape.d_model, np.asarray(tensor, dtype=float)
    if a.latent is not None:
        x = a.latent
        gains = (x.q_rank or 0) + x.kv_rank
        down = (d * x.q_rank if x.q_rank else 0) + d * x.cached
        up = (x.q_rank or d) * shape.n_head * a.d_query
        up += x.kv_rank * shape.n_head * (x.d_nope + x.d_value) + shape.n_head * x.d_value * d
        return gains + down + up / t
    keys = np.maximum(shape.n_kv_head / t, 1) * shape.d_head
    queries = shape.d_attn / t
    positions = d * queries if shape.positions == "relative" else 0
    biases = (a.qkv_bias or a.attention_bias) * (queries + 2 * keys) + a.attention_bias * d
    gains = {"none": 0, "head": 2 * shape.d_head, "width": queries + keys}[a.qk_norm]
    sinks = a.sinks * shape.n_head / t
    return 2 * d * (queries + keys) + positions + biases + gains + sinks


def mixture_portion(a: Architecture, tensor, expert):
    """Return the parameters of one layer's mixture on a device: for all tokens, and routed.

    Parameters
    ----------
    a : Architecture
        A model with experts.
    tensor, expert : int or array
        Devices that share each expert's width, and that share the experts.

    Returns
    -------
    tuple of float or array
        Router and shared experts, which every expert-parallel device has; the routed experts.
    """
    wide, d = a.d_expert / np.asarray(tensor), a.shape.d_model
    one = (3 if a.shape.gated else 2) * d * wide
    one = one + a.expert_bias * ((2 if a.shape.gated else 1) * wide + d)
    router = (d + a.choice_bias + a.expert_bias) * a.experts.count + a.shared_gate * d
    return router + a.experts.shared * one, a.experts.count / np.asarray(expert) * one


def layer_portion(a: Architecture, mixed: bool, tensor, expert):
    """Return the parameters of one layer on a device: for all tokens, and of routed experts.

    Parameters
    ----------
    a : Architecture
        The model.
    mixed : bool
        Whether the layer has experts.
    tensor, expert : int or array
        Tensor- and expert-parallel devices.

    Returns
    -------
    tuple of float or array
        Both have the shape of the arrays.
    """
    shape, t = a.shape, np.asarray(tensor, dtype=float)
    common = attention_portion(a, t) + a.norms_per_layer * _norm(a)
    if mixed:
        everywhere, routed = mixture_portion(a, t, expert)
        return common + everywhere, routed + 0 * t
    biases = (2 if shape.gated else 1) * shape.d_ff / t + shape.d_model
    return common + dense_matrices(a) / t + a.mlp_bias * biases, 0 * t * np.asarray(expert)


def vocabulary_portion(a: Architecture, tensor):
    """Return the parameters of embedding, of the head, and of norms at the end, on a device.

    Parameters
    ----------
    a : Architecture
        The model.
    tensor : int or array
        Tensor-parallel devices, among which the vocabulary is divided.

    Returns
    -------
    tuple of float or array
        Embedding with positions and its norm; the head's matrix, tied or not; what else the last
        stage has.
    """
    shape, t = a.shape, np.asarray(tensor, dtype=float)
    matrix = shape.vocab * shape.d_model / t
    rows = shape.context + a.extra_positions if shape.positions == "learned" else 0
    first = matrix + rows * shape.d_model + a.embedding_norm * _norm(a)
    return first, matrix, (a.norms_per_layer > 0) * _norm(a) + a.head_bias * shape.vocab / t


def parameters_on(a: Architecture, stage: Held, tensor, expert):
    """Return the parameters on a device of a stage: for all tokens, and of routed experts.

    Parameters
    ----------
    a : Architecture
        The model.
    stage : Held
        What the stage holds.
    tensor, expert : int or array
        Tensor- and expert-parallel devices.

    Returns
    -------
    tuple of array
        With one stage and one device of each kind, their sum is ``parameters(a).total``. Tied
        embeddings are on the first and on the last stage.
    """
    dense, _ = layer_portion(a, False, tensor, expert)
    common, routed = stage.dense * dense, 0.0 * stage.dense * np.asarray(expert)
    if a.mixture_layers:
        each, experts = layer_portion(a, True, tensor, expert)
        common, routed = common + stage.mixed * each, routed + stage.mixed * experts
    embedding, head, rest = vocabulary_portion(a, tensor)
    repeated = stage.last & ~(stage.first & a.shape.tied)  # on one stage, tied is there once
    common = common + stage.first * embedding + repeated * head + stage.last * rest
    if a.multi_token:
        each, experts = layer_portion(a, bool(a.mixture_layers), tensor, expert)
        project = MATRICES_PER_MODULE * a.shape.d_model**2 / np.asarray(tensor)
        common = common + stage.last * a.multi_token * (each + project + 3 * _norm(a))
        routed = routed + stage.last * a.multi_token * experts
    return common, routed
