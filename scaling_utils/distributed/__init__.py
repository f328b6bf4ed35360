"""Several processes from a notebook cell, and what they say to each other. Needs torch.

- ``launch``, ``launch_elastic``: run a function of a cell on several ranks, once or with restarts
- ``collectives``: count what a rank sends and receives, from the run itself
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "failures": ("RankError",),
        "launcher": ("Results", "launch"),
    },
)
