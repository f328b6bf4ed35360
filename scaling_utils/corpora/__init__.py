"""Data for training and for fitting.

``run_table``             published tables of training runs, downloaded by pinned address
``dirichlet_language``    made languages whose entropy is known
``text``                  text that came with Python and PyTorch: "python", "english", "cpp"
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

from scaling_utils.corpora.baselines import (
    Compressed,
    Description,
    compressed,
    describe,
    ngram_entropy,
)
from scaling_utils.corpora.images import Digits, digits
from scaling_utils.corpora.languages import Language, dirichlet_language
from scaling_utils.corpora.splits import (
    Split,
    Stream,
    near_duplicates,
    seen_share,
    split,
    stream,
)
from scaling_utils.corpora.tables import (
    FOLDER_VARIABLE,
    SOURCES,
    DataUnavailable,
    RunTable,
    Source,
    run_table,
)
from scaling_utils.corpora.texts import TEXTS, Document, Text, text
from scaling_utils.corpora.windows import HeldOutSequences, HeldOutWindows, Sequences, Windows

__all__ = [
    "FOLDER_VARIABLE",
    "SOURCES",
    "TEXTS",
    "Compressed",
    "DataUnavailable",
    "Description",
    "Digits",
    "Document",
    "HeldOutSequences",
    "HeldOutWindows",
    "Language",
    "RunTable",
    "Sequences",
    "Source",
    "Split",
    "Stream",
    "Text",
    "Windows",
    "compressed",
    "describe",
    "digits",
    "dirichlet_language",
    "near_duplicates",
    "ngram_entropy",
    "run_table",
    "seen_share",
    "split",
    "stream",
    "text",
]
