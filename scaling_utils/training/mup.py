"""Maximal update parametrisation (muP) for ``models.GPT`` trained with Adam.

In the usual parametrisation the best learning rate falls as a network gets wider: an Adam
step moves every weight about equally far, and a wider layer adds up more of those moves.
muP scales starting weights and rates so that a step changes every activation by an amount
that does not depend on the width. The best rate of a narrow network then serves a wide one.

Source: Yang et al. (2022), arXiv:2203.03466, for Adam; App. B.1 goes through a transformer.
With r the fan-in of a matrix divided by that in the base shape:

    parameter                                      start std    rate
    embedding, positions, biases, gains            as base      1
    hidden matrices (attention and MLP)            base / √r    1 / r
    head of its own (Table 3)                      base / r     1 / r
    head that shares the embedding (Table 8)       as base      1, and logits times 1 / r

The factor 1 / r of the last line is carried by the final norm: its gain starts at 1 / r, and
gain and bias have the rate 1 / r. For Adam this is the same function, since a factor in front
of a parameter equals that factor in its start and in its rate (Lemma J.1, epsilon of Adam
neglected). So the model's code stays as it is. Only the gradient of that gain is r times as
large as with a factor in the code, which a clip by the norm of all gradients would see.

Definition 4.1 divides attention logits by d_head where the model divides by √d_head. Between
shapes of equal d_head, which have more heads when they are wider, the two differ by a
constant. So d_head must be that of the base; with another one the model is refused.

What muP does not cover: depth, the number of steps, the batch size (transfer across these
was only observed, Sec. 6.1), and regularisation, dropout and weight decay among it
(App. E.1). AdamW multiplies its decay by each rate, so wide matrices decay less.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from scaling_utils._check import number
from scaling_utils.shapes import Transformer

_SAME = ("d_head", "gated", "bias", "norm", "positions", "tied")


def mup_multipliers(model: nn.Module, base: Transformer) -> dict[str, float]:
    """Return each parameter's factor of the learning rate under muP with Adam.

    Use ``start_mup(model, base)`` first, then
    ``optimisers.adamw(model, rate, multipliers=mup_multipliers(model, base))``.

    Source: Yang et al. (2022), arXiv:2203.03466, Tables 3 and 8; the module has the table.

    Parameters
    ----------
    model : models.GPT
        The model to train.
    base : shapes.Transformer
        Shape at which muP is the usual parametrisation, so that all factors are 1. Most
        simply the shape whose rate was tuned. ``n_layer``, ``vocab`` and ``context`` may
        differ from the model's; the widths of its layers are what counts.

    Returns
    -------
    dict of str to float
        Factor of the rate by the name of the parameter, for all parameters.

    Raises
    ------
    TypeError
        If the model is no GPT, or the base no ``Transformer``.
    ValueError
        If the base has another d_head, norm, kind of MLP or positions, biases where the model has
        none or the other way round, or only one of the two is tied.
    """
    ratios = _ratios(model, base)
    return {name: 1 / ratios.get(name, 1.0) for name, _ in model.named_parameters()}


@torch.no_grad()
def start_mup(model: nn.Module, base: Transformer, std: float = 0.02) -> None:
    """Draw the weights of a ``models.GPT`` anew, as muP wants them, with torch's generator.

    At the base shape this is how the model starts anyway: matrices normal with ``std``,
    those that write to the residual stream divided by √(2 n_layer), gains 1, biases 0.

    Source: Yang et al. (2022), arXiv:2203.03466, Tables 3 and 8; the module has the table.

    Parameters
    ----------
    model : models.GPT
        Its weights are replaced.
    base : shapes.Transformer
        As in ``mup_multipliers``.
    std : float
        Standard deviation at the base shape, above 0.

    Raises
    ------
    TypeError, ValueError
        As ``mup_multipliers``; or if ``std`` is not a positive number.
    """
    std = number("std", std, above=0)
    ratios = _ratios(model, base)
    for name, parameter in model.named_parameters():
        ratio = ratios.get(name, 1.0)
        if name.endswith("bias"):
            parameter.zero_()
        elif parameter.dim() == 1:  # a gain
            parameter.fill_(1 / ratio)
        else:
            depth = 2 * model.shape.n_layer if name.endswith(".out.weight") else 1
            wide = ratio if name == "head.weight" else math.sqrt(ratio)
            parameter.normal_(std=std / math.sqrt(depth) / wide)


def activations(model: nn.Module, tokens: Tensor) -> dict[str, Tensor]:
    """Return what each part of a ``models.GPT`` puts out: for the coordinate check of muP.

    Take the spread of (entry after a few steps minus entry at the start) at several widths.
    Under muP it stays about the same; otherwise the logits' and others' grow with the width
    (Yang et al. 2022, arXiv:2203.03466, Fig. 5 and App. D.1).

    Parameters
    ----------
    model : models.GPT
        Its mode is afterwards what it was.
    tokens : tensor of int, shape (B, T)
        What the model reads.

    Returns
    -------
    dict of str to tensor
        "embedding", "blocks.0.attention", "blocks.0.mlp", "blocks.0", ..., each (B, T, d), and
        "head", the logits (B, T, V). They carry no gradients, and dropout is off.
    """
    parts = {"embedding": model.embedding}
    for place, block in enumerate(model.blocks):
        parts[f"blocks.{place}.attention"] = block.attention
        parts[f"blocks.{place}.mlp"] = block.mlp
        parts[f"blocks.{place}"] = block
    parts["head"] = model.head
    kept: dict[str, Tensor] = {}

    def keeper(name: str):
        def keep(_module, _inputs, output):
            kept[name] = output.clone()

        return keep

    hooks = [part.register_forward_hook(keeper(name)) for name, part in parts.items()]
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            model(tokens)
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return kept


def _ratios(model: nn.Module, base: Transformer) -> dict[str, float]:
    """Return r for each parameter whose rate depends on the width, by name."""
    shape = getattr(model, "shape", None)
    if not isinstance(shape, Transformer) or not hasattr(model, "blocks"):
        raise TypeError(f"model must be a models.GPT, got {type(model).__name__}")
    if not isinstance(base, Transformer):
        raise TypeError(f"base must be a shape, a Transformer, got {base!r}")
    for field in _SAME:
        if getattr(base, field) != getattr(shape, field):
            raise ValueError(
                f"base must have the model's {field}, {getattr(shape, field)!r}, "
                f"got {getattr(base, field)!r}"
            )
    width, attention, inner = (
        getattr(shape, field) / getattr(base, field) for field in ("d_model", "d_attn", "d_ff")
    )
    hidden = {
        "attention.qkv.weight": width,
        "attention.out.weight": attention,
        "mlp.up.weight": width,
        "mlp.gate.weight": width,
        "mlp.out.weight": inner,
    }
    last = ("norm.weight", "norm.bias") if shape.tied else ("head.weight",)
    ratios = dict.fromkeys(last, width)
    for place in range(shape.n_layer):
        ratios |= {f"blocks.{place}.{name}": ratio for name, ratio in hidden.items()}
    return ratios
