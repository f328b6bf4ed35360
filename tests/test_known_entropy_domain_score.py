"""The score of the study of known entropy inside its domain, on tables made from a known law."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from study_scripts import handed_over, load

from scaling_utils.studies import read_rows

RESULTS = Path(__file__).resolve().parent.parent / "results"
(score,) = load(RESULTS / "known_entropy_domain", "score")
(design,) = load(RESULTS / "gpu", "design")
LAW = score.FROZEN["coupled"]
FOLDER = RESULTS / "known_entropy_domain"
PAGE = RESULTS.parent / "notebooks" / "study_known_entropy_domain.ipynb"


def table(law, *, runs=30, off=0.05, noise=0.004):
    """Return rows whose cells have the law's excess at a rate ``off`` from the middle one."""
    rng = np.random.default_rng(0)
    rows = []
    for run in design.runs()[:runs]:
        N = design.size(run.width)
        k = score.curvature(run.width, run.tokens)
        for seed in (0, 1):
            for rate, side in zip(run.rates, (-0.5, 0.5), strict=True):
                away = side * np.log(1.5) - off
                log_excess = np.log(law.loss(N, run.tokens) - LAW.E) + k * away**2
                log_excess += noise * rng.standard_normal()
                rows.append(
                    {
                        "line": run.line,
                        "width": run.width,
                        "N": N,
                        "D": run.tokens,
                        "seed": seed,
                        "rate": rate,
                        "excess": np.exp(log_excess),
                        "entropy": LAW.E,
                    }
                )
    return rows


def test_the_bottom_of_a_parabola_is_found_from_two_of_its_points():
    a, k, at, least = np.log(1.5) / 2, 0.3, 0.1, -2.0
    low, high = (least + k * (x - at) ** 2 for x in (-a, a))
    assert score.bottom(low, high, k) == pytest.approx((at, least), abs=1e-12)


def test_the_curvature_is_that_of_the_registration():
    text = (RESULTS / "gpu" / "PREREGISTRATION.md").read_text(encoding="utf-8")
    assert "k = .252 + .0372 ln(D / 2^20) + .0411 ln(h / 128)" in text
    assert score.curvature(128, 2**20) == 0.252
    assert score.curvature(256, 2**21) == pytest.approx(0.252 + (0.0372 + 0.0411) * np.log(2))


@pytest.mark.parametrize(("off", "edge"), [(0.05, False), (0.40, False), (0.41, True)])
def test_a_cell_has_the_excess_of_its_best_rate_and_knows_an_edge(off, edge):
    cells = score.tuned(table(LAW, off=off, noise=0))  # ln 1.5 = .405
    assert cells.excess == pytest.approx(LAW.loss(cells.N, cells.D) - LAW.E, rel=1e-9)
    assert set(cells.edge) == {edge}
    assert cells.spread == pytest.approx(np.zeros(len(cells)), abs=1e-12)


def test_a_cell_without_all_four_networks_is_none():
    rows = table(LAW, runs=3)
    assert len(score.tuned(rows)) == 3
    assert len(score.tuned(rows[:-1])) == 2
    with pytest.raises(ValueError, match="whole cell: two seeds at two rates; found none"):
        score.tuned(rows[:3])


def test_no_change_takes_the_nearest_cell_in_logarithms():
    known = score.tuned(table(LAW, runs=2, noise=0))
    (N1, N2), (D1, D2) = known.N, known.D
    guess = score.no_change(known, np.array([N1, N2]) * 1.01, np.array([D1, D2]) * 0.99)
    assert guess == pytest.approx(known.excess)


def test_a_short_last_line_is_not_scored():
    rows = table(LAW)
    last = [row for row in rows if row["line"] == 3e13]
    with pytest.raises(ValueError, match="3e\\+13 must have 4 cells or more, got 3"):
        score.measured(score.tuned(rows[: len(rows) - len(last) + 12]))


def test_a_coupled_table_is_met_by_the_coupled_law_and_missed_by_the_rivals():
    found = score.measured(score.tuned(table(LAW)))
    for name in score.HELD_OUT:
        coupled = found[f"coupled, {name}, % of excess"]
        assert coupled < 2  # the noise of a cell is .3 %
        assert found[f"additive, {name}, % of excess"] > 4 * coupled
        assert found[f"no change, {name}, % of excess"] > 20 * coupled
        loss = found[f"coupled, {name}, % of loss"]
        assert 0.005 < loss / coupled < 0.05  # the share of the excess in the loss
    assert found["E, low"] < found["entropy"] < found["E, high"]
    assert found["q, high"] < 1
    assert found["frozen, all"] < 0.5
    assert found["valley's exponent"] == pytest.approx(0.4855 / (0.7813 + 0.4855), abs=0.02)


def test_an_additive_table_speaks_against_the_coupling():
    additive = score.FROZEN["additive"]

    class Shifted:
        @staticmethod
        def loss(N, D):
            return additive.loss(N, D) + LAW.E - additive.E

    found = score.measured(score.tuned(table(Shifted)))
    assert found["q, low"] < 1 < found["q, high"]
    assert found["additive, C, % of excess"] < 2
    assert found["frozen, C"] > 5


def test_the_tuned_cells_are_those_of_the_runs():
    cells = score.tuned(read_rows(FOLDER / "runs.csv"))
    assert read_rows(FOLDER / "cells.csv") == score.rows_of(cells)
    assert cells.edge.mean() <= 0.25
    assert np.median(cells.spread) <= 0.03


def test_the_page_hands_over_what_the_score_measures():
    found = score.measured(score.tuned(read_rows(FOLDER / "runs.csv")))
    worst = {
        unit: max(found[f"coupled, {name}, % of {unit}"] for name in score.HELD_OUT)
        for unit in ("excess", "loss")
    }

    def outside(value, low, high):
        return max(low - value, value - high, 0)

    far = {form: found[f"{form}, C, % of excess"] for form in (*score.FORMS, "no change")}
    path = found["valley's exponent"]
    wanted = worst | {
        "additive": far["additive"] / far["coupled"],
        "no_change": far["no change"] / far["coupled"],
        "frozen": found["frozen, all"],
        "frozen_far": found["frozen, C"],
        "entropy": outside(found["entropy"], found["E, low"], found["E, high"]),
        "sharp": found["E, high"] - found["E, low"],
        "coupling": found["q, high"],
        "decades": 2,
        "path_inside": outside(path, found["a, low"], found["a, high"]),
        "path": abs(path - 0.383),
    }
    wanted = {f"known_entropy_domain.{name}": value for name, value in wanted.items()}
    assert handed_over(PAGE) == pytest.approx(wanted, rel=1e-3, abs=1e-6)
