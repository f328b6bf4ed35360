"""What public planners say of FLOPs, hours and caches, from their formulas in our words."""

from __future__ import annotations

from dataclasses import dataclass

from scaling_utils._check import number, whole
from scaling_utils.architectures import parameters, training_flops
from scaling_utils.architectures.resolving import resolve
from scaling_utils.hardware import Device, get
from scaling_utils.planning.layout import Layout
from scaling_utils.planning.other_planners import others

COOKBOOK_VOCABULARY = 51200  # its default, whatever the model
HBM = 0.9  # share of the memory's bandwidth that llm-analysis' examples assume


@dataclass(frozen=True)
class Work:
    """FLOPs of a training run by part, as a planner counts them.

    Attributes
    ----------
    name : str
        The planner, or the rule.
    parts : dict of str to float
        FLOPs by part.
    convention : str
        In words.
    """

    name: str
    parts: dict[str, float]
    convention: str

    @property
    def total(self) -> float:
        """FLOPs."""
        return sum(self.parts.values())

    def hours(self, peak: float, utilisation: float) -> float:
        """Return device-hours at a share of a peak in FLOP/s."""
        rate = number("peak", peak, above=0) * number(
            "utilisation", utilisation, above=0, at_most=1
        )
        return self.total / rate / 3600


def cookbook_flops(
    architecture,
    tokens: float,
    context: int | None = None,
    *,
    recompute: bool = True,
    vocab: int = COOKBOOK_VOCABULARY,
    logit_passes: int = 1,
) -> Work:
    """Return the FLOPs of EleutherAI's calc_transformer_flops.

    The MLP is always four times as wide as the model and has two matrices, whatever is given.

    Parameters
    ----------
    architecture : Architecture, str, shapes.Transformer, dict or path
        Of it layers, width and the ratio of key heads count.
    tokens : float
        Tokens of the run.
    context : int, optional
        Tokens of a sequence; the model's own unless given.
    recompute : bool
        Whether a fourth pass is counted, which is the default there.
    vocab : int
        Entries of the vocabulary.
    logit_passes : {1, 3}
        Passes of the logits: 3 in later revisions.

    Returns
    -------
    Work

    Raises
    ------
    TypeError, ValueError
        If the model is unknown, or a number is not above zero.
    """
    a = resolve(architecture)
    shape, d = a.shape, number("tokens", tokens, above=0)
    s = whole("context", shape.context if context is None else context)
    passes, h, depth = 4 if recompute else 3, shape.d_model, shape.n_layer
    each = passes * 2 * depth * d * h
    ratio = shape.n_kv_head / shape.n_head
    return Work(
        "cookbook",
        {
            "query, key, value": each * (1 + 2 * ratio) * h,
            "scores": each * 2 * s,
            "projection": each * h,
            "mlp": each * 8 * h,
            "logits": 2 * whole("logit_passes", logit_passes) * d * h * whole("vocab", vocab),
        },
        f"{passes} passes of the layers, {logit_passes} of the logits; dense attention; the MLP "
        f"is 4 h wide; vocabulary {vocab:,}",
    )


def rule_flops(architecture, tokens: float) -> Work:
    """Return ``6 N D`` with all parameters.

    Parameters
    ----------
    architecture : Architecture, str, shapes.Transformer, dict or path
        The model.
    tokens : float
        Tokens of the run.

    Returns
    -------
    Work

    Raises
    ------
    TypeError, ValueError
        If the model is unknown, or a number is not above zero.
    """
    n = parameters(architecture).active_with_embedding
    return Work(
        "6 N D",
        {"parameters": 6 * n * number("tokens", tokens, above=0)},
        "all parameters that a token uses, the input embedding among them; no scores",
    )


def dense_flops(architecture, tokens: float, context: int | None = None) -> Work:
    """Return the FLOPs that llm-analysis counts: dense attention and logits.

    Parameters
    ----------
    architecture : Architecture, str, shapes.Transformer, dict or path
        The model.
    tokens : float
        Tokens of the run.
    context : int, optional
        Tokens of a sequence; the model's own unless given.

    Returns
    -------
    Work
    """
    return _exact("llm-analysis", architecture, tokens, context, "dense")


def causal_flops(architecture, tokens: float, context: int | None = None) -> Work:
    """Return the FLOPs of what the causal mask lets through, logits included.

    Parameters
    ----------
    architecture, tokens, context
        As in :func:`dense_flops`.

    Returns
    -------
    Work
    """
    return _exact("causal", architecture, tokens, context, "causal")


def _exact(name: str, architecture, tokens, context, attention: str) -> Work:
    found = training_flops(architecture, tokens, context, attention=attention)
    parts = ("projections", "scores", "mlp", "router", "head", "multi_token")
    return Work(
        name,
        {part: float(getattr(found, part)) for part in parts},
        f"matrix products, three passes, {attention} attention, logits included",
    )


def llm_analysis_hours(
    architecture,
    tokens: float,
    layout: Layout,
    device: str | Device = "H100-SXM",
    *,
    utilisation: float,
    peak: float | None = None,
    hbm: float = HBM,
    context: int | None = None,
) -> float:
    """Return the device-hours of llm-analysis: its latencies, not its FLOPs.

    A layer takes the longer of its products and its memory traffic for attention and MLP, plus two
    norms at the speed of memory. Three such forward passes make a step, and then all states are
    moved through memory once. No tensor parallelism and no experts here.

    Parameters
    ----------
    architecture : Architecture, str, shapes.Transformer, dict or path
        A plain model.
    tokens : float
        Tokens of the run.
    layout : Layout
        Data parallelism alone.
    device : str or hardware.Device
        Its peak and its memory's bandwidth.
    utilisation : float
        Share of the peak that products reach.
    peak : float, optional
        In FLOP/s, where the planner's table has another one (989e12 for an H100).
    hbm : float
        Share of the bandwidth that memory reaches.
    context : int, optional
        Tokens of a sequence; the model's own unless given.

    Returns
    -------
    float
        Device-hours.

    Raises
    ------
    ValueError
        For another layout or a model with experts.
    """
    a = resolve(architecture)
    if layout.devices != layout.data or a.experts or a.latent:
        raise ValueError("llm_analysis_hours covers plain models and data parallelism alone")
    card = device if isinstance(device, Device) else get(device)
    rate = (card.peak("bf16") if peak is None else peak) * utilisation
    speed = card.bandwidth * hbm
    shape, h = a.shape, a.shape.d_model
    s = whole("context", shape.context if context is None else context)
    batch = layout.micro_batch * s
    attention = 2 * batch * (2 * h * h * (1 + shape.n_kv_head / shape.n_head) + 2 * s * h)
    mlp = 2 * batch * (3 if shape.gated else 2) * h * shape.d_ff
    layer = (attention + mlp) / rate + 2 * 4 * batch * h / speed
    ends = 2 * shape.vocab * h / speed + 2 * batch * h * shape.vocab / rate
    forward = shape.n_layer * layer + ends
    said = others("llm-analysis", a, layout, context=s)
    sizes = {**said.parts, **said.left_out}
    moved = sizes["weights"] + sizes["gradients"] + sizes["optimiser"]
    step = 3 * forward * layout.micro_batches + moved / speed
    steps = int(tokens / (layout.sequences * s))
    return steps * step * layout.devices / 3600


def cookbook_cache(architecture, batch: int = 1, context: int | None = None) -> float:
    """Return the bytes of the cache that the cookbook counts: one of key and value, all heads.

    Parameters
    ----------
    architecture : Architecture, str, shapes.Transformer, dict or path
        The model.
    batch : int
        Sequences.
    context : int, optional
        Tokens of each; the model's own unless given.

    Returns
    -------
    float
        Bytes; with 8 query heads a key head it is four times what is stored.

    Raises
    ------
    TypeError, ValueError
        If the model is unknown, or a number is not above zero.
    """
    shape = resolve(architecture).shape
    s = whole("context", shape.context if context is None else context)
    return 2.0 * shape.d_model * shape.n_layer * s * whole("batch", batch)
