"""The broken power law: recovery, nesting, symmetries, bad input."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scaling_utils.fitting import FitWarning, fit_broken_power_law, fit_power_law
from scaling_utils.laws import Break, BrokenPowerLaw

X = np.geomspace(1e3, 1e8, 14)


@settings(max_examples=10, deadline=None)
@example(a=2.0, c0=0.28125, change=0.3125, place=298_821.0, width=1.0)  # beside a false valley
@example(a=1.123, c0=0.375, change=0.346, place=857_185.552, width=0.347)
@given(
    a=st.floats(0.2, 2.0),
    c0=st.floats(0.05, 0.4),
    change=st.floats(0.3, 1.0),
    place=st.floats(1e5, 1e6),
    width=st.floats(0.3, 1.0),
)
def test_recovers_a_curve_with_a_break_in_its_middle(a, c0, change, place, width):
    truth = BrokenPowerLaw(a, 5.0, c0, (Break(change, place, width),))
    fit = fit_broken_power_law(X, truth.loss(X))
    beyond = np.geomspace(1e8, 1e9, 4)
    np.testing.assert_allclose(fit.predict(beyond), truth.loss(beyond), rtol=1e-3)
    assert fit.law.breaks[0].d == pytest.approx(place, rel=0.05)


def test_follows_a_curve_that_falls_rises_and_falls_again():
    """Double descent on a small scale: the sum of the residuals' squares is tiny."""
    hill = 1 + X**-0.1 + 0.2 * np.exp(-((np.log(X / 1e5)) ** 2) / 8)
    straight = np.polyfit(np.log(X), np.log(hill), 1, full=True)[1][0] / 2
    assert fit_broken_power_law(X, hill).objective < 0.6 * straight


def test_a_plain_power_law_is_the_special_case_without_a_change():
    y = 0.8 + 30 * X**-0.4
    fit = fit_broken_power_law(X, y)
    assert fit.objective < 1e-8
    np.testing.assert_allclose(fit.predict(X), y, rtol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_never_fits_worse_than_the_power_law_that_it_contains(seed):
    noise = np.random.default_rng(seed).normal(size=X.size)
    y = (0.8 + 30 * X**-0.4) * np.exp(0.01 * noise)
    plain = fit_power_law(X, y)
    assert fit_broken_power_law(X, y).objective <= plain.objective * (1 + 1e-6)


def test_units_of_x_and_y_do_not_matter():
    y = BrokenPowerLaw(0.5, 5.0, 0.1, (Break(0.6, 3e5, 0.5),)).loss(X)
    y = y * np.exp(0.001 * np.random.default_rng(1).normal(size=X.size))
    here, there = fit_broken_power_law(X, y), fit_broken_power_law(X / 1e6, 1000 * y)
    assert there.objective == pytest.approx(here.objective, rel=1e-4)
    np.testing.assert_allclose(there.predict(X / 1e6), 1000 * here.predict(X), rtol=1e-4)


def test_residuals_are_predicted_less_observed_logs():
    y = (1 + 30 * X**-0.4) * np.exp(0.01 * np.random.default_rng(2).normal(size=X.size))
    fit = fit_broken_power_law(X, y)
    np.testing.assert_allclose(fit.residuals, np.log(fit.predict(X)) - np.log(y), atol=1e-10)
    assert fit.objective == pytest.approx((fit.residuals**2).sum() / 2)


def test_says_when_it_stopped_before_the_minimum(monkeypatch):
    from scaling_utils.fitting import _search, _solver

    def stops(*args, **settings):
        return _solver.descend(*args, **settings | {"iterations": 1})

    monkeypatch.setattr(_search, "descend", stops)
    monkeypatch.setattr(_search, "MOST_STEPS", 1)
    y = (1 + 30 * X**-0.4) * np.exp(0.01 * np.random.default_rng(2).normal(size=X.size))
    with pytest.warns(FitWarning, match="fit_broken_power_law"):
        fit = fit_broken_power_law(X, y)
    assert not fit.converged


GOOD = np.geomspace(1, 0.5, X.size)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[:6], GOOD[:6], "x must take at least 7 distinct values"),
        (np.repeat(X[:6], 2), GOOD[:12], "at least 7 distinct values to fit 6 parameters, got 6"),
        (X[:1], GOOD[:1], "at least 7 distinct"),
        (X, GOOD[:-1], "x, y must have the same length"),
        (np.append(X[:-1], np.nan), GOOD, "x must be finite"),
        (X, np.append(GOOD[:-1], np.inf), "y must be finite"),
        (np.append(X[:-1], 0), GOOD, "x must be positive"),
        (X, -GOOD, "y must be positive"),
        ([], [], "x must hold at least one value"),
        (X[None], GOOD, "x must have 1 dimension"),
    ],
)
def test_refuses_bad_rows(x, y, message):
    with pytest.raises(ValueError, match=message):
        fit_broken_power_law(x, y)


def test_refuses_text():
    with pytest.raises(TypeError, match="y must be numeric"):
        fit_broken_power_law(X, ["a"] * X.size)
