"""The command ``scaling-utils``: fit a table of runs, count a model, run a sweep.

Each subcommand has its module with ``add`` (its arguments) and ``run``. Bad input ends
with one line on standard error and exit code 2; a fit that is not to be relied on, and a
sweep with jobs that failed, ends with exit code 1 after its result.
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_main": ("main",),
        "runs": ("Runs", "TableError", "read_runs"),
    },
)
