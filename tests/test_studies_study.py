"""A study as an object: the digits that were printed of it, its split, and jobs to train again."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from scaling_utils import fitting, studies
from scaling_utils.laws import CoupledLaw
from scaling_utils.studies.study import SHORTEST
from scaling_utils.sweeps import Ledger, job_key, record

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"
RECORDED = sorted(path.parent.name for path in RESULTS.glob("*/jobs.csv"))
FORMS = {"additive": {"q": 1.0}, "additive, E = entropy": {"q": 1.0, "E": None}, "coupled": {}}


@pytest.fixture(scope="module")
def study():
    return studies.read("known_entropy")


@pytest.fixture(scope="module")
def fits(study):
    held = {form: how | ({"E": study.entropy} if "E" in how else {}) for form, how in FORMS.items()}
    return {form: study.fit(fitting.fit_coupled, **how) for form, how in held.items()}


# What the chapter on where laws break printed of the held-out sets when the study was scored: for
# each form E, alpha, beta, q; then for the largest N, D and C the errors, mean (largest), in per
# cent of the loss; and of the excess. "No change": the best fitted run no larger and no longer.
PRINTED = {
    "additive": (
        ("1.518", "0.60", "0.42", "1.0"),
        ("0.37 (0.95); 10 (34)", "0.45 (0.76); 5 (10)", "0.59 (1.13); 19 (46)"),
    ),
    "additive, E = entropy": (
        ("1.550", "0.60", "0.54", "1.0"),
        ("0.19 (0.33); 4 (11)", "0.76 (1.62); 13 (32)", "0.31 (1.23); 9 (32)"),
    ),
    "coupled": (
        ("1.471", "0.53", "0.34", "1.2"),
        ("0.70 (1.77); 19 (63)", "0.37 (1.16); 8 (38)", "1.25 (2.17); 40 (88)"),
    ),
    "no change": (
        (),
        ("0.68 (1.50); 17 (54)", "0.64 (1.23); 10 (40)", "1.03 (1.84); 34 (75)"),
    ),
}
CUTS = {  # the widths that are kept: mean errors in per cent of the excess, additive and coupled
    45: (("10.3", "8.5", "21.7"), ("4.1", "2.3", "6.9")),
    64: (("9.8", "4.8", "18.1"), ("3.0", "2.3", "4.7")),
}


@pytest.mark.parametrize("form", PRINTED)
def test_scores_have_the_digits_that_were_printed(study, fits, form):
    scores = study.score(fits[form] if form in fits else study.no_change())
    constants, errors = PRINTED[form]
    assert errors == tuple(
        f"{100 * one.mean:.2f} ({100 * one.largest:.2f}); "
        f"{100 * one.mean_excess:.0f} ({100 * one.largest_excess:.0f})"
        for one in (scores[name] for name in "NDC")
    )
    if form in fits:
        law = fits[form].law
        assert constants == (
            f"{law.E:.3f}",
            f"{law.alpha:.2f}",
            f"{law.beta:.2f}",
            f"{law.q:.1f}",
        )


def test_the_interval_has_the_digits_that_were_printed(study, fits):
    low, high = study.resample(fits["additive"]).interval("E")
    assert (f"{low:.3f}", f"{high:.3f}") == ("1.501", "1.542")


def test_cells_and_split_are_those_that_were_scored(study):
    held = np.any([study.masks[name] for name in "NDC"], axis=0)
    assert (len(study.cells), len(study.fitted), held.sum()) == (112, 75, 24)
    assert study.cells.edge.sum() == 26  # "In 26 of the 112 cells", says the registration


@pytest.mark.parametrize("width", CUTS)
def test_a_cut_keeps_the_split_and_has_the_digits_that_were_printed(study, width):
    wide = {row["N"] for row in study.rows if row["width"] >= width}
    part = study.where(np.isin(study.cells.N, list(wide)))
    for form, printed in zip(("additive", "coupled"), CUTS[width], strict=True):
        scores = part.score(part.fit(fitting.fit_coupled, **FORMS[form]))
        assert printed == tuple(f"{100 * scores[name].mean_excess:.1f}" for name in "NDC")


def test_rates_and_seeds_that_were_added_have_the_errors_that_the_registration_states():
    text = " ".join((RESULTS / "PREREGISTRATION.md").read_text(encoding="utf-8").split())
    rates, first, seeds = re.search(
        r"of the excess, are ([\d., and]+) instead of ([\d., and]+) \(.*?of the excess, are "
        r"([\d., and]+) \(",
        text,
    ).groups()
    for more, said in (
        ((), first),
        (("known_entropy_rates",), rates),
        (("known_entropy_rates", "known_entropy_seeds"), seeds),
    ):
        one = studies.read("known_entropy", *more)
        scores = one.score(one.fit(fitting.fit_parametric))
        printed = [f"{100 * scores[name].mean_excess:.1f}" for name in "NDC"]
        assert printed == re.findall(r"\d+\.\d", said)


def test_slices_have_the_exponent_that_the_registration_states(study):
    points = study.slices(np.geomspace(3e9, 3e12, 13), around=3)
    assert len(points.budgets) == 6
    firm = points.firm
    found = fitting.fit_isoflop(points.C[firm], points.N[firm], points.loss[firm])
    text = (RESULTS / "PREREGISTRATION.md").read_text(encoding="utf-8")
    assert f"{found.exponent:.3f} (standard error of the line" in text


def test_shortest_runs_are_those_of_the_registration():
    text = (RESULTS / "PREREGISTRATION.md").read_text(encoding="utf-8")
    parts = dict(re.findall(r"\n## (Part \d).*?\n(.*?)(?=\n## )", text, re.DOTALL))
    said = {
        "known_entropy": (parts["Part 1"], "Domain.** D of 2^17 and above"),
        "text": (parts["Part 3"], "others of 2^17 bytes and above"),
        "transformers": (parts["Part 4"], "fitted on 2^18 symbols and above"),
    }
    assert set(said) == set(SHORTEST)
    for name, (part, words) in said.items():
        assert words in " ".join(part.split())
        assert f"results/{name}" in part
        power = int(re.search(r"2\^(\d+)", words)[1])
        assert studies.read(name).split.shortest == 2**power


def test_runs_that_were_added_later_leave_the_split_where_it_was(study):
    more = studies.read("known_entropy", "known_entropy_rates", "known_entropy_long")
    assert more.split == study.split
    assert len(more.cells) > len(study.cells)
    assert more.cells.edge.sum() < study.cells.edge.sum()
    same = np.isin(more.cells.D, np.unique(study.cells.D))
    assert np.array_equal(more.masks["fitted"][same], study.masks["fitted"])
    assert not more.masks["fitted"][~same].any()


def made(folder: Path, law, *, entropy="", flops=None, rates=(0.01,)) -> studies.Study:
    """Record a study whose losses are those of a law, at the best of its rates."""
    with Ledger(folder / "ledger.jsonl") as book:
        for width in (1, 2, 3, 4, 5, 6):
            job = {"width": width, "tokens": [10 * 2**k for k in range(6)], "rates": list(rates)}
            job["seeds"] = [0]
            rows = [
                {"N": 10.0**width, "D": D, "loss": float(law.loss(10.0**width, D)), "seed": 0}
                | {"rate": rate, "entropy": entropy}
                | ({"flops": flops * 10.0**width * D} if flops else {})
                for D in job["tokens"]
                for rate in rates
            ]
            source = {"device": "none", "threads": 1}
            book.append(job_key(job), job, rows, experiment="m:f", seconds=1.0, provenance=source)
    record(folder / "ledger.jsonl", folder)
    return studies.read(folder)


LAW = CoupledLaw(E=1.0, A=5.0, B=9.0, alpha=0.3, beta=0.5, q=1.0)


def test_scores_by_hand_of_a_law_a_function_and_an_array(tmp_path):
    study = made(tmp_path, LAW, entropy=1.0)
    exact = study.score(LAW)
    assert exact["N"].largest < 1e-6  # seven digits were recorded
    high = study.score(lambda N, D: 1.1 * study.cells.loss)
    assert high["D"].mean == pytest.approx(0.1)
    at = study.masks["C"]
    wanted = (0.1 * study.cells.loss / (study.cells.loss - 1.0))[at]
    assert high["C"].mean_excess == pytest.approx(wanted.mean())
    assert high["C"].largest_excess == pytest.approx(wanted.max())
    assert study.score(1.1 * study.cells.loss) == high
    # The largest corner has the loss of the fitted cell just below it in both directions.
    (corner,) = np.flatnonzero((study.cells.N == 1e6) & (study.cells.D == 320))
    below = study.fitted.loss[(study.fitted.N <= 1e6) & (study.fitted.D <= 320)].min()
    assert study.no_change()[corner] == below


def test_recorded_work_decides_what_counts_as_much_compute(tmp_path):
    rule, tenfold = tmp_path / "rule", tmp_path / "tenfold"
    assert made(tenfold, LAW, flops=60.0).split.C == 10 * made(rule, LAW).split.C
    assert studies.read(rule).split.C == 6 * 1e6 * 320 / 8


def test_a_domain_cut_is_neither_fitted_nor_scored(tmp_path):
    made(tmp_path, LAW)
    study = studies.read(tmp_path, shortest=40)
    assert study.fitted.D.min() == 40
    forecast = np.where(study.cells.D < 40, np.nan, study.cells.loss)
    assert study.score(forecast)["fitted"].largest == 0
    with pytest.raises(ValueError, match="forecast must be finite, got nan"):
        study.score(np.full(len(study.cells), np.nan))
    with pytest.raises(ValueError, match="must have the same length"):
        study.score(np.ones(3))


def test_one_rate_alone_and_a_source_alone_are_studies_too(study):
    rate = study.only(lambda run: run["rate"] == 0.004)
    assert set(rate.cells.rate) == {0.004}
    assert rate.split == study.split
    with pytest.raises(ValueError, match="there twice and differs"):
        studies.read("domains")
    python = studies.read(
        "domains",
        keep=lambda run: run.get("text") == "python" and run["model"]["kind"] == "lstm",
    )
    assert len(np.unique(python.cells.N)) == 4
    assert np.isnan(python.entropy)
    text = studies.read("text")
    seen = text.only(lambda run: True, loss="loss_training_documents")
    assert np.mean(seen.cells.loss < text.cells.loss) == 1  # documents that were trained on


@pytest.mark.parametrize("name", RECORDED)
def test_settings_of_every_recorded_job_have_its_key(name):
    for key, job in studies.read_record(RESULTS / name)[0].items():
        assert job_key(studies.settings_of(job)) == key


def test_a_cell_says_how_it_is_trained_again(study):
    job = study.settings(4608, 2**20)
    assert job["width"] == 32
    assert (job["tokens"], job["seeds"], job["rates"]) == ([2**20], [0], [0.008])
    (at,) = np.flatnonzero((study.cells.N == 4608) & (study.cells.D == 2**20))
    assert abs(np.log2(0.008 / study.cells.rate[at])) <= 0.5  # nearest of rates a factor of 2 apart
    with pytest.raises(ValueError, match="N and D must be those of a cell of known_entropy, got"):
        study.settings(4609, 2**20)
