"""The interval of a constant by its profile: exact for straight lines, open on a flat ridge."""

import numpy as np
import pytest
from scipy.stats import t

from scaling_utils.fitting import (
    fit_isoflop,
    fit_parametric,
    fit_power_law,
    fit_product,
    fit_repetition,
    profile,
)
from scaling_utils.laws import DataConstrainedLaw, ParametricLaw

LAW = ParametricLaw(E=1.7, A=400.0, B=300.0, alpha=0.34, beta=0.30)
N, D = (
    grid.ravel() for grid in np.meshgrid(np.geomspace(1e8, 1e10, 5), np.geomspace(1e9, 4e11, 5))
)
U = np.minimum(D, 3e9)
X = np.geomspace(1e3, 1e8, 12)


def noise(rows, spread=0.003, seed=0):
    return np.exp(spread * np.random.default_rng(seed).normal(size=rows))


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_a_straight_line_has_students_interval_exactly(level):
    y = 30 * X**-0.3 * noise(12, 0.05)
    fit = fit_power_law(X, y, offset=False)
    u = np.log(X) - np.log(X).mean()
    s = np.sqrt(fit.residuals @ fit.residuals / 10)
    half = t.ppf((1 + level) / 2, 10) * s / np.sqrt(u @ u)
    found = profile(fit, "b", level=level)
    assert (found.low, found.high) == pytest.approx((fit.b - half, fit.b + half), rel=1e-5)
    assert found.bounded


def test_a_plane_has_students_interval_exactly_on_either_side_of_zero():
    y = 2.0 * N**-0.7 * D**0.3 * noise(N.size, 0.1)
    fit = fit_product({"N": N, "D": D}, y)
    design = np.column_stack([np.ones(N.size), np.log(N), np.log(D)])
    s2 = fit.residuals @ fit.residuals / (N.size - 3)
    error = np.sqrt(s2 * np.diag(np.linalg.inv(design.T @ design)))
    for k, name in ((1, "N_exponent"), (2, "D_exponent")):
        half = t.ppf(0.975, N.size - 3) * error[k]
        found, value = profile(fit, name), fit.quantities[name]
        assert (found.low, found.high) == pytest.approx((value - half, value + half), rel=1e-5)


def test_the_bound_is_where_the_sum_of_squares_has_risen_so_far():
    loss = LAW.loss(N, D) * noise(N.size)
    fit = fit_parametric(N, D, loss, np.inf)
    found = profile(fit, "alpha")
    assert found.low < 0.34 < found.high
    for bound in (found.low, found.high):
        again = fit_parametric(N, D, loss, np.inf, fixed={"alpha": bound})
        ratio = (again.objective - fit.objective) / (fit.objective / (N.size - 5))
        assert ratio == pytest.approx(t.ppf(0.975, N.size - 5) ** 2, rel=1e-4)


def test_what_the_runs_do_not_bound_has_no_bound():
    """With two or three repeats the worth of many cannot be told: R_D* has no upper bound, where
    resamples would give one at the end of the search."""
    loss = DataConstrainedLaw(LAW, 15.0, 5.0).loss(N, D, U) * noise(N.size)
    few = D < 1e10
    fit = fit_repetition(LAW, N[few], D[few], U[few], loss[few], np.inf)
    found = profile(fit, "R_D_star")
    assert found.high is None
    assert found.reached_high > 100
    assert 0 < found.low < 15
    assert not found.bounded
    whole = profile(fit_repetition(LAW, N, D, U, loss, np.inf), "R_D_star")
    assert whole.bounded
    assert whole.low < 15 < whole.high


def test_what_is_refused():
    y = 30 * X**-0.3 * noise(12)
    fit = fit_power_law(X, y, offset=False)
    with pytest.raises(TypeError, match="fit must be a Fit"):
        profile(y, "b")
    with pytest.raises(ValueError, match="name must be one of 'a', 'b'"):
        profile(fit, "c")
    with pytest.raises(ValueError, match="name must be one of 'a'"):
        profile(fit_power_law(X, y, offset=False, fixed={"b": 0.3}), "b")
    with pytest.raises(ValueError, match="of least squares"):
        profile(fit_power_law(X, y, method="huber"), "b")
    with pytest.raises(ValueError, match="of least squares"):
        profile(
            fit_isoflop(
                np.repeat([1e18, 1e20], 3), np.tile([1e8, 2e8, 4e8], 2), np.tile([2.1, 2.0, 2.1], 2)
            ),
            "a",
        )
