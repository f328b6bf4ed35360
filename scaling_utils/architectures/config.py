"""Architectures from the config.json of Hugging Face, by its model_type."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path

from scaling_utils._check import member
from scaling_utils.architectures.architecture import Architecture
from scaling_utils.architectures.keys import Keys
from scaling_utils.architectures.model_types import TYPES
from scaling_utils.shapes import Transformer

MODEL_TYPES = tuple(sorted(TYPES))

# Configurations of several parts hold the language model's in one of these.
_NESTED = ("text_config", "llm_config")
# Words in a key's name that suggest a size or a further part.
_TELLING = re.compile(
    r"layer|expert|head|hidden|inter|inner|embd|embed|size|dim|rank|width|vocab|bias|tie|norm|proj|"
    r"lora|moe|mlp|ffn|conv|ssm|mamba|state|adapter|shared|_kv|cross|positions|window|sparse"
)
# Keys with such a word that change no count.
_HARMLESS = re.compile(
    r"drop|_act$|_type$|cache|activation|_eps$|epsilon|rope|rotary|init|token_id|_loss|loss_|topk|router_jitter|scal(e|ing)|"
    r"^summary_|softcap|aux_|aux$|fused|fusion|fp32|dtype|quant|^output_|^original_max|^skip_bias|"
    r"^use_cache|use_bidirectional|logits_to_keep|^n_group$|^ep_size$|norm_topk|residual|^unk_|"
    r"_attn_implementation|^vision|^image|^mm_|^boi_|^eoi_|^is_|chunk_size|^max_new|^num_labels|"
    r"^pretraining_tp$|head_dtype|embd_pdrop|attn_norm_|^tokenizer|^num_beam|_multiplier$|no_rope|^swiglu_|^initial_context|^experts_per_token$"
)


def from_config(config, *, multi_token: bool = False) -> Architecture:
    """Return the architecture of a Hugging Face configuration.

    A missing key takes the default of its ``model_type`` in transformers 5, and null means what it
    means there. Keys that say nothing of the size are passed over. Any other key that is not known
    for the ``model_type`` and sounds like a size or a further part is refused, because a count
    without it would be wrong in silence.

    Parameters
    ----------
    config : mapping, str or path
        The content of a config.json, its path, or the folder that holds it. Of a model with several
        parts (Gemma 3 with vision) the language model is taken.
    multi_token : bool
        Whether to count the modules for later tokens (``num_nextn_predict_layers``). transformers
        does not load them.

    Returns
    -------
    Architecture

    Raises
    ------
    TypeError
        If ``config`` is nothing of these, or the value of a key is of the wrong kind.
    ValueError
        For a ``model_type`` that is not known, a key that is not, or numbers that contradict each
        other; the message names the key.
    FileNotFoundError
        For a path without a file.
    """
    content, place = _content(config)
    if not isinstance(multi_token, bool):
        raise TypeError(f"multi_token must be True or False, got {multi_token!r}")
    content = _language_model(content)
    if "model_type" not in content:
        raise ValueError(
            f"config needs the key 'model_type', got the keys {', '.join(map(repr, content))[:200]}"
        )
    model_type = member("config key 'model_type'", content["model_type"], MODEL_TYPES)
    keys = Keys(content)
    shape, fields = TYPES[model_type](keys)
    if not multi_token:
        fields.pop("multi_token", None)
    _refuse_unknown(keys, model_type)
    name = content.get("_name_or_path") or ""
    return Architecture(
        Transformer(**shape), **fields, name=str(name), source=place or f"config of {model_type}"
    )


def _content(config) -> tuple[Mapping, str]:
    if isinstance(config, Mapping):
        return config, ""
    if not isinstance(config, (str, PathLike)):
        raise TypeError(
            f"config must be a mapping, or a path of a config.json, got {type(config).__name__}"
        )
    path = Path(fspath(config))
    if path.is_dir():
        path = path / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"config: no file at {str(path)!r}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"config: {str(path)!r} is no JSON: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"config: {str(path)!r} holds a {type(content).__name__} and no mapping")
    return content, str(path)


def _language_model(content: Mapping) -> Mapping:
    """Return the part that is a language model; a head tied outside is tied inside."""
    for key in _NESTED:
        part = content.get(key)
        if isinstance(part, Mapping):
            outer = content.get("model_type")
            inner = part.get("model_type", {"gemma3": "gemma3_text"}.get(outer, outer))
            tied = {k: content[k] for k in ("tie_word_embeddings",) if k in content}
            return {**tied, **part, "model_type": inner}
    return content


def _refuse_unknown(keys: Keys, model_type: str) -> None:
    unknown = [
        key
        for key, value in keys.unread().items()
        if value is not None
        and value is not False
        and _TELLING.search(key)
        and not _HARMLESS.search(key)
    ]
    if unknown:
        raise ValueError(
            f"config key {unknown[0]!r} ({keys.unread()[unknown[0]]!r}) is not known for "
            f"model_type {model_type!r} and may change the count; leave it out if it does not"
        )
