"""Parameters, FLOPs and bytes of transformers and MLPs, each counted three ways.

The rule of thumb (``6 N`` per token), the exact formula (:func:`matmul_flops`) and the
count on a real module (:func:`count_flops`) are tested against each other. FLOPs are
work; a rate would be FLOP/s. Only the counts on a module load torch.
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "measured": ("count_flops", "count_parameters"),
        "published": (
            "hoffmann_flops",
            "kaplan_flops_per_token",
            "kaplan_parameters",
            "megatron_flops",
            "megatron_parameters",
            "palm_flops_per_token",
            "rule_flops_per_token",
            "selective_recompute_overhead",
        ),
        "size": ("GIB", "DTYPES", "Parameters", "mlp_parameters", "parameter_bytes", "parameters"),
        "work": ("Flops", "MatmulFlops", "matmul_flops", "mlp_flops"),
        "scaling_utils.hardware": ("GB",),
        "scaling_utils.shapes": ("Transformer",),
    },
)
