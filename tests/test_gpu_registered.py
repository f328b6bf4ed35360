"""The registration of the GPU study: its numbers are those of the design and of recorded runs."""

# ruff: noqa: E402 - the design lies beside its results
from __future__ import annotations

import csv
import math
import re
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from scaling_utils import fitting
from scaling_utils.laws import CoupledLaw

RESULTS = Path(__file__).resolve().parent.parent / "results"
sys.path.insert(0, str(RESULTS / "gpu"))

import design

TEXT = " ".join((RESULTS / "gpu" / "PREREGISTRATION.md").read_text(encoding="utf-8").split())
STUDIES = ("known_entropy", "known_entropy_rates", "known_entropy_seeds", "known_entropy_long")
ENTROPY = 1.5499


def said(pattern: str) -> list[float]:
    """Return the numbers that stand in the text in the places of ``#``."""
    words = re.escape(pattern).replace(r"\#", r"(-?\d*\.?\d+(?:e\d+)?)")
    (found,) = re.findall(words, TEXT)
    return [float(number) for number in (found if isinstance(found, tuple) else (found,))]


class Cell:
    """Width, N and D, and the parabola through the best rate and its two neighbours."""

    def __init__(self, width: int, N: int, D: int, losses: dict[float, list[float]]):
        self.width, self.N, self.D = width, N, D
        rates = np.array(sorted(losses))
        means = np.array([np.mean(losses[rate]) for rate in rates])
        best = int(means.argmin())
        self.edge = best in (0, len(rates) - 1)
        self.loss = means[best]
        if self.edge:
            return
        near = slice(best - 1, best + 2)
        x = np.log(rates[near] / rates[best])
        bend, slope, level = np.polyfit(x, means[near], 2)
        self.loss = level - slope**2 / (4 * bend)
        self.rate = rates[best] * math.exp(-slope / (2 * bend))
        self.curvature = np.polyfit(x, np.log(means[near] - ENTROPY), 2)[0]


@pytest.fixture(scope="module")
def cells() -> list[Cell]:
    """The recorded cells of width 64 and more and 2^18 symbols and more, tuned here by hand."""
    found: dict[tuple, dict] = defaultdict(lambda: defaultdict(list))
    for study in STUDIES:
        with (RESULTS / study / "runs.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                key = int(row["width"]), int(row["N"]), int(row["D"])
                if key[0] >= 64 and key[2] >= 2**18:
                    found[key][float(row["rate"])].append(float(row["loss"]))
    return [Cell(*key, losses) for key, losses in sorted(found.items())]


def columns(cells: list[Cell]) -> np.ndarray:
    """Return the regressors of a plane in ln(D / 2^20) and ln(h / 128), (cells, 3)."""
    tokens = np.log([cell.D / 2**20 for cell in cells])
    widths = np.log([cell.width / 128 for cell in cells])
    return np.column_stack([np.ones(len(cells)), tokens, widths])


def test_the_design_is_the_one_in_the_text():
    widths = ", ".join(map(str, design.WIDTHS[:-1])) + f" and {design.WIDTHS[-1]}"
    assert f"widths {widths}, so h >= V" in TEXT
    lines = [f"{line:.0e}".replace("+", "") for line in design.LINES]
    assert f"C = 6 N D of {', '.join(lines[:-1])} and {lines[-1]} FLOPs" in TEXT
    assert f"That makes {len(design.runs())} cells." in TEXT
    assert said("N* = # (C / 1e13)^#")[0] == design.BEST_SIZE
    assert said("N* = # (C / 1e13)^# up to # times it") == [
        design.BEST_SIZE,
        design.BEST_EXPONENT,
        design.ABOVE,
    ]
    assert said("the widths from 1 / # of") == [design.BELOW]
    assert (design.SHORTEST, design.LONGEST) == (2**18, 2**27)
    assert "2^18 to 2^27 symbols, so at least 1,024 steps" in TEXT
    assert design.SHORTEST // design.BATCH == 1024
    assert said("r = # (D / 2^20)^# (h / 128)^#") == [
        design.RATE,
        design.RATE_TOKENS,
        design.RATE_WIDTH,
    ]
    assert said("r / sqrt(#)") == [design.APART]


def test_the_fitted_set_with_the_lines_to_1e14_is_as_counted():
    kept = [
        design.size(run.width)
        for run in design.runs()
        if run.line < 1e14 and run.width < 1024 and run.tokens <= 2**25
    ]
    assert said("complete that is # cells") == [len(kept)]
    assert f"{min(kept):.1e}".replace("+0", "") == "1.4e4"
    assert f"{max(kept):.1e}".replace("+0", "") == "1.4e6"


def test_the_rule_of_rates_and_the_curvature_are_those_of_the_recorded_cells(cells):
    inside = [cell for cell in cells if not cell.edge]
    assert said("best rates of the # recorded cells") == [len(inside)]
    X = columns(inside)
    rates = np.log([cell.rate for cell in inside])
    plane = np.linalg.lstsq(X, rates, rcond=None)[0]
    rule = (design.RATE, design.RATE_TOKENS, design.RATE_WIDTH)
    assert rule == pytest.approx([math.exp(plane[0]), *plane[1:]], rel=2e-3)
    assert said("they scatter around it by # %") == [round(100 * np.std(rates - X @ plane), 1)]
    bends = np.array([cell.curvature for cell in inside])
    plane = np.linalg.lstsq(X, bends, rcond=None)[0]
    assert said("k = # + # ln(D / 2^20) + # ln(h / 128)") == pytest.approx(plane, rel=2e-3)
    assert said("46 cells bend (scatter #)") == [round(np.std(bends - X @ plane), 2)]


def test_the_tuning_without_a_third_rate_finds_the_bottom_of_a_parabola():
    k, a, x, level = 0.3, math.log(1.5) / 2, 0.11, -3.0
    y1, y2 = (level + k * (place - x) ** 2 for place in (-a, a))
    assert "x = (y1 - y2) / (4 k a)" in TEXT
    assert "(y1 + y2) / 2 - k (a^2 + x^2)" in TEXT
    assert (y1 - y2) / (4 * k * a) == pytest.approx(x)
    assert (y1 + y2) / 2 - k * (a**2 + x**2) == pytest.approx(level)


def test_the_frozen_laws_are_fits_of_the_recorded_cells(cells):
    assert said("fitted to the # cells of `known_entropy`") == [len(cells)]
    N, D, loss = (np.array([getattr(cell, name) for cell in cells]) for name in ("N", "D", "loss"))
    law = fitting.fit_coupled(N, D, loss, E=ENTROPY).law
    stated = said("# + ((#/N^#)^# + (#/D^#)^#)^(1/#)")
    fitted = [law.E, law.A, law.alpha, law.q, law.B, law.beta, law.q, law.q]
    assert stated == pytest.approx(fitted, rel=1e-3)
    path = said("within .04 of #, which")[0]
    assert path == pytest.approx(law.beta / (law.alpha + law.beta), abs=1e-3)
    assert path == design.BEST_EXPONENT
    rival = fitting.fit_parametric(N, D, loss).law
    stated = said("same 47 cells, # + #/N^# + #/D^#,")
    assert stated == pytest.approx([rival.E, rival.A, rival.alpha, rival.B, rival.beta], rel=1e-3)
    # Forecasts, and the size from which the lines of the design are laid out.
    rows = re.findall(r"\| (\de\d+) \| (\d+) \| ([\d.e]+) \| (\.\d+) \| (\.\d+) \|", TEXT)
    assert len(rows) == 4
    runs = {(run.line, run.width): run for run in design.runs()}
    for line, width, tokens, coupled, additive in rows:
        run = runs[float(line), int(width)]
        place = design.size(run.width), run.tokens
        assert float(tokens) == pytest.approx(run.tokens, rel=5e-3)
        assert float(coupled) == pytest.approx(law.loss(*place) - ENTROPY, abs=1e-4)
        assert float(additive) == pytest.approx(rival.loss(*place) - ENTROPY, abs=1e-4)
    sizes = np.geomspace(1e4, 1e6, 4001)
    best = sizes[np.argmin(law.loss(sizes, design.BEST_AT / (6 * sizes)))]
    assert best == pytest.approx(design.BEST_SIZE, rel=0.01)


def test_how_sharp_the_design_is_on_made_tables():
    E, A, alpha, q, B, beta, *_ = said("# + ((#/N^#)^# + (#/D^#)^#)^(1/#)")
    law = CoupledLaw(E, A, B, alpha, beta, q)
    runs = [run for run in design.runs() if run.line <= 1e14]
    N, D, C = (
        np.array(values)
        for values in zip(*((design.size(r.width), r.tokens, r.line) for r in runs), strict=True)
    )
    sets = (N > 2e6, D > 2**25, C > 5e13)
    kept = ~(sets[0] | sets[1] | sets[2])
    rng = np.random.default_rng(0)
    entropies, errors = [], []
    for _ in range(12):
        loss = law.E + (law.loss(N, D) - law.E) * np.exp(rng.normal(0, 0.004, len(N)))
        fits = [
            fit(N[kept], D[kept], loss[kept]).law
            for fit in (fitting.fit_coupled, fitting.fit_parametric)
        ]
        misses = [100 * abs(one.loss(N, D) - loss) / (loss - law.E) for one in fits]
        errors.append([[miss[part].mean() for part in sets] for miss in misses])
        entropies.append(fits[0].E)
    coupled, additive = np.mean(errors, axis=0)
    least, most, deviation, *rival = said(
        "missed the three sets by # to # % and had a standard deviation of # in E; the additive "
        "fit missed them by #, # and # %"
    )
    assert [round(min(coupled), 1), round(max(coupled), 1)] == [least, most]
    assert round(np.std(entropies), 4) == deviation
    assert [round(miss) for miss in additive] == rival
