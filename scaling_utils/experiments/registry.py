"""The experiments that have a name, and the addresses that they had before.

A sweep is started by a name or by an address, "module:function". A recorded table keeps the
address that its experiment had when it ran, and so does the digest beside it, which belongs to
that file of that commit. Where the function lies now is said here, and nowhere else.
"""

EXPERIMENTS = {
    "neural_ngrams": "scaling_utils.experiments.ngrams:neural_ngrams",
    "sequence_models": "scaling_utils.experiments.sequences:sequence_models",
    "task_complexity": "scaling_utils.experiments.complexity:task_complexity",
    "transfer": "scaling_utils.experiments.transfers:transfer",
}

MOVED = {  # address in recorded tables -> address now
    "scaling_utils.sweeps.ngrams:neural_ngrams": EXPERIMENTS["neural_ngrams"],
    "scaling_utils.sweeps.sequences:sequence_models": EXPERIMENTS["sequence_models"],
    "scaling_utils.sweeps.complexity:task_complexity": EXPERIMENTS["task_complexity"],
    "scaling_utils.sweeps.transfer:transfer": EXPERIMENTS["transfer"],
}
