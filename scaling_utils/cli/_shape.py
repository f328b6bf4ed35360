"""A model on the command line: a name, a config.json, or the options of its shape."""

from __future__ import annotations

import click

from scaling_utils import architectures, memory, shapes
from scaling_utils.cli._numbers import Number, Word

SIZES = ("n_layer", "d_model", "n_head", "vocab", "context", "n_kv_head", "d_head", "d_ff")
NEEDED = SIZES[:5]
WINDOW = ("window", "global_every")
EXPERTS = ("experts", "active", "d_expert", "shared", "dense_layers")
LATENT = ("q_rank", "kv_rank", "d_rotary", "d_value")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def shape_options(function):
    """Give a click command the options that describe a shape, such as ``--n-layer``."""
    flags = {
        "gated": "SwiGLU MLP: three matrices.",
        "no_bias": "No biases.",
        "untied": "Output head of its own.",
    }
    abouts = {
        "n_kv_head": "Heads of keys and values.",
        "window": "Tokens of a sliding window.",
        "global_every": "Every which layer sees everything.",
        "experts": "Experts of a mixture.",
        "active": "Experts of one token.",
        "d_expert": "Width inside an expert.",
        "shared": "Experts of all tokens.",
        "dense_layers": "First layers without experts.",
        "q_rank": "Latent attention: of queries.",
        "kv_rank": "Latent attention: of keys and values.",
        "d_rotary": "Latent attention: part of a head with positions.",
        "d_value": "Latent attention: width of a head of values.",
    }
    options = [
        click.option(_flag(name), type=Number(whole=True), help=abouts.get(name, ""))
        for name in (*SIZES, *WINDOW, *EXPERTS, *LATENT)
    ]
    options += [click.option(_flag(name), is_flag=True, help=flags[name]) for name in flags]
    options += [
        click.option("--norm", type=Word(shapes.NORMS)),
        click.option("--positions", type=Word(shapes.POSITIONS)),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def the_architecture(model: str | None, given: dict) -> architectures.Architecture:
    """Return the model of a name, a config.json or the options of a shape.

    Raises
    ------
    ValueError
        If both or neither are given, or too little of a shape.
    """
    given = {name: value for name, value in given.items() if value not in (None, False)}
    if model is not None:
        if given:
            raise ValueError(f"name a model or give a shape, not both; got {_flag(min(given))} too")
        return architectures.resolve(model)
    missing = [_flag(name) for name in NEEDED if name not in given]
    if missing:
        raise ValueError(f"name a model (see --list) or give a shape; missing: {' '.join(missing)}")
    shape = {name: given[name] for name in (*SIZES, "gated", "norm", "positions") if name in given}
    if "kv_rank" in given:
        shape["n_kv_head"] = given["n_head"]
    plain = shapes.Transformer(**shape, bias="no_bias" not in given, tied="untied" not in given)
    more = {name: given[name] for name in (*WINDOW, "dense_layers") if name in given}
    return architectures.Architecture(
        plain, experts=_experts(given), latent=_latent(given, plain), **more
    )


def _experts(given: dict) -> memory.Experts | None:
    if "experts" not in given:
        lone = [_flag(name) for name in EXPERTS if name in given]
        if lone:
            raise ValueError(f"{lone[0]} belongs to a mixture; say how many --experts")
        return None
    if "active" not in given:
        raise ValueError("--experts needs --active, the experts of one token")
    names = {"experts": "count", "active": "active", "d_expert": "d_expert", "shared": "shared"}
    return memory.Experts(**{names[name]: given[name] for name in names if name in given})


def _latent(given: dict, shape: shapes.Transformer) -> architectures.Latent | None:
    if not any(name in given for name in LATENT):
        return None
    missing = [_flag(name) for name in ("kv_rank", "d_rotary") if name not in given]
    if missing:
        raise ValueError(f"latent attention needs {' and '.join(missing)} too")
    return architectures.Latent(
        q_rank=given.get("q_rank"),
        kv_rank=given["kv_rank"],
        d_rotary=given["d_rotary"],
        d_nope=shape.d_head,
        d_value=given.get("d_value", shape.d_head),
    )
