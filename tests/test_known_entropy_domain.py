"""Known entropy inside its domain, on a CPU: its text against its design, and its recorder."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from study_scripts import trained_once_and_claimed_by_one

from scaling_utils import fitting
from scaling_utils.laws import CoupledLaw

FOLDER = Path(__file__).resolve().parent.parent / "results" / "known_entropy_domain"
TEXT = " ".join((FOLDER / "PREREGISTRATION.md").read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def record():
    spec = importlib.util.spec_from_file_location("domain_record", FOLDER / "record.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cells(record):
    runs = record.planned()
    width, N, D, C = np.array(
        [(run.width, record.design.size(run.width), run.tokens, run.line) for run in runs]
    ).T
    return width, N, D, C


def test_the_cells_are_the_first_thirty_of_the_design_with_other_seeds(record):
    runs, theirs = record.planned(), record.design.runs()
    assert f"the first {len(runs)} cells" in TEXT
    assert [(r.width, r.tokens, r.rates) for r in runs] == [
        (r.width, r.tokens, r.rates) for r in theirs[: len(runs)]
    ]
    assert runs[-1].line == 3e13 < theirs[len(runs)].line
    seeds = [seed for run in runs for seed in run.seeds]
    assert len(set(seeds)) == 2 * len(runs)
    assert not set(seeds) & {seed for run in theirs for seed in run.seeds}
    lengths = [run.tokens for run in runs]
    assert f"{min(lengths):.1e} to {max(lengths):.1e}".replace("e+0", "e") in TEXT


def test_the_sets_are_as_large_as_the_text_says(cells):
    width, _, D, C = cells
    fitted = C <= 3e12
    assert "the 18 cells of the lines to 3e12" in TEXT
    assert (fitted.sum(), (~fitted & (width >= 512)).sum()) == (18, 5)
    assert (~fitted & (D[fitted].max() < D)).sum() == 3
    assert ((C <= 1e13) & (D < 2**24) & (width < 724)).sum() == 19


def test_how_sharp_the_forecast_is_on_made_tables(cells):
    width, N, D, C = cells
    law = CoupledLaw(1.5499, 88.16, 56.47, 0.7813, 0.4855, 0.7166)
    fitted = C <= 3e12
    held_out = (C > 1e13, ~fitted & (width >= 512), D[fitted].max() < D)
    near = [
        np.argmin(np.log(N[fitted] / n) ** 2 + np.log(D[fitted] / d) ** 2)
        for n, d in zip(N, D, strict=True)
    ]
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(12):
        excess = (law.loss(N, D) - law.E) * np.exp(rng.normal(0, 0.004, len(N)))
        fits = [
            fit(N[fitted], D[fitted], law.E + excess[fitted]).law.loss(N, D) - law.E
            for fit in (fitting.fit_coupled, fitting.fit_parametric)
        ]
        misses = [100 * abs(one - excess) / excess for one in (*fits, excess[fitted][near])]
        errors.append([[miss[part].mean() for part in held_out] for miss in misses])
    coupled, additive, same = np.mean(errors, axis=0)
    assert "{:.1f}, {:.1f} and {:.1f} %".format(*coupled) in TEXT
    assert "{:.1f}, {:.1f} and {:.1f} %".format(*np.max(errors, axis=0)[0]) in TEXT
    assert "law by {:.0f}, {:.0f} and {:.0f} %".format(*additive) in TEXT
    assert "no change by {:.0f}, {:.0f} and {:.0f} %".format(*same) in TEXT


def test_a_cell_is_trained_once_and_claimed_by_one(record, tmp_path):
    rows = trained_once_and_claimed_by_one(record, tmp_path)
    assert len(rows) == 4  # two seeds, two rates
    assert all(float(row["loss"]) > float(row["entropy"]) > 0 for row in rows)


def teardown_module():
    sys.path[:] = [place for place in sys.path if not place.endswith("results/gpu")]
