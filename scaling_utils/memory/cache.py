"""Keys and values that serving keeps for the tokens so far."""

from __future__ import annotations

import numpy as np

from scaling_utils._check import whole
from scaling_utils.memory._arrays import amounts, counts
from scaling_utils.shapes import Transformer, check_shape


def kv_cache(
    shape: Transformer,
    tokens,
    batch=1,
    *,
    bytes_per_value=2,
    latent: int | None = None,
    window: int | None = None,
    full_layers: int = 0,
    tensor_parallel=1,
):
    """Return the bytes of the cache of keys and values.

    Each token of each layer has ``2 * n_kv_head * d_head`` values, so grouped heads shrink the
    cache by ``n_head / n_kv_head`` (Ainslie et al. 2023, arXiv:2305.13245). Latent attention stores
    one vector in place of both, and one rotary key (DeepSeek-V2, arXiv:2405.04434, Sec. 2.1). A
    layer with a window stores no more than the window (Jiang et al. 2023, arXiv:2310.06825).

    Parameters
    ----------
    shape : shapes.Transformer
        The model.
    tokens : int or array
        Tokens of each sequence so far, at least 0.
    batch : int or array
        Sequences, at least 1.
    bytes_per_value : float or array
        2 for bf16, 1 for fp8.
    latent : int, optional
        Values per token and layer with latent attention: the latent vector plus the rotary key,
        512 + 64 in DeepSeek-V3. It is not divided by tensor parallelism.
    window : int, optional
        Tokens that a layer with a sliding window sees; no layer has one unless given.
    full_layers : int
        Layers that see everything although there is a window.
    tensor_parallel : int or array
        Devices among which the heads are divided. With more devices than key heads, each device
        still holds one head.

    Returns
    -------
    float or array
        Bytes on one device.

    Raises
    ------
    TypeError, ValueError
        If ``shape`` is no Transformer, a number is not whole or out of its range, or
        ``full_layers`` is given without a window or exceeds the layers.
    """
    check_shape(shape)
    kept, t = counts("tokens", tokens, at_least=0), counts("tensor_parallel", tensor_parallel)
    per_token = 2 * shape.d_head * np.maximum(shape.n_kv_head / t, 1)
    if latent is not None:
        per_token = np.full_like(t, whole("latent", latent))
    full = whole("full_layers", full_layers, at_least=0)
    if full > shape.n_layer or (full and window is None):
        raise ValueError(
            f"full_layers must be at most {shape.n_layer} and needs a window, got {full_layers} "
            f"with window {window}"
        )
    if window is None:
        positions = shape.n_layer * kept
    else:
        positions = full * kept + (shape.n_layer - full) * np.minimum(kept, whole("window", window))
    width = amounts("bytes_per_value", bytes_per_value)
    return (positions * per_token * width * counts("batch", batch))[()]
