"""Several processes from a notebook cell, and what they say to each other. Needs torch.

- ``launch``: run a function of a cell on several ranks; ``RankError`` says which one failed
- ``collectives``, ``tally``: count what a rank sends and receives, from the run itself
- ``exchange``, ``ring_bytes``: one step of a ring, and what a whole ring sends
- ``SplitMLP``, ``gradient_norm``, ``FAULTS``: tensor parallelism by hand, and how it goes wrong
- ``ring_attention``, ``zigzag``: context parallelism by hand
- ``traced``, ``replay``: the order of a pipeline's run, and its idle share at nominal costs
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "attention": ("ring_attention", "zigzag"),
        "counted": ("collectives", "ring_bytes", "tally"),
        "failures": ("RankError",),
        "launcher": ("Results", "launch"),
        "pipeline": ("Replay", "replay", "traced"),
        "ring": ("exchange",),
        "split": ("FAULTS", "SplitMLP", "gradient_norm"),
    },
)
