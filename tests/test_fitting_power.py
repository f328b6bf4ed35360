"""Power laws in one variable, the envelope and the IsoFLOP valleys."""

import numpy as np
import pytest
import tables
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_utils.fitting import (
    FitWarning,
    fit_envelope,
    fit_isoflop,
    fit_power_law,
    isoflop_bias,
)
from scaling_utils.laws import BESIROGLU, CHINCHILLA, ParametricLaw

X = np.geomspace(1e6, 1e10, 15)
METHODS = pytest.mark.parametrize("method", ["log", "nls", "huber"])
BUDGETS = np.geomspace(1e18, 1e22, 7)

# ---- power laws ---------------------------------------------------------------------------


@METHODS
@settings(max_examples=15)
@given(c=st.floats(0.1, 5.0), height=st.floats(0.1, 5.0), b=st.floats(0.1, 1.0))
def test_recovers_any_power_law_with_an_offset(method, c, height, b):
    a = height * 1e7**b
    fit = fit_power_law(X, c + a * X**-b, method=method)
    assert fit.converged
    assert (fit.c, fit.a, fit.b) == pytest.approx((c, a, b), rel=1e-4)


def test_without_an_offset_in_logs_it_is_the_straight_line():
    y = 30 * X**-0.2 * np.exp(0.05 * np.random.default_rng(0).normal(size=15))
    slope, level = np.polyfit(np.log(X), np.log(y), 1)
    fit = fit_power_law(X, y, offset=False)
    assert (fit.b, np.log(fit.a)) == pytest.approx((-slope, level), rel=1e-10)
    assert fit.c == 0
    left = np.log(y) - (level + slope * np.log(X))
    assert fit.objective == pytest.approx(0.5 * (left**2).sum(), rel=1e-10)


def test_least_squares_of_y_meet_the_normal_equations():
    y = (2 + 300 * X**-0.3) * np.exp(0.02 * np.random.default_rng(0).normal(size=15))
    fit = fit_power_law(X, y, method="nls")
    r = fit.predict(X) - y
    assert fit.residuals == pytest.approx(r, abs=1e-12)
    slopes = np.stack([np.ones(15), X**-fit.b, X**-fit.b * np.log(X)])
    assert slopes @ r == pytest.approx(np.zeros(3), abs=1e-8)


@METHODS
def test_a_growing_quantity_has_a_negative_exponent(method):
    fit = fit_power_law(X, 0.1 * X**0.5, offset=False, method=method)
    assert (fit.a, fit.b) == pytest.approx((0.1, -0.5), rel=1e-8)
    with pytest.raises(ValueError, match="alpha must be above 0"):
        _ = fit.law


def test_the_law_of_a_fit_predicts_the_same():
    fit = fit_power_law(X, 2 + 300 * X**-0.3)
    assert fit.law.loss(X) == pytest.approx(fit.predict(X), rel=1e-12)
    assert fit.predict(1e8) == pytest.approx(2 + 300 * 1e8**-0.3, rel=1e-6)


def test_a_forced_zero_offset_flattens_the_exponent():
    y = 2 + 300 * X**-0.3
    assert fit_power_law(X, y, offset=False).b < 0.15
    assert fit_power_law(X, y, offset=2.0).b == pytest.approx(0.3, rel=1e-8)
    assert fit_power_law(X, y, offset=1.5).b < 0.3


def test_one_wrong_row_moves_least_squares_and_not_huber():
    y = 2 + 300 * X**-0.3
    y[12] *= 1.4
    robust, squares = (fit_power_law(X, y, method=method) for method in ("huber", "log"))
    assert robust.b == pytest.approx(0.3, rel=1e-2)
    assert abs(squares.b / 0.3 - 1) > 0.1


def test_units_of_x_and_y():
    y = (2 + 300 * X**-0.3) * np.exp(0.02 * np.random.default_rng(0).normal(size=15))
    fit, other = fit_power_law(X, y), fit_power_law(X / 1e6, y / np.log(2))
    assert (other.c, other.b) == pytest.approx((fit.c / np.log(2), fit.b), rel=1e-6)
    assert other.a == pytest.approx(fit.a / np.log(2) * 1e6**-fit.b, rel=1e-6)


def test_a_bent_curve_that_has_no_offset_finds_zero():
    fit = fit_power_law(X, 30 * X**-0.2)
    assert fit.c < 1e-6
    assert fit.b == pytest.approx(0.2, rel=1e-5)


def test_rows_that_hardly_vary_give_a_power_law_not_to_rely_on():
    x = 1e8 * (1 + 1e-7 * np.arange(6))
    with pytest.warns(FitWarning, match="fit_power_law: "):
        fit = fit_power_law(x, 2 + 300 * x**-0.3)
    assert not fit.converged


# ---- IsoFLOP ------------------------------------------------------------------------------


def test_valleys_of_the_table_without_noise():
    C, sizes, loss = tables.cs336()
    parabola = fit_isoflop(C, sizes, loss)
    assert parabola.exponent == pytest.approx(0.51458, abs=5e-6)
    assert parabola.bracketed.all()
    assert parabola.runs.sum() == 72
    least = fit_isoflop(C, sizes, loss, minimum="least")
    assert least.exponent == pytest.approx(0.46868, abs=5e-6)
    # The truth of that table; the grid of sizes costs the least run ten times its own error.
    truth = 0.36 / (0.34 + 0.36)
    assert abs(parabola.exponent - truth) < 5e-4 < abs(least.exponent - truth)


def test_a_true_parabola_is_found_exactly():
    C = np.repeat([1e18, 1e19, 1e20], 5)
    bottom = 3.0 * C**0.4
    sizes = bottom * np.tile(np.geomspace(0.4, 4.0, 5), 3)
    fit = fit_isoflop(C, sizes, 2 + 0.3 * np.log(sizes / bottom) ** 2)
    assert pytest.approx(3.0 * np.array([1e18, 1e19, 1e20]) ** 0.4) == fit.N
    assert fit.loss == pytest.approx([2.0, 2.0, 2.0])
    assert (fit.size.exponent, fit.size.coefficient) == pytest.approx((0.4, 3.0))
    assert fit.tokens.exponent == pytest.approx(0.6)
    assert pytest.approx(fit.C / (6 * fit.N)) == fit.D
    assert fit.standard_error == pytest.approx(0, abs=1e-12)


def test_standard_error_of_the_exponent_by_hand():
    """Bottoms at logs 0, 1, 5 for budgets at logs 0, 1, 2: slope 5/2, residuals 1/2, -1, 1/2."""
    u = np.log(2) * np.array([-1.0, 0.0, 1.0])
    bottoms = np.array([0.0, 1.0, 5.0])
    C = np.repeat(np.exp([0.0, 1.0, 2.0]), 3)
    sizes = np.exp((bottoms[:, None] + u).ravel())
    fit = fit_isoflop(C, sizes, np.tile(1 + u**2, 3))
    assert fit.exponent == pytest.approx(2.5)
    assert fit.standard_error == pytest.approx(np.sqrt(1.5 / 1 / 2))


def test_budgets_within_the_tolerance_are_one():
    sizes = np.geomspace(1e8, 1e10, 9)
    C = np.concatenate([np.full(9, 1e20) * np.linspace(1, 1.04, 9), np.full(9, 1e21)])
    loss = CHINCHILLA.loss(np.tile(sizes, 2), C / (6 * np.tile(sizes, 2)))
    fit = fit_isoflop(C, np.tile(sizes, 2), loss)
    assert fit.runs.tolist() == [9, 9]
    assert 1e20 < fit.C[0] < 1.04e20
    with pytest.raises(ValueError, match="at least 3 values at each budget, got 1"):
        fit_isoflop(C, np.tile(sizes, 2), loss, tolerance=0.001)


def test_a_budget_whose_best_size_was_not_run_is_flagged_and_left_out():
    law, C = CHINCHILLA, np.repeat(BUDGETS, 7)
    middle = law.optimal(C).N * np.where(BUDGETS[-1] == C, 0.01, 1.0)
    sizes = middle * np.tile(np.geomspace(1 / 3, 3, 7), 7)
    loss = law.loss(sizes, C / (6 * sizes))
    with pytest.warns(FitWarning, match=r"not bracketed by the runs at C = 1e\+22"):
        fit = fit_isoflop(C, sizes, loss)
    assert fit.bracketed.tolist() == [True] * 6 + [False]
    assert fit.exponent == pytest.approx(law.a, abs=1e-9)


def test_a_hill_has_no_bottom():
    C = np.repeat([1e18, 1e19, 1e20], 5)
    u = np.tile(np.linspace(-1, 1, 5), 3)
    bend = np.repeat([1, 1, -1], 5)
    with pytest.warns(FitWarning, match="1e\\+20"):
        fit = fit_isoflop(C, np.exp(u) * C**0.5, 2 + bend * u**2)
    assert np.isnan(fit.N[2])
    assert fit.size.exponent == pytest.approx(0.5)
    assert np.isnan(fit.standard_error)


laws = st.builds(
    ParametricLaw,
    E=st.floats(0.0, 3.0),
    A=st.floats(50.0, 2e3),
    B=st.floats(50.0, 2e3),
    alpha=st.floats(0.2, 0.6),
    beta=st.floats(0.2, 0.6),
)


@settings(max_examples=50)
@given(law=laws, width=st.floats(1.5, 30.0))
def test_a_grid_centred_at_every_budget_leaves_the_exponent_right(law, width):
    bias = isoflop_bias(law, BUDGETS, width=width)
    assert bias.exponent == pytest.approx(law.a, abs=1e-8)
    assert bias.size_ratio == pytest.approx(np.full(7, bias.size_ratio[0]), rel=1e-6)


def test_the_size_is_missed_by_more_the_wider_the_grid():
    misses = [
        abs(isoflop_bias(CHINCHILLA, BUDGETS, width=w).size_ratio[0] - 1) for w in (2, 10, 50)
    ]
    assert misses[0] < 1e-3 < misses[1] < misses[2]


def test_equal_exponents_make_the_valley_symmetric_and_the_size_right():
    law = ParametricLaw(E=1.0, A=100.0, B=900.0, alpha=0.3, beta=0.3)
    assert isoflop_bias(law, BUDGETS, width=30).size_ratio == pytest.approx(np.ones(7), rel=1e-9)


def test_a_grid_that_drifts_bends_the_exponent():
    drift = np.geomspace(0.5, 2.0, 7)
    forwards = isoflop_bias(BESIROGLU, BUDGETS, width=30, centre=drift)
    backwards = isoflop_bias(BESIROGLU, BUDGETS, width=30, centre=drift[::-1])
    assert abs(forwards.exponent - forwards.true_exponent) > 1e-4
    assert (forwards.exponent - BESIROGLU.a) * (backwards.exponent - BESIROGLU.a) < 0


# ---- envelope -----------------------------------------------------------------------------


def curves(law, sizes, points=200):
    sizes, tokens = (g.ravel() for g in np.meshgrid(sizes, np.geomspace(1e8, 1e13, points)))
    return 6 * sizes * tokens, sizes, law.loss(sizes, tokens)


@pytest.mark.parametrize("law", [CHINCHILLA, BESIROGLU])
def test_the_envelope_of_a_known_law(law):
    fit = fit_envelope(*curves(law, np.geomspace(1e7, 1e11, 40)))
    assert fit.exponent == pytest.approx(law.a, abs=0.005)
    assert abs(fit.exponent - law.a) < 3 * fit.standard_error
    assert fit.tokens.exponent == pytest.approx(law.b, abs=0.005)
    inside = fit.bracketed
    assert fit.loss[inside] == pytest.approx(law.optimal(fit.C[inside]).loss, rel=2e-3)


def test_bins_at_the_edge_of_the_sizes_are_not_bracketed():
    fit = fit_envelope(*curves(CHINCHILLA, np.geomspace(1e8, 1e10, 9)))
    at_edge = (fit.N == 1e8) | (fit.N.max() == fit.N)
    assert not fit.bracketed[0]
    assert not fit.bracketed[-1]
    assert (fit.bracketed <= ~at_edge).all()
    assert fit.bracketed.any()


def test_tokens_that_are_given_are_used():
    C, sizes, loss = curves(CHINCHILLA, np.geomspace(1e7, 1e11, 20))
    plain, given_ = fit_envelope(C, sizes, loss), fit_envelope(C, sizes, loss, C / (3 * sizes))
    assert pytest.approx(2 * plain.D) == given_.D
    assert given_.size == plain.size


def test_order_of_the_points_does_not_matter(rng):
    C, sizes, loss = curves(CHINCHILLA, np.geomspace(1e7, 1e11, 10), points=30)
    order = rng.permutation(len(C))
    assert (
        fit_envelope(C[order], sizes[order], loss[order]).size == fit_envelope(C, sizes, loss).size
    )


def test_the_error_of_an_envelope_is_the_jackknife_over_its_sizes():
    """sqrt((n - 1) / n sum (a_i - mean a)^2): Efron and Tibshirani (1993), Eq. 11.5."""
    sizes, work = (
        g.ravel() for g in np.meshgrid(np.geomspace(1e7, 1e11, 9), np.geomspace(1e17, 1e24))
    )
    loss = CHINCHILLA.loss(sizes, work / (6 * sizes))
    values = np.unique(sizes)
    without = [
        fit_envelope(*(part[sizes != one] for part in (work, sizes, loss))) for one in values
    ]
    exponents = np.array([fit.exponent for fit in without])
    by_hand = np.sqrt(8 / 9 * ((exponents - exponents.mean()) ** 2).sum())
    assert by_hand > 0
    assert fit_envelope(work, sizes, loss).standard_error == pytest.approx(by_hand, rel=1e-9)
