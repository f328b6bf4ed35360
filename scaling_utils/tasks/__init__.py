"""What a model learns on: batches to train with, and a loss to be measured by. Needs torch.

- ``windows``: windows of a language or a text, for n-gram networks side by side
- ``sequences``: passages of a language or a text, for one GPT or LSTM
- ``limited``: a language and its relative, or two texts, of which only a part may be seen
- ``waves``: functions of known smoothness on points of known dimension
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "limited": ("LimitedLanguage", "LimitedText", "transfer_tasks"),
        "sequences": ("LanguageSequences", "TextSequences", "sequence_task"),
        "waves": ("WaveTask",),
        "windows": ("LanguageWindows", "TextWindows", "split_text", "table_hash", "window_task"),
    },
)
