"""What a model learns on: batches to train with, and a loss to be measured by. Needs torch.

Every task keeps to one protocol, ``Task``: ``batches(seeds, size, copies)`` and
``measure(model)``.

- ``windows``: windows of a language or a text, for n-gram networks side by side
- ``sequences``: passages of a language or a text, for one GPT or LSTM
- ``associations``: contexts of a Zipf law and their outputs, for linear memories
- ``waves``: functions of known smoothness on points of known dimension
- ``solving``: their losses with output weights that are solved for, not trained
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_task": ("Task",),
        "associations": ("AssociationTask",),
        "sequences": ("LanguageSequences", "TextSequences"),
        "solving": ("solved_losses",),
        "waves": ("WaveTask",),
        "windows": ("LanguageWindows", "TextWindows", "split_text"),
    },
)
