"""IsoFLOP studies as they come: measured C and D, what is left out and why, whole budgets."""

import warnings

import numpy as np
import pytest
import tables

from scaling_utils.fitting import FitError, FitWarning, fit_isoflop, fit_valleys
from scaling_utils.fitting._cubic import at_bottom
from scaling_utils.laws import BESIROGLU, ParametricLaw

EQUAL = ParametricLaw(E=1.7, A=400.0, B=400.0, alpha=0.3, beta=0.3)
BUDGETS = np.geomspace(1e18, 1e21, 6)
STEPS = np.geomspace(0.2, 5, 9)
FORMS = ("cubic", "parabola")


def study(law=BESIROGLU, noise=0.005, seed=0):
    C = np.repeat(BUDGETS, STEPS.size)
    N = (law.optimal(BUDGETS).N[:, None] * STEPS).ravel()
    loss = law.loss(N, C / (6 * N))
    return C, N, loss * np.exp(noise * np.random.default_rng(seed).normal(size=N.size))


def quiet(*rows, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        return fit_valleys(*rows, **settings)


def test_a_complete_table_gives_what_fit_isoflop_gives():
    C, N, loss = study()
    ours, theirs = fit_valleys(C, N, loss), fit_isoflop(C, N, loss)
    assert ours.exponent == pytest.approx(theirs.exponent, rel=1e-9)
    assert ours.size.at(1e22) == pytest.approx(theirs.size.at(1e22), rel=1e-9)
    assert ours.tokens.at(1e22) == pytest.approx(theirs.tokens.at(1e22), rel=1e-9)
    assert ours.standard_error == pytest.approx(theirs.standard_error)
    assert (ours.left_out, ours.missing, ours.message, ours.flops_ratio) == ({}, (), "", 1.0)
    mine, other = ours.resample(n=60), theirs.resample(n=60)
    np.testing.assert_allclose(mine.values("a"), other.values("a"), rtol=1e-9)


def test_the_course_table_gives_its_known_exponent():
    """A parabola in each budget of the CS336 table gives a = 0.51458."""
    C, N, loss = tables.cs336()
    fit = quiet(C, N, loss)
    assert fit.exponent == pytest.approx(0.51458, abs=5e-6)


def test_what_cannot_be_used_is_left_out_and_named():
    C, N, loss = study()
    whole = fit_valleys(C, N, loss)
    loss = np.append(loss, [2.0, 2.1, 2.2, 1.9, 1.9, 1.9, 1.9, 1.8, 1.7, np.nan])
    C = np.append(C, [3e21, 1e22, 1e22, *[3e22] * 3, *[1e23] * 3, 1e24])
    N = np.append(N, [1e9, 1e9, 2e9, *np.geomspace(1e9, 4e9, 3), *np.geomspace(1e9, 4e9, 3), 1e9])
    with pytest.warns(FitWarning, match="1 rows with a NaN are left out"):
        fit = fit_valleys(C, N, loss)
    reasons = {f"{budget:.3g}": why for budget, why in fit.left_out.items()}
    assert reasons == {
        "3e+21": "1 size of at least 3",
        "1e+22": "2 sizes of at least 3",
        "3e+22": "all its runs have one loss",
        "1e+23": "its parabola has no bottom",
    }
    assert fit.missing == (63,)
    assert fit.size == whole.size
    assert fit.used.tolist() == list(range(54))
    assert not fit.report.trusted
    assert "budgets in no law: C = 3e+21" in fit.report.doubts[0]


def test_a_missing_run_in_a_budget_leaves_the_others_in_it():
    C, N, loss = study()
    fewer = fit_valleys(np.delete(C, 3), np.delete(N, 3), np.delete(loss, 3))
    loss[3] = np.nan
    assert quiet(C, N, loss).size == fewer.size


def test_a_bottom_outside_the_sizes_is_left_out():
    C, N, loss = study(noise=0)
    small = (BUDGETS[0] * 1.01 > C) & (N > BESIROGLU.optimal(BUDGETS[0]).N * 0.7)
    fit = quiet(C[~small], N[~small], loss[~small])
    assert list(fit.left_out.values()) == ["its best size is not bracketed by the runs"]


def test_measured_tokens_have_a_law_of_their_own():
    """With D = 0.2 C^0.9 / N^0.8 measured, tokens at N = G C^a are 0.2 C^(0.9 - 0.8 a) / G^0.8."""
    C, N, loss = study()
    D = 0.2 * C**0.9 / N**0.8
    fit = fit_valleys(C, N, loss, D=D)
    assert fit.convention == "measured"
    assert fit.tokens.exponent == pytest.approx(0.9 - 0.8 * fit.exponent, rel=1e-10)
    assert fit.tokens.at(1e20) == pytest.approx(0.2 * 1e18 / fit.size.at(1e20) ** 0.8, rel=1e-8)
    assert fit.flops_ratio == pytest.approx(np.median(6 * N * D / C))
    low, high = fit.resample(n=100).interval(lambda law: law.D(1e22))
    assert low < fit.law.D(1e22) < high


def test_measured_compute_that_is_not_6ND_moves_the_coefficient_alone():
    C, N, loss = study()
    fit, more = fit_valleys(C, N, loss), fit_valleys(1.3 * C, N, loss, D=C / (6 * N))
    assert more.exponent == pytest.approx(fit.exponent, rel=1e-10)
    assert more.size.at(1.3e20) == pytest.approx(fit.size.at(1e20), rel=1e-10)
    assert more.tokens.at(1.3e20) == pytest.approx(fit.tokens.at(1e20), rel=1e-10)
    assert more.flops_ratio == pytest.approx(1 / 1.3)


def test_labels_gather_budgets_whose_compute_wanders():
    C, N, loss = study(noise=0)
    label = np.repeat(list("abcdef"), STEPS.size)
    wander = C * np.tile(np.geomspace(0.8, 1.25, 9), 6)
    fit = fit_valleys(wander, N, loss, budget=label)
    assert fit.runs.tolist() == [9] * 6
    assert pytest.approx(BUDGETS) == fit.C  # the geometric mean
    assert len(quiet(wander, N, loss, tolerance=0.01, budget=label).left_out) == 0


def test_a_cubic_valley_has_its_bottom_where_its_slope_is_zero():
    """loss = 2 + .1 t^2 (3 - t) with t = log N - log N0: slope .3 t (2 - t), lowest at t = 0."""
    N0 = np.repeat([1e8, 1e9], 7)
    t = np.tile(np.linspace(-1.0, 0.9, 7), 2)
    fit = fit_valleys(
        np.repeat([1e18, 1e20], 7), N0 * np.exp(t), 2 + 0.1 * t**2 * (3 - t), minimum="cubic"
    )
    assert pytest.approx([1e8, 1e9], rel=1e-9) == fit.N
    assert fit.loss == pytest.approx(2.0)
    assert fit.exponent == pytest.approx(0.5)
    assert np.abs(fit.residuals).max() < 1e-12


def test_the_parabola_that_meets_a_cubic_at_its_bottom():
    """loss = 2 + .3 (t - 1)^2 + .2 (t - 1)^3 is lowest at t = 1 and bends by .3 there."""
    t = np.array([0.0, 0.5, 1.0, 1.5, 2.5])
    loss = 0.2 * (t - 1) ** 3 + 0.3 * (t - 1) ** 2 + 2
    bend, slope, level = at_bottom(t, loss, np.ones(5), 1.0, 2.0)
    away = 1.0 - t.mean()
    assert bend == pytest.approx(0.3)
    assert 2 * bend * away + slope == pytest.approx(0.0)
    assert bend * away**2 + slope * away + level == pytest.approx(2.0)


def test_a_cubic_leans_with_the_valley_and_a_parabola_misses_its_bottom():
    C, N, loss = study(noise=0)
    truth = BESIROGLU.optimal(BUDGETS).N
    cubic, parabola = (fit_valleys(C, N, loss, minimum=m).N / truth - 1 for m in FORMS)
    assert np.abs(parabola).max() > 5e-3
    assert np.abs(cubic).max() < 0.05 * np.abs(parabola).max()


def test_resampled_cubics_are_those_of_polyfit():
    C, N, loss = study(noise=0.0005)
    fit = fit_valleys(C, N, loss, minimum="cubic")
    assert fit.report.free == 4 * 6
    assert fit.report.trusted
    drawn = np.concatenate([group[[0, 0, 1, 3, 4, 6, 6, 7, 8]] for group in fit.groups])
    found = fit.resample(draws=[drawn, drawn])
    best = []
    for group in fit.groups:
        rows = drawn[np.isin(drawn, group)]
        curve = np.polynomial.Polynomial.fit(np.log(N[rows]), loss[rows], 3)
        best += [float(root) for root in curve.deriv().roots() if curve.deriv(2)(root) > 0]
    slope = np.polyfit(np.log(fit.C), best, 1)[0]
    assert not found.at_edge.any()
    assert found.values("a")[0] == pytest.approx(slope, rel=1e-6)


def test_a_cubic_takes_five_sizes():
    C, N, loss = study()
    kept = (BUDGETS[0] * 1.01 < C) | (np.arange(C.size) < 4)
    fit = quiet(C[kept], N[kept], loss[kept], minimum="cubic")
    assert list(fit.left_out.values()) == ["4 sizes of at least 5"]


def test_whole_budgets_are_drawn_and_count_as_often_as_they_are_drawn():
    """The line through the valleys of the drawn budgets, each as often as it was drawn."""
    C, N, loss = study()
    fit = fit_valleys(C, N, loss)
    rows = [
        np.concatenate([fit.groups[k] for k in drawn]) for drawn in ([0, 0, 0, 2, 5], [1, 3, 4])
    ]
    found = fit.resample(draws=rows)
    for k, drawn in enumerate(([0, 0, 0, 2, 5], [1, 3, 4])):
        slope, level = np.polyfit(np.log(fit.C[drawn]), np.log(fit.N[drawn]), 1)
        assert found.values("a")[k] == pytest.approx(slope, rel=1e-9)
        assert found.values("G")[k] == pytest.approx(np.exp(level), rel=1e-7)
    assert not found.at_edge.any()
    assert fit.resample(by="budgets", n=40).kind == "groups"


def test_budgets_that_share_an_error_have_wider_intervals_drawn_whole():
    C, N, loss = study(noise=0.0005)
    rng = np.random.default_rng(1)
    shifted = N * np.repeat(np.exp(0.3 * rng.normal(size=6)), STEPS.size)
    fit = fit_valleys(C, shifted, loss)
    rows, whole = fit.resample(n=200), fit.resample(by="budgets", n=200)
    assert whole.se("a") > 5 * rows.se("a")
    assert rows.se("a") < 0.3 * fit.standard_error
    assert whole.se("a") == pytest.approx(fit.standard_error, rel=0.6)


def test_weights_are_those_of_the_rows_used():
    C, N, loss = study()
    weights = np.random.default_rng(3).uniform(0.5, 2, C.size)
    fit = fit_valleys(C, N, loss, weights=weights)
    other = fit_isoflop(C, N, loss, weights=weights)
    assert fit.exponent == pytest.approx(other.exponent, rel=1e-9)
    missing = loss.copy()
    missing[:9] = np.nan
    fewer = quiet(C, N, missing, weights=weights)
    assert fewer.weights.tolist() == weights[9:].tolist()
    assert fewer.resample(by=np.arange(C.size) // 3, n=40).n == 40


def test_what_is_refused():
    C, N, loss = study()
    with pytest.raises(FitError, match="at least 2 budgets with a valley, got 1") as caught:
        fit_valleys(C[:12], N[:12], loss[:12])
    assert len(caught.value.partial) == 1
    with pytest.raises(ValueError, match="N must be positive"):
        fit_valleys(C, -N, loss)
    with pytest.raises(ValueError, match="loss must be finite, got inf"):
        fit_valleys(C, N, np.where(N[0] == N, np.inf, loss))
    with pytest.raises(TypeError, match="C must be numeric"):
        fit_valleys([str(c) for c in C], N, loss)
    with pytest.raises(ValueError, match="D must have 1 dimension"):
        fit_valleys(C, N, loss, D=1.0)
    with pytest.raises(ValueError, match="masked"):
        fit_valleys(C, N, np.ma.masked_greater(loss, 3))
    with pytest.raises(ValueError, match="by must be one of 'budgets'"):
        fit_valleys(C, N, loss).resample(by="budget")
    with pytest.raises(FitError, match="left out: none"):
        quiet(C, N, np.full(C.size, np.nan))


def test_the_plain_isoflop_fit_refuses_to_draw_whole_budgets():
    """It would count a budget that is drawn twice only once; widths cut across budgets."""
    C, N, loss = study()
    fit = fit_isoflop(C, N, loss)
    with pytest.raises(ValueError, match=r'fit_valleys\(C, N, loss\).resample\(by="budgets"\)'):
        fit.resample(by=C)
    assert fit.resample(by=np.arange(C.size) % 3, n=20).n == 20
