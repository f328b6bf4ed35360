"""Published models as they really are: grouped heads, latent attention, windows, experts.

An :class:`Architecture` is a :class:`scaling_utils.shapes.Transformer` with what departs from it.
Parameters, FLOPs and the cache of keys and values follow from it, by part and without torch.

>>> from scaling_utils import architectures
>>> architectures.parameters("llama-2-7b").total
6738415616
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "architecture": ("Architecture", "Latent"),
        "cache": ("kv_cache",),
        "config": ("MODEL_TYPES", "from_config"),
        "published": ("Entry", "catalogue", "entry", "get"),
        "resolving": ("resolve",),
        "size": ("Counted", "parameters"),
        "work": ("ATTENTION", "RECOMPUTE", "TrainingFlops", "training_flops"),
    },
)
