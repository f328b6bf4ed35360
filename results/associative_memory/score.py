"""Score an associative memory's runs by PREREGISTRATION.md.

python results/associative_memory/score.py
"""

# ruff: noqa: E402 - the package has to be found before it is imported
from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import record
import theory

from scaling_utils.studies import read_rows
from scaling_utils.sweeps.tables import write_csv


@dataclass(frozen=True)
class Cells:
    """Tuned cells of some parts of one source."""

    n: np.ndarray
    N: np.ndarray
    D: np.ndarray
    excess: np.ndarray
    step: np.ndarray


def cells(rows, g: float, part: str) -> Cells:
    """Return the tuned cells of a part, in the order of the plan; those that are recorded."""
    found = []
    for cell in (cell for cell in record.of_source(g) if cell.part == part):
        mine = [row for row in rows if record.key(row) == (part, g, cell.n, cell.D)]
        if mine:
            found.append((cell.n, record.OUTPUTS * cell.n, cell.D, *least(rows, mine)[::-1]))
    columns = np.array(found, float).reshape(-1, 5).T
    return Cells(*columns)


def least(rows, mine) -> tuple[float, float]:
    """Return the best step and the excess there, of one cell."""
    steps, excess = (np.array([row[name] for row in mine]) for name in ("step", "excess"))
    if mine[0]["part"] == "size":
        return 0.0, float(excess.min())
    if len(steps) > 2:
        return record.best(steps, excess)
    # Two rates: the parabola in ln(step) through both that has the curvature of the 16-fold cells.
    x = np.log(steps)
    c = curvature(rows, mine[0]["g"]) * excess.mean()
    slope = (excess[1] - excess[0]) / (x[1] - x[0])
    bottom = x.mean() - slope / (2 * c)
    bottom = np.clip(bottom, x[0] - np.log(record.LADDER), x[1] + np.log(record.LADDER))
    return float(np.exp(bottom)), float(excess[0] - c * (bottom - x[0]) ** 2)


def curvature(rows, g: float) -> float:
    """Return the mean relative curvature of excess over ln(step) in the cells at 16 times."""
    found = []
    for cell in (cell for cell in record.of_source(g) if cell.part == "x16"):
        mine = [row for row in rows if record.key(row) == ("x16", g, cell.n, cell.D)]
        if mine:
            x, y = np.log([row["step"] for row in mine]), np.array([row["excess"] for row in mine])
            near = np.argsort(abs(x - x[y.argmin()]))[:3]
            found.append(np.polyfit(x[near], y[near], 2)[0] / y.min())
    return float(np.mean(found))


@dataclass(frozen=True)
class Law:
    """excess = [(A N^-alpha)^q + (B F(D))^q]^(1/q), with F(D) = D^-beta or a derived curve."""

    g: float
    A: float
    alpha: float
    B: float
    beta: float
    q: float
    curve: bool = False

    def excess(self, N, D):
        """Return the excess in nats."""
        size = np.log(self.A) - self.alpha * np.log(N)
        data = np.log(self.B) + np.log(F(self.g, D) if self.curve else D**-self.beta)
        return np.exp(np.logaddexp(self.q * size, self.q * data) / self.q)


_KNOWN: dict[tuple[float, float], float] = {}


def F(g: float, D):
    """Return the derived data curve, remembered for each D."""
    D = np.atleast_1d(np.asarray(D, float))
    new = [d for d in set(D) if (g, d) not in _KNOWN]
    if new:
        values = theory.data_curve(g, new)
        _KNOWN.update({(g, d): value for d, value in zip(new, values, strict=True)})
    return np.array([_KNOWN[g, d] for d in D])


LAWS = ("theory", "asymptotic", "coupled", "additive")


def fit(name: str, g: float, N, D, excess) -> Law:
    """Fit one of LAWS by least squares on ln(excess); theory and asymptotic: A, B and q alone."""
    limit = theory.exponents(g)

    def law(c):
        alpha, beta = (limit["size"], limit["data"]) if len(c) == 3 else np.exp(c[2:4])
        q = {"additive": 1.0}.get(name) or np.exp(c[-1])
        return Law(g, *np.exp(c[:1]), alpha, *np.exp(c[1:2]), beta, q, name == "theory")

    free = {"theory": 3, "asymptotic": 3, "coupled": 5, "additive": 4}[name]
    found = []
    for q, share in itertools.product((1.5, 3.0, 6.0), (0.5, 0.8)):
        size = np.log(share * excess.mean()) + limit["size"] * np.log(N).mean()
        data = np.log(share * excess.mean()) + (
            -np.log(F(g, D)).mean() if name == "theory" else limit["data"] * np.log(D).mean()
        )
        start = [size, data, np.log(limit["size"]), np.log(limit["data"]), np.log(q)]
        start = start[:2] + start[-1:] if free == 3 else start[:free]
        found.append(
            least_squares(
                lambda c: np.log(law(c).excess(N, D) / excess), start, x_scale="jac", max_nfev=2000
            )
        )
    return law(min(found, key=lambda one: one.cost).x)


def rms(law: Law, held: Cells) -> float:
    """Return the root mean square of the errors over cells, in % of the excess."""
    return float(100 * np.sqrt(np.mean((law.excess(held.N, held.D) / held.excess - 1) ** 2)))


def score_source(rows, g: float) -> dict:
    """Return what is measured for one source: the numbers that the predictions ask for."""
    fitted = cells(rows, g, "fit")
    laws = {name: fit(name, g, fitted.N, fitted.D, fitted.excess) for name in LAWS}
    found: dict = {"laws": laws, "fit": {name: rms(law, fitted) for name, law in laws.items()}}
    for part in ("x4", "x16", "x128"):
        held = cells(rows, g, part)
        if len(held.N):
            found[part] = {name: rms(law, held) for name, law in laws.items()}
    size, data, slow = (cells(rows, g, part) for part in ("size", "data", "slow"))
    wide = size.n >= 128
    if wide.sum() == 3:
        found["size"] = theory.local_exponent(size.N[wide], size.excess[wide])
    if len(data.D) == 3:
        found["data"] = theory.local_exponent(data.D, data.excess)
        found["data_theory"] = theory.local_exponent(data.D, F(g, data.D))
    if len(slow.D) == 2:
        found["slow"] = theory.local_exponent(slow.D, slow.excess)
        found["linear"] = theory.local_exponent(data.D[[0, 2]], data.excess[[0, 2]])
    return found


def measured(rows) -> dict[str, float]:
    """Return the number that each registered prediction is judged by, as far as it is recorded."""
    done = {g: score_source(rows, g) for g in record.GS if len(cells(rows, g, "fit").N) == 21}
    far = {g: one for g, one in done.items() if "x128" in one}
    near = {g: one for g, one in done.items() if "x4" in one and "x16" in one}
    found: dict[str, float] = {}
    if far:
        errors = sorted(one["x128"]["theory"] for one in far.values())
        found["far"] = errors[min(3, len(errors)) - 1]
        gaps = [one["x128"]["additive"] / one["x128"]["theory"] for one in far.values()]
        found["additive"] = min(gaps)
        found["coupled"] = float(
            np.median([one["x128"]["coupled"] / one["x128"]["theory"] for one in far.values()])
        )
    if near:
        errors = sorted(max(one["x4"]["theory"], one["x16"]["theory"]) for one in near.values())
        found["near"] = errors[min(3, len(errors)) - 1]
    if sizes := {g: one["size"] for g, one in done.items() if "size" in one}:
        found["size"] = max(
            100 * abs(x / theory.exponents(g)["size"] - 1) for g, x in sizes.items()
        )
    data = {g: one for g, one in done.items() if g >= 1.5 and "data" in one}
    if data:
        found["data"] = max(
            100 * abs(one["data"] / one["data_theory"] - 1) for one in data.values()
        )
    if 1.5 in done and "slow" in done[1.5]:
        one = done[1.5]
        found["below"] = 100 * (1 - one["data"] / theory.exponents(1.5)["data"])
        found["schedule"] = one["slow"] - one["linear"]
    if done:
        found["height"] = max(100 * abs(one["laws"]["theory"].B - 1) for one in done.values())
    if 1.2 in done:
        law = done[1.2]["laws"]["additive"]
        a = law.beta / (law.alpha + law.beta)
        found["allocation"] = abs(a - theory.exponents(1.2)["N_opt"])
    return found


def tuned(rows) -> list[dict]:
    """Return the rows of cells.csv: each recorded cell at its best rate."""
    found = []
    for cell in record.planned():
        mine = [row for row in rows if record.key(row) == (cell.part, cell.g, cell.n, cell.D)]
        if not mine or (cell.part == "x128" and not cells(rows, cell.g, "x16").N.size):
            continue
        step, excess = least(rows, mine)
        at = min(mine, key=lambda row: row["excess"])
        ends = {row["step"] for row in (mine[0], mine[-1])}
        found.append(
            {
                "part": cell.part,
                "g": cell.g,
                "n": cell.n,
                "N": record.OUTPUTS * cell.n,
                "D": cell.D,
                "step": round(step, 4),
                "excess": round(excess, 7),
                "se": round(at["se"], 7),
                "edge": int(len(mine) > 2 and at["step"] in ends),
            }
        )
    return found


def main() -> None:
    """Print the score, and write cells.csv."""
    rows = read_rows(HERE / "runs.csv")
    write_csv(tuned(rows), HERE / "cells.csv")
    for g in record.GS:
        if len(cells(rows, g, "fit").N) == 21:
            print(f"g = {g}")
            for name, value in score_source(rows, g).items():
                print("  ", name, value)
    for name, value in measured(rows).items():
        print(f"{name}: {value:.4g}")


if __name__ == "__main__":
    main()
