"""Data for training and for fitting.

``run_table``             published tables of training runs, downloaded by pinned address
``dirichlet_language``    made languages whose entropy is known; ``coded_sum_language`` hides a rule
``text``                  text that came with Python and PyTorch: "python", "english", "cpp"
``Associations``          contexts without end by a Zipf law, each with a distribution of its own
``digits``                images that came with scikit-learn

A text is divided by document with ``split``; ``Windows`` and ``Sequences`` draw batches
from it, ``HeldOutWindows`` and ``HeldOutSequences`` read it in order, and ``describe`` gives
its figures: size, hash, what training and held-out parts share, compressors, counts.

>>> from scaling_utils import corpora
>>> parts = corpora.split(corpora.text("english"))
>>> inputs, targets = corpora.Windows(parts.train, context=8, batch=256, seed=0)(0)
>>> inputs.shape, targets.shape
(torch.Size([256, 8]), torch.Size([256]))
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "associations": ("Associations",),
        "baselines": ("Compressed", "Description", "compressed", "describe", "ngram_entropy"),
        "coded": ("coded_sum_language",),
        "images": ("Digits", "digits"),
        "languages": ("Language", "dirichlet_language"),
        "splits": ("Split", "Stream", "near_duplicates", "seen_share", "split", "stream"),
        "tables": (
            "FOLDER_VARIABLE",
            "SOURCES",
            "DataUnavailable",
            "RunTable",
            "Source",
            "run_table",
        ),
        "texts": ("TEXTS", "Document", "Text", "text"),
        "visits": ("DataCurve", "DataCurves"),
        "windows": ("HeldOutSequences", "HeldOutWindows", "Sequences", "Windows"),
    },
)
