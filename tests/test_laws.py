"""The laws against hand calculation, the papers' own statements and exact properties."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from scaling_utils import laws

BY_HAND = laws.ParametricLaw(E=1.0, A=4.0, B=9.0, alpha=0.5, beta=0.5)

random_laws = st.builds(
    laws.ParametricLaw,
    E=st.floats(0.0, 3.0),
    A=st.floats(1.0, 5e3),
    B=st.floats(1.0, 5e3),
    alpha=st.floats(0.1, 0.8),
    beta=st.floats(0.1, 0.8),
)
budgets = st.floats(17.0, 26.0).map(lambda power: 10.0**power)
published_parametric = pytest.mark.parametrize(
    "law",
    [laws.CHINCHILLA, laws.CHINCHILLA_ROUNDED, laws.CHINCHILLA_THREE_DIGIT, laws.BESIROGLU],
    ids=["unrounded", "rounded", "three-digit", "besiroglu"],
)


# ---- the parametric law: by hand ----------------------------------------------------------


def test_loss_by_hand():
    assert BY_HAND.loss(16, 81) == 1 + 4 / 4 + 9 / 9
    assert isinstance(BY_HAND.loss(16, 81), float)


def test_loss_broadcasts():
    loss = BY_HAND.loss(np.array([[16.0], [64.0]]), [81.0, 9.0, 1.0])
    np.testing.assert_allclose(loss, [[3, 5, 11], [2.5, 4.5, 10.5]])


def test_optimum_by_hand():
    # alpha = beta: N / D = A / B to the power 1/alpha, (4/9)^2, and 6 N D = C.
    best = BY_HAND.optimal(6 * 16 * 81)
    assert pytest.approx((16, 81)) == (best.N, best.D)
    assert (best.loss, best.C) == pytest.approx((3, 6 * 16 * 81))
    assert best.tokens_per_parameter == pytest.approx(81 / 16)
    assert (BY_HAND.a, BY_HAND.b, BY_HAND.frontier_exponent) == (0.5, 0.5, 0.25)


def test_inverse_problems_by_hand():
    assert BY_HAND.tokens_for_loss(16, 3) == pytest.approx(81)
    assert BY_HAND.size_for_loss(81, 3) == pytest.approx(16)
    assert BY_HAND.budget_for_loss(3) == pytest.approx(6 * 16 * 81)


def test_optimal_takes_arrays():
    C = np.array([1e20, 1e22, 1e24])
    together = laws.CHINCHILLA.optimal(C)
    for i, one in enumerate(C):
        alone = laws.CHINCHILLA.optimal(one)
        assert isinstance(alone.N, float)
        for name in ("N", "D", "loss", "tokens_per_parameter"):
            assert getattr(together, name)[i] == pytest.approx(getattr(alone, name))


# ---- the parametric law: properties -------------------------------------------------------


@given(random_laws, budgets, st.floats(-3.0, 3.0))
def test_optimum_is_a_minimum_at_fixed_compute(law, C, shift):
    assume(abs(shift) > 1e-3)
    best = law.optimal(C)
    assert pytest.approx(C) == 6 * best.N * best.D
    factor = np.exp(shift)
    reducible = best.loss - law.E
    moved = law.A * (best.N * factor) ** -law.alpha + law.B * (best.D / factor) ** -law.beta
    assert moved > reducible * (1 - 1e-9)
    assert moved > reducible or abs(shift) < 1e-2


@published_parametric
@pytest.mark.parametrize("C", [1e18, 5.76e23, 1e27])
def test_closed_form_agrees_with_numeric_minimisation(law, C):
    found = minimize_scalar(
        lambda log_N: law.loss(np.exp(log_N), C / (6 * np.exp(log_N))),
        bounds=(np.log(1e5), np.log(1e14)),
        method="bounded",
        options={"xatol": 1e-9},
    )
    best = law.optimal(C)
    # A minimum is flat: the position is only known to the root of the precision.
    assert np.exp(found.x) == pytest.approx(best.N, rel=1e-5)
    assert found.fun == pytest.approx(best.loss, rel=1e-14)


@given(random_laws, budgets, st.floats(1.5, 1e3))
def test_frontier_is_a_power_of_the_budget(law, C, growth):
    small, large = law.optimal(C), law.optimal(C * growth)
    assert pytest.approx(growth**law.a) == large.N / small.N
    assert pytest.approx(growth**law.b) == large.D / small.D
    assert law.frontier().loss(C) == pytest.approx(small.loss)
    assert law.a + law.b == pytest.approx(1)


@given(random_laws, st.floats(1e6, 1e12), st.floats(1e8, 1e13), st.floats(1.1, 1e3))
def test_changing_units_leaves_the_law_alone(law, N, D, unit):
    rescaled = laws.ParametricLaw(
        law.E, law.A * unit**-law.alpha, law.B * unit**-law.beta, law.alpha, law.beta
    )
    assert rescaled.loss(N / unit, D / unit) == pytest.approx(law.loss(N, D))
    assert rescaled.optimal(1e22 / unit**2).N * unit == pytest.approx(law.optimal(1e22).N)


@given(random_laws, budgets)
def test_size_and_data_are_symmetric(law, C):
    mirrored = laws.ParametricLaw(law.E, law.B, law.A, law.beta, law.alpha)
    best, other = law.optimal(C), mirrored.optimal(C)
    assert (other.N, other.D, other.loss) == pytest.approx((best.D, best.N, best.loss))


@given(random_laws, st.floats(1e6, 1e12), st.floats(1e8, 1e13))
def test_more_size_or_more_data_never_hurts(law, N, D):
    assert law.loss(2 * N, D) < law.loss(N, D)
    assert law.loss(N, 2 * D) < law.loss(N, D)


@published_parametric
def test_limits(law):
    assert law.loss(1e200, 1e200) == pytest.approx(law.E, rel=1e-12)
    assert law.loss(1e9, 1e200) == pytest.approx(law.E + law.A / 1e9**law.alpha, rel=1e-12)
    assert law.loss(1e200, 1e11) == pytest.approx(law.E + law.B / 1e11**law.beta, rel=1e-12)


@given(random_laws, st.floats(1e6, 1e12), st.floats(1e8, 1e13))
def test_inverse_round_trips(law, N, D):
    loss = law.loss(N, D)
    # Where one term is far below the other, the loss does not hold its digits.
    assume(law.A * N**-law.alpha > 1e-4 * loss)
    assume(law.B * D**-law.beta > 1e-4 * loss)
    assert law.tokens_for_loss(N, loss) == pytest.approx(D, rel=1e-6)
    assert law.size_for_loss(D, loss) == pytest.approx(N, rel=1e-6)
    assert pytest.approx(D, rel=1e-6) == law.iso_loss(loss, N).D


@given(random_laws, budgets)
def test_least_budget_is_the_frontier_inverted(law, C):
    best = law.optimal(C)
    assume(best.loss - law.E > 1e-4 * best.loss)
    assert law.budget_for_loss(best.loss) == pytest.approx(C, rel=1e-6)
    assert pytest.approx(C) == law.optimal_for_size(best.N).C
    assert pytest.approx(best.N) == law.optimal_for_tokens(best.D).N


@given(st.floats(7.5, 12.0).map(lambda power: 10.0**power))
def test_no_run_of_equal_loss_is_cheaper_than_the_frontier(N):
    law, loss = laws.CHINCHILLA, 2.2
    assume(law.E + law.A * N**-law.alpha < loss)
    assert law.budget_for_loss(loss) * (1 - 1e-12) <= law.iso_loss(loss, N).C


@pytest.mark.parametrize(
    ("call", "floor"),
    [
        (lambda law: law.tokens_for_loss(16, 2.0), 2.0),
        (lambda law: law.tokens_for_loss([16, 64], [2.5, 1.2]), 1.5),
        (lambda law: law.size_for_loss(81, 1.9), 2.0),
        (lambda law: law.budget_for_loss(1.0), 1.0),
        (lambda law: law.iso_loss(1.9, 16), 2.0),
        (lambda law: law.optimal_with_inference(0.5, 1e9), 1.0),
    ],
)
def test_unreachable_loss_names_the_reachable_range(call, floor):
    with pytest.raises(laws.UnreachableLoss, match=f"lie above {floor:g}") as caught:
        call(BY_HAND)
    assert caught.value.floor == pytest.approx(floor)
    assert caught.value.target <= floor


# ---- serving, and a limit on the size -----------------------------------------------------


@given(random_laws, budgets, st.floats(6.0, 16.0).map(lambda power: 10.0**power))
def test_inference_aware_optimum_is_a_minimum_at_fixed_loss(law, C, served):
    loss = law.optimal(C).loss
    assume(loss - law.E > 1e-3 * loss)
    best = law.optimal_with_inference(loss, served)
    assert law.loss(best.N, best.D) == pytest.approx(loss)
    assert best.total_flops == pytest.approx(6 * best.N * best.D + 2 * best.N * served)
    smallest = (law.A / (loss - law.E)) ** (1 / law.alpha)
    for factor in (0.7, 0.98, 1.02, 1.5):
        if best.N * factor > smallest * 1.001:
            other = law.iso_loss(loss, best.N * factor, served)
            assert other.total_flops >= best.total_flops * (1 - 1e-9)


def test_serving_makes_the_best_model_smaller():
    law = laws.CHINCHILLA
    loss = law.optimal(1e23).loss
    sizes = [law.optimal_with_inference(loss, served).N for served in (0, 1e11, 1e12, 1e13)]
    assert sizes[0] == pytest.approx(law.optimal(1e23).N)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < sizes[0] / 2


def test_sardana_figure_1():
    # A 7B model trained for longer, against a Chinchilla-optimal 13B of equal loss, with
    # 2e12 tokens served: 17 % and 1.7e22 FLOPs less.
    law = laws.CHINCHILLA_THREE_DIGIT
    reference = law.allocation(13e9, law.optimal_for_size(13e9).D, inference_tokens=2e12)
    small = law.iso_loss(reference.loss, 7e9, inference_tokens=2e12)
    saved = reference.total_flops - small.total_flops
    assert saved == pytest.approx(1.7e22, rel=0.03)
    assert saved / reference.total_flops == pytest.approx(0.17, abs=0.005)
    best = law.optimal_with_inference(reference.loss, 2e12)
    assert best.total_flops <= small.total_flops


def test_size_limit():
    law, C = laws.CHINCHILLA, 1e23
    free = law.optimal(C)
    assert law.optimal_with_size_limit(C, free.N * 2) == free
    limited = law.optimal_with_size_limit(C, 7e9)
    assert (limited.N, limited.D) == (7e9, C / (6 * 7e9))
    smaller = law.allocation(6.9e9, C / (6 * 6.9e9))
    assert free.loss < limited.loss < smaller.loss


# ---- Chinchilla's constants ---------------------------------------------------------------


def test_only_the_unrounded_constants_give_the_papers_40_billion():
    sizes = {
        name: laws.Chinchilla(name).optimal(5.76e23).N
        for name in ("unrounded", "rounded", "three-digit")
    }
    assert sizes["unrounded"] == pytest.approx(40e9, rel=0.02)
    assert sizes["rounded"] == pytest.approx(32.2e9, rel=0.01)
    assert sizes["three-digit"] == pytest.approx(41.7e9, rel=0.01)


def test_chinchilla_by_name():
    assert laws.Chinchilla() is laws.CHINCHILLA
    assert laws.Chinchilla("rounded") is laws.CHINCHILLA_ROUNDED
    with pytest.raises(ValueError, match=r"constants must be one of 'unrounded'.*got 'exact'"):
        laws.Chinchilla("exact")


def test_unrounded_constants_round_to_the_printed_ones():
    unrounded, printed = laws.CHINCHILLA, laws.CHINCHILLA_ROUNDED
    assert round(unrounded.E, 2) == printed.E
    assert round(unrounded.A, 1) == printed.A
    assert round(unrounded.B, 1) == printed.B
    assert round(unrounded.alpha, 2) == printed.alpha
    assert round(unrounded.beta, 2) == printed.beta


# ---- the published laws --------------------------------------------------------------------


def test_published_cannot_be_changed():
    with pytest.raises(TypeError):
        laws.PUBLISHED["mine"] = BY_HAND
    with pytest.raises(AttributeError):
        laws.CHINCHILLA.E = 1.0


def test_about_does_not_enter_comparison():
    law = laws.BESIROGLU
    assert laws.ParametricLaw(law.E, law.A, law.B, law.alpha, law.beta) == law
