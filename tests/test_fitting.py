"""The parametric fit: published optima, exact recovery, symmetries, and what it says of itself."""

import numpy as np
import pytest
import tables
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from scaling_utils.fitting import FitError, FitWarning, fit_parametric
from scaling_utils.fitting._additive import additive
from scaling_utils.fitting._penalty import huber
from scaling_utils.fitting._search import search
from scaling_utils.fitting._solver import minimise
from scaling_utils.laws import ParametricLaw

TRUTH = ParametricLaw(E=1.7, A=400.0, B=300.0, alpha=0.34, beta=0.30)
N, D = (
    grid.ravel() for grid in np.meshgrid(np.geomspace(1e7, 1e10, 6), np.geomspace(1e9, 1e12, 5))
)
NAMES = ("E", "A", "B", "alpha", "beta")


def values(law):
    return np.array([getattr(law, name) for name in NAMES])


def noisy(seed=0, noise=0.01):
    return TRUTH.loss(N, D) * np.exp(noise * np.random.default_rng(seed).normal(size=len(N)))


# ---- published tables ---------------------------------------------------------------------


def test_reaches_the_optimum_of_the_epoch_table():
    fit = fit_parametric(*tables.epoch_chinchilla())
    assert len(fit.data["loss"]) == 240
    assert fit.converged
    assert fit.objective <= 0.00101827404
    found, tolerance = values(fit.law), [2e-4, 3e-3, 5e-3, 2e-4, 2e-4]
    assert (np.abs(found / [1.817218, 477.826, 2143.417, 0.347311, 0.367172] - 1) < tolerance).all()


@pytest.mark.parametrize("delta", [1e-8, 0])
def test_least_absolute_deviations_give_the_published_refit(delta):
    law = fit_parametric(*tables.epoch_chinchilla(), delta=delta).law
    assert values(law) == pytest.approx(
        [1.816864, 482.0053, 2085.4319, 0.347813, 0.365854], rel=1e-4
    )
    # Besiroglu et al. (2024), https://arxiv.org/abs/2404.10102, as printed
    assert np.round(values(law)[[0, 3, 4]], 4) == pytest.approx([1.8172, 0.3478, 0.3658], abs=4e-4)


def test_reaches_the_optimum_of_a_second_reading_of_the_figure():
    fit = fit_parametric(*tables.kyo_takano())
    assert fit.objective == pytest.approx(0.00084009, abs=5e-9)
    assert values(fit.law) == pytest.approx(
        [1.78389, 442.164, 1271.808, 0.34263, 0.34200], rel=1e-4
    )


@pytest.mark.parametrize("delta", [0, 1e-3, np.inf])
def test_recovers_the_truth_of_the_table_without_noise(delta):
    C, sizes, loss = tables.cs336()
    fit = fit_parametric(sizes, C / (6 * sizes), loss, delta=delta)
    assert values(fit.law) == pytest.approx([2.69, 1606.4, 3210.7, 0.34, 0.36], rel=1e-6)
    assert fit.converged


def test_least_squares_of_the_raw_loss():
    sizes, tokens, loss = tables.epoch_chinchilla()
    small = 6 * sizes * tokens < 1e21
    assert small.sum() == 217
    fit = fit_parametric(
        sizes[small] / 1e6, tokens[small] / 1e9, loss[small], delta=np.inf, space="raw"
    )
    assert 2 * fit.objective == pytest.approx(0.06241429, abs=1e-8)
    assert values(fit.law) == pytest.approx(
        [1.905092, 4.000522, 1.050948, 0.351058, 0.458742], rel=1e-5
    )


# ---- the objective ------------------------------------------------------------------------


def test_huber_by_hand():
    r = np.array([-3.0, -1.0, 0.0, 0.5, 2.0])
    assert huber(r, 1.0).tolist() == [2.5, 0.5, 0.0, 0.125, 1.5]
    assert huber(r, np.inf).tolist() == [4.5, 0.5, 0.0, 0.125, 2.0]
    assert huber(r, 0).tolist() == [3.0, 1.0, 0.0, 0.5, 2.0]


@pytest.mark.parametrize(("delta", "space"), [(1e-3, "log"), (np.inf, "log"), (0, "raw")])
def test_objective_is_the_sum_over_the_reported_residuals(delta, space):
    loss = noisy()
    fit = fit_parametric(N, D, loss, delta=delta, space=space)
    predicted = fit.law.loss(N, D)
    r = np.log(predicted / loss) if space == "log" else predicted - loss
    assert fit.residuals == pytest.approx(r, abs=1e-12)
    assert fit.objective == pytest.approx(huber(r, delta).sum(), rel=1e-12)


@pytest.mark.parametrize("delta", [1e-4, 1e-2, np.inf])
def test_a_general_optimiser_started_at_the_answer_finds_nothing_lower(delta):
    loss = noisy()
    fit = fit_parametric(N, D, loss, delta=delta)

    def objective(z):
        law = ParametricLaw(*np.exp(z))
        return huber(np.log(law.loss(N, D) / loss), delta).sum()

    start = np.log(values(fit.law))
    options = {"maxfev": 4000, "xatol": 1e-10, "fatol": 1e-16}
    polished = minimize(objective, start, method="Nelder-Mead", options=options)
    assert polished.fun >= fit.objective * (1 - 1e-9)


def test_robust_to_wrong_rows_where_least_squares_is_not():
    loss = TRUTH.loss(N, D)
    loss[[3, 17]] *= 1.3
    robust, squares = (fit_parametric(N, D, loss, delta=delta).law for delta in (0, np.inf))
    assert values(robust) == pytest.approx(values(TRUTH), rel=1e-6)
    assert abs(squares.E / TRUTH.E - 1) > 1e-2


# ---- symmetries and limits ----------------------------------------------------------------

laws_to_recover = st.builds(
    ParametricLaw,
    E=st.floats(0.3, 3.0),
    A=st.floats(50.0, 2e3),
    B=st.floats(50.0, 2e3),
    alpha=st.floats(0.2, 0.6),
    beta=st.floats(0.2, 0.6),
)


@settings(max_examples=25)
@given(law=laws_to_recover)
def test_recovers_any_law_without_noise(law):
    fit = fit_parametric(N, D, law.loss(N, D))
    assert fit.converged
    assert values(fit.law) == pytest.approx(values(law), rel=1e-5)


def test_swapping_size_and_tokens_swaps_the_fit():
    fit, swapped = fit_parametric(N, D, noisy()), fit_parametric(D, N, noisy())
    assert values(swapped.law) == pytest.approx(values(fit.law)[[0, 2, 1, 4, 3]], rel=1e-6)
    assert swapped.objective == pytest.approx(fit.objective, rel=1e-12)


@pytest.mark.parametrize("k", [1e-6, 3.0, 1e9])
def test_scaling_the_sizes_scales_only_the_prefactor(k):
    law, scaled = fit_parametric(N, D, noisy()).law, fit_parametric(k * N, D, noisy()).law
    expected = values(law) * [1, k**law.alpha, 1, 1, 1]
    assert values(scaled) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("k", [1e-30, 1 / np.log(2), 1e30])
def test_scaling_the_loss_scales_offset_and_prefactors(k):
    law, scaled = fit_parametric(N, D, noisy()).law, fit_parametric(N, D, k * noisy()).law
    assert values(scaled) == pytest.approx(values(law) * [k, k, k, 1, 1], rel=1e-5)


def test_order_of_the_rows_does_not_matter(rng):
    order = rng.permutation(len(N))
    fit, other = fit_parametric(N, D, noisy()), fit_parametric(N[order], D[order], noisy()[order])
    assert values(other.law) == pytest.approx(values(fit.law), rel=1e-7)


def test_every_row_twice_doubles_the_objective_and_keeps_the_law():
    fit = fit_parametric(N, D, noisy())
    twice = fit_parametric(np.tile(N, 2), np.tile(D, 2), np.tile(noisy(), 2))
    assert values(twice.law) == pytest.approx(values(fit.law), rel=1e-7)
    assert twice.objective == pytest.approx(2 * fit.objective, rel=1e-12)


def test_a_tiny_delta_tends_to_absolute_deviations():
    limit = fit_parametric(N, D, noisy(), delta=0)
    near = fit_parametric(N, D, noisy(), delta=1e-9)
    assert values(near.law) == pytest.approx(values(limit.law), rel=1e-5)
    assert near.objective / 1e-9 == pytest.approx(limit.objective, rel=1e-5)


def test_a_wide_delta_is_least_squares():
    wide, squares = (fit_parametric(N, D, noisy(), delta=delta) for delta in (10.0, np.inf))
    assert values(wide.law) == pytest.approx(values(squares.law), rel=1e-7)
    assert wide.objective == pytest.approx(squares.objective, rel=1e-12)


def test_no_irreducible_loss_is_found_as_zero():
    loss = 400 / N**0.34 + 300 / D**0.3
    assert fit_parametric(N, D, loss).law.E < 1e-9


def test_five_runs_are_met_exactly():
    rows = np.array([0, 2, 11, 19, 27])
    fit = fit_parametric(N[rows], D[rows], TRUTH.loss(N, D)[rows])
    assert values(fit.law) == pytest.approx(values(TRUTH), rel=1e-6)


# ---- what a fit says of itself ------------------------------------------------------------


def test_a_fit_says_how_it_ended():
    fit = fit_parametric(N, D, noisy())
    assert (fit.delta, fit.settings["space"]) == (1e-3, "log")
    assert fit.iterations >= 1
    assert 0 < fit.agreement <= 1
    assert "optimum reached" in fit.message
    with pytest.raises(AttributeError):
        fit.objective = 0.0


def test_runs_that_hardly_vary_give_a_law_not_to_rely_on():
    near = 1 + 1e-5 * np.arange(4.0)
    sizes, tokens = (grid.ravel() for grid in np.meshgrid(1e8 * near, 1e10 * near))
    with pytest.warns(FitWarning, match="do not determine|did not converge"):
        fit = fit_parametric(sizes, tokens, TRUTH.loss(sizes, tokens))
    assert not fit.converged
    assert fit.law.loss(1e8, 1e10) == pytest.approx(TRUTH.loss(1e8, 1e10), rel=1e-3)


def test_four_corners_and_one_run_are_five_rows_but_do_not_determine_five_parameters():
    """A sum of a term of N and one of D gives the fourth corner from the other three."""
    rows = [0, 5, 13, 24, 29]
    with pytest.warns(FitWarning, match="do not determine all 5 parameters"):
        fit = fit_parametric(N[rows], D[rows], TRUTH.loss(N, D)[rows])
    assert not fit.converged
    assert "do not determine" in fit.message


def test_a_loss_that_grows_with_size_is_no_law_and_the_error_carries_the_fit():
    with pytest.raises(FitError, match=r"falls with N and with D: alpha must be above 0") as error:
        fit_parametric(N, D, 1 + 0.01 * N**0.2 + 300 / D**0.3)
    assert error.value.partial["alpha"] == pytest.approx(-0.2, rel=1e-6)
    assert error.value.partial["objective"] < 1e-12


def test_a_loss_that_ignores_the_tokens_is_refused():
    with pytest.raises(FitError, match=r"no dependence through B/D\^beta") as error:
        fit_parametric(N, D, 1.7 + 400 / N**0.34)
    assert error.value.partial["alpha"] == pytest.approx(0.34, rel=1e-6)


def test_a_solver_that_runs_out_of_steps_says_so():
    table = additive((N, D), noisy(), ("A/N^alpha", "B/D^beta"), log=True)
    found = search(table, 1e-3)
    far = found.theta + np.array([0.5, -0.5, 0.5, 0.2, -0.1])
    assert not minimise(far[None], table, 1e-3, iterations=2).converged[0]
    assert minimise(far[None], table, 1e-3).objective[0] == pytest.approx(found.objective * 1e3)
