"""What each model_type of transformers means: its keys, its defaults, what departs from the rest.

Defaults are those of the configuration classes of transformers 5.
"""

from __future__ import annotations

from collections.abc import Callable

from scaling_utils.architectures import older_types
from scaling_utils.architectures.keys import Keys
from scaling_utils.architectures.mixtures import deepseek_fields, mixture_fields
from scaling_utils.architectures.patterns import window_fields
from scaling_utils.architectures.shape_keys import read_shape


def _llama_like(style: str, *defaults, biases: bool = True, window=None, every=None, extra=None):
    """Return a reader of a type that has Llama's keys."""

    def read(keys: Keys):
        shape, fields = read_shape(keys, style, defaults)
        if biases:
            fields["attention_bias"] = keys.flag("attention_bias")
            if extra is None and keys.flag("mlp_bias"):
                fields["mlp_bias"] = True
        fields |= window_fields(keys, shape["n_layer"], window, every)
        if extra is not None:
            fields |= extra(keys, shape)
        return shape, fields

    return read


def _cohere(keys: Keys, shape: dict) -> dict:
    return {"qk_norm": "width" if keys.flag("use_qk_norm") else "none"}


def _no_window(keys: Keys, shape: dict) -> dict:
    return {}


def _starcoder2(keys: Keys):
    defaults = (30, 3072, 24, 2, None, 12288, 49152, 4096, True)
    shape, fields = read_shape(keys, "starcoder2", defaults)
    shape["bias"] = keys.flag("use_bias", True)
    return shape, fields | {"norm_bias": True} | window_fields(keys, shape["n_layer"], None, None)


def _gemma3(keys: Keys):
    defaults = (26, 2304, 8, 4, 256, 9216, 262208, 131072, True)
    shape, fields = read_shape(keys, "gemma3", defaults)
    fields["attention_bias"] = keys.flag("attention_bias")
    return shape, fields | window_fields(keys, shape["n_layer"], 4096, 6)


def _gpt_oss(keys: Keys):
    defaults = (36, 2880, 64, 8, 64, 2880, 201088, 131072, False)
    shape, fields = read_shape(keys, "gpt-oss", defaults)
    fields["attention_bias"] = keys.flag("attention_bias", True)
    fields |= window_fields(keys, shape["n_layer"], 128, 2)
    return shape, fields | mixture_fields("gpt_oss")(keys, shape)


def _deepseek(version: int) -> Callable:
    defaults = {
        2: (32, 4096, 32, None, None, 11008, 102400, 2048, False),
        3: (61, 7168, 128, None, None, 18432, 129280, 4096, False),
    }[version]

    def read(keys: Keys):
        shape, fields = read_shape(keys, f"deepseek{version}", defaults, heads=False)
        return deepseek_fields(keys, shape, fields, version)

    return read


TYPES: dict[str, Callable] = {
    "gpt2": older_types.gpt2,
    "gpt_bigcode": older_types.gpt_bigcode,
    "gptj": older_types.gptj,
    "gpt_neox": older_types.gpt_neox,
    "phi": older_types.phi,
    "opt": older_types.opt,
    "bloom": older_types.bloom,
    "falcon": older_types.falcon,
    "RefinedWebModel": older_types.falcon,
    "RefinedWeb": lambda keys: older_types.falcon(keys, grouped=True),
    "starcoder2": _starcoder2,
    "llama": _llama_like("llama", 32, 4096, 32, None, None, 11008, 32000, 2048, False),
    "granite": _llama_like("llama", 32, 4096, 32, None, None, 11008, 32000, 2048, False),
    "smollm3": _llama_like("llama", 36, 2048, 16, 4, None, 11008, 128256, 32768, True),
    "mistral": _llama_like(
        "llama", 32, 4096, 32, 8, None, 14336, 32000, 131072, False, biases=False, window=4096
    ),
    "mixtral": _llama_like(
        "llama",
        32,
        4096,
        32,
        8,
        None,
        14336,
        32000,
        131072,
        False,
        biases=False,
        extra=mixture_fields("mixtral"),
    ),
    "qwen2": _llama_like(
        "qwen2", 32, 4096, 32, 32, None, 22016, 151936, 32768, False, biases=False
    ),
    "qwen3": _llama_like("qwen3", 32, 4096, 32, 32, 128, 22016, 151936, 32768, False),
    "qwen2_moe": _llama_like(
        "qwen2",
        24,
        2048,
        16,
        16,
        None,
        5632,
        151936,
        32768,
        False,
        biases=False,
        extra=mixture_fields("qwen2_moe"),
    ),
    "qwen3_moe": _llama_like(
        "qwen3",
        24,
        2048,
        32,
        4,
        None,
        6144,
        151936,
        32768,
        False,
        extra=mixture_fields("qwen3_moe"),
    ),
    "gemma": _llama_like("gemma", 28, 3072, 16, 16, 256, 24576, 256000, 8192, True),
    "gemma2": _llama_like(
        "gemma2", 26, 2304, 8, 4, 256, 9216, 256000, 8192, True, window=4096, every=2
    ),
    "gemma3_text": _gemma3,
    "gpt_oss": _gpt_oss,
    "deepseek_v2": _deepseek(2),
    "deepseek_v3": _deepseek(3),
    "kimi_k2": _deepseek(3),
    "olmo": _llama_like("olmo", 32, 4096, 32, None, None, 11008, 50304, 2048, False),
    "olmo2": _llama_like("olmo2", 32, 4096, 32, None, None, 11008, 50304, 2048, False),
    "olmo3": _llama_like(
        "olmo2", 32, 4096, 32, None, None, 11008, 50304, 2048, False, window=4096, every=4
    ),
    "olmoe": _llama_like(
        "olmo2",
        16,
        2048,
        16,
        None,
        None,
        2048,
        50304,
        4096,
        False,
        extra=mixture_fields("olmoe"),
    ),
    "phi3": _llama_like("llama", 32, 3072, 32, None, None, 8192, 32064, 4096, False, biases=False),
    "cohere": _llama_like(
        "cohere", 40, 8192, 64, None, None, 22528, 256000, 8192, True, extra=_cohere
    ),
    "cohere2": _llama_like(
        "cohere",
        40,
        8192,
        64,
        None,
        None,
        22528,
        256000,
        8192,
        True,
        window=4096,
        every=4,
        extra=_no_window,
    ),
}
