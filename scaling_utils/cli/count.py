"""``scaling-utils count``: parameters, FLOPs and bytes of a transformer."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from scaling_utils import counting, shapes, units
from scaling_utils.cli._types import positive, whole

SIZES = ("n_layer", "d_model", "n_head", "vocab", "context", "n_kv_head", "d_head", "d_ff")
NEEDED = SIZES[:5]

_ABOUT = """\
Count the parameters, FLOPs (work) and bytes of a transformer.

Name a published model (see --list), or give a shape: at least --n-layer, --d-model,
--n-head, --vocab and --context."""

_EXAMPLE = """\
examples:
  scaling-utils count gpt3-175b --tokens 300e9 --dtype fp16
  scaling-utils count --n-layer 6 --d-model 384 --n-head 6 --vocab 256 --context 256"""


def add(commands) -> None:
    """Add the subcommand to argparse's ``commands``."""
    parser = commands.add_parser(
        "count",
        help="count parameters, FLOPs and bytes of a transformer",
        description=_ABOUT,
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", nargs="?", help="name of a published model")
    parser.add_argument("--list", action="store_true", help="list the published models")
    shape = parser.add_argument_group("shape")
    for size in SIZES:
        shape.add_argument(f"--{size.replace('_', '-')}", type=whole, metavar="n")
    shape.add_argument("--gated", action="store_true", help="SwiGLU MLP: three matrices")
    shape.add_argument("--no-bias", action="store_true", help="no biases")
    shape.add_argument("--untied", action="store_true", help="output head of its own")
    shape.add_argument("--norm", choices=shapes.NORMS)
    shape.add_argument("--positions", choices=shapes.POSITIONS)
    parser.add_argument(
        "--sequence", type=whole, metavar="T", help="tokens per sequence (default: the context)"
    )
    parser.add_argument("--tokens", type=positive, metavar="D", help="training tokens")
    parser.add_argument(
        "--dtype", default="bf16", choices=counting.DTYPES, help="of the weights (default: bf16)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON with unrounded numbers")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Count, print, and return the exit code."""
    if args.list:
        for entry in shapes.catalogue().values():
            note = f"; {entry.note}" if entry.note else ""
            print(f"{entry.name:16}{entry.published_parameters:>8.3g}  {entry.source}{note}")
        return 0
    shape = _shape(args)
    result = _counts(shape, args)
    print(json.dumps(result, indent=2) if args.json else _text(result, shape, args))
    return 0


def _shape(args: argparse.Namespace) -> shapes.Transformer:
    given = {size: getattr(args, size) for size in SIZES if getattr(args, size) is not None}
    kinds = {"norm": args.norm, "positions": args.positions}
    given |= {key: value for key, value in kinds.items() if value is not None}
    flags = {"gated": args.gated, "bias": not args.no_bias, "tied": not args.untied}
    if args.model is not None:
        if given or args.gated or args.no_bias or args.untied:
            raise ValueError("name a model or give a shape, not both")
        return shapes.get(args.model)
    missing = [f"--{size.replace('_', '-')}" for size in NEEDED if size not in given]
    if missing:
        raise ValueError(f"name a model (see --list) or give a shape; missing: {' '.join(missing)}")
    return shapes.Transformer(**given, **flags)


def _counts(shape: shapes.Transformer, args: argparse.Namespace) -> dict:
    parts = counting.parameters(shape)
    weights = counting.parameter_bytes(parts.total, args.dtype)
    rule = counting.rule_flops_per_token(parts.total)
    exact = None
    if shape.positions != "relative":
        exact = counting.matmul_flops(shape, context=args.sequence).per_token
    return {
        "model": args.model,
        "shape": asdict(shape),
        "parameters": asdict(parts) | {"total": parts.total, "non_embedding": parts.non_embedding},
        "sequence": args.sequence or shape.context,
        "training_flops_per_token": {
            "rule_6N": rule,
            "rule_6N_non_embedding": counting.rule_flops_per_token(parts.non_embedding),
            "exact": exact,
        },
        "tokens": args.tokens,
        "training_flops": args.tokens
        and {"rule_6ND": rule * args.tokens, "exact": exact and exact * args.tokens},
        "dtype": args.dtype,
        "weights_bytes": weights,
    }


def _text(result: dict, shape: shapes.Transformer, args: argparse.Namespace) -> str:
    parts, flops = result["parameters"], result["training_flops_per_token"]
    lines = [
        f"{args.model or 'shape'}: {shape.n_layer} layers, width {shape.d_model}, "
        f"{shape.n_head} heads of {shape.d_head}, MLP {shape.d_ff}, vocabulary {shape.vocab}, "
        f"context {shape.context}",
        f"parameters          {parts['total']:,}",
    ]
    for name in ("embedding", "position", "attention", "mlp", "norm", "head"):
        lines.append(f"  {name:<16}  {parts[name]:,}")
    lines += [
        f"  without embedding, positions, head  {parts['non_embedding']:,}",
        f"training FLOPs per token, sequences of {result['sequence']}",
        f"  rule 6 N          {flops['rule_6N']:.4g}",
        f"  same, N without embeddings  {flops['rule_6N_non_embedding']:.4g}",
        _exact(flops),
    ]
    if result["training_flops"]:
        total = result["training_flops"]
        lines.append(f"training FLOPs on {args.tokens:.4g} tokens")
        for label, value in (("rule 6 N D", total["rule_6ND"]), ("exact", total["exact"])):
            if value:
                lines.append(f"  {label:<16}  {value:.4g}  ({value / units.PF_DAY:.4g} PF-days)")
    weights = result["weights_bytes"]
    lines.append(
        f"weights in {args.dtype}     {weights / units.GB:.4g} GB = "
        f"{weights / units.GIB:.4g} GiB (no gradients, optimizer states or activations)"
    )
    return "\n".join(lines)


def _exact(flops: dict) -> str:
    if flops["exact"] is None:
        return "  exact             not defined for relative positions"
    ratio = flops["exact"] / flops["rule_6N"]
    return (
        f"  exact             {flops['exact']:.4g}  (matrix products; {ratio:.3f} times the rule)"
    )
