"""Fitting how fast repeated data wears out: recovery, limits, bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_utils import laws
from scaling_utils.fitting import fit_repetition
from scaling_utils.laws import DataConstrainedLaw, ParametricLaw

FRESH = ParametricLaw(E=1.5, A=20.0, B=90.0, alpha=0.45, beta=0.40)
SIZES, UNIQUE, EPOCHS = [1e3, 1e4, 1e5], [1e4, 1e5, 1e6], [1, 2, 4, 8, 16]
N, U, epochs = (g.ravel() for g in np.meshgrid(SIZES, UNIQUE, EPOCHS, indexing="ij"))
D = U * epochs


@settings(max_examples=12, deadline=None)
@given(R_D=st.floats(0.5, 60), R_N=st.floats(0.5, 60))
def test_recovers_its_own_constants(R_D, R_N):
    truth = DataConstrainedLaw(FRESH, R_D, R_N)
    fit = fit_repetition(FRESH, N, D, U, truth.loss(N, D, U))
    assert fit.law.R_D_star == pytest.approx(R_D, rel=1e-3)
    assert fit.law.R_N_star == pytest.approx(R_N, rel=1e-3)
    assert fit.at_limit == ()
    assert fit.objective < 1e-12


def test_recovers_the_published_constants_from_the_published_law():
    law = laws.MUENNIGHOFF
    sizes, unique, passes = (
        g.ravel() for g in np.meshgrid([1e8, 1e9, 1e10], [1e9, 1e10], EPOCHS, indexing="ij")
    )
    loss = law.loss(sizes, unique * passes, unique)
    fit = fit_repetition(law.law, sizes, unique * passes, unique, loss)
    assert fit.law.R_D_star == pytest.approx(15.387756, rel=1e-3)
    assert fit.law.R_N_star == pytest.approx(5.309743, rel=1e-3)


def test_repeats_without_worth_and_repeats_as_good_as_fresh_end_at_the_limits():
    worthless = fit_repetition(FRESH, N, D, U, FRESH.loss(N, U))
    as_fresh = fit_repetition(FRESH, N, D, U, FRESH.loss(N, D))
    assert worthless.law.R_D_star == pytest.approx(0.02, rel=0.1)
    assert as_fresh.law.R_D_star > 1000
    assert "R_D_star" in worthless.at_limit
    assert "R_D_star" in as_fresh.at_limit


def worn(noise, seed):
    """Losses with R_D* = 5 and R_N* = 3, and noise in their logarithm."""
    loss = DataConstrainedLaw(FRESH, 5.0, 3.0).loss(N, D, U)
    return loss * np.exp(noise * np.random.default_rng(seed).normal(size=N.size))


def test_residuals_and_objective_are_what_they_say():
    loss = worn(1e-4, 0)
    fit = fit_repetition(FRESH, N, D, U, loss, delta=10.0)
    np.testing.assert_allclose(fit.residuals, np.log(fit.law.loss(N, D, U) / loss), atol=1e-12)
    assert fit.objective == pytest.approx((fit.residuals**2).sum() / 2)


def test_resamples_spread_around_the_fit_and_near_the_truth():
    fit = fit_repetition(FRESH, N, D, U, worn(0.002, 1))
    (once,) = fit.resample(draws=[np.arange(N.size)]).columns
    np.testing.assert_allclose(once, [fit.law.R_D_star, fit.law.R_N_star], rtol=1e-6)
    drawn = np.random.default_rng(1).integers(0, N.size, (200, N.size))
    logs = np.log(fit.resample(draws=drawn).columns)
    spread = logs.std(0)
    assert (spread < 0.3).all()
    assert (np.abs(logs.mean(0) - np.log([5.0, 3.0])) < 3 * spread).all()


GOOD = FRESH.loss(N, D)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-N, D, U, GOOD), "N must be positive"),
        ((N, np.append(D[1:], np.nan), U, GOOD), "D must be finite"),
        ((N, D, 0 * U, GOOD), "U must be positive"),
        ((N, D, U, np.append(GOOD[1:], np.inf)), "loss must be finite"),
        ((N, D, U, GOOD[1:]), "same length"),
        (([], [], [], []), "at least one value"),
        ((N[None], D, U, GOOD), "dimension"),
        ((N, U / 2, U, GOOD), "D must be at least U"),
        ((N, U, U, GOOD), "nothing is repeated"),
        ((N, D, U, GOOD, -1.0), "delta must be at least 0"),
    ],
)
def test_refuses_bad_runs(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit_repetition(FRESH, *arguments)


def test_refuses_another_law():
    with pytest.raises(TypeError, match="ParametricLaw"):
        fit_repetition(laws.MUENNIGHOFF, N, D, U, GOOD)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([], "at least one resample"),
        ([[]], "at least one value"),
        ([[0, N.size]], "whole numbers"),
        ([[0.5]], "whole numbers"),
    ],
)
def test_refuses_bad_resamples(index, message):
    fit = fit_repetition(FRESH, N, D, U, GOOD)
    with pytest.raises(ValueError, match=message):
        fit.resample(draws=index)
