"""Plans of training runs, each answer with its range: size, tokens, devices, layout, memory."""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "candidates": ("Refused",),
        "estimate": ("Estimate", "NotCovered"),
        "footprints": ("Footprint", "footprint"),
        "layout": ("Layout",),
        "other_planners": ("PLANNERS", "Explanation", "explain", "others"),
        "rules": ("Limit",),
        "searching": ("Search", "search"),
        "theirs_work": (
            "Work",
            "causal_flops",
            "cookbook_cache",
            "cookbook_flops",
            "dense_flops",
            "llm_analysis_hours",
            "rule_flops",
        ),
    },
)
