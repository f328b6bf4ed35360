"""Scaling laws as small frozen objects, and the published ones as named constants.

>>> from scaling_utils import laws
>>> best = laws.CHINCHILLA.optimal(5.76e23)  # Gopher's budget in FLOPs
>>> f"{best.N:.3g} parameters, {best.D:.3g} tokens"
'4.04e+10 parameters, 2.38e+12 tokens'

Every published law carries ``about``: its source, its units, and the runs it was fitted
on. ``optimal`` always takes FLOPs; a published law in one variable takes the unit of its
paper, and ``PF_DAY`` converts.
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_about": ("About", "UnreachableLoss"),
        "broken": ("Break", "BrokenPowerLaw"),
        "coupled": ("CoupledLaw",),
        "data_constrained": ("MUENNIGHOFF", "DataConstrainedLaw"),
        "domains": ("HENIGHAN", "DomainLaws"),
        "hyperparameters": (
            "DEEPSEEK",
            "STEP_LAW",
            "DeepSeekRules",
            "StepLaw",
            "embedding_coefficient",
            "total_parameters",
        ),
        "kaplan": (
            "KAPLAN_ALLOCATION",
            "KAPLAN_COMPUTE",
            "KAPLAN_COMPUTE_FIXED_BATCH",
            "KAPLAN_CRITICAL_BATCH",
            "KAPLAN_CRITICAL_BATCH_TABLE_5",
            "KAPLAN_DATA",
            "KAPLAN_JOINT",
            "KAPLAN_SIZE",
            "KAPLAN_SIZE_FIXED_BATCH",
            "KAPLAN_STEPS",
            "PF_DAY",
            "CriticalBatch",
            "KaplanAllocation",
            "KaplanJoint",
            "KaplanPlan",
            "KaplanSteps",
            "compute_exponent",
            "kaplan_learning_rate",
            "tokens_against_overfitting",
        ),
        "parametric": ("Allocation", "ParametricLaw"),
        "power": ("PowerLaw", "Trend"),
        "published": (
            "BESIROGLU",
            "CHINCHILLA",
            "CHINCHILLA_ROUNDED",
            "CHINCHILLA_THREE_DIGIT",
            "GPT3",
            "PUBLISHED",
            "Chinchilla",
            "get",
        ),
        "transfer": ("HERNANDEZ_MIX", "HERNANDEZ_TEXT", "TransferLaw"),
    },
    submodules=("batch", "facts"),
)
