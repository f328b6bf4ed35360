"""Data for training and for fitting: published run tables, and corpora without a download."""

from scaling_utils.corpora.tables import (
    FOLDER_VARIABLE,
    SOURCES,
    DataUnavailable,
    RunTable,
    Source,
    run_table,
)

__all__ = [
    "FOLDER_VARIABLE",
    "SOURCES",
    "DataUnavailable",
    "RunTable",
    "Source",
    "run_table",
]
