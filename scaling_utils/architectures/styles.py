"""What the models of one family have in common: flags of the shape, and what departs from it."""

from __future__ import annotations

_LLAMA = {"gated": True, "bias": False, "norm": "rmsnorm", "positions": "rotary", "tied": False}
_TIED = _LLAMA | {"tied": True}
_BIASED = {"bias": True, "norm": "layernorm", "gated": False}

# Name of a style: flags of shapes.Transformer, fields of Architecture.
STYLES: dict[str, tuple[dict, dict]] = {
    "llama": (_LLAMA, {}),
    "qwen2": (_LLAMA, {"qkv_bias": True}),
    "qwen2-moe": (_LLAMA, {"qkv_bias": True, "shared_gate": True}),
    "qwen3": (_LLAMA, {"qk_norm": "head"}),
    "gemma": (_TIED, {}),
    "gemma2": (_TIED, {"norms_per_layer": 4}),
    "gemma3": (_TIED, {"norms_per_layer": 4, "qk_norm": "head"}),
    "olmo": (_LLAMA | {"norm": "layernorm"}, {"norms_per_layer": 0}),
    "olmo2": (_LLAMA, {"qk_norm": "width"}),
    "deepseek2": (_LLAMA, {}),
    "deepseek3": (_LLAMA, {"choice_bias": True}),
    "gpt2": (_BIASED | {"positions": "learned", "tied": True}, {}),
    "opt": (_BIASED | {"positions": "learned", "tied": True}, {"extra_positions": 2}),
    "bloom": (_BIASED | {"positions": "none", "tied": True}, {"embedding_norm": True}),
    # Attention and MLP side by side, each with its own norm.
    "neox": (
        _BIASED | {"positions": "rotary", "tied": False},
        {"parallel": True, "norms_per_layer": 2},
    ),
    "gptj": (
        _BIASED | {"positions": "rotary", "tied": False},
        {"parallel": True, "attention_bias": False, "head_bias": True},
    ),
    "falcon": (
        _BIASED | {"bias": False, "positions": "rotary", "tied": True},
        {"parallel": True, "norm_bias": True},
    ),
    "falcon-two-norms": (
        _BIASED | {"bias": False, "positions": "rotary", "tied": True},
        {"parallel": True, "norm_bias": True, "norms_per_layer": 2},
    ),
    "palm": (_TIED | {"norm": "layernorm"}, {"parallel": True}),
    "cohere": (_TIED | {"norm": "layernorm"}, {"parallel": True}),
    "cohere-normed": (_TIED | {"norm": "layernorm"}, {"parallel": True, "qk_norm": "width"}),
    "starcoder2": (_BIASED | {"positions": "rotary", "tied": True}, {}),
}
