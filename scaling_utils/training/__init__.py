"""Training runs: the loop and what goes into it. This room needs torch.

- ``loop``: the ``Trainer``, with gradient accumulation, history and resuming
- ``schedules``: the learning rate over a run
- ``optimisers``: Adam with one rate per parameter, or per network trained side by side
- ``checkpoint``: files that survive a killed process and refuse damage
"""

from scaling_utils.training import checkpoint
from scaling_utils.training.checkpoint import CheckpointError, CheckpointWarning
from scaling_utils.training.loop import Trainer
from scaling_utils.training.optimisers import MemberAdam, adamw
from scaling_utils.training.schedules import Schedule, constant, cosine, wsd

__all__ = [
    "CheckpointError",
    "CheckpointWarning",
    "MemberAdam",
    "Schedule",
    "Trainer",
    "adamw",
    "checkpoint",
    "constant",
    "cosine",
    "wsd",
]
