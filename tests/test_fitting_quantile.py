"""The law through a quantile of the runs."""

import numpy as np
import pytest

from scaling_utils.fitting import fit_parametric, fit_quantile
from scaling_utils.laws import BESIROGLU, ParametricLaw

RNG = np.random.default_rng(1)
N, D = np.exp(RNG.uniform(np.log([[5e7], [1e9]]), np.log([[1.5e10], [3e11]]), (2, 120)))
BAD = RNG.random(120) < 0.3  # badly tuned runs, which only ever lose
LOSS = BESIROGLU.loss(N, D) * np.exp(
    0.002 * RNG.normal(size=120) + np.where(BAD, RNG.exponential(0.04, 120), 0)
)


@pytest.mark.parametrize("quantile", [0.05, 0.1, 0.25, 0.9])
def test_the_share_of_runs_below_is_the_quantile(quantile):
    """Koenker and Bassett (1978), Theorem 3.4: at most that share lies below, and with the rows
    on the law, as many as constants, at least that share."""
    fit = fit_quantile(N, D, LOSS, quantile)
    below, on = (fit.residuals > 1e-8).sum(), (np.abs(fit.residuals) <= 1e-8).sum()
    assert below <= quantile * 120 <= below + on
    assert on <= 5


def test_the_median_is_the_fit_of_least_absolute_deviations():
    fit, other = fit_quantile(N, D, LOSS, 0.5), fit_parametric(N, D, LOSS, 0.0)
    assert fit.quantities == pytest.approx(other.quantities, rel=1e-6)
    assert 2 * fit.objective == pytest.approx(other.objective, rel=1e-9)


def test_the_objective_is_the_check_function_and_nothing_near_is_lower():
    fit = fit_quantile(N, D, LOSS, 0.1)

    def check(values):
        r = np.log(ParametricLaw(*values).loss(N, D) / LOSS)
        return (np.where(r > 0, 0.9, 0.1) * np.abs(r)).sum()

    best = np.array(list(vars(fit.law).values())[:5], dtype=float)
    assert check(best) == pytest.approx(fit.objective, rel=1e-9)
    rng = np.random.default_rng(0)
    for size in (1e-4, 1e-3, 1e-2):
        near = [check(best * np.exp(size * rng.normal(size=5))) for _ in range(300)]
        assert min(near) > fit.objective


def test_ten_to_one_of_the_loss_itself_is_the_quantile_one_eleventh():
    """The default of the package chinchilla: y - p where y is larger, 10 (p - y) where p is."""
    fit = fit_quantile(N, D, LOSS, 1 / 11, space="raw")

    def asymmetric(law):
        error = LOSS - law.loss(N, D)
        return np.where(error < 0, -10 * error, error).mean()

    assert asymmetric(fit.law) == pytest.approx(11 * fit.objective / 120, rel=1e-9)
    best = np.array(list(vars(fit.law).values())[:5], dtype=float)
    rng = np.random.default_rng(0)
    near = [ParametricLaw(*(best * np.exp(1e-3 * rng.normal(size=5)))) for _ in range(300)]
    assert min(map(asymmetric, near)) > asymmetric(fit.law)


def test_a_low_quantile_leaves_out_what_bad_tuning_added():
    truth = BESIROGLU.loss(1e10, 1e12)
    low = fit_quantile(N, D, LOSS, 0.2).law.loss(N, D) / BESIROGLU.loss(N, D) - 1
    mean = fit_parametric(N, D, LOSS, np.inf).law.loss(N, D) / BESIROGLU.loss(N, D) - 1
    assert abs(low.mean()) < 0.2 * abs(mean.mean())
    assert fit_quantile(N, D, LOSS, 0.2).law.loss(1e10, 1e12) == pytest.approx(truth, rel=0.02)


def test_resamples_weights_and_constants_held():
    exact = fit_quantile(N, D, BESIROGLU.loss(N, D), 0.2)
    assert exact.law.alpha == pytest.approx(BESIROGLU.alpha, rel=1e-8)
    tied = fit_quantile(N, D, LOSS, 0.3, tie=("alpha", "beta"), fixed={"E": 1.8})
    assert (tied.law.E, tied.law.alpha) == (1.8, tied.law.beta)
    counts = np.random.default_rng(2).integers(1, 3, 120)
    repeated = fit_quantile(*(np.repeat(v, counts) for v in (N, D, LOSS)), 0.3)
    weighted = fit_quantile(N, D, LOSS, 0.3, weights=counts)
    assert weighted.objective == pytest.approx(repeated.objective, rel=1e-7)
    found = fit_quantile(N, D, LOSS, 0.3).resample(n=40)
    assert found.missed == 0
    low, high = found.interval("alpha")
    assert low < BESIROGLU.alpha < high


def test_too_few_runs_beyond_the_quantile_is_a_doubt():
    fit = fit_quantile(N, D, LOSS, 0.005)
    assert any("too few to place it" in words for words in fit.report.doubts)
    with pytest.raises(ValueError, match="space must be one of"):
        fit_quantile(N, D, LOSS, 0.1, space="ln")
    with pytest.raises(ValueError, match="quantile must be above 0 and below 1, got 1"):
        fit_quantile(N, D, LOSS, 1.0)
