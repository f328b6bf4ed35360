"""Parameters, FLOPs and bytes of transformers and MLPs, each counted three ways.

The rule of thumb (``6 N`` per token), the exact formula (:func:`matmul_flops`) and the
count on a real module (:func:`count_flops`) are tested against each other. FLOPs are
work; a rate would be FLOP/s. Only the counts on a module load torch.
"""

from scaling_utils.counting.measured import count_flops, count_parameters
from scaling_utils.counting.published import (
    hoffmann_flops,
    kaplan_flops_per_token,
    kaplan_parameters,
    megatron_flops,
    megatron_parameters,
    palm_flops_per_token,
    rule_flops_per_token,
    selective_recompute_overhead,
)
from scaling_utils.counting.size import (
    DTYPES,
    Parameters,
    mlp_parameters,
    parameter_bytes,
    parameters,
)
from scaling_utils.counting.work import Flops, MatmulFlops, matmul_flops, mlp_flops
from scaling_utils.shapes import Transformer

__all__ = [
    "DTYPES",
    "Flops",
    "MatmulFlops",
    "Parameters",
    "Transformer",
    "count_flops",
    "count_parameters",
    "hoffmann_flops",
    "kaplan_flops_per_token",
    "kaplan_parameters",
    "matmul_flops",
    "megatron_flops",
    "megatron_parameters",
    "mlp_flops",
    "mlp_parameters",
    "palm_flops_per_token",
    "parameter_bytes",
    "parameters",
    "rule_flops_per_token",
    "selective_recompute_overhead",
]
