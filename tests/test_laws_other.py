"""Laws other than the parametric one: by hand, by their papers, by exact properties."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scaling_utils import laws, units

# ---- one-variable laws --------------------------------------------------------------------


@given(st.floats(1e-3, 1e15), st.floats(0.02, 2.0), st.floats(0.0, 4.0), st.floats(1e-6, 1e3))
def test_power_law_round_trip_and_limits(x_c, alpha, offset, ratio):
    law = laws.PowerLaw(x_c, alpha, offset)
    assert law.loss(x_c) == pytest.approx(1 + offset)
    loss = law.loss(x_c * ratio)
    assert loss > offset
    assume(loss - offset > 1e-4 * loss)
    assert law.x_for_loss(loss) == pytest.approx(x_c * ratio, rel=1e-6)
    again = laws.PowerLaw.from_coefficient(law.coefficient, alpha, offset)
    assert again.loss(x_c * ratio) == pytest.approx(loss)


def test_power_law_refuses_a_loss_below_its_offset():
    with pytest.raises(laws.UnreachableLoss, match=r"lie above 1\.5"):
        laws.PowerLaw(1e3, 0.5, 1.5).x_for_loss([2.0, 1.5])


def test_power_law_and_trend_factors():
    law = laws.PowerLaw(5.0, 0.5)
    assert law.loss(40.0) / law.loss(10.0) == pytest.approx(law.factor(4.0))
    trend = laws.Trend(3.0, 0.73)
    assert trend.at(20.0) / trend.at(2.0) == pytest.approx(trend.factor(10.0))
    assert trend.at(1.0) == 3.0


# ---- Kaplan -------------------------------------------------------------------------------


def test_kaplans_joint_law_has_its_single_variable_limits():
    joint = laws.KAPLAN_JOINT
    assert joint.loss(1e9, 1e200) == pytest.approx((joint.N_c / 1e9) ** joint.alpha_N)
    assert joint.loss(1e200, 1e10) == pytest.approx((joint.D_c / 1e10) ** joint.alpha_D)


def test_overfitting_is_the_excess_over_infinite_data():
    joint = laws.KAPLAN_JOINT
    excess = joint.loss(1e9, 2e9) / joint.loss(1e9, 1e200) - 1
    assert joint.overfitting(1e9, 2e9) == pytest.approx(excess, rel=1e-9)
    tokens = joint.tokens_for_overfitting(1e9, excess)
    assert tokens == pytest.approx(2e9, rel=1e-9)


def test_rule_against_overfitting_follows_from_the_joint_law():
    # Eq. 4.4 rounds the coefficient to one digit and the exponent to two.
    N = np.array([1e6, 1e8, 1e10])
    ratio = laws.KAPLAN_JOINT.tokens_for_overfitting(N, 0.02) / laws.tokens_against_overfitting(N)
    assert (abs(ratio - 1) < 0.1).all()
    assert laws.KAPLAN_JOINT.data_exponent == pytest.approx(0.74, abs=0.003)


def test_steps_law_by_hand():
    law = laws.KaplanSteps(N_c=16, alpha_N=0.5, S_c=100, alpha_S=1.0)
    assert law.loss(4, 50) == 2 + 2
    assert laws.KAPLAN_STEPS.loss(1e9, 1e200) == pytest.approx((6.5e13 / 1e9) ** 0.077)


def test_allocation_converts_flops_to_pf_days():
    plan = laws.KAPLAN_ALLOCATION.optimal(units.PF_DAY)
    assert pytest.approx((1.3e9, 2e10, 2e6, 5.4e3)) == (plan.N, plan.D, plan.B, plan.S)
    assert plan.tokens_per_parameter == pytest.approx(2e10 / 1.3e9)
    ten = laws.KAPLAN_ALLOCATION.optimal(10 * units.PF_DAY)
    assert pytest.approx(5.37, abs=0.01) == ten.N / plan.N
    assert pytest.approx(1.86, abs=0.01) == ten.D / plan.D


def test_allocation_is_consistent_with_twice_the_minimal_compute():
    # At the critical batch a run takes 2 C_min = 6 N D (Sec. 6.1); D is printed to one digit.
    for C in (1e20, 1e22, 1e24):
        plan = laws.KAPLAN_ALLOCATION.optimal(C)
        assert pytest.approx(1, rel=0.1) == 6 * plan.N * plan.D / (2 * C)


def test_crossing_of_the_compute_and_data_laws():
    # Sec. 6.3: L(C_min) falls below what the data of the compute-optimal run allows.
    # The paper gives about 1e4 PF-days, 1e12 parameters and 1.7 nats per token.
    days = np.logspace(0, 8, 80001)
    limit = laws.KAPLAN_DATA.loss(laws.KAPLAN_ALLOCATION.D.at(days))
    crossing = days[np.argmax(laws.KAPLAN_COMPUTE.loss(days) < limit)]
    assert crossing == pytest.approx(1.1e4, rel=0.05)
    assert laws.KAPLAN_COMPUTE.loss(crossing) == pytest.approx(1.67, abs=0.01)
    assert laws.KAPLAN_ALLOCATION.N.at(crossing) == pytest.approx(1.2e12, rel=0.05)


def test_critical_batch_grows_as_the_loss_falls():
    small, large = laws.KAPLAN_CRITICAL_BATCH.tokens([4.0, 2.0])
    assert large / small == pytest.approx(2 ** (1 / 0.21))
    assert laws.KAPLAN_CRITICAL_BATCH.tokens(1.0) == pytest.approx(2e8)


def test_learning_rate_rule_by_hand():
    assert laws.kaplan_learning_rate(np.exp(20)) == pytest.approx(0.003239 - 0.00279)


# ---- batch size ---------------------------------------------------------------------------


@given(st.floats(1e2, 1e6), st.floats(1e3, 1e8), st.floats(1e2, 1e9))
def test_batch_trade_off_is_the_hyperbola(S_min, B_crit, B):
    S = laws.batch.steps(S_min, B, B_crit)
    E_min = B_crit * S_min
    E = laws.batch.examples(E_min, B, B_crit)
    assert pytest.approx(B * S) == E
    # Not formed from S / S_min - 1 itself, which would lose its digits at a large batch.
    assert (S - S_min) / S_min * ((E - E_min) / E_min) == pytest.approx(1, rel=1e-4)
    assert laws.batch.minimal_steps(S, B, B_crit) == pytest.approx(S_min)
    assert laws.batch.minimal_compute(E, B, B_crit) == pytest.approx(E_min)


def test_critical_batch_costs_twice_the_steps_and_twice_the_examples():
    assert laws.batch.steps(1000, 2e6, 2e6) == 2000
    assert laws.batch.examples(1e9, 2e6, 2e6) == 2e9


def test_noise_scale_on_gradients_with_known_moments(rng):
    mean = np.array([3.0, 4.0])  # |G|^2 = 25
    spread = np.array([1.0, 2.0])  # tr(Sigma) = 5
    gradients = mean + spread * rng.standard_normal((200_000, 2))
    measured = laws.batch.noise_scale(
        gradients.var(axis=0).sum(), (gradients.mean(axis=0) ** 2).sum()
    )
    assert measured == pytest.approx(5 / 25, rel=0.02)


# ---- repeated data ------------------------------------------------------------------------


def test_figure_1b_of_muennighoff():
    assert laws.MUENNIGHOFF.loss(8.67e9, 178e9, 25e9) == pytest.approx(2.2269634075087867, abs=1e-9)


def test_fresh_data_at_a_size_it_can_fill_is_the_plain_law():
    law = laws.MUENNIGHOFF
    assert law.loss(1e9, 20e9, 100e9) == pytest.approx(law.law.loss(1e9, 20e9))


@given(st.floats(1.0, 1e4), st.floats(1e6, 1e12))
def test_repeated_data_is_worth_less_than_fresh_and_saturates(epochs, U):
    law = laws.MUENNIGHOFF
    worth = law.effective_data(epochs * U, U)
    assert worth <= epochs * U * (1 + 1e-12)
    assert worth <= (1 + law.R_D_star) * U * (1 + 1e-12)
    assert worth == pytest.approx(law.effective_epochs(epochs) * U)
    assert law.effective_data(2 * epochs * U, U) >= worth


def test_worth_of_another_pass_falls_to_1_over_e():
    law, step = laws.MUENNIGHOFF, 1e-6
    passes = 1 + law.R_D_star
    worth = (law.effective_epochs(passes + step) - law.effective_epochs(passes)) / step
    assert worth == pytest.approx(np.exp(-1), rel=1e-4)


def test_data_constrained_optimum_is_a_minimum():
    law, C, U = laws.MUENNIGHOFF, 1e22, 5e9
    best = law.optimal(C, U)
    sizes = np.exp(np.linspace(np.log(1e7), np.log(1e13), 20001))
    losses = law.loss(sizes, C / (6 * sizes), U)
    assert best.loss <= losses.min() + 1e-12
    assert pytest.approx(sizes[losses.argmin()], rel=1e-2) == best.N
    # With data to spare it is the plain optimum; with little, epochs go up and N goes down.
    assert pytest.approx(law.law.optimal(C).N, rel=1e-3) == law.optimal(C, 1e13).N
    assert best.D > U
    assert best.N < law.law.optimal(C).N


# ---- transfer, broken laws, other domains -------------------------------------------------


def test_transfer_by_hand():
    law = laws.TransferLaw(k=2.0, alpha=0.5, beta=1.0)
    assert law.transferred_data(9.0, 5.0) == 30.0
    assert law.multiplier(9.0, 5.0) == pytest.approx(1 + 30 / 9)


def test_hernandez_figure_1_says_more_than_the_law():
    assert laws.HERNANDEZ_TEXT.multiplier(3e5, 40e6) == pytest.approx(475.6, abs=0.1)


def test_broken_law_without_breaks_is_a_power_law():
    x = np.logspace(0, 6, 7)
    plain = laws.PowerLaw.from_coefficient(3.0, 0.4, 0.5).loss(x)
    np.testing.assert_allclose(laws.BrokenPowerLaw(0.5, 3.0, 0.4).loss(x), plain)


def test_broken_law_by_the_printed_formula():
    law = laws.BrokenPowerLaw(0.2, 5.0, 0.1, (laws.Break(0.3, 1e3, 0.5), laws.Break(-0.2, 1e5, 2)))
    x = np.logspace(0, 8, 9)
    printed = 5.0 * x**-0.1 * (1 + (x / 1e3) ** 2) ** (-0.3 * 0.5) * (1 + (x / 1e5) ** 0.5) ** 0.4
    np.testing.assert_allclose(law.loss(x), 0.2 + printed, rtol=1e-12)


def test_sharp_breaks_give_piecewise_power_laws():
    law = laws.BrokenPowerLaw(0, 1.0, 0.1, (laws.Break(0.3, 1e3, 1e-4), laws.Break(0.2, 1e6, 1e-4)))
    np.testing.assert_allclose(law.slope([10.0, 1e5, 1e9]), [-0.1, -0.4, -0.6], atol=1e-12)
    assert law.loss(1e9) == pytest.approx(1e3**-0.1 * 1e3**-0.4 * 1e3**-0.6)


@given(st.floats(1.0, 1e8))
def test_slope_of_a_broken_law_is_its_derivative(x):
    law = laws.BrokenPowerLaw(0.7, 2.0, 0.1, (laws.Break(0.3, 1e3, 0.4),))
    step = 1e-5
    rise = np.log(law.loss(x * (1 + step)) - 0.7) - np.log(law.loss(x * (1 - step)) - 0.7)
    numeric = rise / (np.log1p(step) - np.log1p(-step))
    assert law.slope(x) == pytest.approx(numeric, abs=1e-4)


def test_language_row_of_henighan_is_gpt3s_law():
    C = np.logspace(-4, 4, 9)
    language = laws.get("henighan-language").compute
    np.testing.assert_allclose(language.loss(C), laws.GPT3.loss(C), rtol=1e-3)


def test_henighan_rows_without_a_compute_law():
    for domain in ("im-to-text-text", "text-to-im-text"):
        assert laws.HENIGHAN[domain].compute is None
        assert laws.HENIGHAN[domain].allocation is None
        assert laws.HENIGHAN[domain].size.offset == 0


def test_allocation_trend_of_henighan_in_its_printed_form():
    # N_opt = (C / C_0)^b with C_0 = 1.6e-13 PF-days and b = 0.65 for 32x32 images.
    trend = laws.HENIGHAN["image-32x32"].allocation
    assert trend.at(1e-2) == pytest.approx((1e-2 / 1.6e-13) ** 0.65)


def test_total_parameters_has_the_cube_root_of_the_shape():
    # 12 layers of width 768 and GPT-2's vocabulary.
    width, depth, vocabulary = 768, 12, 50257
    N = 12 * depth * width**2
    gamma = laws.embedding_coefficient(vocabulary, width / depth)
    assert laws.total_parameters(N, gamma) == pytest.approx(N + vocabulary * width)
