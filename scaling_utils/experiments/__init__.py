"""The experiments that several studies share: a job in, the rows of its recorded runs out.

A job is a dictionary of plain values that says everything about its runs. One job trains
one shape on one corpus, with all its learning rates and seeds side by side, and gives one
row for each seed, rate and number of tokens. ``sweeps.sweep`` runs many of them; a single one is
a function call:

>>> from scaling_utils import experiments
>>> rows = experiments.neural_ngrams(job, folder)  # doctest: +SKIP

An experiment of one study alone lies beside its results, as ``results/<study>/experiment.py``.
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "associative": ("associative_memory", "converged_memory"),
        "complexity": ("task_complexity",),
        "ngrams": ("neural_ngrams",),
        "registry": ("EXPERIMENTS", "MOVED"),
        "sequences": ("sequence_models",),
        "transfers": ("run_lengths", "transfer"),
    },
)
