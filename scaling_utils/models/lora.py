"""Adapters of low rank beside the matrices of a GPT (Hu et al. 2022, arXiv:2106.09685).

A frozen matrix W gets a parallel path, W x + scale B A x, with B zero at the start. Letters in
shape comments: I inputs, O outputs, R rows of the matrix that are adapted, r = rank.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scaling_utils._check import member, number, whole
from scaling_utils.models.gpt import GPT


class LoRALinear(nn.Module):
    """A frozen linear layer and trained matrices of low rank in parallel with it.

    A starts uniform within 1/sqrt(I), as in the authors' code, and B at zero, so that the layer's
    output is at first that of the frozen one.

    Parameters
    ----------
    base : torch.nn.Linear
        It is kept, and frozen.
    rank : int
        Of each adapter, at least 1.
    alpha : float
        Above 0. The scale is alpha / rank (Hu et al., Sec. 4.1).
    rows : sequence of (int, int), optional
        First row and end of each part of the weight that has an adapter of its own, such as the
        queries of a joint matrix; all rows together by default.
    root : bool
        Whether the scale is alpha / sqrt(rank) instead (Kalajdzievski 2023, arXiv:2312.03732).

    Attributes
    ----------
    A, B : torch.nn.ParameterList
        For each of the rows, (r, I) and (R, r).
    scale : float
        Of B A x.

    Raises
    ------
    TypeError, ValueError
        If ``base`` is no ``Linear``, a number out of range, or the rows do not lie in the weight.
    """

    def __init__(
        self,
        base: nn.Linear,
        rank: int,
        alpha: float,
        rows: Sequence[tuple[int, int]] | None = None,
        root: bool = False,
    ):
        super().__init__()
        if not isinstance(base, nn.Linear):
            raise TypeError(f"base must be a torch.nn.Linear, got {type(base).__name__}")
        rank = whole("rank", rank)
        self.scale = number("alpha", alpha, above=0) / (math.sqrt(rank) if root else rank)
        self.base = base.requires_grad_(False)
        self.rows = tuple(rows) if rows is not None else ((0, base.out_features),)
        for first, end in self.rows:
            if not 0 <= first < end <= base.out_features:
                raise ValueError(
                    f"rows must lie in the weight's 0 to {base.out_features}, got {first} to {end}"
                )
        new, bound = base.weight.new_empty, base.in_features**-0.5
        self.A = nn.ParameterList(
            nn.init.uniform_(new(rank, base.in_features), -bound, bound) for _ in self.rows
        )
        self.B = nn.ParameterList(new(end - first, rank).zero_() for first, end in self.rows)

    def forward(self, x: Tensor) -> Tensor:
        """Return W x + b + scale B A x: x is (..., I), the result (..., O)."""
        y = self.base(x)  # (..., O)
        for (first, end), A, B in zip(self.rows, self.A, self.B, strict=True):
            change = F.linear(F.linear(x, A), B) * self.scale  # (..., R)
            y = y + F.pad(change, (first, self.base.out_features - end))  # (..., O)
        return y

    def change(self) -> Tensor:
        """Return what the adapters add to the weight.

        Returns
        -------
        tensor, shape (O, I)
            scale B A in the adapted rows, computed in fp32 at least.
        """
        weight = self.base.weight
        total = torch.zeros_like(weight, dtype=torch.promote_types(weight.dtype, torch.float32))
        for (first, end), A, B in zip(self.rows, self.A, self.B, strict=True):
            total[first:end] += (B.to(total) @ A.to(total)) * self.scale  # (R, I)
        return total

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """Return a plain layer that computes the same; this one is left as it is.

        Returns
        -------
        torch.nn.Linear
            With weights of its own, in the base's format: what is added is rounded to that format.
        """
        base, old = self.base, self.base.weight
        plain = nn.Linear(
            base.in_features, base.out_features, base.bias is not None, old.device, old.dtype
        )
        change = self.change()
        plain.weight.copy_(old.to(change) + change)
        if base.bias is not None:
            plain.bias.copy_(base.bias)
        return plain


def add_lora(
    model: GPT,
    rank: int,
    alpha: float,
    matrices: Sequence[str] = ("query", "value"),
    root: bool = False,
) -> GPT:
    """Freeze a GPT and put adapters beside some matrices of each of its blocks.

    ``memory.lora_parameters(model.shape, rank, matrices)`` is the number of trained parameters.

    Parameters
    ----------
    model : GPT
        Without adapters; it is changed in place.
    rank : int
        Of each adapter, at least 1.
    alpha : float
        Above 0; the scale is alpha / rank.
    matrices : sequence of str
        Which, each once: "query", "key", "value", "out", "up", "down", and "gate" where there is
        one.
    root : bool
        Whether the scale is alpha / sqrt(rank).

    Returns
    -------
    GPT
        The same model.

    Raises
    ------
    TypeError, ValueError
        If ``model`` is no GPT or has adapters already, a matrix is unknown or named twice, or a
        number out of range.
    """
    if not isinstance(model, GPT):
        raise TypeError(f"model must be a GPT, got {type(model).__name__}")
    if any(isinstance(module, LoRALinear) for module in model.modules()):
        raise ValueError("model must have no adapters, and it has some; merge(model) first")
    heads, keys = (model.shape.d_head * n for n in (model.shape.n_head, model.shape.n_kv_head))
    joint = {"query": (0, heads), "key": (heads, heads + keys)}
    joint["value"] = (heads + keys, heads + 2 * keys)
    mlp = ("gate", "up", "down") if model.shape.gated else ("up", "down")
    if isinstance(matrices, str) or not matrices or len(set(matrices)) < len(matrices):
        raise ValueError(f"matrices must be a sequence of different names, got {matrices!r}")
    for name in matrices:
        member("matrices", name, (*joint, "out", *mlp))
    model.requires_grad_(False)
    rows = [joint[name] for name in matrices if name in joint]
    for block in model.blocks:
        attention, mlp = block.attention, block.mlp
        places = {"out": (attention, "out"), "gate": (mlp, "gate"), "up": (mlp, "up")}
        places["down"] = (mlp, "out")
        if rows:
            attention.qkv = LoRALinear(attention.qkv, rank, alpha, rows, root)
        for name in matrices:
            if name not in joint:
                owner, field = places[name]
                adapted = LoRALinear(getattr(owner, field), rank, alpha, root=root)
                setattr(owner, field, adapted)
    return model


def merge(model: nn.Module) -> nn.Module:
    """Replace every adapted layer by a plain one that computes the same.

    Parameters
    ----------
    model : torch.nn.Module
        With adapters; it is changed in place, and the merged weights can be trained again.

    Returns
    -------
    torch.nn.Module
        The same model, with the structure and the size that it had before ``add_lora``.

    Raises
    ------
    ValueError
        If there is no adapter, as after an earlier merge: what is added twice is wrong.
    """
    found = [
        (owner, name, layer)
        for owner in model.modules()
        for name, layer in owner.named_children()
        if isinstance(layer, LoRALinear)
    ]
    if not found:
        raise ValueError("model must have adapters to merge, and it has none")
    for owner, name, layer in found:
        setattr(owner, name, layer.merged())
    return model


def train_only(model: nn.Module, wanted: Callable[[str], bool]) -> nn.Module:
    """Freeze all parameters but those whose names are wanted.

    Parameters
    ----------
    model : torch.nn.Module
        Its parameters are marked in place.
    wanted : callable
        Name of a parameter -> whether it is trained.

    Returns
    -------
    torch.nn.Module
        The same model.

    Raises
    ------
    ValueError
        If no parameter is wanted.
    """
    chosen = {name: bool(wanted(name)) for name, _ in model.named_parameters()}
    if not any(chosen.values()):
        raise ValueError(f"wanted must take a parameter, and took none of {sorted(chosen)}")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(chosen[name])
    return model


def trainable(model: nn.Module) -> dict[str, int]:
    """Return the sizes of the parameters that are trained, by their names.

    Parameters
    ----------
    model : torch.nn.Module
        Any.

    Returns
    -------
    dict of str to int
        ``sum(trainable(model).values())`` is their number.
    """
    return {name: p.numel() for name, p in model.named_parameters() if p.requires_grad}
