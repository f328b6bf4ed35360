"""Reading a table of runs, under the names that the command line has always had."""

from scaling_utils.tables import Runs, TableError
from scaling_utils.tables import read as read_runs

__all__ = ["Runs", "TableError", "read_runs"]
