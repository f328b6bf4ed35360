"""A recorded study as one object: its runs and cells, its registered split, fits and scores.

>>> from scaling_utils import fitting, studies
>>> study = studies.read("known_entropy")
>>> law = study.fit(fitting.fit_parametric)
>>> f"{100 * study.score(law)['C'].mean_excess:.0f} % of the excess at the largest compute"
'19 % of the excess at the largest compute'
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from scaling_utils._check import finite_array, number
from scaling_utils.studies import records, slices, splits
from scaling_utils.studies.splits import Score, Split
from scaling_utils.studies.tuning import Cells, cells
from scaling_utils.units import TRAINING_FLOPS

# The shortest runs that are fitted and scored, in tokens, as results/PREREGISTRATION.md fixed it
# for these studies before their held-out runs: Parts 1, 3 and 4. The rest of the rule is the same.
SHORTEST = {"known_entropy": 2**17, "text": 2**17, "transformers": 2**18}


@dataclass(frozen=True, eq=False)
class Study:
    """Recorded runs, tuned to cells, and what a law is asked on them.

    Attributes
    ----------
    name : str
        Of the study, its folder's.
    rows : list of dict
        The recorded runs.
    jobs : dict of str to dict
        What ``jobs.csv`` says of each job, by its key.
    cells : Cells
        Tuned losses, sorted by N, then D; all arrays below have their shape (cells,).
    split : Split
        Which cells are held out.
    """

    name: str
    rows: list[dict] = field(repr=False)
    jobs: dict[str, dict] = field(repr=False)
    cells: Cells = field(repr=False)
    split: Split

    @cached_property
    def C(self) -> np.ndarray:
        """Training FLOPs of each cell, as recorded; 6 N D where they are not."""
        return _flops(self.rows, self.cells)

    @cached_property
    def masks(self) -> dict[str, np.ndarray]:
        """The held-out sets "N", "D" and "C", which overlap, and "fitted": masks of the cells."""
        return self.split.masks(self.cells.N, self.cells.D, self.C)

    @property
    def fitted(self) -> Cells:
        """The cells that laws are fitted to."""
        return self.cells.where(self.masks["fitted"])

    @property
    def entropy(self) -> float:
        """The smallest possible loss of the source, nats per token; NaN where unknown."""
        return float(self.cells.entropy[0])

    def where(self, kept) -> Study:
        """Return the study of some of the cells, by a mask of shape (cells,).

        The split stays what it is. Errors are those of ``Cells.where``.
        """
        return replace(self, cells=self.cells.where(kept))

    def only(self, keep: Callable[[dict], bool], loss: str = "loss") -> Study:
        """Return the study of some of the runs, tuned anew; the split stays what it is.

        Parameters
        ----------
        keep : callable
            Says of a run, with its job's settings, whether it counts:
            ``lambda run: run["rate"] == 0.004``.
        loss : str
            The column that is measured, where a run has several.

        Returns
        -------
        Study
            Of these runs.

        Raises
        ------
        KeyError
            If a run lacks that column.
        ValueError
            If no run is left, or ``cells`` cannot tune those that are.
        """
        rows = [row | {"loss": row[loss]} for row in _kept(self.rows, self.jobs, keep)]
        return replace(self, rows=rows, cells=cells(rows))

    def fit(self, function: Callable, **held):
        """Fit a law to the fitted cells.

        Parameters
        ----------
        function : callable
            ``fit_parametric``, ``fit_coupled``, or another function of N, D and loss.
        held
            Its other arguments, such as constants that are known: ``E=study.entropy``.

        Returns
        -------
        object
            What the function returns, a fit.
        """
        part = self.fitted
        return function(part.N, part.D, part.loss, **held)

    def predicted(self, forecast) -> np.ndarray:
        """Return the loss of each cell by a forecast.

        Parameters
        ----------
        forecast : object
            A fit, a law, a function of (N, D), or an array, shape (cells,).

        Returns
        -------
        array, shape (cells,)
            Nats per token.
        """
        law = getattr(forecast, "law", forecast)
        predict = getattr(law, "loss", law)
        return predict(self.cells.N, self.cells.D) if callable(predict) else np.asarray(predict)

    def score(self, forecast) -> dict[str, Score]:
        """Return how far a forecast is off on the fitted cells and on each held-out set.

        Parameters
        ----------
        forecast : object
            As for ``predicted``. It may be NaN where cells are in no set.

        Returns
        -------
        dict of str to Score
            By "N", "D", "C" and "fitted", empty sets left out; shares of the loss and the excess.

        Raises
        ------
        TypeError, ValueError
            If the forecast is not finite on a cell of a set, or has another shape.
        """
        values = self.predicted(forecast)
        asked = np.any(list(self.masks.values()), axis=0)
        if values.shape == asked.shape:
            finite_array("forecast", values[asked])
            values = np.where(asked, values, 0.0)
        return splits.score(values, self.cells, self.masks)

    def no_change(self) -> np.ndarray:
        """Return the laziest forecast: the loss of the best fitted cell no larger and no longer.

        Returns
        -------
        array, shape (cells,)
            Nats per token; NaN where there is no such cell.
        """
        part, found = self.fitted, []
        for N, D in zip(self.cells.N, self.cells.D, strict=True):
            losses = part.loss[(part.N <= N) & (part.D <= D)]
            found.append(losses.min() if len(losses) else np.nan)
        return np.array(found)

    def resample(self, fit, n: int = 1000, seed: int = 0):
        """Refit a fit of this study to ``n`` resamples of whole sizes.

        All lengths of one size come from one trunk and share most of their training, so they are
        drawn together. Result, with ``interval``, and errors are those of ``fitting.Fit.resample``.
        """
        return fit.resample(by=self.fitted.N, n=n, seed=seed)

    def slices(self, budgets, around: int | None = None) -> slices.Slices:
        """Return the losses at equal compute of all cells that are fitted or held out.

        Parameters, result and errors are those of ``isoflop_slices``, without its ``cells``.
        """
        part = self.cells.where(self.split.shortest <= self.cells.D)
        return slices.isoflop_slices(part, budgets, around)

    def settings(self, N: float, D: float) -> dict:
        """Return the job of a cell's recorded run that is nearest to its tuned rate.

        It has one seed, one rate and one length, and the study's experiment trains it:
        ``experiments.neural_ngrams(study.settings(N, D), folder)``.

        Parameters
        ----------
        N, D : float
            Parameters and tokens of the cell.

        Returns
        -------
        dict
            The settings of the job.

        Raises
        ------
        TypeError, ValueError
            If no cell has that size and length, or the study's jobs do not give runs by tokens.
        """
        N, D = number("N", N, above=0), number("D", D, above=0)
        at = np.flatnonzero((self.cells.N == N) & (self.cells.D == D))
        if not len(at):
            raise ValueError(f"N and D must be those of a cell of {self.name}, got {N:g}, {D:g}")
        wanted = np.log(self.cells.rate[at[0]])
        runs = [row for row in self.rows if (row["N"], row["D"]) == (N, D)]
        run = min(runs, key=lambda row: (abs(np.log(row["rate"]) - wanted), row["seed"]))
        job = records.settings_of(self.jobs[run["key"]])
        if "tokens" not in job:
            raise ValueError(f"{self.name} must have runs of so many tokens, its jobs have {job}")
        job |= {"tokens": [run["D"]]}
        if "rates" in job:  # networks side by side
            job |= {"rates": [run["rate"]], "seeds": [run["seed"]]}
        return job


def read(
    study: str | Path,
    *more: str | Path,
    keep: Callable[[dict], bool] | None = None,
    shortest: float | None = None,
) -> Study:
    """Read a recorded study.

    Parameters
    ----------
    study : str or path
        One of this book by name, ``results/<name>``, or a folder that ``sweeps.record`` wrote.
    *more : str or path
        Others whose runs belong to the same cells, such as rates and seeds that were added
        after the score. The split stays that of the first one.
    keep : callable, optional
        Says of a run which ones to read, as for ``Study.only``. A study of several sources or
        architectures needs it: ``lambda run: run["model"]["kind"] == "lstm"``.
    shortest : float, optional
        Tokens of the shortest runs that are fitted and scored. Left out, it is what was
        registered, or 0 where nothing was.

    Returns
    -------
    Study
        Its runs, tuned to cells, with the registered split.

    Raises
    ------
    FileNotFoundError
        If there is no study of that name; the message lists those that there are.
    OSError, ValueError
        If a table is missing, empty or damaged, or no grid that leaves cells to fit.
    """
    folders = [_folder(one) for one in (study, *more)]
    name, jobs, parts = folders[0].name, {}, []
    for folder in folders:
        about, runs = records.read_record(folder)
        jobs |= about
        parts.append(runs if keep is None else _kept(runs, about, keep))
    if shortest is None:
        shortest = SHORTEST.get(name, 0)
    first = cells(parts[0])
    split = splits.largest_held_out(first, shortest=shortest, flops=_flops(parts[0], first))
    rows = [row for part in parts for row in part]
    return Study(name, rows, jobs, cells(rows) if more else first, split)


def _folder(study: str | Path) -> Path:
    folder = Path(study)
    return folder if (folder / "runs.csv").is_file() else records.recorded(str(study))


def _kept(rows: list[dict], jobs: dict[str, dict], keep: Callable[[dict], bool]) -> list[dict]:
    known = {key: records.settings_of(job) for key, job in jobs.items()}
    return [row for row in rows if keep(known[row["key"]] | row)]


def _flops(rows: list[dict], table: Cells) -> np.ndarray:
    known = {(row["N"], row["D"]): row.get("flops") or None for row in rows}
    found = [known.get(cell) for cell in zip(table.N, table.D, strict=True)]
    exact = TRAINING_FLOPS * table.N * table.D
    return np.array([a if b is None else b for a, b in zip(exact, found, strict=True)], float)
