"""Training runs: the loop and what goes into it. This room needs torch.

- ``loop``: the ``Trainer``, with gradient accumulation, history and resuming
- ``branches``: runs of several lengths from one trunk
- ``schedules``: the learning rate over a run
- ``optimisers``: Adam with one rate per parameter, or per network trained side by side
- ``mup``: rates and starting weights that let a narrow network's rate serve a wide one
- ``evaluation``: held-out loss with its standard error
- ``checkpoint``: files that survive a killed process and refuse damage
"""

from scaling_utils.training import checkpoint
from scaling_utils.training.branches import train_branches
from scaling_utils.training.checkpoint import (
    CheckpointError,
    CheckpointOwnerError,
    CheckpointWarning,
)
from scaling_utils.training.evaluation import HeldOut, evaluate
from scaling_utils.training.loop import Trainer
from scaling_utils.training.mup import activations, mup_multipliers, start_mup
from scaling_utils.training.optimisers import MemberAdam, adamw
from scaling_utils.training.schedules import Schedule, constant, cosine, wsd

__all__ = [
    "CheckpointError",
    "CheckpointOwnerError",
    "CheckpointWarning",
    "HeldOut",
    "MemberAdam",
    "Schedule",
    "Trainer",
    "activations",
    "adamw",
    "checkpoint",
    "constant",
    "cosine",
    "evaluate",
    "mup_multipliers",
    "start_mup",
    "train_branches",
    "wsd",
]
