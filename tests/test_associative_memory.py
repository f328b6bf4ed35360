"""The study of an associative memory: its text against its design and theory, and its recorder."""

from pathlib import Path

import numpy as np
import pytest
from study_scripts import handed_over, load, trained_once_and_claimed_by_one

from scaling_utils.fitting import fit_coupled
from scaling_utils.studies import read_rows

FOLDER = Path(__file__).resolve().parent.parent / "results" / "associative_memory"
TEXT = (FOLDER / "PREREGISTRATION.md").read_text(encoding="utf-8")
CHAPTER = FOLDER.parents[1] / "notebooks" / "36_associative_memory.ipynb"


@pytest.fixture(scope="module")
def scripts():
    return load(FOLDER, "record", "theory", "score")


def test_the_registered_table_is_what_theory_says(scripts):
    _, theory, _ = scripts
    for g in theory.GS:
        row = " | ".join([f"{g:g}", *(f"{value:.4f}" for value in theory.registered(g))])
        assert f"| {row} |" in TEXT


def test_the_cells_are_those_of_the_text(scripts):
    record, _, _ = scripts
    cells = record.planned()
    assert len(cells) == len(set(cells))
    assert list(dict.fromkeys(cell.g for cell in cells)) == [1.2, 1.5, 1.35, 1.8, 1.1]
    for g in record.GS:
        fit = [cell for cell in cells if (cell.part, cell.g) == ("fit", g)]
        assert len(fit) == 21
        largest = max(cell.n * 512 * cell.D for cell in fit)
        assert largest == 2**34
        for cell in (cell for cell in cells if cell.g == g and cell.part.startswith("x")):
            assert cell.n * 512 * cell.D == int(cell.part[1:]) * largest
    assert all(cell.D // cell.batch >= 1024 for cell in cells if cell.D)
    streams = {cell.part: cell.stream for cell in cells}
    assert len(set(streams.values())) == len(streams) - 1
    assert streams["slow"] == streams["data"]


def test_the_best_rate_of_made_ladders(scripts):
    record, _, score = scripts
    steps = 2.0 * 1.5 ** np.arange(-2, 3)
    x = np.log(steps / 2.3)
    excess = 1 + 0.05 * x**2 + 0.01 * x**3
    assert record.best(steps, excess) == pytest.approx((2.3, 1.0), rel=1e-3)
    made = [{"part": "x16", "g": 1.2, "n": 512, "D": 2**20, "step": s, "excess": e}
            for s, e in zip(steps[1:4], 1 + 0.05 * x[1:4] ** 2, strict=True)]  # fmt: skip
    far = [{"part": "x128", "g": 1.2, "step": s, "excess": 0.5 * (1 + 0.05 * np.log(s / 2.3) ** 2)}
           for s in (1.6, 2.4)]  # fmt: skip
    step, least = score.least(made, far)
    assert step == pytest.approx(2.3, rel=0.02)
    assert least == pytest.approx(0.5, rel=1e-3)


def test_the_laws_find_the_constants_of_a_made_table(scripts):
    record, _, score = scripts
    fit = [cell for cell in record.of_source(1.5) if cell.part == "fit"]
    N, D = (np.array(v, float) for v in zip(*((512 * c.n, c.D) for c in fit), strict=True))
    truth = score.Law(1.5, 30.0, 0.5, 1.05, 1 / 3, 3.4, curve=True)
    law = score.fit("theory", 1.5, N, D, truth.excess(N, D))
    assert (law.A, law.B, law.q) == pytest.approx((30.0, 1.05, 3.4), rel=1e-3)
    additive = score.Law(1.5, 30.0, 0.45, 8.0, 0.3, 1.0)
    law = score.fit("additive", 1.5, N, D, additive.excess(N, D))
    assert (law.A, law.alpha, law.beta) == pytest.approx((30.0, 0.45, 0.3), rel=1e-3)


def test_a_cell_is_trained_once_and_claimed_by_one(scripts, tmp_path):
    record, *_ = scripts
    rows = trained_once_and_claimed_by_one(record, tmp_path)
    assert {row["part"] for row in rows} == {"fit", "slow"}


def test_the_tuned_cells_are_those_of_the_runs(scripts):
    record, _, score = scripts
    rows = read_rows(FOLDER / "runs.csv")
    cells = read_rows(FOLDER / "cells.csv")
    assert cells == score.tuned(rows)
    assert sum(cell["edge"] for cell in cells) <= len(cells) / 4
    assert all(cell["se"] <= 0.003 * cell["excess"] for cell in cells)
    seeds = {(row["g"], row["seed"], row["stream"]) for row in rows}
    assert seeds <= {(cell.g, cell.seed, cell.stream) for cell in record.planned()}


def test_the_chapters_way_to_fit_finds_the_registered_laws(scripts):
    _, _, score = scripts
    rows = read_rows(FOLDER / "runs.csv")
    one = score.cells(rows, 1.2, "fit")
    least = {"E": 0.0, "delta": np.inf}
    derived = {"alpha": 0.2, "beta": 1.0}  # in 1 / F(D) instead of D
    theory = fit_coupled(one.N, 1 / score.F(1.2, one.D), one.excess, fixed=derived, **least).law
    mine = score.fit("theory", 1.2, one.N, one.D, one.excess)
    assert (theory.A, theory.B, theory.q) == pytest.approx((mine.A, mine.B, mine.q), rel=1e-3)
    for name, more in (("coupled", {}), ("additive", {"q": 1.0})):
        law = fit_coupled(one.N, one.D, one.excess, **least, **more).law
        mine = score.fit(name, 1.2, one.N, one.D, one.excess)
        assert (law.alpha, law.beta, law.q) == pytest.approx(
            (mine.alpha, mine.beta, mine.q), rel=1e-3
        )


def test_the_chapter_hands_over_what_the_score_measures(scripts):
    _, _, score = scripts
    measured = score.measured(read_rows(FOLDER / "runs.csv"))
    wanted = {f"associative_memory.{name}": value for name, value in measured.items()}
    assert handed_over(CHAPTER) == pytest.approx(wanted, rel=1e-3)
