"""Forms compared by runs that they have not seen: the true one wins, ties are called ties."""

import json

import numpy as np
import pytest

from scaling_utils.fitting import FORMS, FitError, Form, compare_forms, fit_parametric, fit_product
from scaling_utils.laws import CoupledLaw, ParametricLaw

N, D = (
    grid.ravel() for grid in np.meshgrid(np.geomspace(1e7, 1e10, 7), np.geomspace(1e9, 1e12, 7))
)
EQUAL = ParametricLaw(E=1.7, A=400.0, B=400.0, alpha=0.3, beta=0.3)
COUPLED = CoupledLaw(E=1.7, A=400.0, B=300.0, alpha=0.34, beta=0.30, q=4.0)
SIMPLE = {name: FORMS[name] for name in ("power law in C", "additive, alpha = beta", "additive")}


def noisy(law, spread=0.003, seed=0):
    return law.loss(N, D) * np.exp(spread * np.random.default_rng(seed).normal(size=N.size))


def test_the_true_form_wins_and_is_told_apart():
    found = compare_forms(N, D, noisy(COUPLED), n=60)
    assert found.best == "coupled"
    assert found.told_apart
    assert all(low > 0 for low, _ in found.gaps.values())


def test_forms_that_both_hold_the_truth_are_a_tie():
    found = compare_forms(N, D, noisy(EQUAL), forms=SIMPLE, n=100)
    assert {found.best, *found.ties} == {"additive", "additive, alpha = beta"}
    assert not found.told_apart


def test_the_scores_by_hand():
    loss = noisy(EQUAL)
    held = D.max() == D
    found = compare_forms(
        N, D, loss, hold_out=held, forms={"one": FORMS["additive"]}, floor=1.5, n=40
    )
    law = fit_parametric(N[~held], D[~held], loss[~held]).law
    error = law.loss(N, D) / loss - 1
    score = found.scores["one"]
    assert score.error == pytest.approx(np.abs(error[held]).mean())
    assert score.bias == pytest.approx(error[held].mean())
    assert score.largest == pytest.approx(np.abs(error[held]).max())
    assert score.kept == pytest.approx(np.abs(error[~held]).mean())
    miss = np.abs(law.loss(N, D) - loss)[held]
    assert score.excess == pytest.approx((miss / (loss[held] - 1.5)).mean())
    still = loss[~held].min() / loss[held] - 1
    assert found.scores["no change"].error == pytest.approx(np.abs(still).mean())
    assert found.held.tolist() == np.flatnonzero(held).tolist()
    json.dumps(found.as_dict(), allow_nan=False)


def test_a_share_holds_out_the_largest_computes():
    found = compare_forms(N, D, noisy(EQUAL), hold_out=0.2, forms=SIMPLE, n=40)
    work = N * D
    assert work[found.held].min() > np.delete(work, found.held).max()
    assert found.held.size == 10


def test_where_nothing_falls_no_change_is_the_best():
    """Losses without any trend: the laws that are fitted to noise do not beat a constant."""
    rng = np.random.default_rng(2)
    loss = 2.0 * np.exp(0.05 * rng.normal(size=N.size))
    kept_lowest = loss.argmin()
    loss[np.sort(N * D)[-10] <= N * D] = loss[kept_lowest]
    found = compare_forms(
        N,
        D,
        loss,
        forms={
            "product": Form(
                lambda N, D, loss: fit_product({"N": N, "D": D}, loss),
                lambda law, N, D: law.at(N, D),
            )
        },
        n=40,
    )
    assert found.best == "no change"
    assert "no form beats the lowest loss of the kept runs" in found.notes


def test_a_form_that_cannot_be_fitted_is_named_and_few_held_out_rows_are_said():
    one_size = np.sort(N)[13] >= N  # two sizes kept
    found = compare_forms(N, D, noisy(EQUAL), hold_out=~one_size, forms=SIMPLE, n=40)
    assert "N must take at least 3" in found.failed["additive"]
    assert found.best in ("power law in C", "no change")
    held = np.zeros(N.size, bool)
    held[-2:] = True
    said = compare_forms(N, D, noisy(EQUAL), hold_out=held, forms=SIMPLE, n=40).notes
    assert any(words.startswith("2 held-out rows") for words in said)


def test_the_gap_holds_the_uncertainty_of_the_fits():
    """With one held-out row nothing else varies, and of two forms the looser one decides."""
    loss = noisy(EQUAL)
    held = np.arange(N.size) == (N * D).argmax()
    names = ("additive, alpha = beta", "power law in C")
    forms = {name: FORMS[name] for name in names}
    found = compare_forms(N, D, loss, hold_out=held, forms=forms, n=200)
    spread = {}
    for name in names:
        refits = found.fits[name].resample(n=200, check=0)
        values = refits.values(lambda law, at=FORMS[name].at: at(law, N[held], D[held]))[:, 0]
        spread[name] = np.ptp(np.quantile(np.abs(values / loss[held] - 1), [0.025, 0.975]))
    assert spread["power law in C"] > 5 * spread["additive, alpha = beta"]
    low, high = found.gaps["power law in C"]
    assert high - low == pytest.approx(spread["power law in C"], rel=0.25)


def test_whole_groups_widen_the_gap():
    """Runs of one size share an error: drawn one by one they count as more evidence than they
    are."""
    rng = np.random.default_rng(4)
    shared = np.repeat(0.01 * rng.normal(size=7)[None], 7, axis=0).ravel()
    loss = EQUAL.loss(N, D) * np.exp(shared)
    only = {"one": FORMS["additive, alpha = beta"]}
    latest = np.unique(D)[-2] <= D
    largest = np.arange(N.size) == (N * D).argmax()
    for held in (latest, largest):  # of many rows, and of one, where the kept rows alone vary
        widths = []
        for by in (None, N):
            low, high = compare_forms(N, D, loss, hold_out=held, forms=only, n=100, by=by).gaps[
                "no change"
            ]
            widths.append(high - low)
        assert widths[1] > 1.2 * widths[0]


def test_what_is_refused():
    loss = noisy(EQUAL)
    with pytest.raises(ValueError, match="hold_out must be a share or one truth value per row"):
        compare_forms(N, D, loss, hold_out=np.arange(3))
    with pytest.raises(ValueError, match="hold_out must leave out some rows"):
        compare_forms(N, D, loss, hold_out=np.zeros(N.size, bool))
    with pytest.raises(TypeError, match="forms must map names"):
        compare_forms(N, D, loss, forms={"no change": FORMS["additive"]})
    with pytest.raises(ValueError, match="floor must be"):
        compare_forms(N, D, loss, floor=3.0)
    with pytest.raises(ValueError, match=r"level 0\.95 needs at least 40"):
        compare_forms(N, D, loss, n=20)
    with pytest.raises(ValueError, match="hold_out must keep at least"):
        compare_forms(N, D, loss, hold_out=np.arange(N.size) > 3, forms=SIMPLE)
    with pytest.raises(FitError, match="no form could be fitted"):
        compare_forms(N, D, np.full(N.size, 2.0), forms=SIMPLE)
