"""Plans of training runs, each answer with its range: size, tokens, devices, layout, memory."""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "footprints": ("Footprint", "footprint"),
        "layout": ("Layout", "Limit"),
    },
)
