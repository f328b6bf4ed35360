"""The coupled law and its fit: limits, recovery, the additive fit inside it, bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_utils import laws
from scaling_utils.fitting import (
    FitWarning,
    fit_coupled,
    fit_parametric,
)
from scaling_utils.laws import CoupledLaw, ParametricLaw

SIZES, LENGTHS = np.geomspace(1e3, 1e6, 7), np.geomspace(1e5, 1e8, 6)
N, D = (grid.ravel() for grid in np.meshgrid(SIZES, LENGTHS, indexing="ij"))
TRUTH = CoupledLaw(E=1.5, A=20.0, B=90.0, alpha=0.45, beta=0.40, q=2.5)
ADDITIVE = ParametricLaw(E=1.5, A=20.0, B=90.0, alpha=0.45, beta=0.40)


def noisy(law, seed=0, spread=0.003):
    noise = np.random.default_rng(seed).normal(size=N.size)
    return law.loss(N, D) * np.exp(spread * noise)


# ---- the law ------------------------------------------------------------------------------


def test_a_loss_by_hand():
    law = CoupledLaw(E=1.0, A=30.0, B=400.0, alpha=0.5, beta=0.5, q=2.0)
    assert law.loss(100.0, 10_000.0) == pytest.approx(1.0 + 5.0)  # sqrt(3^2 + 4^2)


def test_q_one_is_the_additive_law():
    both = CoupledLaw.from_additive(ADDITIVE)
    np.testing.assert_allclose(both.loss(N, D), ADDITIVE.loss(N, D), rtol=1e-14)
    for C in (1e9, 1e15):
        mine, theirs = both.optimal(C), ADDITIVE.optimal(C)
        np.testing.assert_allclose([mine.N, mine.D, mine.loss], [theirs.N, theirs.D, theirs.loss])


def test_large_q_is_the_larger_of_the_two():
    law = CoupledLaw(E=1.5, A=20.0, B=90.0, alpha=0.45, beta=0.40, q=500.0)
    larger = 1.5 + np.maximum(20.0 * N**-0.45, 90.0 * D**-0.40)
    np.testing.assert_allclose(law.loss(N, D), larger, rtol=2e-3)


def test_kaplans_published_constants_give_kaplans_loss():
    """Eq. 1.5 of Kaplan et al. (2020) is E = 0 and q = 1 / beta."""
    law = CoupledLaw.from_kaplan(laws.KAPLAN_JOINT)
    assert (law.E, law.q) == (0.0, pytest.approx(1 / laws.KAPLAN_JOINT.alpha_D))
    sizes, tokens = np.meshgrid(np.geomspace(1e6, 1e11, 6), np.geomspace(1e8, 1e12, 5))
    np.testing.assert_allclose(
        law.loss(sizes, tokens), laws.KAPLAN_JOINT.loss(sizes, tokens), rtol=1e-12
    )
    # By hand, Table 2: N_c 6.4e13, alpha_N 0.076, D_c 1.8e13, alpha_D 0.103.
    by_hand = ((6.4e13 / 1e9) ** (0.076 / 0.103) + 1.8e13 / 2.2e10) ** 0.103
    assert law.loss(1e9, 2.2e10) == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("q", [0.5, 1.0, 4.0])
def test_the_optimum_is_the_lowest_point_of_its_budget(q):
    law = CoupledLaw(1.5, 20.0, 90.0, 0.45, 0.40, q)
    best = law.optimal(1e13)
    assert pytest.approx(1e13) == 6 * best.N * best.D
    near = best.N * np.geomspace(0.5, 2, 2001)
    assert near[law.loss(near, 1e13 / (6 * near)).argmin()] == pytest.approx(best.N, rel=1e-3)
    assert pytest.approx(1000**law.a) == law.optimal(1e16).N / best.N


@given(q=st.floats(0.3, 20), factor=st.floats(1.1, 10))
def test_more_of_either_never_hurts(q, factor):
    law = CoupledLaw(1.5, 20.0, 90.0, 0.45, 0.40, q)
    assert law.loss(1e4 * factor, 1e6) < law.loss(1e4, 1e6)
    assert law.loss(1e4, 1e6 * factor) <= law.loss(1e4, 1e6)


@pytest.mark.parametrize("name", ["A", "B", "alpha", "beta", "q"])
@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_the_law_refuses_bad_constants(name, bad):
    good = {"E": 1.5, "A": 20.0, "B": 90.0, "alpha": 0.45, "beta": 0.40, "q": 1.0}
    with pytest.raises(ValueError, match=name):
        CoupledLaw(**good | {name: bad})


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan])
def test_the_law_refuses_bad_sizes_and_tokens(bad):
    with pytest.raises(ValueError, match="N must be"):
        TRUTH.loss(bad, 1e6)
    with pytest.raises(ValueError, match="D must be"):
        TRUTH.loss(1e4, bad)
    with pytest.raises(ValueError, match="C must be"):
        TRUTH.optimal(bad)


# ---- the fit ------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(
    E=st.floats(0.5, 2.0),
    alpha=st.floats(0.25, 0.7),
    beta=st.floats(0.25, 0.7),
    q=st.floats(0.6, 5.0),
    balance=st.floats(0.5, 2.0),
)
def test_recovers_its_own_constants(E, alpha, beta, q, balance):
    # Both terms are about one nat at the smallest size and length, wherever the exponents are.
    truth = CoupledLaw(E, SIZES[1] ** alpha, balance * LENGTHS[1] ** beta, alpha, beta, q)
    fit = fit_coupled(N, D, truth.loss(N, D))
    assert fit.converged
    assert fit.objective < 1e-12
    for name in ("E", "A", "B", "alpha", "beta", "q"):
        assert getattr(fit.law, name) == pytest.approx(getattr(truth, name), rel=1e-3), name


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("delta", [1e-3, np.inf])
def test_with_q_at_one_it_finds_the_optimum_of_the_additive_fit(seed, delta):
    loss = noisy(ADDITIVE, seed)
    mine, theirs = fit_coupled(N, D, loss, delta, q=1.0), fit_parametric(N, D, loss, delta)
    assert mine.objective == pytest.approx(theirs.objective, rel=1e-7)
    for name in ("E", "A", "B", "alpha", "beta"):
        assert getattr(mine.law, name) == pytest.approx(getattr(theirs.law, name), rel=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_more_freedom_never_fits_worse(seed):
    loss = noisy(TRUTH, seed)
    free = fit_coupled(N, D, loss)
    assert free.converged
    assert free.objective <= fit_coupled(N, D, loss, q=1.0).objective
    assert free.objective <= fit_coupled(N, D, loss, E=1.5).objective
    assert free.law.q == pytest.approx(2.5, rel=0.4)


def test_what_is_fixed_stays_fixed():
    fit = fit_coupled(N, D, noisy(TRUTH), q=2.0, E=1.4)
    assert (fit.law.q, fit.law.E) == (pytest.approx(2.0), 1.4)
    assert fit.settings["fixed"] == {"q": 2.0, "E": 1.4}


def test_recovers_kaplans_law_with_no_offset():
    truth = laws.KAPLAN_JOINT
    sizes, tokens = (g.ravel() for g in np.meshgrid(np.geomspace(1e5, 1e9, 7), LENGTHS * 100))
    fit = fit_coupled(sizes, tokens, truth.loss(sizes, tokens), E=0.0)
    assert fit.law.q * fit.law.beta == pytest.approx(1.0, rel=1e-2)
    assert fit.law.alpha == pytest.approx(truth.alpha_N, rel=1e-2)


def test_residuals_and_objective_are_what_they_say():
    loss = noisy(TRUTH, 5)
    fit = fit_coupled(N, D, loss, np.inf)
    np.testing.assert_allclose(fit.residuals, np.log(fit.law.loss(N, D)) - np.log(loss), atol=1e-12)
    assert fit.objective == pytest.approx((fit.residuals**2).sum() / 2)


def test_order_and_units_do_not_matter():
    loss = noisy(TRUTH, 6)
    order = np.random.default_rng(0).permutation(N.size)
    here, there = fit_coupled(N, D, loss), fit_coupled(N[order] / 1e3, D[order] * 8, loss[order])
    assert there.objective == pytest.approx(here.objective, rel=1e-6)
    assert there.law.A * 1e3**there.law.alpha == pytest.approx(here.law.A, rel=1e-3)


def test_the_derivatives_are_those_of_the_residuals():
    rows = fit_coupled(N, D, noisy(TRUTH)).found.model
    theta = np.array([[0.3, -1.0, -0.7, 0.45, 0.4, 0.9], [-2.0, 0.1, 0.2, 0.7, 0.2, -0.4]])
    _, jac, *_ = rows.slopes(theta)
    for k in range(6):
        step = np.zeros(6)
        step[k] = 1e-5
        central = (rows.residuals(theta + step) - rows.residuals(theta - step)) / 2e-5
        np.testing.assert_allclose(jac[:, k], central, atol=1e-9)


def test_says_when_q_is_not_determined():
    larger = 1.5 + np.maximum(20.0 * N**-0.45, 90.0 * D**-0.40)
    with pytest.warns(FitWarning, match="q"):
        fit = fit_coupled(N, D, larger)
    assert not fit.converged


# ---- resamples ----------------------------------------------------------------------------


def test_a_resample_is_a_fit_of_its_rows():
    loss = noisy(TRUTH, 7)
    fit = fit_coupled(N, D, loss)
    widths = np.array([0, 1, 1, 2, 4, 5, 6])  # one twice, one not at all
    index = np.concatenate([np.flatnonzero(SIZES[w] == N) for w in widths])
    row = fit.resample(draws=[index]).columns[0]
    alone = fit_coupled(N[index], D[index], loss[index])
    law = CoupledLaw(*row)
    np.testing.assert_allclose(law.loss(N, D), alone.law.loss(N, D), rtol=1e-5)


def test_the_resample_with_every_run_once_is_the_fit():
    fit = fit_coupled(N, D, noisy(TRUTH, 8))
    row = fit.resample(draws=[np.arange(N.size)]).columns[0]
    np.testing.assert_allclose(
        row, [getattr(fit.law, n) for n in ("E", "A", "B", "alpha", "beta", "q")], rtol=1e-5
    )


def test_resamples_cover_the_truth():
    fit = fit_coupled(N, D, noisy(TRUTH, 9))
    rng = np.random.default_rng(0)
    samples = fit.resample(draws=rng.integers(0, N.size, (200, N.size))).columns
    low, high = np.quantile(samples, [0.025, 0.975], axis=0)
    truth = np.array([1.5, 20.0, 90.0, 0.45, 0.40, 2.5])
    assert ((low < truth) & (truth < high)).sum() >= 5


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([], "at least one resample"),
        ([[]], "at least one value"),
        ([[0, 1, N.size]], f"whole numbers from 0 to {N.size - 1}"),
        ([[0.5, 1]], "whole numbers"),
        ([[np.nan]], "finite"),
    ],
)
def test_refuses_bad_resamples(index, message):
    fit = fit_coupled(N, D, TRUTH.loss(N, D))
    with pytest.raises(ValueError, match=message):
        fit.resample(draws=index)


# ---- bad input ----------------------------------------------------------------------------

GOOD = TRUTH.loss(N, D)


def spoilt(value):
    out = GOOD.copy()
    out[3] = value
    return out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((N, D, spoilt(np.nan)), "loss must be finite"),
        ((N, D, spoilt(np.inf)), "loss must be finite"),
        ((N, D, spoilt(0.0)), "loss must be positive"),
        ((-N, D, GOOD), "N must be positive"),
        ((N, D[:-1], GOOD), "must have the same length"),
        (([], [], []), "at least one value"),
        ((N[:1], D[:1], GOOD[:1]), "at least 5 runs"),
        ((N[:1], D[:1], GOOD[:1], 1e-3, None), "at least 5 runs"),
        ((N.reshape(7, 6), D, GOOD), "dimension"),
        ((N, np.full(N.size, 1e6), GOOD), "D must take at least 3 distinct values"),
        ((N, D, GOOD, -1.0), "delta must be at least 0"),
        ((N, D, GOOD, np.nan), "delta must be finite"),
        ((N, D, GOOD, 1e-3, 0.0), "q must be at least"),
        ((N, D, GOOD, 1e-3, np.nan), "q must be finite"),
    ],
)
def test_refuses_bad_tables(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit_coupled(*arguments)


def test_refuses_fewer_runs_than_parameters():
    few = [0, 1, 8, 15, 40]
    with pytest.raises(ValueError, match="at least 6 runs to fit 6 parameters, got 5"):
        fit_coupled(N[few], D[few], GOOD[few])


@pytest.mark.parametrize("bad", [-0.1, np.nan, GOOD.min(), 100.0])
def test_refuses_an_offset_that_is_not_below_every_loss(bad):
    with pytest.raises(ValueError, match="E must be"):
        fit_coupled(N, D, GOOD, E=bad)
