"""What ``scaling-utils count`` prints for people."""

from __future__ import annotations

from scaling_utils import units
from scaling_utils.cli._numbers import shown
from scaling_utils.cli._tables import Table, pairs

_RULES = {
    "rule_6N": "rule 6 N",
    "rule_6N_non_embedding": "same, N without embeddings",
    "exact_causal": "exact, causal attention",
    "exact": "exact, all pairs of tokens",
}


def in_words(result: dict, found) -> list:
    """Return the answer as lines and tables."""
    parts = [_heading(result, found), _parameters(result)]
    if result["stated"]:
        parts.append(_stated(result["stated"]))
    parts += [_work(result), _bytes(result)]
    return parts


def listed_in_words(models: list[dict]) -> Table:
    """Return the list of models as a table."""
    rows = [
        (
            entry["name"],
            shown(entry["stated_parameters"]),
            "" if entry["stated_active"] is None else shown(entry["stated_active"]),
            entry["source"] + (f"; {entry['note']}" if entry["note"] else ""),
        )
        for entry in models
    ]
    return Table(("model", "parameters", "active", "source"), rows, prose=(3,))


def _heading(result: dict, found) -> str:
    shape = found.shape
    words = [
        f"{result['model'] or 'shape'}: {shape.n_layer} layers, width {shape.d_model}",
        f"{shape.n_head} heads of {shape.d_head}",
        f"MLP {shape.d_ff}",
        f"vocabulary {shape.vocab}",
        f"context {shape.context}",
    ]
    if shape.n_kv_head != shape.n_head:
        words[1] += f", {shape.n_kv_head} of keys and values"
    if found.experts:
        mixture = found.experts
        shared = f" and {mixture.shared} shared" if mixture.shared else ""
        words.append(
            f"{mixture.count} experts of {found.d_expert}, {mixture.active} of them{shared} a token"
        )
    if found.latent:
        words.append(f"latent attention of rank {found.latent.kv_rank}")
    if found.window:
        full = found.full_layers
        words.append(f"window {found.window}" + (f", {full} layers without" if full else ""))
    return ", ".join(words)


def _parameters(result: dict) -> Table:
    counted = result["parameters"]
    tied = counted["tied"]
    rows = [("parameters", f"{counted['total']:,}")]
    for name in ("embedding", "position", "attention", "mlp", "router", "norm", "head"):
        if counted[name] or name in ("attention", "mlp", "norm"):
            rows.append((f"  {name}", f"{counted[name]:,}"))
        elif name == "head" and tied:
            rows.append(("  head", "0 (tied)"))
    if counted["multi_token"]:
        rows.append(("  multi-token", f"{counted['multi_token']:,}"))
    if counted["active"] != counted["total"]:
        rows.append(("  active", f"{counted['active']:,}"))
    if counted["active_with_embedding"] != counted["total"]:
        rows.append(("  same, with embedding", f"{counted['active_with_embedding']:,}"))
    rows.append(("  non-embedding", f"{counted['non_embedding']:,}"))
    return pairs(rows)


def _stated(stated: dict) -> Table:
    size = shown(stated["stated_parameters"])
    active = stated["stated_active"]
    rows = [
        ("stated", f"{size}{f', {shown(active)} active' if active else ''}, {stated['source']}")
    ]
    if stated["note"]:
        rows.append(("note", stated["note"]))
    return pairs(rows)


def _work(result: dict) -> Table:
    per_token, total = result["training_flops_per_token"], result["training_flops"]
    heads = ["training FLOPs", "a token", "of the rule"]
    if total:
        heads += [f"on {shown(result['tokens'])} tokens", "PF-days"]
    rows = []
    for key, name in _RULES.items():
        row = [name, f"{per_token[key]:.4g}", f"{per_token[key] / per_token['rule_6N']:.3f}"]
        if total:
            row += [
                f"{total[key.replace('6N', '6ND')]:.4g}",
                f"{total[key.replace('6N', '6ND')] / units.PF_DAY:,.4g}",
            ]
        rows.append(row)
    return Table(heads, rows, title=f"sequences of {result['sequence']} tokens")


def _bytes(result: dict) -> Table:
    cache = result["kv_cache"]
    return pairs(
        [
            (
                f"weights in {result['dtype']}",
                f"{_both(result['weights_bytes'])} (no gradients, optimizer states or activations)",
            ),
            (
                f"cache in {cache['dtype']}",
                f"{_both(cache['bytes'])} for {cache['batch']:,} x {cache['context']:,} tokens",
            ),
        ]
    )


def _both(size: float) -> str:
    return f"{size / units.GB:.4g} GB = {size / units.GIB:.4g} GiB"
