"""Units and conversions, each in one place: work, memory, and the size of a loss.

A number without its unit is the commonest slip with scaling laws: a constant in PF-days that meets
FLOPs, a GB that is a GiB, a loss in bits beside one in nats. Multiply by a unit to get to the base
(FLOPs, bytes, nats), divide by it to get there.

>>> from scaling_utils import units
>>> f"{3.14e23 / units.PF_DAY:,.0f} PF-days"  # GPT-3's training work, in FLOPs before
'3,634 PF-days'
>>> f"{80 * units.GB / units.GIB:.1f} GiB"
'74.5 GiB'
"""

import math

__all__ = [
    "GB",
    "GIB",
    "INFERENCE_FLOPS",
    "MIB",
    "NATS_PER_BIT",
    "PF_DAY",
    "TRAINING_FLOPS",
]

# C = 6 N D: each weight multiplies once on the way forward, and twice on the way back (for the
# gradient of the inputs and of the weights); a multiplication with its addition is 2 FLOPs.
# Kaplan et al. (2020), section 2.1, https://arxiv.org/abs/2001.08361.
INFERENCE_FLOPS = 2.0  # per parameter and token: forward only
TRAINING_FLOPS = 6.0  # per parameter and token: forward 2, backward 4

PF_DAY = 1e15 * 86_400  # FLOPs in one petaFLOP/s-day, 8.64e19

GB = 1e9  # bytes, the decimal unit that vendors of GPUs print
MIB = 2.0**20  # bytes, the binary unit in which drivers report
GIB = 2.0**30  # bytes, the binary unit that Google prints for most TPUs

NATS_PER_BIT = math.log(2)
