"""``scaling-utils count``: parameters, FLOPs and bytes of a model."""

from __future__ import annotations

from dataclasses import asdict, fields

import click

from scaling_utils import architectures, counting
from scaling_utils._remarks import Remark
from scaling_utils.cli._count_text import in_words, listed_in_words
from scaling_utils.cli._names import Listed, matching
from scaling_utils.cli._numbers import Number, Word
from scaling_utils.cli._out import emit, output_options
from scaling_utils.cli._shape import shape_options, the_architecture

PARTS = ("embedding", "position", "attention", "mlp", "router", "norm", "head", "multi_token")


@click.command(
    "count",
    epilog="""\b
Examples:
  scaling-utils count llama-3-8b --tokens 15T
  scaling-utils count deepseek-v3 --batch 32 --sequence 8192
  scaling-utils count --list --find qwen
  scaling-utils count --n-layer 6 --d-model 384 --n-head 6 --vocab 256 --context 256""",
)
@click.argument("model", required=False, type=Listed(architectures.catalogue))
@click.option("--list", "listing", is_flag=True, help="List the published models.")
@click.option("--find", metavar="WORD", help="List only those whose name or source has it.")
@shape_options
@click.option("--sequence", type=Number(whole=True), help="Tokens per sequence  [the context]")
@click.option("--tokens", type=Number(), help="Training tokens.")
@click.option(
    "--dtype", default="bf16", show_default=True, type=Word(counting.DTYPES), help="Of the weights."
)
@click.option(
    "--batch", type=Number(whole=True), default=1, show_default=True, help="Sequences served."
)
@click.option(
    "--cache-dtype", default="bf16", show_default=True, type=Word(counting.DTYPES),
    help="Of the cache of keys and values.",
)  # fmt: skip
@output_options
def command(
    model, listing, find, sequence, tokens, dtype, batch, cache_dtype, as_json, strict, **shape
) -> int:
    """Count the parameters, FLOPs (work) and bytes of MODEL.

    MODEL is the name of a published model (see --list) or a Hugging Face config.json. Or give a
    shape: at least --n-layer, --d-model, --n-head, --vocab and --context.
    """
    if listing or find is not None:
        result = {"models": _listed(find)}
        text = listed_in_words(result["models"])
        return emit("count", result, lambda: [text], as_json=as_json, strict=strict)
    found = the_architecture(model, shape)
    result = counts(found, sequence, tokens, dtype, batch, cache_dtype)
    result = {"model": model, "stated": _stated(model), **result}
    remarks = _remarks(found)
    return emit(
        "count", result, lambda: in_words(result, found), remarks, as_json=as_json, strict=strict
    )


def counts(found, sequence, tokens, dtype, batch, cache_dtype) -> dict:
    """Return everything that follows from an architecture, unrounded."""
    parts = architectures.parameters(found)
    length = sequence or found.shape.context
    # Learned positions end at the context: there is no row for a later token.
    if found.shape.positions == "learned" and length > found.shape.context:
        raise ValueError(
            f"--sequence must be at most {found.shape.context} with learned positions, got {length}"
        )
    work = {
        attention: architectures.training_flops(found, context=length, attention=attention)
        for attention in architectures.ATTENTION
    }
    per_token = {
        "rule_6N": counting.rule_flops_per_token(parts.active_with_embedding),
        "rule_6N_non_embedding": counting.rule_flops_per_token(parts.active_non_embedding),
        "exact": float(work["dense"].per_token),
        "exact_causal": float(work["causal"].per_token),
    }
    by_part = {
        field.name: float(getattr(work["causal"], field.name))
        for field in fields(work["causal"])
        if field.name not in ("tokens", "recompute")
    }
    cache = {
        "dtype": cache_dtype,
        "batch": batch,
        "context": length,
        "bytes": float(architectures.kv_cache(found, batch, length, cache_dtype)),
        "bytes_per_token": float(architectures.kv_cache(found, 1, 1, cache_dtype)),
    }
    return {
        "architecture": asdict(found),
        "parameters": {
            **{name: getattr(parts, name) for name in PARTS},
            "total": parts.total,
            "active": parts.active,
            "active_with_embedding": parts.active_with_embedding,
            "non_embedding": parts.non_embedding,
            "active_non_embedding": parts.active_non_embedding,
            "tied": parts.tied,
        },
        "sequence": length,
        "training_flops_per_token": per_token | {"exact_causal_by_part": by_part},
        "tokens": tokens,
        "training_flops": tokens
        and {name.replace("6N", "6ND"): tokens * each for name, each in per_token.items()},
        "dtype": dtype,
        "weights_bytes": counting.parameter_bytes(parts.total, dtype),
        "kv_cache": cache,
        "units": {
            "parameters": "1",
            "training_flops": "FLOPs, forward and backward, no recomputation",
            "exact": "attention over all pairs of tokens",
            "exact_causal": "attention over the pairs that the mask and the windows let through",
            "weights_bytes": "bytes",
            "tokens": "tokens",
        },
    }


def _stated(model: str | None) -> dict | None:
    """What the authors of a published model say of its size."""
    try:
        entry = architectures.entry(model)
    except (TypeError, ValueError):
        return None
    kept = ("name", "stated_parameters", "stated_active", "stored_parameters", "source", "note")
    return {name: getattr(entry, name) for name in kept}


def _remarks(found) -> list[Remark]:
    if found.shape.positions != "relative":
        return []
    return [
        Remark(
            "relative-positions",
            "the work of relative positions depends on how they are programmed; their matrix "
            "counts as one product a token here",
        )
    ]


def _listed(find: str | None) -> list[dict]:
    known = architectures.catalogue()
    described = {name: f"{name} {entry.source}" for name, entry in known.items()}
    names = list(known) if find is None else matching("model", find, described)
    kept = ("name", "stated_parameters", "stated_active", "source", "note")
    return [{key: getattr(known[name], key) for key in kept} for name in names]
