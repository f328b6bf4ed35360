"""The exact number of FLOPs of a model's matrix multiplications, as a module executes them.

One multiplication with one addition counts as 2 FLOPs. Norms, activations, softmax,
residual sums, rotary turns and the embedding look-up are left out: they multiply no
matrices. :func:`scaling_utils.counting.count_flops` leaves them out too, and the two
agree to the integer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from scaling_utils._check import whole
from scaling_utils.counting.size import check_widths
from scaling_utils.shapes import Transformer, check_shape


@dataclass(frozen=True)
class Flops:
    """FLOPs (work) of one forward pass and of the backward pass that follows it.

    Attributes
    ----------
    forward : int
        FLOPs of the forward pass.
    backward : int
        FLOPs of the backward pass; 0 where it was not counted.
    """

    forward: int
    backward: int

    @property
    def total(self) -> int:
        """Forward and backward together."""
        return self.forward + self.backward


@dataclass(frozen=True)
class MatmulFlops:
    """FLOPs of a transformer's forward matrix multiplications by part, and what follows.

    Attributes
    ----------
    projections : int
        FLOPs of the attention's linear layers.
    scores : int
        FLOPs of the two products that grow with the square of the context.
    mlp : int
        FLOPs of the MLPs.
    head : int
        FLOPs of the logits.
    tokens : int
        Number of tokens that were counted.
    """

    projections: int
    scores: int
    mlp: int
    head: int
    tokens: int

    @property
    def forward(self) -> int:
        """The sum of the parts, FLOPs of one forward pass."""
        return self.projections + self.scores + self.mlp + self.head

    @property
    def backward(self) -> int:
        """Twice the forward pass, as each product ``Y = X W`` needs ``dX`` and ``dW``."""
        return 2 * self.forward

    @property
    def total(self) -> int:
        """Forward and backward, the FLOPs of training on these tokens once."""
        return self.forward + self.backward

    @property
    def per_token(self) -> float:
        """Training FLOPs per token; compare with ``6 N``."""
        return self.total / self.tokens


def matmul_flops(shape: Transformer, context: int | None = None, batch: int = 1) -> MatmulFlops:
    """Return the exact FLOPs of the matrix multiplications of ``shape``.

    Attention is counted over the full ``context x context`` square, masked or not,
    because that is what an implementation without a causal kernel executes; a kernel
    that skips the masked half does half of ``scores``.

    Source: summed over the module's products; equal to torch's FlopCounterMode.

    Parameters
    ----------
    shape : Transformer
        The model; positions of any kind but "relative".
    context : int, optional
        Tokens per sequence, at most ``shape.context``, which is the default.
    batch : int
        Number of sequences, at least 1.

    Returns
    -------
    MatmulFlops
        FLOPs by part, of ``batch`` sequences.

    Raises
    ------
    TypeError
        If ``shape`` is no ``Transformer``, or a number is none.
    ValueError
        If ``context`` or ``batch`` is not whole and positive, ``context`` too long, or ``shape``
        has relative positions, whose work depends on the implementation.
    """
    check_shape(shape)
    context = whole("context", shape.context if context is None else context)
    batch = whole("batch", batch)
    if context > shape.context:
        raise ValueError(f"context must be at most {shape.context} for this shape, got {context}")
    if shape.positions == "relative":
        raise ValueError(
            "no exact count for relative positions: their work depends on the implementation; "
            "use hoffmann_flops"
        )
    tokens = batch * context
    kv = shape.n_kv_head * shape.d_head
    layer = 2 * tokens * shape.n_layer
    return MatmulFlops(
        projections=layer * shape.d_model * (2 * shape.d_attn + 2 * kv),
        scores=layer * 2 * context * shape.d_attn,
        mlp=layer * (3 if shape.gated else 2) * shape.d_model * shape.d_ff,
        head=2 * tokens * shape.d_model * shape.vocab,
        tokens=tokens,
    )


def mlp_flops(widths: Sequence[int], batch: int = 1) -> Flops:
    """Return the exact matmul FLOPs of an MLP on ``batch`` examples.

    The backward pass is a little less than twice the forward one: nobody needs the
    gradient with respect to the data, so the first layer saves one product.

    Parameters
    ----------
    widths : sequence of int
        Widths of the layers, input first, at least two.
    batch : int
        Number of examples, at least 1.

    Returns
    -------
    Flops
        Forward and backward, of all examples together.

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two widths, or a number that is not whole and positive.
    """
    widths = check_widths(widths)
    batch = whole("batch", batch)
    forward = 2 * batch * sum(a * b for a, b in pairwise(widths))
    return Flops(forward, 2 * forward - 2 * batch * widths[0] * widths[1])
