"""Which layers of a configuration have a sliding window."""

from __future__ import annotations

from scaling_utils.architectures.keys import Keys

_KINDS = ("full_attention", "sliding_attention")


def window_fields(keys: Keys, n_layer: int, window: int | None, every: int | None) -> dict:
    """Return the fields of an architecture that say which layers have a window.

    Parameters
    ----------
    keys : Keys
        The configuration.
    n_layer : int
        Its layers.
    window, every : int or None
        Defaults of the type: tokens of the window, and every how many layers one has none.

    Returns
    -------
    dict
        ``window`` and ``global_every``, or nothing.

    Raises
    ------
    TypeError, ValueError
        If a key is of the wrong kind, contradicts another, or is a pattern that does not repeat.
    """
    size = keys.size("sliding_window", window, least=0)
    every = keys.size(("sliding_window_pattern", "_sliding_window_pattern"), every)
    types, qwen = (
        keys.value("layer_types"),
        str(keys.config.get("model_type", "")).startswith("qwen"),
    )
    first = keys.size("max_window_layers", 28 if qwen else 0, least=0) or 0
    used = keys.value("use_sliding_window")
    if used is not None and not isinstance(used, bool):
        raise TypeError(f"config key 'use_sliding_window' must be true or false, got {used!r}")
    if used and not size:
        raise ValueError("config key 'use_sliding_window' is true, and 'sliding_window' is missing")
    if "use_sliding_window" in keys.config or _needs_use(keys):
        if not used:
            return {}
        if types is None:
            return _after(first, n_layer, size)
    if not size:
        if isinstance(types, (list, tuple)) and "sliding_attention" in types:
            raise ValueError("config key 'sliding_window' is missing, and 'layer_types' needs one")
        return {}
    if types is not None:
        return _listed(types, n_layer, size)
    return {"window": size} | ({"global_every": every} if every and every > 1 else {})


def _needs_use(keys: Keys) -> bool:
    """Qwen and SmolLM 3 have windows only where ``use_sliding_window`` says so."""
    return str(keys.config.get("model_type", "")).startswith(("qwen", "smollm"))


def _after(first: int, n_layer: int, size: int) -> dict:
    if first >= n_layer:
        return {}
    if first == 0:
        return {"window": size}
    raise ValueError(
        f"config key 'max_window_layers' must be 0 or at least the {n_layer} layers, got {first}: "
        "a window in the last layers alone is not counted"
    )


def _listed(types, n_layer: int, size: int) -> dict:
    if not isinstance(types, (list, tuple)) or len(types) != n_layer:
        raise ValueError(
            f"config key 'layer_types' must list one kind for each of the {n_layer} layers of "
            f"'num_hidden_layers', got {len(types) if hasattr(types, '__len__') else types!r}"
        )
    strange = [kind for kind in types if kind not in _KINDS]
    if strange:
        raise ValueError(f"config key 'layer_types' may hold {_KINDS}, got {strange[0]!r}")
    full = [i for i, kind in enumerate(types) if kind == "full_attention"]
    if len(full) == n_layer:
        return {}
    if not full:
        return {"window": size}
    every = full[0] + 1
    if full != list(range(every - 1, n_layer, every)):
        raise ValueError(
            "config key 'layer_types' must have full attention in every k-th layer, got it in "
            f"layers {[i + 1 for i in full]}"
        )
    return {"window": size, "global_every": every}
