"""Memory of training and serving: what is stored, when, and on how many devices it lies.

Everything is in bytes; divide by ``units.GB`` or ``units.GIB`` and say which. What is counted is
what tensors take. A process needs more: :func:`available` keeps a stated reserve for it.
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "activation": ("Activations", "activations"),
        "cache": ("kv_cache",),
        "card": ("RESERVE", "RESERVE_RANGE", "available"),
        "conventions": ("CONVENTIONS", "Convention"),
        "instants": ("Ledger", "ledger"),
        "measured": ("peak_bytes",),
        "mixture": ("ExpertParameters", "Experts", "expert_parameters"),
        "low_rank": ("lora_parameters", "lora_states", "quantised_bytes"),
        "output": ("Logits", "logits"),
        "pipeline": ("pipeline_layers",),
        "state": ("States", "states", "zero_traffic"),
    },
)
