"""What reading gives: the runs that can be fitted, and what was done to get them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from scaling_utils._remarks import Remark


@dataclass(frozen=True)
class Runs:
    """The runs of a table that can be fitted, and what was done to get them.

    ``runs["N"]`` is the column N, and ``len(runs)`` the number of runs.

    Attributes
    ----------
    columns : mapping of str to array, shape (runs,)
        N (parameters), D (tokens), C (FLOPs) and loss (nats per token), as far as they were asked
        for, and other columns by the name that they were asked for with. Where two of N, D and C
        were read, C is 6 N D, whatever the table says: ``read_from`` names what was read.
    read_from : tuple of str
        Those of N, D and C that were read.
    lines : array of int, shape (runs,)
        The line of the file, or the row, that each run stands on, from 1.
    left_out : mapping of str to int
        For each reason, how many rows were left out.
    six_nd_over_c : (float, float, float) or None
        Smallest, middle and largest ratio of 6 N D to the table's own C, where it has all three
        columns; None otherwise.
    name : str
        Of the file, for messages.
    names : mapping of str to str
        The column of the file that each of ``columns`` was read from.
    weights, group, marked : array, shape (runs,), or None
        How much each run counts; the number of its group; whether it was marked.
    labels : tuple of str
        Names of the groups, by number.
    remarks : tuple of Remark
        What was assumed, and what was noticed.
    """

    columns: Mapping[str, np.ndarray] = field(repr=False)
    read_from: tuple[str, ...]
    lines: np.ndarray = field(repr=False)
    left_out: Mapping[str, int]
    six_nd_over_c: tuple[float, float, float] | None
    name: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    weights: np.ndarray | None = field(default=None, repr=False)
    group: np.ndarray | None = field(default=None, repr=False)
    labels: tuple[str, ...] = field(default=(), repr=False)
    marked: np.ndarray | None = field(default=None, repr=False)
    remarks: tuple[Remark, ...] = ()

    @property
    def disagrees(self) -> bool:
        """Whether 6 N D is more than a tenth off the table's own C somewhere."""
        ratio = self.six_nd_over_c
        return ratio is not None and not (ratio[0] > 0.9 and ratio[2] < 1.1)

    def __getitem__(self, column: str) -> np.ndarray:
        return self.columns[column]

    def __len__(self) -> int:
        return len(self.lines)

    def part(self, kept: np.ndarray) -> Runs:
        """Return some of the runs.

        Parameters
        ----------
        kept : array of bool, shape (runs,), or of int
            Which ones.
        """

        def some(values):
            return None if values is None else values[kept]

        return replace(
            self,
            columns={name: values[kept] for name, values in self.columns.items()},
            lines=self.lines[kept],
            weights=some(self.weights),
            group=some(self.group),
            marked=some(self.marked),
        )
