"""Operators that make a trained network deeper, and the state of Adam that goes with it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from scaling_utils.training import MemberAdam

Origins = Sequence[int | None]


def zero_on_top(layers: int, target: int) -> list[int | None]:
    """Return the origins that keep all blocks and put new ones on top of them."""
    return [*range(layers), *[None] * (target - layers)]


def stacked(layers: int, target: int) -> list[int | None]:
    """Return the origins that repeat the whole stack of blocks (Gong et al. 2019)."""
    return [place % layers for place in range(target)]


@torch.no_grad()
def grow(small: nn.Module, large: nn.Module, origins: Origins) -> nn.Module:
    """Give ``large`` the weights of ``small``; block i comes from block ``origins[i]``.

    Where that is None the block keeps its fresh weights, but what it adds to the stream is
    zero: every parameter called ``out``, or of a layer ``out``. Both networks have their blocks
    in a list ``blocks``, and all else in common. Returns ``large``.
    """
    rest = {name: v for name, v in small.state_dict().items() if not name.startswith("blocks.")}
    large.load_state_dict(rest, strict=False)
    for block, origin in zip(large.blocks, origins, strict=True):
        if origin is not None:
            block.load_state_dict(small.blocks[origin].state_dict())
            continue
        for name, parameter in block.named_parameters():
            if "out" in name.split("."):
                parameter.zero_()
    return large


def carry(old: MemberAdam, new: MemberAdam, origins: Origins, small: nn.Module, large: nn.Module):
    """Hand the moments and counts of steps on to the parameters that are kept.

    The first block that comes from an origin is that block, and keeps its state. New blocks and
    further copies start with moments of zero and a count of 0, which Adam keeps per parameter.
    """
    before = dict(zip((n for n, _ in small.named_parameters()), old.slices, strict=True))
    for (name, _), (_, slices) in zip(large.named_parameters(), new.slices, strict=True):
        words = name.split(".")
        if words[0] == "blocks":
            place = int(words[1])
            if origins[place] is None or origins[place] in origins[:place]:
                continue
            words[1] = str(origins[place])
        for slice_, kept in zip(slices, before[".".join(words)][1], strict=True):
            state = old.state[kept]
            new.state[slice_] = {key: value.clone() for key, value in state.items()}
