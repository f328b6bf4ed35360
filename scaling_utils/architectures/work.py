"""FLOPs of training an architecture, by part: matrix products alone, 2 a multiplication."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils._check import member
from scaling_utils.architectures.architecture import Architecture
from scaling_utils.architectures.resolving import resolve
from scaling_utils.architectures.size import attention_matrices, dense_matrices
from scaling_utils.memory._arrays import amounts, counts, flag

ATTENTION = ("causal", "dense")
RECOMPUTE = ("none", "selective", "full")
FORWARD, PASSES = 2, 3  # FLOPs of a weight and token on the way forward; forward and backward


@dataclass(frozen=True)
class TrainingFlops:
    """FLOPs (work) of training on so many tokens, forward and backward, by part.

    Attributes
    ----------
    projections : float or array
        The attention's linear layers.
    scores : float or array
        The two products of attention that grow with the context.
    mlp : float or array
        MLPs, and of the experts those that a token goes to.
    router : float or array
        What chooses the experts.
    head : float or array
        The logits; 0 where they were left out.
    multi_token : float or array
        The modules that predict later tokens, their logits included unless left out.
    recompute : float or array
        What is computed a second time on the way back; the model does not need it.
    tokens : float or array
        Tokens that were counted.
    """

    projections: float
    scores: float
    mlp: float
    router: float
    head: float
    multi_token: float
    recompute: float
    tokens: float

    @property
    def model(self) -> float:
        """FLOPs that the model needs, without recomputation: the numerator of MFU."""
        parts = (self.projections, self.scores, self.mlp, self.router, self.head)
        return sum(parts) + self.multi_token

    @property
    def total(self) -> float:
        """FLOPs that the hardware executes, recomputation included: the numerator of HFU."""
        return self.model + self.recompute

    @property
    def per_token(self) -> float:
        """Model FLOPs per token, mean over the sequence; compare with ``6 N``."""
        return self.model / self.tokens


def training_flops(
    architecture,
    tokens=1,
    context=None,
    attention: str = "causal",
    recompute: str = "none",
    logits: bool = True,
) -> TrainingFlops:
    """Return the FLOPs of training on ``tokens`` tokens, by part.

    Each product counts three times: once forward, and twice backward for the gradients of its
    inputs and its weights. Full recomputation does the layers' forward pass once more (logits are
    not recomputed); selective recomputation only the scores (Korthikanti et al. 2023,
    arXiv:2205.05198, Sec. 5; Narayanan et al. 2021, arXiv:2104.04473, Eq. 3). Experts count where a
    token goes to, and no token is dropped. Latent attention is counted as it is trained: keys and
    values are made from the short vector. The modules for later tokens count as many tokens as the
    model.

    Relative positions (Gopher, Chinchilla) depend on the implementation: their matrix counts as
    one product a token here, and the scores as two products and not three.

    Parameters
    ----------
    architecture : Architecture, str, shapes.Transformer, dict or path
        Anything that :func:`resolve` takes.
    tokens : float or array
        Tokens, above zero; the FLOPs of one token unless given.
    context : int or array, optional
        Tokens of a sequence, at least 1; the length of the pre-training unless given, which is the
        shape's context where no shorter one is known. Broadcast with ``tokens``.
    attention : {"causal", "dense"}
        "causal" counts the pairs of tokens that the mask lets through: ``(context + 1) / 2`` a
        token, and less in layers with a window. "dense" counts all ``context`` of them in every
        layer, as the rule ``6 N + 12 L H Q T`` does (Chowdhery et al. 2022, App. B). For a causal
        count without windows, give ``dataclasses.replace(architecture, window=None,
        global_every=None)``.
    recompute : {"none", "selective", "full"}
        What is computed again on the way back.
    logits : bool
        Whether the output head counts.

    Returns
    -------
    TrainingFlops

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range, a convention unknown, or the architecture unknown.
    """
    a = resolve(architecture)
    member("attention", attention, ATTENTION)
    member("recompute", recompute, RECOMPUTE)
    number, length = _positive(tokens), counts("context", _context(a, context))
    number, length = np.broadcast_arrays(number, length)
    full, windowed = pairs_per_token(length, None, attention), None
    if a.window is not None:
        windowed = pairs_per_token(length, a.window, attention)
    layers, mixed, rate = a.shape.n_layer, a.mixture_layers, PASSES * FORWARD * number
    pair = a.shape.n_head * (a.d_query + a.d_value)
    local = layers - a.full_layers
    seen = a.full_layers * full + (local * windowed if local else 0)
    expert, chooses = _expert_weights(a)
    head = a.shape.vocab * a.shape.d_model * flag("logits", logits)
    parts = {
        "projections": rate * layers * attention_matrices(a),
        "scores": rate * pair * seen,
        "mlp": rate * ((layers - mixed) * dense_matrices(a) + mixed * expert),
        "router": rate * mixed * chooses,
    }
    # The layer of a module is like the last one of the model.
    last = windowed if local and not _last_is_full(a) else full
    module_layer = attention_matrices(a) + (expert + chooses if a.experts else dense_matrices(a))
    per_module = module_layer + pair * last + 2 * a.shape.d_model**2
    again = {
        "none": 0 * rate,
        "selective": (parts["scores"] + rate * a.multi_token * pair * last) / PASSES,
        "full": (sum(parts.values()) + rate * a.multi_token * per_module) / PASSES,
    }[recompute]
    return TrainingFlops(
        **{name: value[()] for name, value in parts.items()},
        head=(rate * head)[()],
        multi_token=(rate * a.multi_token * (per_module + head))[()],
        recompute=again[()],
        tokens=number[()],
    )


def pairs_per_token(context, window: int | None, attention: str = "causal"):
    """Return how many tokens a token attends to, mean over a sequence.

    Parameters
    ----------
    context : int or array
        Tokens of the sequence.
    window : int or None
        Tokens of a sliding window, the token itself included.
    attention : {"causal", "dense"}
        See :func:`training_flops`.

    Returns
    -------
    float or array
        ``(context + 1) / 2`` without a window; ``context`` where attention is "dense".
    """
    c = np.asarray(context, dtype=float)
    if attention == "dense":
        return c
    seen = c if window is None else np.minimum(c, window)
    # The first `seen` tokens see 1, 2, ..., and each later one sees that many.
    return (seen * (seen + 1) / 2 + (c - seen) * seen) / c


def _context(a: Architecture, context):
    return (a.trained_context or a.shape.context) if context is None else context


def _positive(tokens):
    array = amounts("tokens", tokens)
    if (array <= 0).any():
        raise ValueError(f"tokens must be above 0, got {array[array <= 0].flat[0]:g}")
    return array


def _last_is_full(a: Architecture) -> bool:
    every = a.global_every
    return a.window is None or (every is not None and a.shape.n_layer % every == 0)


def _expert_weights(a: Architecture) -> tuple[int, int]:
    """Weights of a mixture's layer that multiply a token: experts, and what chooses them."""
    if a.experts is None:
        return 0, 0
    one = (3 if a.shape.gated else 2) * a.shape.d_model * a.d_expert
    chooses = a.shape.d_model * (a.experts.count + a.shared_gate)
    return (a.experts.active + a.experts.shared) * one, chooses
