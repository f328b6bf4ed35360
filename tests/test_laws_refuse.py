"""What the laws refuse, and the words they refuse it with."""

import numpy as np
import pytest

from scaling_utils import laws

PLAIN = laws.ParametricLaw(E=1.0, A=4.0, B=9.0, alpha=0.5, beta=0.5)

# ---- bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf, [1.0, np.nan], []])
@pytest.mark.parametrize(
    "call",
    [
        lambda bad: laws.CHINCHILLA.loss(bad, 1e9),
        lambda bad: laws.CHINCHILLA.loss(1e9, bad),
        lambda bad: laws.CHINCHILLA.optimal(bad),
        lambda bad: laws.CHINCHILLA.optimal_for_size(bad),
        lambda bad: laws.CHINCHILLA.optimal_for_tokens(bad),
        lambda bad: laws.CHINCHILLA.tokens_for_loss(bad, 3.0),
        lambda bad: laws.CHINCHILLA.budget_for_loss(bad),
        lambda bad: laws.KAPLAN_SIZE.loss(bad),
        lambda bad: laws.KAPLAN_SIZE.x_for_loss(bad),
        lambda bad: laws.KAPLAN_JOINT.loss(bad, 1e9),
        lambda bad: laws.KAPLAN_STEPS.loss(1e9, bad),
        lambda bad: laws.KAPLAN_ALLOCATION.optimal(bad),
        lambda bad: laws.KAPLAN_CRITICAL_BATCH.tokens(bad),
        lambda bad: laws.kaplan_learning_rate(bad),
        lambda bad: laws.MUENNIGHOFF.loss(1e9, bad, 1e9),
        lambda bad: laws.MUENNIGHOFF.loss(1e9, 1e9, bad),
        lambda bad: laws.HERNANDEZ_TEXT.multiplier(bad, 1e8),
        lambda bad: laws.STEP_LAW.learning_rate(1e9, bad),
        lambda bad: laws.total_parameters(bad, 1.0),
        lambda bad: laws.batch.steps(1e3, bad, 1e6),
        lambda bad: laws.BrokenPowerLaw(0, 1, 1).loss(bad),
    ],
)
def test_sizes_tokens_and_budgets_must_be_positive_and_finite(call, bad):
    with pytest.raises(ValueError, match=r"must be (positive|finite)|at least one value"):
        call(bad)


def test_shapes_that_do_not_broadcast_are_refused():
    with pytest.raises(ValueError, match="broadcast"):
        laws.CHINCHILLA.loss([1e9, 2e9], [1e9, 2e9, 3e9])


def test_text_is_refused():
    with pytest.raises(TypeError, match="N must be numeric"):
        laws.CHINCHILLA.loss("seven billion", 1e9)


@pytest.mark.parametrize("field", ["E", "A", "B", "alpha", "beta"])
@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_coefficients_are_checked(field, bad):
    values = {"E": 1.7, "A": 400.0, "B": 400.0, "alpha": 0.3, "beta": 0.3, field: bad}
    with pytest.raises(ValueError, match=f"{field} must be"):
        laws.ParametricLaw(**values)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: laws.ParametricLaw(1, 0, 1, 1, 1), "A must be above 0"),
        (lambda: laws.PowerLaw(0, 1), "x_c must be above 0"),
        (lambda: laws.PowerLaw(1, -1), "alpha must be above 0"),
        (lambda: laws.PowerLaw(1, 1, -0.1), "offset must be at least 0"),
        (lambda: laws.PowerLaw.from_coefficient(-2, 1), "coefficient must be above 0"),
        (lambda: laws.Trend(0, 1), "coefficient must be above 0"),
        (lambda: laws.KaplanJoint(1, 1, 0, 1), "D_c must be above 0"),
        (lambda: laws.KaplanSteps(1, 1, 1, 0), "alpha_S must be above 0"),
        (lambda: laws.CriticalBatch(1, 0), "alpha_B must be above 0"),
        (lambda: laws.DataConstrainedLaw(PLAIN, 0, 1), "R_D_star must be above 0"),
        (lambda: laws.TransferLaw(1, 0, 1), "alpha must be above 0"),
        (lambda: laws.Break(1, 0, 1), "d must be above 0"),
        (lambda: laws.BrokenPowerLaw(0, 0, 1), "b must be above 0"),
        (lambda: laws.CHINCHILLA.optimal_with_size_limit(1e20, 0), "N_max must be above 0"),
        (lambda: laws.CHINCHILLA.optimal_with_inference(2.2, -1), "inference_tokens must be at"),
        (lambda: laws.compute_exponent(0, 1, 1), "alpha_N must be above 0"),
        (lambda: laws.embedding_coefficient(0, 1), "vocabulary must be above 0"),
        (lambda: laws.kaplan_learning_rate(2e10), "breaks down above 1e10"),
        (lambda: laws.KAPLAN_JOINT.tokens_for_overfitting(1e9, 0), "overfitting must be above 0"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
