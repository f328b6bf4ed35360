"""From the rows of a sweep to cells: one tuned loss for each size and number of tokens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

COLUMNS = ("N", "D", "loss", "seed", "rate")


@dataclass(frozen=True)
class Cells:
    """Tuned losses, one entry per cell, sorted by N, then D.

    Attributes
    ----------
    N : array, shape (cells,)
        Parameters.
    D : array, shape (cells,)
        Training tokens.
    loss : array, shape (cells,)
        Tuned loss, nats per token.
    se : array, shape (cells,)
        Its standard error over seeds, nats per token; NaN with one seed.
    rate : array, shape (cells,)
        The tuned peak learning rate.
    edge : array of bool, shape (cells,)
        Whether the best rate was the highest or lowest one, so that no parabola was drawn.
    seeds : array of int, shape (cells,)
        Number of seeds.
    entropy : array, shape (cells,)
        Smallest possible loss of the source, in nats per token; NaN where unknown.
    """

    N: np.ndarray
    D: np.ndarray
    loss: np.ndarray
    se: np.ndarray
    rate: np.ndarray
    edge: np.ndarray
    seeds: np.ndarray
    entropy: np.ndarray

    def __len__(self) -> int:
        return len(self.loss)

    @property
    def excess(self) -> np.ndarray:
        """Loss above the source's entropy, nats per token, (cells,); NaN where that is unknown."""
        return self.loss - self.entropy

    def where(self, kept) -> Cells:
        """Return some of the cells.

        Parameters
        ----------
        kept : array of bool, shape (cells,)
            Which ones stay.

        Returns
        -------
        Cells
            Those, in their order.

        Raises
        ------
        ValueError
            If ``kept`` is no such mask.
        """
        kept = np.asarray(kept)
        if kept.dtype != bool or kept.shape != self.N.shape:
            raise ValueError(
                f"kept must be a mask of shape {self.N.shape}, got {kept.dtype} {kept.shape}"
            )
        return Cells(*(getattr(self, name)[kept] for name in self.__dataclass_fields__))


def cells(rows: Iterable[Mapping]) -> Cells:
    """Tune the learning rate of each cell.

    For each size and number of tokens the losses of each rate are averaged over the seeds.
    Through the best rate and its two neighbours goes a parabola in log rate, and the cell's
    loss is its lowest value: with rates a factor of two apart, the best one of them alone
    would leave a saw-tooth of a few thousandths of the loss. At an edge of the rates the
    cell's loss is the measured one. Rates that not all seeds of the cell have are left out.
    So are rates at which a run diverged.

    Parameters
    ----------
    rows : iterable of mapping
        With N, D (tokens), loss (nats per token), seed, rate, and perhaps entropy (nats per
        token), which a text leaves empty.

    Returns
    -------
    Cells
        One entry for each size and number of tokens.

    Raises
    ------
    ValueError
        If there are no rows; a row lacks one of these columns; the same run comes twice with
        losses that differ by more than a thousandth; or in a cell no rate has every seed.
    """
    grouped: dict[tuple, dict] = defaultdict(lambda: defaultdict(dict))
    entropies: dict[tuple, float] = {}
    for row in rows:
        missing = [name for name in COLUMNS if name not in row]
        if missing:
            raise ValueError(f"rows must have the columns {', '.join(COLUMNS)}; no {missing[0]!r}")
        key = (row["N"], row["D"])
        losses = grouped[key][row["rate"]]
        known = losses.setdefault(row["seed"], row["loss"])
        # Two jobs may hold the same run: the same numbers but for rounding.
        if np.isfinite(row["loss"]) and abs(known - row["loss"]) > 1e-3 * known:
            raise ValueError(f"the run {key}, rate {row['rate']}, is there twice and differs")
        entropy = row.get("entropy", "")
        entropies[key] = np.nan if entropy in ("", None) else float(entropy)
    if not grouped:
        raise ValueError("rows must hold at least one row, got none")
    found = [(*key, *_tuned(grouped[key], key), entropies[key]) for key in sorted(grouped)]
    N, D, loss, se, rate, edge, seeds, entropy = map(np.array, zip(*found, strict=True))
    return Cells(N, D, loss, se, rate, edge, seeds, entropy)


def _tuned(by_rate: Mapping[float, Mapping[int, float]], key) -> tuple:
    """Return loss, its standard error, rate, edge and seeds of one cell."""
    seeds = sorted(set().union(*by_rate.values()))
    whole = {
        rate: np.array([losses[seed] for seed in seeds])
        for rate, losses in sorted(by_rate.items())
        if set(losses) == set(seeds) and np.isfinite(list(losses.values())).all()
    }
    if not whole:
        raise ValueError(f"the cell {key} has no rate at which every seed has a finite loss")
    rates, losses = np.array(list(whole)), np.array(list(whole.values()))  # (R,), (R, S)
    best = int(losses.mean(1).argmin())
    edge = best in (0, len(rates) - 1)
    rate, weights = rates[best], np.eye(len(rates))[best]
    if not edge:
        near = slice(best - 1, best + 2)
        rate, weights[near] = _vertex(np.log(rates[near]), losses[near].mean(1))
    each = weights @ losses  # (S,), linear in the losses, so its spread is an honest one
    se = each.std(ddof=1) / np.sqrt(len(seeds)) if len(seeds) > 1 else np.nan
    return each.mean(), se, float(rate), edge, len(seeds)


def _vertex(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Return exp of the lowest place of the parabola through three points, and how much each
    point weighs in the value there."""
    a, b, _ = np.polyfit(x - x[1], y, 2)
    place = x[1] - b / (2 * a) if a > 0 else x[1]
    weights = [
        np.prod([(place - x[j]) / (x[i] - x[j]) for j in range(3) if j != i]) for i in range(3)
    ]
    return float(np.exp(place)), np.array(weights)
