"""Double descent in linear regression: exact means by hand, limits, and the cure."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_utils.laws.regression import least_squares_excess, ridge_excess


def test_one_feature_by_hand():
    """With one feature the excess is noise times the mean of 1 / chi^2(D), which is 1 / (D - 2)."""
    assert least_squares_excess([3, 10, 102], 1, noise=0.5) == pytest.approx([0.5, 1 / 16, 0.005])


def test_one_example_by_hand():
    """One direction of N is seen. Noise over a chi^2(N) has the mean 1 / (N - 2)."""
    found = least_squares_excess(1, [3, 12], signal=2, noise=0.5)
    assert found == pytest.approx([2 * 2 / 3 + 0.5, 2 * 11 / 12 + 0.05])


def test_noiseless_least_squares_sees_a_share_of_the_signal_and_then_all():
    assert least_squares_excess([25, 75, 200], 100, 4, 0) == pytest.approx([3, 1, 0])


def test_it_is_what_least_squares_does():
    rng, N, D = np.random.default_rng(0), 12, 5
    w = np.full(N, N**-0.5)
    found = []
    for _ in range(4000):
        X = rng.standard_normal((D, N))
        y = X @ w + 0.5 * rng.standard_normal(D)
        found.append(np.sum((np.linalg.lstsq(X, y, rcond=None)[0] - w) ** 2))
    error = np.std(found) / len(found) ** 0.5
    assert abs(np.mean(found) - least_squares_excess(D, N, noise=0.25)) < 4 * error


def test_ridge_in_the_limit_is_the_trace_over_the_spectrum():
    """Excess of the best ridge: noise times the trace of (X'X + penalty)^-1, for Gaussian w."""
    N, D, signal, noise = 600, 900, 2.0, 0.5
    X = np.random.default_rng(1).standard_normal((D, N))
    exact = noise * np.sum(1 / (np.linalg.eigvalsh(X.T @ X) + noise * N / signal))
    assert ridge_excess(D, N, signal, noise) == pytest.approx(exact, rel=0.01)


@given(st.floats(1, 1e4), st.floats(1.01, 10), st.floats(0.01, 10), st.floats(0.01, 10))
def test_with_the_best_penalty_more_examples_never_hurt(D, more, signal, noise):
    before, after = ridge_excess([D, D * more], 100, signal, noise)
    assert after <= before * (1 + 1e-6)
    assert before <= signal * (1 + 1e-6)


@pytest.mark.parametrize("D", [99, 100, 101])
def test_at_the_peak_there_is_no_mean(D):
    with pytest.raises(ValueError, match="differ by more than one"):
        least_squares_excess(D, 100)


@pytest.mark.parametrize("bad", [{"D": 0}, {"N": -1}, {"noise": -1}, {"signal": np.nan}])
@pytest.mark.parametrize("law", [least_squares_excess, ridge_excess])
def test_bad_arguments_are_refused(law, bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        law(**{"D": 10, "N": 3} | bad)
