"""Scaling laws as small frozen objects, and the published ones as named constants.

>>> from scaling_utils import laws
>>> best = laws.CHINCHILLA.optimal(5.76e23)  # Gopher's budget in FLOPs
>>> f"{best.N:.3g} parameters, {best.D:.3g} tokens"
'4.04e+10 parameters, 2.38e+12 tokens'

Every published law carries ``about``: its source, its units, and the runs it was fitted
on. ``optimal`` always takes FLOPs; a published law in one variable takes the unit of its
paper, and ``units.PF_DAY`` converts.
"""

from scaling_utils.laws import batch, facts
from scaling_utils.laws._about import About, UnreachableLoss
from scaling_utils.laws.broken import Break, BrokenPowerLaw
from scaling_utils.laws.coupled import CoupledLaw
from scaling_utils.laws.data_constrained import MUENNIGHOFF, DataConstrainedLaw
from scaling_utils.laws.domains import HENIGHAN, DomainLaws
from scaling_utils.laws.hyperparameters import (
    DEEPSEEK,
    STEP_LAW,
    DeepSeekRules,
    StepLaw,
    embedding_coefficient,
    total_parameters,
)
from scaling_utils.laws.kaplan import (
    KAPLAN_ALLOCATION,
    KAPLAN_COMPUTE,
    KAPLAN_COMPUTE_FIXED_BATCH,
    KAPLAN_CRITICAL_BATCH,
    KAPLAN_CRITICAL_BATCH_TABLE_5,
    KAPLAN_DATA,
    KAPLAN_JOINT,
    KAPLAN_SIZE,
    KAPLAN_SIZE_FIXED_BATCH,
    KAPLAN_STEPS,
    CriticalBatch,
    KaplanAllocation,
    KaplanJoint,
    KaplanPlan,
    KaplanSteps,
    compute_exponent,
    kaplan_learning_rate,
    tokens_against_overfitting,
)
from scaling_utils.laws.parametric import Allocation, ParametricLaw
from scaling_utils.laws.power import PowerLaw, Trend
from scaling_utils.laws.published import (
    BESIROGLU,
    CHINCHILLA,
    CHINCHILLA_ROUNDED,
    CHINCHILLA_THREE_DIGIT,
    GPT3,
    PUBLISHED,
    Chinchilla,
    get,
)
from scaling_utils.laws.transfer import HERNANDEZ_MIX, HERNANDEZ_TEXT, TransferLaw

__all__ = [
    "BESIROGLU",
    "CHINCHILLA",
    "CHINCHILLA_ROUNDED",
    "CHINCHILLA_THREE_DIGIT",
    "DEEPSEEK",
    "GPT3",
    "HENIGHAN",
    "HERNANDEZ_MIX",
    "HERNANDEZ_TEXT",
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
    "MUENNIGHOFF",
    "PUBLISHED",
    "STEP_LAW",
    "About",
    "Allocation",
    "Break",
    "BrokenPowerLaw",
    "Chinchilla",
    "CoupledLaw",
    "CriticalBatch",
    "DataConstrainedLaw",
    "DeepSeekRules",
    "DomainLaws",
    "KaplanAllocation",
    "KaplanJoint",
    "KaplanPlan",
    "KaplanSteps",
    "ParametricLaw",
    "PowerLaw",
    "StepLaw",
    "TransferLaw",
    "Trend",
    "UnreachableLoss",
    "batch",
    "compute_exponent",
    "embedding_coefficient",
    "facts",
    "get",
    "kaplan_learning_rate",
    "tokens_against_overfitting",
    "total_parameters",
]
