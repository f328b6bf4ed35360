"""The command ``scaling-utils``: plan, fit, count, memory, carbon, laws, hardware, sweep.

Each command has its module with a click command of that name, ``command``, which is imported when
it is called: see ``_group.py``. All answer in the same way: results on standard output, coded
remarks on standard error, ``--json`` with a schema (``_out.py``). Input that cannot be used ends
with one line on standard error and the status 2.
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_main": ("main",),
    },
)
