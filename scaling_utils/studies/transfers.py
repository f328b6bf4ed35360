"""The recorded study of transfer: curves from scratch and after a source, and D_T between them.

>>> from scaling_utils import studies
>>> runs = studies.read_transfers()
>>> runs.transferred("near", 26).D_T.round()[:3]
array([ 9983., 10043., 10462.])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scaling_utils._check import member
from scaling_utils.fitting.transfer import effective_data
from scaling_utils.studies import records
from scaling_utils.studies.tuning import Cells, cells

DOSE = 2**19  # tokens of the source, unless said otherwise
PAIRS = {  # settings by which a pair's jobs are known
    "near": {"kept": 0.8, "source": ""},
    "far": {"kept": "", "source": ""},
    "text": {"source": "english"},
}


@dataclass(frozen=True)
class Transferred:
    """What pre-training was worth in the cells of one pair, width and dose.

    Attributes
    ----------
    D_F, N, D_E : array, shape (cells,)
        Target data seen after the source, parameters, and the target data that training from
        scratch needs for the same loss, as ``fitting.effective_data`` reads it: infinite in a
        *censored* cell, whose loss is below the whole curve from scratch.
    """

    D_F: np.ndarray
    N: np.ndarray
    D_E: np.ndarray

    @property
    def D_T(self) -> np.ndarray:
        """Data transferred, D_E - D_F, (cells,)."""
        return self.D_E - self.D_F

    def counted(self, largest: float = np.inf) -> Transferred:
        """Return the cells up to a D_F that are not censored and have a D_T above zero."""
        kept = (largest >= self.D_F) & np.isfinite(self.D_T) & (self.D_T > 0)
        return Transferred(self.D_F[kept], self.N[kept], self.D_E[kept])


class Transfers:
    """Recorded runs on a target, from scratch or after a source.

    In all methods ``pair`` is "near", "far" or "text", ``width`` that of the networks, and
    ``dose`` the tokens of the source that came first, 0 from scratch. They raise ValueError for
    another pair and where nothing was recorded.

    Parameters
    ----------
    jobs : dict of str to dict
        What ``jobs.csv`` says of each job, by its key.
    rows : list of dict
        The runs of ``runs.csv``.
    """

    def __init__(self, jobs: dict[str, dict], rows: list[dict]):
        self.jobs, self.all = jobs, rows

    def rows(self, pair: str, width: int, dose: int = 0) -> list[dict]:
        """Return the runs of a pair, those without target data (D = 0) too."""
        wanted = PAIRS[member("pair", pair, PAIRS)] | {"width": width}
        keys = {
            key
            for key, job in self.jobs.items()
            if (job["before"] or 0) == dose and all(job[k] == v for k, v in wanted.items())
        }
        found = [row for row in self.all if row["key"] in keys]
        if not found:
            raise ValueError(f"no run of the {pair} pair, width {width} and dose {dose}")
        return found

    def curve(
        self,
        pair: str,
        width: int,
        dose: int = 0,
        *,
        seeds: Sequence[int] | None = None,
        lowest: bool = False,
    ) -> Cells:
        """Return the tuned cells of one curve, one for each D above zero.

        Parameters
        ----------
        pair, width, dose
            See the class.
        seeds : sequence of int, optional
            Which seeds, in place of all; one may come twice, as in a bootstrap.
        lowest : bool
            Keep only the lowest rate that was tried at each D, as if nothing had been tuned.

        Returns
        -------
        Cells
        """
        rows = [row for row in self.rows(pair, width, dose) if row["D"]]
        if lowest:
            rate = {D: min(r["rate"] for r in rows if r["D"] == D) for D in {r["D"] for r in rows}}
            rows = [row for row in rows if row["rate"] == rate[row["D"]]]
        drawn = sorted({row["seed"] for row in rows}) if seeds is None else seeds
        return cells(
            row | {"seed": new}
            for new, old in enumerate(drawn)
            for row in rows
            if row["seed"] == old
        )

    def transferred(
        self, pair: str, width: int, dose: int = DOSE, *, seeds: Sequence[int] | None = None
    ) -> Transferred:
        """Return what the dose was worth, read across to the curve from scratch.

        ``seeds`` are drawn for both curves, as in ``curve``.
        """
        scratch = self.curve(pair, width, seeds=seeds)
        tuned = self.curve(pair, width, dose, seeds=seeds)
        return Transferred(tuned.D, tuned.N, effective_data(scratch.D, scratch.loss, tuned.loss))

    def untuned(self, pair: str, width: int, dose: int = DOSE) -> tuple[float, float]:
        """Return the mean losses of the pre-trained networks before any target data.

        Returns
        -------
        (float, float)
            On the target and on the source, nats per token.
        """
        rows = [row for row in self.rows(pair, width, dose) if row["D"] == 0]
        if not rows:
            raise ValueError(f"dose must be above zero, got {dose}")
        return tuple(float(np.mean([row[k] for row in rows])) for k in ("loss", "source_loss"))

    def work(self, pair: str, width: int, dose: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return the work on the target at the best rate tried and its best number of steps.

        Returns
        -------
        (array, array), shape (cells,) each
            D, and FLOPs without those of the source.
        """
        rows = [row for row in self.rows(pair, width, dose) if row["D"]]
        sizes = sorted({row["D"] for row in rows})
        return np.array(sizes), np.array([self._best(rows, D, dose) for D in sizes], float)

    @staticmethod
    def _best(rows: list[dict], D: int, dose: int) -> float:
        rates: dict[float, list[dict]] = {}
        for row in rows:
            if row["D"] == D:
                rates.setdefault(row["rate"], []).append(row)
        best = min(rates.values(), key=lambda same: np.mean([row["loss"] for row in same]))
        return best[0]["flops"] - 6 * best[0]["N"] * dose


def read_transfers(folder: str | Path | None = None) -> Transfers:
    """Read the study of transfer.

    Parameters
    ----------
    folder : path, optional
        Another record of the same experiment; left out, ``results/transfer``.

    Returns
    -------
    Transfers

    Raises
    ------
    FileNotFoundError
        If there is no such study. OSError, ValueError as for ``read_record``.
    """
    return Transfers(
        *records.read_record(records.recorded("transfer") if folder is None else folder)
    )
