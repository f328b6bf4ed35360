"""Mixtures of experts and latent attention in configurations."""

from __future__ import annotations

from collections.abc import Callable

from scaling_utils.architectures.architecture import Latent
from scaling_utils.architectures.keys import Keys
from scaling_utils.memory import Experts

_COUNT = ("num_local_experts", "num_experts")
# Of each type: experts, of which active, width of one (None: the MLP's own key).
_DEFAULTS = {
    "mixtral": (8, 2, None),
    "olmoe": (64, 8, None),
    "gpt_oss": (128, 4, None),
    "qwen2_moe": (60, 4, 1408),
    "qwen3_moe": (128, 8, 768),
}


def _experts(keys: Keys, names, count, active, width, shared: int = 0) -> Experts:
    count = keys.needed(names, count)
    active = keys.needed("num_experts_per_tok", active)
    if active > count:
        named = next((name for name in names if name in keys.config), names[0])
        raise ValueError(
            f"config key 'num_experts_per_tok' must be at most {named!r} {count}, got {active}"
        )
    return Experts(count, active, width, shared)


def _first_dense(keys: Keys, n_layer: int) -> int:
    """Layers without experts, which must be the first ones."""
    step = keys.size("decoder_sparse_step", 1)
    if step not in (None, 1):
        raise ValueError(
            f"config key 'decoder_sparse_step' must be 1, got {step}: experts in every second "
            "layer are not counted"
        )
    dense = keys.value("mlp_only_layers") or []
    first = isinstance(dense, (list, tuple)) and list(dense) == list(range(len(dense)))
    if not first or len(dense) >= n_layer:
        raise ValueError(f"config key 'mlp_only_layers' must list the first layers, got {dense!r}")
    return len(dense)


def mixture_fields(model_type: str) -> Callable:
    """Return a reader of the experts' keys of a type.

    Parameters
    ----------
    model_type : str
        "mixtral", "olmoe", "gpt_oss", "qwen2_moe" or "qwen3_moe".

    Returns
    -------
    callable
        Takes the keys and the shape, and returns fields of an architecture.
    """
    count, active, width = _DEFAULTS[model_type]

    def read(keys: Keys, shape: dict) -> dict:
        inside = shape["d_ff"] if width is None else keys.needed("moe_intermediate_size", width)
        if model_type in ("mixtral", "olmoe", "gpt_oss"):
            return {"experts": _experts(keys, _COUNT, count, active, inside)}
        fields = {"dense_layers": _first_dense(keys, shape["n_layer"])}
        if model_type == "qwen3_moe":
            return fields | {"experts": _experts(keys, _COUNT, count, active, inside)}
        shared = keys.size("shared_expert_intermediate_size", 5632, least=0) or 0
        if shared % inside:
            raise ValueError(
                "config key 'shared_expert_intermediate_size' must be a multiple of "
                f"'moe_intermediate_size', got {shared} and {inside}"
            )
        experts = _experts(keys, _COUNT, count, active, inside, shared // inside)
        fields["qkv_bias"] = keys.flag("qkv_bias", True)
        return fields | {"experts": experts, "shared_gate": shared > 0}

    return read


def deepseek_fields(keys: Keys, shape: dict, fields: dict, version: int) -> tuple[dict, dict]:
    """Add latent attention and experts to a shape of DeepSeek-V2 or V3.

    Parameters
    ----------
    keys : Keys
        The configuration.
    shape, fields : dict
        What was read so far, for ``Transformer`` and ``Architecture``.
    version : {2, 3}
        Which of the two.

    Returns
    -------
    dict, dict
        The same, completed.

    Raises
    ------
    TypeError, ValueError
        If a key is of the wrong kind, or contradicts another.
    """
    three = version == 3
    latent = Latent(
        q_rank=keys.size("q_lora_rank", 1536),
        kv_rank=keys.needed("kv_lora_rank", 512),
        d_rotary=keys.needed("qk_rope_head_dim", 64),
        d_nope=keys.needed("qk_nope_head_dim", 128),
        d_value=keys.needed("v_head_dim", 128),
    )
    whole_head = keys.size("qk_head_dim", None)
    if whole_head not in (None, latent.d_nope + latent.d_rotary):
        raise ValueError(
            f"config key 'qk_head_dim' must be 'qk_nope_head_dim' + 'qk_rope_head_dim' "
            f"{latent.d_nope + latent.d_rotary}, got {whole_head}"
        )
    stated = keys.size("num_key_value_heads", None)
    if stated not in (None, shape["n_head"]):
        raise ValueError(
            f"config key 'num_key_value_heads' must equal 'num_attention_heads' "
            f"{shape['n_head']} with latent attention, got {stated}"
        )
    keys.value("head_dim")  # transformers writes the rotary part here
    keys.only("attention_bias", (False,), False)
    keys.only("mlp_bias", (False,), False)
    keys.only("moe_layer_freq", (1,), 1)
    shape |= {"d_head": latent.d_nope, "n_kv_head": shape["n_head"]}
    fields = {**fields, "latent": latent}
    names = ("n_routed_experts", "num_local_experts", "num_experts")
    if keys.size(names, 256 if three else 64) is None:
        fields.pop("choice_bias", None)
        return shape, fields
    width = keys.needed("moe_intermediate_size", 2048 if three else 1407)
    shared = keys.size("n_shared_experts", 1 if three else 2, least=0) or 0
    active = 8 if three else None
    experts = _experts(keys, names, 256 if three else 64, active, width, shared)
    dense = keys.size("first_k_dense_replace", 3 if three else 0, least=0) or 0
    if dense >= shape["n_layer"]:
        raise ValueError(
            f"config key 'first_k_dense_replace' must be below 'num_hidden_layers' "
            f"{shape['n_layer']}, got {dense}"
        )
    if three and keys.value("topk_method", "noaux_tc") != "noaux_tc":
        fields.pop("choice_bias", None)
    modules = keys.size("num_nextn_predict_layers", 1 if three else 0, least=0) or 0
    return shape, fields | {"experts": experts, "dense_layers": dense, "multi_token": modules}
