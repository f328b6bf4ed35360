"""Intervals of the law and of one more run."""

import numpy as np
import pytest
from scipy.stats import t

from scaling_utils.fitting import (
    Chain,
    fit_accuracy,
    fit_parametric,
    fit_power_law,
    noise_of,
    prediction_interval,
)
from scaling_utils.laws import ParametricLaw

X = np.repeat(np.geomspace(1e3, 1e6, 60), 2)
LAW = ParametricLaw(E=0.5, A=30.0, B=40.0, alpha=0.25, beta=0.22)


def rows(seed=0, spread=0.05):
    return 30 * X**-0.3 * np.exp(spread * np.random.default_rng(seed).normal(size=X.size))


def straight(y, at):
    """Return fit, standard error of the noise, and leverage of ``at``, of the straight line."""
    design = np.column_stack([np.ones(X.size), np.log(X)])
    left = np.log(y) - design @ np.linalg.lstsq(design, np.log(y), rcond=None)[0]
    far = np.array([1.0, np.log(at)])
    return np.sqrt(left @ left / (X.size - 2)), far @ np.linalg.inv(design.T @ design) @ far


@pytest.mark.parametrize("kind", ["mean", "new run"])
def test_a_straight_line_has_students_interval(kind):
    """y0 +- t s sqrt(h), and sqrt(1 + h) for one more run (Draper and Smith 1998, Sec. 3.1)."""
    y, at = rows(3), 1e8
    found = fit_power_law(X, y, offset=False).resample(n=2000, check=0)
    said = prediction_interval(found, at, kind=kind)
    noise, leverage = straight(y, at)
    half = t.ppf(0.975, X.size - 2) * noise * np.sqrt(leverage + (kind == "new run"))
    assert np.log(said.high / said.low) == pytest.approx(2 * half, rel=0.12)
    assert said.value == found.fit.predict(at)
    if kind == "new run":
        assert said.noise == pytest.approx(noise, rel=1e-12)
        assert (said.source, said.degrees_of_freedom) == ("residuals", X.size - 2)
    else:
        assert (said.noise, said.source) == (None, "")


def test_replicates_hold_what_a_seed_changes_and_nothing_else():
    """A bend that the law cannot follow is in the residuals, not in the replicates."""
    bend = np.exp(0.3 * np.sin(np.log(X)))
    y = rows(1) * bend
    fit = fit_power_law(X, y, offset=False)
    pairs = np.log(y[::2] / y[1::2])
    pure = np.sqrt((pairs**2 / 2).mean())  # two rows to each of 60 values: by hand
    assert noise_of(fit, "replicates").sd == pytest.approx(pure, rel=1e-12)
    assert noise_of(fit, "replicates").degrees_of_freedom == 60
    assert noise_of(fit).sd > 3 * pure
    found = fit.resample(n=200, check=0)
    widths = [
        np.log(said.high / said.low)
        for said in (
            prediction_interval(found, 1e4, kind="new run", noise=noise)
            for noise in ("replicates", "residuals", 0.0)
        )
    ]
    assert widths[0] < widths[1]
    mean = prediction_interval(found, 1e4)
    assert widths[2] == pytest.approx(np.log(mean.high / mean.low), rel=1e-9)


def test_the_spread_of_three_replicates_is_their_standard_deviation():
    """Pooled over groups of three, with two degrees of freedom each; single rows give none."""
    x = np.append(np.repeat(np.geomspace(1e3, 1e6, 8), 3), np.geomspace(2e3, 2e6, 6))
    y = 30 * x**-0.3 * np.exp(0.05 * np.random.default_rng(0).normal(size=x.size))
    found = noise_of(fit_power_law(x, y, offset=False), "replicates")
    groups = np.log(y[:24] * x[:24] ** 0.3).reshape(8, 3)
    assert found.sd == pytest.approx(np.sqrt(groups.var(axis=1, ddof=1).mean()), rel=1e-9)
    assert (found.degrees_of_freedom, found.pool.size) == (16, 24)


@pytest.mark.slow
def test_new_runs_fall_inside_as_often_as_promised():
    inside = []
    for seed in range(40):
        fit = fit_power_law(X, rows(seed), offset=False)
        said = prediction_interval(fit.resample(n=100, check=0), 1e7, kind="new run")
        new = 30 * 1e7**-0.3 * np.exp(0.05 * np.random.default_rng(seed + 999).normal(size=25))
        inside.append(((said.low < new) & (new < said.high)).mean())
    assert np.mean(inside) == pytest.approx(0.95, abs=0.025)  # standard error 0.01


def test_weights_scale_the_noise_to_a_run_of_weight_one():
    """A row of weight 4 is the mean of four runs."""
    rng = np.random.default_rng(0)
    weights = rng.choice([1.0, 16.0], X.size)
    y = 30 * X**-0.3 * np.exp(0.1 * rng.normal(size=X.size) / np.sqrt(weights))
    assert noise_of(fit_power_law(X, y, offset=False, weights=weights)).sd == pytest.approx(
        0.1, rel=0.15
    )


def test_arrays_and_a_fit_of_values():
    y = 5 + 30 * X**-0.3 + 0.02 * np.random.default_rng(0).normal(size=X.size)
    found = fit_power_law(X, y, offset=5.0, method="nls").resample(n=100, check=0)
    said = prediction_interval(found, np.array([1e4, 1e8]), kind="new run")
    assert said.low.shape == said.value.shape == (2,)
    spread = np.ptp(np.quantile(noise_of(found.fit).pool, [0.025, 0.975]))
    assert (said.high - said.low)[1] == pytest.approx(spread, rel=0.05)  # the curve is known there
    assert noise_of(found.fit).sd == pytest.approx(0.02, rel=0.15)


def test_a_chain_carries_the_noise_of_both_steps():
    """To first order the variance of a new run adds S'(L)^2 L^2 s1^2 + s2^2 to the curve's."""
    rng = np.random.default_rng(0)
    N, D = np.exp(rng.uniform(np.log([[1e8], [2e9]]), np.log([[2e9], [2e11]]), (2, 400)))
    loss = LAW.loss(N, D) * np.exp(0.03 * rng.normal(size=400))
    accuracy = 0.9 - 0.3 * (loss - 0.9) + 0.005 * rng.normal(size=400)
    steps = Chain(fit_parametric(N, D, loss, np.inf), fit_accuracy(loss, accuracy))
    found = steps.resample(n=60)
    at = (5e8, 2e10)
    mean, new = (prediction_interval(found, *at, kind=kind) for kind in ("mean", "new run"))
    value = float(steps.first.law.loss(*at))
    slope = (steps.second.law.at(value + 1e-4) - steps.second.law.at(value - 1e-4)) / 2e-4
    first, second = noise_of(steps.first).sd, noise_of(steps.second).sd
    added = (slope * value * first) ** 2 + second**2
    half = 1.96 * np.sqrt(added + found.values(*at).var())
    assert new.high - new.low == pytest.approx(2 * half, rel=0.1)
    assert mean.high - mean.low < 0.7 * (new.high - new.low)
    assert new.noise == second


def test_what_is_refused():
    fit = fit_power_law(X, rows(), offset=False)
    found = fit.resample(n=50, check=0)
    with pytest.raises(ValueError, match="kind must be one of 'mean', 'new run'"):
        prediction_interval(found, 1e4, kind="run")
    with pytest.raises(ValueError, match="noise must be one of"):
        prediction_interval(found, 1e4, kind="new run", noise="seeds")
    with pytest.raises(ValueError, match="noise must be at least 0"):
        noise_of(fit, -1.0)
    with pytest.raises(TypeError, match="resamples must be Resamples"):
        prediction_interval(fit, 1e4)
    with pytest.raises(ValueError, match="needs at least 200 resamples"):
        prediction_interval(found, 1e4, level=0.99)
    alone = fit_power_law(X[::2], rows()[::2], offset=False)
    with pytest.raises(ValueError, match="needs rows that repeat"):
        noise_of(alone, "replicates")
    two = fit_power_law(X[[0, 5]], rows()[[0, 5]], offset=False)
    with pytest.raises(ValueError, match="needs more rows than constants"):
        noise_of(two)
