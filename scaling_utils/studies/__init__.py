"""Reading recorded runs: tables, tuned cells, slices at equal compute, splits and scores.

>>> from scaling_utils import studies
>>> study = studies.read("known_entropy")
>>> len(study.rows), len(study.cells), len(study.fitted)
(922, 112, 75)

A *cell* is one size at one number of tokens, with its learning rate tuned. Importing this room
loads neither torch nor Dask.
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "pairs": ("Arms", "Ratio"),
        "records": ("read_record", "read_rows", "recorded", "settings_of"),
        "rivals": ("line_ahead",),
        "slices": ("Slices", "isoflop_slices"),
        "splits": ("Score", "Split", "held_out", "score"),
        "study": ("Study", "read"),
        "transfers": ("Transferred", "Transfers", "read_transfers"),
        "tuning": ("Cells", "cells"),
    },
)
