"""Training runs: the loop and what goes into it. This room needs torch.

- ``loop``: the ``Trainer``, with gradient accumulation, history and resuming
- ``branches``: runs of several lengths from one trunk
- ``schedules``: the learning rate over a run
- ``optimisers``: Adam with one rate per parameter, or per network trained side by side
- ``mup``: rates and starting weights that let a narrow network's rate serve a wide one
- ``evaluation``: held-out loss with its standard error
- ``checkpoint``: files that survive a killed process and refuse damage
- ``ledger``: every byte of one step, operation by operation
- ``offload``: Adam with its moments in the host's memory
- ``precision``: the numbers of a format, rounding to four bits, the bytes that 16 bits save
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "branches": ("train_branches",),
        "checkpoint": ("CheckpointError", "CheckpointOwnerError", "CheckpointWarning"),
        "evaluation": ("HeldOut", "evaluate"),
        "ledger": ("StepLedger", "follow_step"),
        "loop": ("Trainer",),
        "mup": ("activations", "mup_multipliers", "start_mup"),
        "offload": ("HostAdam",),
        "optimisers": ("MemberAdam", "adamw"),
        "precision": ("finite_numbers", "saved_bytes", "to_e2m1"),
        "schedules": ("Schedule", "constant", "cosine", "wsd"),
    },
    submodules=("checkpoint",),
)
