"""Plans of training runs, each answer with its range: size, tokens, devices, hours, money, carbon.

>>> from scaling_utils import planning
>>> plan = planning.plan(flops=1e24, devices=1024, device="H100-SXM", mfu=0.4)
>>> f"{plan.answers['hours'].middle / 24:.1f} days"
'28.6 days'
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "answers": ("Answer", "Plan"),
        "defaults": ("grid_range", "mfu_range", "power_range", "pue_range"),
        "families": ("Family", "family_of"),
        "designs": ("NextRuns", "next_runs"),
        "outcome": ("outcomes",),
        "planner": ("plan",),
        "ranges": ("Range",),
        "runs": ("MeasuredRun", "measured_runs"),
        "serving": ("Serving", "serving_optimum"),
        "shares": ("first_order", "tornado"),
        "off_by": ("WrongSize", "wrong_size"),
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
