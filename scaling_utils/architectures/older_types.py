"""The model_types of transformers whose keys are their own: GPT-2 to Falcon.

Each function takes the ``Keys`` of a configuration and returns two dictionaries: the arguments of
``Transformer``, and further ones of ``Architecture``. A key of the wrong kind is a TypeError or a
ValueError, one that contradicts another a ValueError.
"""

from __future__ import annotations

from scaling_utils.architectures.keys import Keys
from scaling_utils.architectures.shape_keys import USUAL, agree, read_shape

_OLD = USUAL | {
    "n_layer": ("n_layer", "num_hidden_layers"),
    "d_model": ("n_embd", "hidden_size"),
    "n_head": ("n_head", "num_attention_heads"),
    "d_ff": ("n_inner", "intermediate_size"),
    "context": ("n_positions", "n_ctx", "max_position_embeddings"),
}
_BLOOM = _OLD | {"d_model": ("hidden_size", "n_embed"), "context": ("seq_length",)}
_FALCON = USUAL | {
    "n_layer": ("num_hidden_layers", "n_layer"),
    "n_head": ("num_attention_heads", "n_head"),
    "n_kv_head": ("num_kv_heads", "n_head_kv"),
    "d_ff": ("ffn_hidden_size",),
}


def gpt2(keys: Keys):
    """Read a configuration of GPT-2."""
    keys.only("add_cross_attention", (False,), False)
    return read_shape(keys, "gpt2", (12, 768, 12, None, None, None, 50257, 1024, True), _OLD, False)


def gpt_bigcode(keys: Keys):
    """Read a configuration of SantaCoder and StarCoder."""
    keys.only("add_cross_attention", (False,), False)
    defaults = (12, 768, 12, None, None, None, 50257, 1024, True)
    shape, fields = read_shape(keys, "gpt2", defaults, _OLD, False)
    shape["n_kv_head"] = 1 if keys.flag("multi_query", True) else shape["n_head"]
    stated = keys.size("num_key_value_heads", None)
    if stated not in (None, shape["n_kv_head"]):
        raise ValueError(
            f"config key 'num_key_value_heads' {stated} contradicts 'multi_query', which means "
            f"{shape['n_kv_head']}"
        )
    return shape, fields


def gptj(keys: Keys):
    """Read a configuration of GPT-J."""
    return read_shape(
        keys, "gptj", (28, 4096, 16, None, None, None, 50400, 2048, False), _OLD, False
    )


def gpt_neox(keys: Keys):
    """Read a configuration of GPT-NeoX and Pythia."""
    defaults = (44, 6144, 64, None, None, 24576, 50432, 2048, False)
    shape, fields = read_shape(keys, "neox", defaults, heads=False)
    fields["attention_bias"] = keys.flag("attention_bias", True)
    fields["parallel"] = keys.flag("use_parallel_residual", True)
    return shape, fields


def phi(keys: Keys):
    """Read a configuration of Phi-1 and Phi-2."""
    defaults = (24, 2048, 32, None, None, 8192, 51200, 2048, False)
    shape, fields = read_shape(keys, "gptj", defaults)
    keys.only("qk_layernorm", (False,), False)
    return shape, fields | {"attention_bias": True}


def opt(keys: Keys):
    """Read a configuration of OPT."""
    names = USUAL | {"d_ff": ("ffn_dim",)}
    shape, fields = read_shape(
        keys, "opt", (12, 768, 12, None, None, 3072, 50272, 2048, True), names, False
    )
    keys.only("do_layer_norm_before", (True,), True)
    keys.only("_remove_final_layer_norm", (False,), False)
    width = keys.size("word_embed_proj_dim", shape["d_model"])
    if width not in (None, shape["d_model"]):
        raise ValueError(
            f"config key 'word_embed_proj_dim' must equal 'hidden_size' {shape['d_model']}, got "
            f"{width}: an embedding of another width is not counted"
        )
    shape["bias"] = keys.flag("enable_bias", True)
    fields["norm_bias"] = True
    if not keys.flag("layer_norm_elementwise_affine", True):
        fields["norms_per_layer"] = 0
    return shape, fields


def bloom(keys: Keys):
    """Read a configuration of BLOOM."""
    return read_shape(
        keys, "bloom", (2, 64, 8, None, None, None, 250880, 2048, True), _BLOOM, False
    )


def falcon(keys: Keys, grouped: bool | None = None):
    """Read a configuration of Falcon, in both of its decoders.

    Parameters
    ----------
    keys : Keys
        The configuration.
    grouped : bool, optional
        True for the older files of Falcon 40B, which do not name the newer decoder.

    Returns
    -------
    dict, dict
        Arguments of ``Transformer``, and further ones of ``Architecture``.

    Raises
    ------
    TypeError, ValueError
        If a key is of the wrong kind, or contradicts another.
    """
    defaults = (32, 4544, 71, None, None, None, 65024, 2048, True)
    new = keys.flag("new_decoder_architecture", bool(grouped))
    shape, _ = read_shape(keys, "falcon", defaults, _FALCON, False)
    multi_query, stated = keys.flag("multi_query", True), keys.size(_FALCON["n_kv_head"], None)
    # As in FalconAttention: the older decoder has one key head or all of them.
    shape["n_kv_head"] = (
        (stated or shape["n_head"]) if new else 1 if multi_query else shape["n_head"]
    )
    agree(shape, _FALCON)
    shape["bias"] = keys.flag("bias")
    if keys.flag("alibi"):
        shape["positions"] = "none"
    parallel = keys.flag("parallel_attn", True)
    norms = keys.size("num_ln_in_parallel_attn", 2 if new else 1)
    if norms not in (None, 1, 2):
        raise ValueError(f"config key 'num_ln_in_parallel_attn' must be 1 or 2, got {norms}")
    norms = 2 if not parallel and not new else (norms or (2 if new else 1))
    return shape, {"parallel": parallel or new, "norm_bias": True, "norms_per_layer": norms}
