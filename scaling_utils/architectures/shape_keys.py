"""The sizes of a plain transformer in a configuration."""

from __future__ import annotations

from scaling_utils.architectures.keys import Keys
from scaling_utils.architectures.styles import STYLES

# Number of Transformer: the keys that may hold it.
USUAL = {
    "n_layer": ("num_hidden_layers",),
    "d_model": ("hidden_size",),
    "n_head": ("num_attention_heads",),
    "n_kv_head": ("num_key_value_heads",),
    "d_head": ("head_dim",),
    "d_ff": ("intermediate_size",),
    "vocab": ("vocab_size",),
    "context": ("max_position_embeddings",),
}


def read_shape(keys: Keys, style: str, defaults: tuple, names=USUAL, heads: bool = True):
    """Read the sizes of a shape.

    Parameters
    ----------
    keys : Keys
        The configuration.
    style : str
        Of :data:`STYLES`.
    defaults : tuple
        In the order of :data:`USUAL`, then whether the head is tied. None follows from the rest.
    names : dict
        The keys that may hold each number.
    heads : bool
        Whether key heads and the width of a head have keys of their own.

    Returns
    -------
    dict, dict
        Arguments of ``Transformer``, and those of ``Architecture`` that the style has.

    Raises
    ------
    TypeError, ValueError
        If a number is missing, of the wrong kind, or contradicts another.
    """
    flags, fields = STYLES[style]
    *numbers, tied = defaults
    default = dict(zip(USUAL, numbers, strict=True))
    shape = {n: keys.needed(names[n], default[n]) for n in ("n_layer", "d_model", "n_head")}
    shape["vocab"] = keys.needed(names["vocab"], default["vocab"])
    shape["context"] = keys.needed(names["context"], default["context"])
    optional = ("n_kv_head", "d_head", "d_ff") if heads else ("d_ff",)
    for name in optional:
        value = keys.size(names[name], default[name])
        if value is not None:
            shape[name] = value
    agree(shape, names)
    shape |= flags | {"tied": keys.flag("tie_word_embeddings", tied)}
    return shape, dict(fields)


def agree(shape: dict, names: dict) -> None:
    """Refuse heads that do not divide each other or the width, naming the keys.

    Parameters
    ----------
    shape : dict
        Arguments of ``Transformer``.
    names : dict
        The keys that may hold each number.

    Raises
    ------
    ValueError
        If they do not.
    """
    heads, keys = shape["n_head"], shape.get("n_kv_head", shape["n_head"])
    if heads % keys:
        raise ValueError(
            f"config key {names['n_kv_head'][0]!r} must divide {names['n_head'][0]!r}, got {keys} "
            f"and {heads}"
        )
    if "d_head" not in shape and shape["d_model"] % heads:
        raise ValueError(
            f"config key {names['d_model'][0]!r} must be a multiple of {names['n_head'][0]!r}, "
            f"got {shape['d_model']} and {heads}"
        )
