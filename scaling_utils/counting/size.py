"""How many parameters a model has, and how many bytes they take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from scaling_utils._check import member, whole
from scaling_utils.shapes import Transformer, check_shape

BITS = {"fp64": 64, "fp32": 32, "bf16": 16, "fp16": 16, "fp8": 8, "int8": 8, "int4": 4}
DTYPES = tuple(BITS)


@dataclass(frozen=True)
class Parameters:
    """The parameters of a transformer by part.

    Attributes
    ----------
    embedding : int
        The vocabulary's matrix.
    position : int
        The table of learned positions; 0 where there is none.
    attention : int
        The matrices of all attention layers, with their biases.
    mlp : int
        The matrices of all MLPs, with their biases.
    norm : int
        Gains and biases of all norms.
    head : int
        The output head; 0 where it is tied to the embedding.
    """

    embedding: int
    position: int
    attention: int
    mlp: int
    norm: int
    head: int

    @property
    def total(self) -> int:
        """All parameters, each shared one counted once, which is what ``numel`` adds up to."""
        return self.non_embedding + self.embedding + self.position + self.head

    @property
    def non_embedding(self) -> int:
        """Parameters of the blocks and the norms, without vocabulary matrix and positions.

        Kaplan et al. (2020) use N in this sense, and leave out biases and norms too:
        see :func:`scaling_utils.counting.kaplan_parameters`.
        """
        return self.attention + self.mlp + self.norm


def parameters(shape: Transformer) -> Parameters:
    """Return the exact number of parameters of ``shape``, by part.

    Source: summed over the matrices of the module; a test holds it equal to ``numel``.
    Relative positions (Dai et al. 2019; Gopher and Chinchilla use them) add one
    ``d_model x d_attn`` matrix per layer, which is counted under ``attention``.

    Parameters
    ----------
    shape : Transformer
        The model.

    Returns
    -------
    Parameters
        Their number by part; ``total`` is the sum.

    Raises
    ------
    TypeError
        If ``shape`` is no ``Transformer``.
    """
    check_shape(shape)
    d, kv = shape.d_model, shape.n_kv_head * shape.d_head
    attention = 2 * d * shape.d_attn + 2 * d * kv
    mlp = (3 if shape.gated else 2) * d * shape.d_ff
    if shape.bias:
        attention += shape.d_attn + 2 * kv + d
        mlp += (2 if shape.gated else 1) * shape.d_ff + d
    if shape.positions == "relative":
        attention += d * shape.d_attn
    norm = 2 * d if shape.bias and shape.norm == "layernorm" else d
    return Parameters(
        embedding=shape.vocab * d,
        position=shape.context * d if shape.positions == "learned" else 0,
        attention=shape.n_layer * attention,
        mlp=shape.n_layer * mlp,
        norm=(2 * shape.n_layer + 1) * norm,
        head=0 if shape.tied else shape.vocab * d,
    )


def mlp_parameters(widths: Sequence[int], bias: bool = True) -> int:
    """Return the parameters of an MLP with layers of these ``widths``, input first.

    Parameters
    ----------
    widths : sequence of int
        At least two positive whole numbers, e.g. ``(64, 128, 10)``.
    bias : bool
        Whether each linear layer has one bias per output.

    Returns
    -------
    int
        Parameters.

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two widths, or one that is not whole and positive.
    """
    widths = check_widths(widths)
    pairs = pairwise(widths)
    return sum((inputs + int(bias)) * outputs for inputs, outputs in pairs)


def check_widths(widths: Sequence[int]) -> list[int]:
    """Return ``widths`` as ints, or raise: at least two, all whole and positive."""
    ordered = isinstance(widths, Sequence | np.ndarray) and not isinstance(widths, str | bytes)
    if not ordered or len(widths) < 2:
        raise ValueError(f"widths must be a sequence of at least two widths, got {widths!r}")
    return [whole(f"widths[{i}]", width) for i, width in enumerate(widths)]


def parameter_bytes(n: float, dtype: str = "fp32") -> float:
    """Return the bytes that ``n`` values of ``dtype`` take.

    Divide by ``units.GB`` (1e9) or ``units.GIB`` (2**30) and say which. These are the
    weights alone: training adds gradients and optimizer states.

    Parameters
    ----------
    n : int
        Number of values, at least 1.
    dtype : {"fp64", "fp32", "bf16", "fp16", "fp8", "int8", "int4"}
        Number format.

    Returns
    -------
    float
        Bytes; half ones occur with "int4".

    Raises
    ------
    TypeError, ValueError
        If n is not whole and positive, or the format unknown.
    """
    return whole("n", n) * BITS[member("dtype", dtype, BITS)] / 8
