"""What a training state was made with, and how it differs from what it is restored into.

A run that goes on with another rate, another schedule or other data is another run. It may
be what you want, but it must not happen without a word.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

# How an optimiser computes, not what; "lr" is set anew before each step.
_NOT_SETTINGS = {"params", "lr", "fused", "foreach", "capturable", "differentiable"}
_FIXED = ("model", "optimiser", "groups")  # what is saved fits no other one
_FREE = ("accumulate", "clip", "data", "dropout", "rate", "schedule", "about")
_NEAR = {"rtol": 1e-3, "atol": 1e-6}  # real data computed on another machine


def settings_of(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    clip: float | None,
    accumulate: int,
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Return all that decides how a run goes on, but for its schedule and its data."""
    groups = optimiser.param_groups
    names = sorted({name for group in groups for name in group} - _NOT_SETTINGS)
    options = {
        "rate" if name == "base" else name: [_plain(group.get(name)) for group in groups]
        for name in names
    }
    return {
        "model": {
            name: f"{tuple(value.shape)} {value.dtype}"
            for name, value in model.state_dict().items()
        },
        "dropout": dict(_dropouts(model)),
        "optimiser": type(optimiser).__name__,
        "groups": [[tuple(p.shape) for p in group["params"]] for group in groups],
        **options,
        "clip": clip,
        "accumulate": accumulate,
        "about": {str(name): _plain(value) for name, value in about.items()},
    }


def check_settings(
    stored: Mapping[str, Any], own: Mapping[str, Any], change: Iterable[str]
) -> set[str]:
    """Return ``change`` as a set; raise unless it covers all that differs.

    Raises
    ------
    ValueError
        If a setting differs that ``change`` does not name or that cannot be changed, or ``change``
        names something that is no setting.
    """
    change = {change} if isinstance(change, str) else set(change)
    allowed = sorted((set(_FREE) | set(own)) - set(_FIXED))
    unknown = sorted(map(str, change - set(allowed)))
    if unknown:
        raise ValueError(f"change must name settings, of {', '.join(allowed)}; got {unknown}")
    found = {
        name: text
        for name in sorted(set(stored) | set(own))
        if name not in change and (text := _difference(name, stored.get(name), own.get(name)))
    }
    if found:
        fixed = [name for name in found if name in _FIXED]
        advice = (
            f"{' and '.join(fixed)} cannot change within a run"
            if fixed
            else f"to go on with what is here, pass change={sorted(found)}"
        )
        raise ValueError(
            f"state was made with other settings: {'; '.join(found.values())}. {advice}"
        )
    return change


def fingerprint(inputs, targets) -> dict[str, Any]:
    """Return what identifies the data: shape, kind and content of one micro-batch.

    Whole numbers are hashed. Of real ones a few values are kept, because machines compute
    them with different last digits.
    """
    return {"inputs": _mark(inputs), "targets": _mark(targets)}


def check_data(stored: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Raise ValueError unless two fingerprints are of the same data."""
    for part, mark in own.items():
        other = stored[part]
        near = other["shape"] == mark["shape"] and np.allclose(
            other["values"], mark["values"], **_NEAR
        )
        if not near or any(other[name] != mark[name] for name in ("dtype", "sha256")):
            raise ValueError(
                f"state was made with other data: {part} of micro-batch 0 had shape "
                f"{tuple(other['shape'])} and began with {_start(other)}, and have "
                f"{tuple(mark['shape'])} and {_start(mark)} here. To go on with what is here, "
                "pass change=['data']"
            )


def check_schedule(schedule, factors: Sequence[float]) -> None:
    """Raise ValueError unless a schedule gives the factors of the steps already done."""
    for step, factor in enumerate(factors):
        given = schedule(step)
        if given != factor:
            raise ValueError(
                f"schedule must give the factors of the steps that are done: step {step} was made "
                f"with {factor:g} and it gives {given:g}. To go on with this schedule, restore "
                "with change=['schedule']"
            )


def _mark(value) -> dict[str, Any]:
    flat = value.detach().flatten().cpu()
    mark = {"shape": list(value.shape), "dtype": str(value.dtype), "values": [], "sha256": ""}
    if value.is_floating_point():
        real = flat.double()
        mark["values"] = [*real[:4].tolist(), real.mean().item(), real.abs().mean().item()]
    else:
        mark["sha256"] = hashlib.sha256(flat.numpy().tobytes()).hexdigest()
        mark["start"] = flat[:4].tolist()
    return mark


def _start(mark: Mapping[str, Any]) -> list:
    return mark.get("start", mark["values"][:4])


def _dropouts(model: nn.Module):
    """Yield the name and probability of each dropout."""
    for name, part in model.named_modules():
        if isinstance(part, nn.modules.dropout._DropoutNd):
            yield name, part.p
        elif isinstance(getattr(part, "dropout", None), int | float):
            yield f"{name}.dropout".lstrip("."), float(part.dropout)


def _plain(value):
    """Return a setting in a form that a checkpoint holds and that compares."""
    if isinstance(value, Tensor):
        value = value.tolist()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, type(None) | bool | int | float | str) else repr(value)


def _difference(name: str, stored, own) -> str:
    """Return how two values of a setting differ, in words; nothing where they agree."""
    if stored == own:
        return ""
    if isinstance(stored, Mapping) and isinstance(own, Mapping):
        keys = [key for key in {**stored, **own} if stored.get(key) != own.get(key)]
        first = keys[0]
        more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
        return f"{name} {first} was {stored.get(first)!r} and is {own.get(first)!r}{more}"
    return f"{name} was {stored!r} and is {own!r}"
