"""Reading recorded runs: tables, tuned cells, slices at equal compute, splits and scores.

>>> from scaling_utils import studies
>>> cells = studies.cells(studies.read_rows(studies.recorded("known_entropy") / "runs.csv"))
>>> len(cells)
75

Importing this room loads neither torch nor Dask.
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "heldout": ("Score", "held_out", "score"),
        "records": ("read_record", "read_rows", "recorded"),
        "slices": ("Slices", "isoflop_slices"),
        "tuning": ("Cells", "cells"),
    },
)
