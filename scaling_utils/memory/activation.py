"""What the forward pass keeps for the backward pass.

Korthikanti et al. (2023), arXiv:2205.05198, Eqs. 1 to 6, written by what is stored, so that it
holds for gated MLPs, grouped heads and attention without the matrix of scores as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils._check import member
from scaling_utils.memory._arrays import amounts, counts, flag
from scaling_utils.memory.mixture import Experts
from scaling_utils.shapes import Transformer, check_shape

RECOMPUTE = ("none", "selective", "full")
ATTENTION = ("flash", "materialised")
_FP32 = 4  # bytes: norms and softmax keep their statistics in it


@dataclass(frozen=True)
class Activations:
    """Bytes on one device that the forward pass keeps.

    Attributes
    ----------
    per_layer : float or array
        Of one layer.
    layers : float or array
        How many layers' worth is kept at once.
    outside : float or array
        Of the final norm and the head's input, and the embedding's dropout. Only the devices with
        the head have it. The logits are counted by :func:`logits`.
    working : float or array
        What the backward pass rebuilds of the one layer that it is in; 0 without recomputation.
    """

    per_layer: float | np.ndarray
    layers: float | np.ndarray
    outside: float | np.ndarray
    working: float | np.ndarray

    @property
    def total(self) -> float | np.ndarray:
        """Bytes at the end of the forward pass."""
        return self.layers * self.per_layer + self.outside

    @property
    def peak(self) -> float | np.ndarray:
        """Bytes when the backward pass has rebuilt the first layer that it meets."""
        return self.total + self.working


@dataclass(frozen=True)
class _Choices:
    """How a layer is run."""

    value: np.ndarray  # bytes
    attention: str
    mask: int  # bytes of a dropout mask, 0 without dropout
    statistics: int  # bytes, 0 to leave them out
    split: np.ndarray  # devices that share the inside of attention and MLP
    stream: np.ndarray  # devices that share the sequence outside of these


def activations(
    shape: Transformer,
    batch=1,
    context=None,
    *,
    recompute: str = "none",
    attention: str = "flash",
    dropout: bool = False,
    statistics: bool = True,
    bytes_per_value=2,
    tensor_parallel=1,
    sequence_parallel: bool = False,
    layers=None,
    experts: Experts | None = None,
) -> Activations:
    """Return the bytes of activations that one device keeps.

    Per token and layer, in values: each norm its input, the two products after them theirs; query,
    keys and values; the attention's result; the MLP's hidden layer before and after its
    non-linearity (four arrays where it is gated). "materialised" attention adds the matrix of
    probabilities, and with dropout a mask and the matrix after it: ``5 a s`` bytes at 2 bytes a
    value. For GPT with dropout this is ``s b h (34 + 5 a s / h)``, Eq. 1; the options give Eqs. 2,
    4, 5 and 6. Arrays broadcast.

    A step of :class:`scaling_utils.models.GPT` on a CPU stores just this, to the byte, with
    LayerNorm, no rotary positions and flash attention. Elsewhere the kernels decide: what is not
    fused stores its steps too, rotary positions for example query, keys and values twice.

    Parameters
    ----------
    shape : shapes.Transformer
        The model.
    batch, context : int or array
        Sequences of a micro-batch, and tokens of each; ``shape.context`` if left out.
    recompute : {"none", "selective", "full"}
        What is computed again: nothing; scores and softmax; a whole layer, of which only the input
        is kept. ``working`` is the price in memory.
    attention : {"flash", "materialised"}
        "flash" never stores a matrix of scores, only a sum for each query (Dao et al. 2022,
        arXiv:2205.14135).
    dropout : bool
        Whether masks of one byte a value are kept: after the embedding, attention and the MLP, and
        on the probabilities if these are stored.
    statistics : bool
        Whether the norms' means and deviations and flash attention's sums, in fp32, are counted.
        The paper leaves them out.
    bytes_per_value : float or array
        2 for bf16, 4 for fp32.
    tensor_parallel : int or array
        Devices t that share heads and MLP. Norms, dropouts and the inputs of the products are
        repeated on each: ``s b h (10 + 24 / t + 5 a s / (h t))``, Eq. 2.
    sequence_parallel : bool
        Whether those are shared too, by position: everything is divided by t, Eq. 4. The input that
        "full" keeps is then divided as well; the paper's table has ``2 s b h`` undivided.
    layers : float or array, optional
        Layers' worth that is kept, see :func:`pipeline_layers`; all layers once unless given.
    experts : Experts, optional
        A mixture in place of the MLP, its tokens spread evenly: the copy of the input that each
        expert gets, its hidden layers, its output before weighting, and the router's
        probabilities in fp32. With expert parallelism as much arrives as leaves.

    Returns
    -------
    Activations
        Bytes, by where they arise.

    Raises
    ------
    TypeError, ValueError
        If ``shape`` is no Transformer, an option unknown, or a number not whole or out of range.
    """
    check_shape(shape)
    member("recompute", recompute, RECOMPUTE)
    member("attention", attention, ATTENTION)
    length = counts("context", shape.context if context is None else context)
    t = counts("tensor_parallel", tensor_parallel)
    chosen = _Choices(
        value=amounts("bytes_per_value", bytes_per_value),
        attention=attention,
        mask=int(flag("dropout", dropout)),
        statistics=_FP32 * flag("statistics", statistics),
        split=t,
        stream=t if flag("sequence_parallel", sequence_parallel) else np.ones_like(t),
    )
    core = _scores(shape, chosen, length)
    everything = _attention(shape, chosen) + core + _mlp(shape, chosen, experts)
    kept = {
        "none": everything,
        "selective": everything - core,
        "full": shape.d_model * chosen.value / chosen.stream,
    }[recompute]
    tokens = counts("batch", batch) * length
    many = shape.n_layer if layers is None else amounts("layers", layers)
    return Activations(
        per_layer=(tokens * kept)[()],
        layers=np.asarray(many, dtype=float)[()],
        outside=(tokens * _outside(shape, chosen))[()],
        working=(tokens * (everything - kept))[()],
    )


def _norm(shape: Transformer, chosen: _Choices):
    """Bytes a token: the norm's input and its statistics, and its output, a product's input."""
    moments = 2 if shape.norm == "layernorm" else 1
    return (2 * shape.d_model * chosen.value + moments * chosen.statistics) / chosen.stream


def _attention(shape: Transformer, chosen: _Choices):
    """Bytes a token, without the scores."""
    keys = np.maximum(shape.n_kv_head / chosen.split, 1) * shape.d_head
    inside = (2 * shape.d_attn / chosen.split + 2 * keys) * chosen.value
    return _norm(shape, chosen) + inside + chosen.mask * shape.d_model / chosen.stream


def _scores(shape: Transformer, chosen: _Choices, length):
    """Bytes a token of what lies between queries, keys and values and their result."""
    if chosen.attention == "flash":
        return shape.n_head * chosen.statistics / chosen.split
    # The probabilities; with dropout their mask, and what is left of them.
    each = chosen.value + chosen.mask * (1 + chosen.value)
    return shape.n_head * length * each / chosen.split


def _mlp(shape: Transformer, chosen: _Choices, experts: Experts | None):
    """Bytes a token."""
    arrays = 4 if shape.gated else 2
    width, extra = shape.d_ff, 0.0
    if experts is not None:
        if not isinstance(experts, Experts):
            raise TypeError(f"experts must be Experts, got {experts!r}")
        one = shape.d_ff if experts.d_expert is None else experts.d_expert
        width = (experts.active + experts.shared) * one
        copies = 2 * experts.active * shape.d_model * chosen.value
        extra = (copies + experts.count * _FP32) / chosen.stream
    hidden = arrays * width * chosen.value / chosen.split
    return _norm(shape, chosen) + hidden + extra + chosen.mask * shape.d_model / chosen.stream


def _outside(shape: Transformer, chosen: _Choices):
    """Bytes a token of the final norm with the head's input, and of the embedding's dropout."""
    return _norm(shape, chosen) + chosen.mask * shape.d_model / chosen.stream
