"""From loss to accuracy, and from size and data to accuracy in two steps."""

import numpy as np
import pytest

from scaling_utils.fitting import (
    Chain,
    ExponentialError,
    FitError,
    Sigmoid,
    fit_accuracy,
    fit_error,
    fit_parametric,
    fit_power_law,
)
from scaling_utils.laws import ParametricLaw

LOSS = np.linspace(0.6, 1.3, 40)
CURVE = Sigmoid(low=0.25, high=0.97, slope=6.0, middle=0.9)
ERROR = ExponentialError(epsilon=0.75, k=3.0, gamma=1.6)
LAW = ParametricLaw(E=0.5, A=30.0, B=40.0, alpha=0.25, beta=0.22)
N, D = (
    grid.ravel() for grid in np.meshgrid(np.geomspace(1e8, 1.3e9, 4), np.geomspace(2e9, 2e11, 6))
)


def noisy(values, spread, seed=0):
    return values + spread * np.random.default_rng(seed).normal(size=values.size)


# ---- the curves ---------------------------------------------------------------------------


def test_values_by_hand():
    assert CURVE.at(0.9) == pytest.approx(0.61)  # half-way from .25 to .97
    assert CURVE.at(0.9 - np.log(3) / 6) == pytest.approx(0.25 + 0.72 * 0.75)
    assert ERROR.at(0.0) == pytest.approx(0.75 - 3.0)
    assert ERROR.at(np.log(2) / 1.6) == pytest.approx(0.75 - 1.5)
    assert CURVE.at([[1e4], [-1e4]]).ravel() == pytest.approx([0.25, 0.97])


def test_the_published_form_is_this_one():
    """Bhagia et al. (2024): a / (1 + exp(-k (L - L_0))) + b, with a below zero."""
    a, k, L_0, b = -0.72, 6.0, 0.9, 0.97
    published = a / (1 + np.exp(-k * (LOSS - L_0))) + b
    np.testing.assert_allclose(CURVE.at(LOSS), published, rtol=1e-12)


def test_exact_curves_are_recovered():
    for limit in (1.0, 100.0):
        fit = fit_accuracy(LOSS, limit * CURVE.at(LOSS), limit=limit)
        found = [fit.law.low, fit.law.high, fit.law.slope, fit.law.middle]
        assert found == pytest.approx([0.25 * limit, 0.97 * limit, 6.0, 0.9], rel=1e-8)
        assert fit.report.trusted
    x = np.linspace(2, 4, 15)
    fit = fit_error(x, ERROR.at(x))
    assert list(fit.quantities.values()) == pytest.approx([0.75, 3.0, 1.6], rel=1e-7)
    assert fit_error(x, ERROR.at(x), fixed={"epsilon": 0.75}).law.gamma == pytest.approx(1.6)


@pytest.mark.parametrize("delta", [np.inf, 0.01])
@pytest.mark.parametrize(
    "fit",
    [fit_accuracy(LOSS, noisy(CURVE.at(LOSS), 0.005)), fit_error(LOSS + 2, ERROR.at(LOSS + 2))],
)
def test_the_matrices_of_the_newton_step_are_derivatives(fit, delta):
    model = fit.found.model
    theta = fit.found.theta + 0.1 * np.random.default_rng(0).normal(size=fit.found.theta.size)
    step = 1e-6 * np.eye(theta.size)
    up, down = (model.evaluate(theta + s, delta, None, full=False) for s in (step, -step))
    _, _, gradient, newton, _ = model.evaluate(theta[None], delta, None, full=True)
    np.testing.assert_allclose((up[0] - down[0]) / 2e-6, gradient[0], rtol=1e-6, atol=1e-8)
    scale = np.abs(newton).max()
    np.testing.assert_allclose((up[2] - down[2]) / 2e-6, newton[0], rtol=1e-6, atol=1e-7 * scale)


def test_the_errors_are_those_of_the_linearised_fit():
    """The sandwich (J'J)^-1 J' diag(r^2) J (J'J)^-1 of least squares."""
    fit = fit_accuracy(LOSS, noisy(0.2 + 0.5 * CURVE.at(LOSS), 0.003))
    J = fit.found.model.shape(fit.found.theta[None])[1][0].T
    bread = np.linalg.inv(J.T @ J)
    error = np.sqrt(np.diag(bread @ (J.T * fit.residuals**2) @ J @ bread))
    found = fit.resample(n=800)
    assert found.se("low") == pytest.approx(error[0], rel=0.2)
    assert found.se("middle") == pytest.approx(error[3], rel=0.2)
    assert found.values("slope").std() / fit.law.slope == pytest.approx(error[2], rel=0.2)


def test_losses_that_see_no_end_of_the_curve_are_said_not_to_determine_it():
    x = np.linspace(1.15, 1.3, 12)
    fit = fit_accuracy(x, noisy(CURVE.at(x), 0.01))
    assert not fit.report.trusted
    ends = fit_accuracy(x, noisy(CURVE.at(x), 0.001), fixed={"low": 0.25, "high": 0.97})
    assert ends.law.middle == pytest.approx(0.9, abs=0.05)


def test_a_wrong_row_is_named():
    y = CURVE.at(LOSS).copy()
    y[5] -= 0.3
    report = fit_accuracy(LOSS, y, delta=1e-3).report
    assert (report.far, report.scale) == ((5,), "value")
    assert report.residual_max == pytest.approx(0.3, abs=1e-3)


# ---- two steps ----------------------------------------------------------------------------


def chain(loss_noise=0.003, accuracy_noise=0.004, seed=0):
    loss = LAW.loss(N, D) * np.exp(noisy(np.zeros(N.size), loss_noise, seed))
    accuracy = noisy(CURVE.at(loss), accuracy_noise, seed + 1)
    return Chain(fit_parametric(N, D, loss), fit_accuracy(loss, accuracy, fixed={"low": 0.25}))


def test_exact_steps_predict_exactly_and_say_where_they_leave_the_rows():
    steps = chain(0, 0)
    assert steps.predict(7e9, 4e12) == pytest.approx(CURVE.at(LAW.loss(7e9, 4e12)), rel=1e-6)
    assert steps.outside(np.array([3e8, 7e9]), np.array([2e10, 4e12])).tolist() == [False, True]
    compute = Chain(fit_power_law(N * D, LAW.loss(N, D)), steps.second)
    assert compute.predict(1e20) == steps.second.predict(compute.first.predict(1e20))


def test_both_steps_uncertainty_is_carried():
    """To first order the variance is S'(L)^2 var(L) + var(S at L)."""
    steps = chain(0.003, 0.004)
    x = (4e8, 3e10)
    found = steps.resample(n=800)
    loss = found.first.values(lambda law: law.loss(*x))
    at = float(steps.first.law.loss(*x))
    slope = (steps.second.law.at(at + 1e-5) - steps.second.law.at(at - 1e-5)) / 2e-5
    second = found.second.values(lambda law: law.at(at))
    expected = slope**2 * loss.var() + second.var()
    assert found.values(*x).var() == pytest.approx(expected, rel=0.1)
    shares = found.shares(*x)
    assert shares["first"] == pytest.approx(slope**2 * loss.var() / expected, abs=0.1)
    assert shares["first"] + shares["second"] + shares["together"] == pytest.approx(1)
    low, high = found.interval(*x)
    assert low < steps.predict(*x) < high
    lows, highs = found.interval(np.array([4e8, 1e9]), 3e10)
    assert (lows[0], highs[0]) == (low, high)


def test_a_step_without_noise_has_no_share():
    assert chain(0.003, 0).resample(n=100).shares(4e8, 3e10)["first"] == pytest.approx(1, abs=1e-3)
    assert chain(0, 0.004).resample(n=100).shares(4e8, 3e10)["second"] == pytest.approx(1, abs=1e-3)


def test_paired_draws_serve_both_steps():
    steps = chain()
    found = steps.resample(n=50, paired=True)
    again = steps.second.resample(draws=[np.arange(N.size)] * 2).values("middle")
    assert again == pytest.approx(steps.second.law.middle, rel=1e-6)
    assert (found.first.kind, found.second.kind, found.first.n) == ("given", "given", 50)
    groups = steps.resample(n=50, by=N, paired=True)
    assert groups.interval(4e8, 3e10)[0] < groups.interval(4e8, 3e10)[1]
    rows = chain(seed=3).second
    with pytest.raises(ValueError, match="paired fits must have the same rows"):
        Chain(steps.first, fit_accuracy(LOSS, CURVE.at(LOSS))).resample(paired=True)
    with pytest.raises(ValueError, match="by_second must not be given"):
        Chain(steps.first, rows).resample(paired=True, by_second=N)


def test_what_is_refused():
    with pytest.raises(ValueError, match="accuracy must lie from 0 to 1, got 30"):
        fit_accuracy(LOSS, 100 * CURVE.at(LOSS))
    with pytest.raises(FitError, match="makes no law"):
        fit_accuracy(LOSS, CURVE.at(1.9 - LOSS))
    with pytest.raises(FitError, match="hardly better than one error"):
        fit_error(LOSS, 0.9 - 0.3 * LOSS)
    with pytest.raises(ValueError, match="fixed must be one of 'epsilon', 'gamma'"):
        fit_error(LOSS, 0.3 * LOSS, fixed={"k": 1.0})
    with pytest.raises(ValueError, match="loss must take at least 4 distinct"):
        fit_accuracy(LOSS[:3], CURVE.at(LOSS[:3]))
    with pytest.raises(ValueError, match="accuracy must vary"):
        fit_accuracy(LOSS, np.full(LOSS.size, 0.3))
    with pytest.raises(ValueError, match="high must be above"):
        Sigmoid(0.5, 0.4, 1.0, 1.0)
    with pytest.raises(TypeError, match="second must be a Fit whose law has 'at'"):
        Chain(fit_power_law(N, N**-0.3), fit_power_law(N, N**-0.3))
    steps = chain().resample(n=40)
    with pytest.raises(ValueError, match="vary must be one of"):
        steps.values(1e9, 1e10, vary="third")
