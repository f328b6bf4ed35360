"""Sweeps: many runs of one experiment, on this machine or a cluster, that survive being killed.

A job is a dict of settings. An experiment is a function ``(job, folder) -> rows``: it runs one
job, keeps its checkpoints in ``folder``, and returns a list of dicts, one for each recorded run.
`sweep` runs the jobs on Dask workers and writes each job's rows to a ledger as it ends, so that
a sweep that was killed goes on where it stopped:

>>> from scaling_utils.sweeps import expand, read_config, sweep
>>> config = read_config("study.toml")  # doctest: +SKIP
>>> rows = sweep(config.experiment, config.jobs, "study/ledger.jsonl")  # doctest: +SKIP

Importing this room loads neither Dask nor torch. Linux and macOS only: the locks are POSIX's.
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "config": ("Config", "ConfigError", "expand", "read_config"),
        "heldout": ("Score", "held_out", "score"),
        "jobs": ("find_experiment", "job_key"),
        "ledger": ("Ledger", "LedgerError", "LedgerWarning", "read_ledger"),
        "provenance": ("collect_provenance",),
        "records": ("read_record", "record", "recorded"),
        "run": ("Failure", "JobsFailed", "sweep"),
        "slices": ("Slices", "isoflop_slices"),
        "tables": ("table", "write_csv"),
        "tuning": ("Cells", "cells", "read_rows"),
    },
)
