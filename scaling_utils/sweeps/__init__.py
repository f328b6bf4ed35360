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

from scaling_utils.sweeps.config import Config, ConfigError, expand, read_config
from scaling_utils.sweeps.heldout import Score, held_out, score
from scaling_utils.sweeps.jobs import experiments, find_experiment, job_key
from scaling_utils.sweeps.ledger import Ledger, LedgerError, LedgerWarning, read_ledger
from scaling_utils.sweeps.provenance import collect_provenance
from scaling_utils.sweeps.records import read_record, record, recorded
from scaling_utils.sweeps.run import Failure, JobsFailed, sweep
from scaling_utils.sweeps.slices import Slices, isoflop_slices
from scaling_utils.sweeps.tables import table, write_csv
from scaling_utils.sweeps.tuning import Cells, cells, read_rows

__all__ = [
    "Cells",
    "Config",
    "ConfigError",
    "Failure",
    "JobsFailed",
    "Ledger",
    "LedgerError",
    "LedgerWarning",
    "Score",
    "Slices",
    "cells",
    "collect_provenance",
    "expand",
    "experiments",
    "find_experiment",
    "held_out",
    "isoflop_slices",
    "job_key",
    "read_config",
    "read_ledger",
    "read_record",
    "read_rows",
    "record",
    "recorded",
    "score",
    "sweep",
    "table",
    "write_csv",
]
