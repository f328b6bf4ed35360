"""Tables of runs as their authors have them: read, understood, and checked for their units.

>>> from scaling_utils import tables
>>> runs = tables.read({"params (M)": [20, 40, 80], "tokens": ["1B", "2B", "4B"],
...                     "val_loss": [4.1, 3.7, None]})
>>> runs["N"].tolist(), runs.left_out
([20000000.0, 40000000.0], {'no loss': 1})
>>> [remark.code for remark in runs.remarks]
['assumed', 'rows-left-out']

Files are read row by row into typed arrays: CSV with any separator, JSON, JSON lines, Parquet
where pyarrow is installed, what W&B exports, and standard input. A frame of any library is
read through ``numpy.asarray(frame[name])``.
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "conditions": ("Condition", "parse_condition"),
        "errors": ("TableError",),
        "reading": ("read",),
        "runs": ("Runs",),
        "units": ("said_units",),
    },
)
