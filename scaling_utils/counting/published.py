"""The counts that papers print, each as it is printed, so that they can be compared.

They differ in what they leave out: embeddings, the logits, the masked half of attention,
recomputation. Each docstring says which.
"""

from __future__ import annotations

from scaling_utils._check import member, number, whole
from scaling_utils.shapes import Transformer, check_shape


def rule_flops_per_token(n: float, backward: bool = True) -> float:
    """Return the rule of thumb: ``6 N`` FLOPs per training token, ``2 N`` forward only.

    Attention over the context is neglected. Source: Kaplan et al. (2020), Sec. 2.1.

    Parameters
    ----------
    n : float
        Number of parameters, above zero. Whether embeddings belong to it is a convention
        (Kaplan leaves them out, Hoffmann includes them).
    backward : bool
        False for the forward pass only.

    Returns
    -------
    float
        FLOPs per token.

    Raises
    ------
    TypeError, ValueError
        If n is not a single finite number above zero.
    """
    return (6 if backward else 2) * number("n", n, above=0)


def kaplan_parameters(shape: Transformer) -> int:
    """Return ``N = 2 d_model n_layer (2 d_attn + d_ff)``: no embeddings, biases or norms.

    Source: Kaplan et al. (2020), Eq. 2.1; ``12 n_layer d_model**2`` at the usual ratios.

    Parameters
    ----------
    shape : Transformer
        With an MLP of two matrices and ungrouped heads.

    Returns
    -------
    int
        Parameters.

    Raises
    ------
    TypeError
        If ``shape`` is no ``Transformer``.
    ValueError
        If the MLP is gated or the heads are grouped.
    """
    _plain(shape, "kaplan_parameters")
    return 2 * shape.d_model * shape.n_layer * (2 * shape.d_attn + shape.d_ff)


def kaplan_flops_per_token(
    shape: Transformer, context: int | None = None, backward: bool = True
) -> int:
    """Return ``2 N + 2 n_layer n_ctx d_attn`` forward FLOPs per token, times 3 to train.

    Source: Kaplan et al. (2020), Table 1 and Eq. 2.2. Embedding and logits are left out,
    and the attention term is half of what full attention executes.

    Parameters
    ----------
    shape : Transformer
        With an MLP of two matrices and ungrouped heads.
    context : int, optional
        Tokens per sequence, at least 1; ``shape.context`` if left out.
    backward : bool
        False for the forward pass only.

    Returns
    -------
    int
        FLOPs per token.

    Raises
    ------
    TypeError, ValueError
        If ``shape`` is no such Transformer, or ``context`` not whole and positive.
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
    nothing.

    Parameters
    ----------
    shape : Transformer
        With an MLP of two matrices and ungrouped heads.
    context : int, optional
        Tokens per sequence, at least 1; ``shape.context`` if left out.
    backward : bool
        False for the forward pass only.
    embeddings : bool
        False leaves out both vocabulary terms: the ratios printed in the paper's Table A4
        need that.

    Returns
    -------
    int
        FLOPs of one sequence.

    Raises
    ------
    TypeError, ValueError
        If ``shape`` is no such Transformer, or ``context`` not whole and positive.
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

    The second term is full attention, forward and backward, without recomputation.

    Parameters
    ----------
    n : float
        Number of parameters, above zero.
    shape : Transformer
        Of any kind; its layers and the width of its attention count.
    context : int, optional
        Tokens per sequence, T, at least 1; ``shape.context`` if left out.

    Returns
    -------
    float
        FLOPs per token.

    Raises
    ------
    TypeError, ValueError
        If ``shape`` is no Transformer, ``n`` not a finite number above zero, or ``context`` not
        whole and positive.
    """
    check_shape(shape)
    attention = 12 * shape.n_layer * shape.d_attn * _context(shape, context)
    return rule_flops_per_token(n) + attention


def megatron_parameters(shape: Transformer) -> float:
    """Return ``12 l h**2 (1 + 13/(12 h) + (V + s)/(12 l h))``; Narayanan et al. (2021), Eq. 2.

    It counts everything except the final norm.

    Parameters
    ----------
    shape : Transformer
        With an MLP of two matrices, ``d_ff = 4 d_model``, ungrouped heads, and
        ``n_head * d_head = d_model``.

    Returns
    -------
    float
        Parameters.

    Raises
    ------
    TypeError
        If ``shape`` is no ``Transformer``.
    ValueError
        If it is of another kind.
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
    shape : Transformer
        As for :func:`megatron_parameters`.
    batch : int
        Sequences per step, at least 1.
    recompute : {"none", "selective", "full"}
        What of the forward pass is done again before the backward pass.

    Returns
    -------
    float
        FLOPs.

    Raises
    ------
    TypeError
        If ``shape`` is no ``Transformer``, or ``batch`` no number.
    ValueError
        If the shape is of another kind, ``batch`` not whole and positive, or ``recompute``
        unknown.
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
    which adds three times as much.

    Parameters
    ----------
    shape : Transformer
        As for :func:`megatron_parameters`.
    as_printed : bool
        True for Eq. 8 over Eq. 7, less 1. Only this gives the paper's own 2.7 % for GPT-3.

    Returns
    -------
    float
        A share.

    Raises
    ------
    TypeError
        If ``shape`` is no ``Transformer``.
    ValueError
        If it is of another kind.
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
