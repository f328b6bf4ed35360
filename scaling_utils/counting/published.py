"""The counts that papers print, each as it is printed, so that they can be compared.

They differ in what they leave out: embeddings, the logits, the masked half of attention,
recomputation. Each docstring says which. All raise TypeError for a ``shape`` that is no
``Transformer``.
"""

from __future__ import annotations

from scaling_utils._check import member, number, whole
from scaling_utils.shapes import Transformer, check_shape


def rule_flops_per_token(n: float, backward: bool = True) -> float:
    """Return the rule of thumb: ``6 N`` FLOPs per training token, ``2 N`` forward only.

    ``n`` is the number of parameters; whether embeddings belong to it is a convention
    (Kaplan leaves them out, Hoffmann includes them). Attention over the context is
    neglected. Source: Kaplan et al. (2020), Sec. 2.1.
    """
    return (6 if backward else 2) * number("n", n, above=0)


def kaplan_parameters(shape: Transformer) -> int:
    """Return ``N = 2 d_model n_layer (2 d_attn + d_ff)``: no embeddings, biases or norms.

    Source: Kaplan et al. (2020), Eq. 2.1; ``12 n_layer d_model**2`` at the usual ratios.
    It describes an MLP of two matrices and ungrouped heads, and raises for others.
    """
    _plain(shape, "kaplan_parameters")
    return 2 * shape.d_model * shape.n_layer * (2 * shape.d_attn + shape.d_ff)


def kaplan_flops_per_token(
    shape: Transformer, context: int | None = None, backward: bool = True
) -> int:
    """Return ``2 N + 2 n_layer n_ctx d_attn`` forward FLOPs per token, times 3 to train.

    Source: Kaplan et al. (2020), Table 1 and Eq. 2.2. Embedding and logits are left out,
    and the attention term is half of what full attention executes.
    """
    forward = 2 * kaplan_parameters(shape)
    forward += 2 * shape.n_layer * _context(shape, context) * shape.d_attn
    return (3 if backward else 1) * forward


def hoffmann_flops(
    shape: Transformer,
    context: int | None = None,
    backward: bool = True,
    embeddings: bool = True,
) -> int:
    """Return the FLOPs of one sequence after Hoffmann et al. (2022), Appendix F.

    The embedding is counted as if it were a product with a one-hot matrix, as the
    logits are; softmax counts 3 per score; norms, biases and relative positions count
    nothing. ``embeddings=False`` leaves out both vocabulary terms: the ratios printed in
    the paper's Table A4 need that.
    """
    _plain(shape, "hoffmann_flops")
    s, d, kh = _context(shape, context), shape.d_model, shape.d_attn
    qkv, out = 2 * 3 * s * d * kh, 2 * s * kh * d
    logits, reduction = 2 * s * s * kh, 2 * s * s * kh
    softmax = 3 * shape.n_head * s * s
    dense = 2 * s * (d * shape.d_ff + d * shape.d_ff)
    forward = shape.n_layer * (qkv + logits + softmax + reduction + out + dense)
    if embeddings:
        forward += 2 * (2 * s * d * shape.vocab)
    return (3 if backward else 1) * forward


def palm_flops_per_token(n: float, shape: Transformer, context: int | None = None) -> float:
    """Return ``6 N + 12 L H Q T`` training FLOPs per token; Chowdhery et al. (2022), App. B.

    ``n`` is the number of parameters; the second term is full attention, forward and
    backward, without recomputation.
    """
    check_shape(shape)
    attention = 12 * shape.n_layer * shape.d_attn * _context(shape, context)
    return rule_flops_per_token(n) + attention


def megatron_parameters(shape: Transformer) -> float:
    """Return ``12 l h**2 (1 + 13/(12 h) + (V + s)/(12 l h))``; Narayanan et al. (2021), Eq. 2.

    It counts everything except the final norm.
    """
    _usual(shape, "megatron_parameters")
    l, h = shape.n_layer, shape.d_model
    return 12 * l * h**2 * (1 + 13 / (12 * h) + (shape.vocab + shape.context) / (12 * l * h))


def megatron_flops(shape: Transformer, batch: int = 1, recompute: str = "none") -> float:
    """Return the FLOPs of one training step on ``batch`` sequences of full length.

    "none": ``72 B s l h**2 (1 + s/(6 h) + V/(12 h l))``, Korthikanti et al. (2023), Eq. 7.
    "full": ``96 B s l h**2 (1 + s/(6 h) + V/(16 l h))``, Narayanan et al. (2021), Eq. 3:
    every layer's forward pass is done again, the logits are not.
    "selective": "none" plus one more product of scores and of values per layer, counted
    directly; see :func:`selective_recompute_overhead` for what the paper prints.

    Parameters
    ----------
    shape : the model; MLP of two matrices with ``d_ff = 4 d_model``, ungrouped heads.
    batch : sequences per step.
    recompute : "none", "selective" or "full".
    """
    _usual(shape, "megatron_flops")
    member("recompute", recompute, ("none", "selective", "full"))
    s, l, h = shape.context, shape.n_layer, shape.d_model
    tokens = whole("batch", batch) * s
    if recompute == "full":
        return 96 * tokens * l * h**2 * (1 + s / (6 * h) + shape.vocab / (16 * l * h))
    attention = s / (6 * h) if recompute == "none" else 2 * s / (9 * h)
    return 72 * tokens * l * h**2 * (1 + attention + shape.vocab / (12 * h * l))


def selective_recompute_overhead(shape: Transformer, as_printed: bool = False) -> float:
    """Return the extra FLOPs of selective recomputation, as a fraction of those without it.

    A direct count adds one forward pass of scores and values, ``4 B l s**2 h``.
    Korthikanti et al. (2023) print ``72 B l s h**2 (1 + s/(3 h) + V/(12 h l))`` in Eq. 8,
    which adds three times as much; ``as_printed=True`` returns that over Eq. 7, less 1.
    Only the printed form gives the paper's own 2.7 % for GPT-3.
    """
    _usual(shape, "selective_recompute_overhead")
    counted = megatron_flops(shape, recompute="selective") / megatron_flops(shape) - 1
    return 3 * counted if as_printed else counted


def _context(shape: Transformer, context: int | None) -> int:
    return shape.context if context is None else whole("context", context)


def _plain(shape: Transformer, name: str) -> None:
    check_shape(shape)
    if shape.gated or shape.n_kv_head != shape.n_head:
        raise ValueError(
            f"{name} holds for an MLP of two matrices and ungrouped heads, got "
            f"gated={shape.gated}, n_kv_head={shape.n_kv_head}, n_head={shape.n_head}"
        )


def _usual(shape: Transformer, name: str) -> None:
    _plain(shape, name)
    if shape.d_ff != 4 * shape.d_model or shape.d_attn != shape.d_model:
        raise ValueError(
            f"{name} holds for d_ff = 4 d_model and n_head * d_head = d_model, got "
            f"d_model={shape.d_model}, d_ff={shape.d_ff}, d_attn={shape.d_attn}"
        )
