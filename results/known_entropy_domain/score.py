"""The predictions of PREREGISTRATION.md, measured on what is recorded.

    python results/known_entropy_domain/score.py [FOLDER]

It reads runs.csv in the folder (this one), writes cells.csv there, and prints the cells, what is
looked at first, and each prediction's measured value. A prediction is scored when the line of
3e13 has four cells or more; until then only what is recorded is counted.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from scaling_utils import fitting  # noqa: E402 - the package has to be found before it is imported
from scaling_utils.laws import CoupledLaw, ParametricLaw  # noqa: E402
from scaling_utils.studies import read_rows  # noqa: E402
from scaling_utils.sweeps.tables import write_csv  # noqa: E402

APART = 1.5  # the two rates of a cell differ by this factor
LAST_FITTED, NEIGHBOURS, LAST = 3e12, 1e13, 3e13  # FLOPs of a line
ENOUGH = 4  # cells on the last line
FORMS = {"coupled": fitting.fit_coupled, "additive": fitting.fit_parametric}
# Fitted to the 47 recorded cells with h >= 64 and 2^18 symbols or more; see results/gpu.
FROZEN = {
    "coupled": CoupledLaw(1.5499, 88.16, 56.47, 0.7813, 0.4855, 0.7166),
    "additive": ParametricLaw(1.52686, 22.56, 23.00, 0.5893, 0.3976),
}
RESAMPLES = 1000
HELD_OUT = ("C", "N", "D")


@dataclass(frozen=True)
class Cells:
    """The tuned cells; all arrays have the shape (cells,).

    Attributes
    ----------
    line, width, N, D : array
        FLOPs of the line, hidden units, weights that multiply, symbols.
    excess : array
        Nats, at the bottom of the parabola through the two rates.
    spread : array
        |difference of the two seeds| at the bottom, as a share of the excess.
    edge : array of bool
        The bottom lies further than a factor of 1.5 from the middle of the two rates.
    entropy : float
        Nats per symbol.
    """

    line: np.ndarray
    width: np.ndarray
    N: np.ndarray
    D: np.ndarray
    excess: np.ndarray
    spread: np.ndarray
    edge: np.ndarray
    entropy: float

    @property
    def loss(self) -> np.ndarray:
        """Nats per symbol."""
        return self.entropy + self.excess

    def where(self, mask: np.ndarray) -> Cells:
        """Return the cells of a mask."""
        parts = {k: v[mask] for k, v in vars(self).items() if k != "entropy"}
        return Cells(**parts, entropy=self.entropy)

    def __len__(self) -> int:
        return len(self.N)


def curvature(width: float, D: float) -> float:
    """Return k of the parabola in log rate, which is known from the recorded cells."""
    return 0.252 + 0.0372 * np.log(D / 2**20) + 0.0411 * np.log(width / 128)


def bottom(low: float, high: float, k: float) -> tuple[float, float]:
    """Return where the parabola lies lowest, in log rate from the middle, and log excess there.

    ``low`` and ``high`` are log excess at the lower and at the higher rate.
    """
    a = np.log(APART) / 2
    x = (low - high) / (4 * k * a)
    return x, (low + high) / 2 - k * (a * a + x * x)


def tuned(rows: Iterable[Mapping]) -> Cells:
    """Return the cells whose two rates and two seeds are all there, line by line."""
    groups = defaultdict(list)
    for row in rows:
        groups[row["line"], row["width"]].append(row)
    found = [tuned_cell(group) for _, group in sorted(groups.items()) if len(group) == 4]
    if not found:
        raise ValueError("rows must hold a whole cell: two seeds at two rates; found none")
    columns = [np.array(column) for column in zip(*found, strict=True)]
    *columns, entropy = columns
    return Cells(*columns, entropy=float(entropy[0]))


def tuned_cell(group: list[Mapping]) -> tuple:
    """Return a cell's entry in each array of ``Cells``."""
    low, high = sorted({row["rate"] for row in group})
    excess = np.array(
        [[row["excess"] for row in group if row["rate"] == rate] for rate in (low, high)]
    )  # (rates, seeds)
    one = group[0]
    k = curvature(one["width"], one["D"])
    x, least = bottom(*np.log(excess.mean(axis=1)), k)
    seeds = [np.exp(bottom(*np.log(column), k)[1]) for column in excess.T]
    spread = abs(seeds[0] - seeds[1]) / np.exp(least)
    edge = bool(abs(x) > np.log(APART))
    places = (one["line"], one["width"], one["N"], one["D"])
    return (*places, float(np.exp(least)), spread, edge, one["entropy"])


def rows_of(cells: Cells) -> list[dict]:
    """Return the tuned cells as the rows of cells.csv."""
    columns = {name: values.tolist() for name, values in vars(cells).items() if name != "entropy"}
    columns |= {"edge": cells.edge.astype(int).tolist(), "entropy": [cells.entropy] * len(cells)}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def sets_of(cells: Cells) -> dict[str, np.ndarray]:
    """Return the fitted and the held-out sets, and those of the neighbours, as masks."""
    fitted = cells.line <= LAST_FITTED
    longest = cells.D[fitted].max()
    near = (cells.line <= NEIGHBOURS) & (cells.D < 2**24) & (cells.width < 724)
    return {
        "fitted": fitted,
        "C": cells.line == LAST,
        "N": ~fitted & (cells.width >= 512),
        "D": ~fitted & (longest < cells.D),
        "neighbours": near,
    }


def no_change(known: Cells, N: np.ndarray, D: np.ndarray) -> np.ndarray:
    """Return the excess of the known cell that is nearest in (ln N, ln D), for each N and D."""
    apart = np.log(N[:, None] / known.N) ** 2 + np.log(D[:, None] / known.D) ** 2
    return known.excess[apart.argmin(axis=1)]


def misses(guess: np.ndarray, cells: Cells) -> np.ndarray:
    """Return |guessed - measured| excess, in per cent of the measured one."""
    return 100 * np.abs(guess - cells.excess) / cells.excess


def forecasts(known: Cells, cells: Cells) -> dict[str, np.ndarray]:
    """Return the excess that each form, fitted to the known cells, and no change foretell."""
    found = {
        form: fit(known.N, known.D, known.loss).law.loss(cells.N, cells.D) - cells.entropy
        for form, fit in FORMS.items()
    }
    return found | {"no change": no_change(known, cells.N, cells.D)}


def forecast_errors(cells: Cells, fitted: np.ndarray) -> dict[tuple, float]:
    """Return the mean miss by form, held-out set and unit, of forms fitted to some of the cells."""
    sets = sets_of(cells)
    share = cells.excess / cells.loss
    found = {}
    for form, guess in forecasts(cells.where(fitted), cells).items():
        missed = misses(guess, cells)
        for name in HELD_OUT:
            mask = sets[name]
            found[form, name, "% of excess"] = float(missed[mask].mean())
            found[form, name, "% of loss"] = float((missed * share)[mask].mean())
    return found


def intervals(cells: Cells) -> tuple[object, dict[str, np.ndarray]]:
    """Return the coupled fit of all cells, and 95 % ends of E, q and a = beta / (alpha + beta)."""
    fit = fitting.fit_coupled(cells.N, cells.D, cells.loss)
    E, _, _, alpha, beta, q = fit.resample(n=RESAMPLES, seed=0).columns.T
    drawn = {"E": E, "q": q, "a": beta / (alpha + beta)}
    return fit, {name: np.quantile(values, [0.025, 0.975]) for name, values in drawn.items()}


def frozen_errors(cells: Cells) -> dict[str, np.ndarray]:
    """Return the misses of the laws of the recorded runs, in per cent of the excess."""
    return {
        form: misses(law.loss(cells.N, cells.D) - cells.entropy, cells)
        for form, law in FROZEN.items()
    }


def first_looks(cells: Cells) -> dict[str, list]:
    """Return (line, width, exponent in N) and (width, D, exponent in D), from neighbours.

    The cells lie on lines of equal compute, so neither neighbour is at equal D or N. Excess at
    the other D is read off the straight line in logarithms between the two nearest lengths
    of the same width.
    """
    size, data = [], []
    for width in np.unique(cells.width):
        own = cells.where(cells.width == width)
        order = np.argsort(own.D)
        D, x = np.log(own.D[order]), np.log(own.excess[order])
        slopes = -np.diff(x) / np.diff(D)
        data += [(width, np.exp(d), slope) for d, slope in zip(D[1:], slopes, strict=True)]
    widths = np.unique(cells.width)
    for smaller, larger in pairwise(widths):
        (N1, D1, x1), (N2, D2, x2) = (_curve(cells, one) for one in (smaller, larger))
        for d, x in zip(D2, x2, strict=True):
            if D1.min() <= d <= D1.max():
                drop = np.interp(d, D1, x1) - x
                size.append((larger, np.exp(d), drop / np.log(N2 / N1)))
    return {"N": size, "D": data}


def _curve(cells: Cells, width: float) -> tuple[float, np.ndarray, np.ndarray]:
    own = cells.where(cells.width == width)
    order = np.argsort(own.D)
    return own.N[0], np.log(own.D[order]), np.log(own.excess[order])


def valley(cells: Cells) -> object:
    """Return the line through the bottoms of parabolas through the lines of equal compute."""
    return fitting.fit_isoflop(cells.line, cells.N, cells.loss)


def measured(cells: Cells) -> dict[str, float]:
    """Return the value of each registered prediction, by a short name."""
    sets = sets_of(cells)
    if (count := int(sets["C"].sum())) < ENOUGH:
        raise ValueError(f"the line of {LAST:g} must have {ENOUGH} cells or more, got {count}")
    off = forecast_errors(cells, sets["fitted"])
    near = forecast_errors(cells, sets["neighbours"])
    fit, ends = intervals(cells)
    frozen = frozen_errors(cells)
    exponent = valley(cells).exponent
    return {
        **{", ".join(key): value for key, value in off.items()},
        **{f"neighbours, {form}, C": near[form, "C", "% of excess"] for form in FORMS},
        "E": fit.law.E,
        "E, low": ends["E"][0],
        "E, high": ends["E"][1],
        "entropy": cells.entropy,
        "q": fit.law.q,
        "q, low": ends["q"][0],
        "q, high": ends["q"][1],
        "frozen, all": frozen["coupled"].mean(),
        "frozen, C": frozen["coupled"][sets["C"]].mean(),
        "frozen additive, C": frozen["additive"][sets["C"]].mean(),
        "valley's exponent": exponent,
        "a, low": ends["a"][0],
        "a, high": ends["a"][1],
        "edges, share": cells.edge.mean(),
        "seeds apart, median share": float(np.median(cells.spread)),
    }


def main() -> None:
    """Write the tuned cells; print them and, where there is enough, the score."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    cells = tuned(read_rows(folder / "runs.csv"))
    write_csv(rows_of(cells), folder / "cells.csv")
    for line in np.unique(cells.line):
        print(f"line {line:g}: {int((cells.line == line).sum())} cells")
    for axis, found in first_looks(cells).items():
        print(f"local exponents in {axis}:", *(f"({w:g}, {d:.2g}: {e:.3f})" for w, d, e in found))
    for name, value in measured(cells).items():
        print(f"{name:36s} {value:.5g}")


if __name__ == "__main__":
    main()
