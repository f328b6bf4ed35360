"""Scaling laws as small frozen objects, and the published ones as named constants.

>>> from scaling_utils import laws
>>> best = laws.CHINCHILLA.optimal(5.76e23)  # Gopher's budget in FLOPs
>>> f"{best.N:.3g} parameters, {best.D:.3g} tokens"
'4.04e+10 parameters, 2.38e+12 tokens'

A published law is a table, ``scaling_utils/data/laws/NAME.toml``, and a constant in capitals
here: ``kaplan-size.toml`` is ``laws.KAPLAN_SIZE``. It carries ``about``: its source, its units, and
the runs it was fitted on. ``optimal`` always takes FLOPs; a published law in one variable takes
the unit of its paper, and ``units.PF_DAY`` converts.
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_about": ("About", "UnreachableLoss"),
        "broken": ("Break", "BrokenPowerLaw"),
        "coupled": ("CoupledLaw",),
        "data_constrained": ("DataConstrainedLaw",),
        "domains": ("HENIGHAN", "DomainLaws"),
        "hyperparameters": (
            "DeepSeekRules",
            "StepLaw",
            "embedding_coefficient",
            "total_parameters",
        ),
        "kaplan": (
            "CriticalBatch",
            "KaplanAllocation",
            "KaplanJoint",
            "KaplanPlan",
            "KaplanSteps",
            "compute_exponent",
            "kaplan_learning_rate",
        ),
        "parametric": ("Allocation", "ParametricLaw"),
        "power": ("PowerLaw", "Trend"),
        "published": ("PUBLISHED", "Chinchilla", "get"),
        "regression": ("least_squares_excess", "ridge_excess"),
        "transfer": ("TransferLaw",),
    },
    submodules=("batch", "facts"),
    made=("_tables.law", "laws"),
)
