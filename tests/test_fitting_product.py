"""A power law in several variables: published rules, exact recovery, what holds and what ties."""

import numpy as np
import pytest

from scaling_utils import laws
from scaling_utils.fitting import FitError, Product, fit_product, fit_transfer

RNG = np.random.default_rng(5)
N, D = np.exp(RNG.uniform(np.log([[6e7], [2e9]]), np.log([[1e9], [1e11]]), (2, 40)))
RATE = laws.STEP_LAW.learning_rate(N, D)


def noisy(seed=0, spread=0.1):
    return RATE * np.exp(spread * np.random.default_rng(seed).normal(size=N.size))


def test_the_published_learning_rate_in_size_and_data_is_recovered():
    """Li et al. (2025): 1.79 N^-0.713 D^0.307."""
    fit = fit_product({"N": N, "D": D}, RATE)
    assert fit.k == pytest.approx(1.79, rel=1e-12)
    assert fit.exponents == pytest.approx({"N": -0.713, "D": 0.307}, rel=1e-12)
    assert fit.predict(1e9, 1e11) == pytest.approx(laws.STEP_LAW.learning_rate(1e9, 1e11))
    assert fit.converged
    assert fit.report.trusted


def test_tied_exponents_give_the_published_rule_in_compute():
    """DeepSeek-AI (2024): 0.3118 C^-0.1250, here with C = 6 N D."""
    rate = laws.DEEPSEEK.learning_rate.at(6 * N * D)
    fit = fit_product({"N": N, "D": D}, rate, tie=("N_exponent", "D_exponent"))
    assert fit.exponents == pytest.approx({"N": -0.125, "D": -0.125}, rel=1e-10)
    assert fit.k == pytest.approx(0.3118 * 6**-0.125, rel=1e-10)


def test_three_variables_and_constants_held():
    batch = np.exp(RNG.uniform(0, 4, N.size))
    y = 2.0 * N**-0.5 * D**0.25 * batch**0.5
    x = {"N": N, "D": D, "B": batch}
    assert fit_product(x, y).exponents == pytest.approx({"N": -0.5, "D": 0.25, "B": 0.5})
    held = fit_product(x, y, fixed={"k": 2.0, "B_exponent": 0.5})
    assert held.k == pytest.approx(2.0, rel=1e-13)
    assert held.exponents == pytest.approx({"N": -0.5, "D": 0.25, "B": 0.5})


def test_least_squares_is_the_normal_equations_and_weights_count_rows():
    y = noisy()
    design = np.column_stack([np.ones(N.size), np.log(N), np.log(D)])
    weights = RNG.integers(1, 4, N.size).astype(float)
    root = np.sqrt(weights)
    for w, scale in ((None, np.ones(N.size)), (weights, root)):
        by_hand = np.linalg.lstsq(design * scale[:, None], np.log(y) * scale, rcond=None)[0]
        fit = fit_product({"N": N, "D": D}, y, weights=w)
        assert list(fit.quantities.values()) == pytest.approx([np.exp(by_hand[0]), *by_hand[1:]])
    repeated = [np.repeat(v, weights.astype(int)) for v in (N, D, y)]
    again = fit_product({"N": repeated[0], "D": repeated[1]}, repeated[2])
    assert again.quantities == pytest.approx(fit.quantities)


def test_a_huber_loss_shrugs_off_a_wrong_row_and_the_report_names_it():
    y = RATE.copy()
    y[3] *= 3
    robust = fit_product({"N": N, "D": D}, y, delta=1e-3)
    assert robust.exponents == pytest.approx({"N": -0.713, "D": 0.307}, abs=1e-4)
    assert robust.report.far == (3,)
    assert fit_product({"N": N, "D": D}, y).report.far == (3,)


def test_wrong_rows_that_pull_the_plane_to_themselves_are_all_named():
    largest = np.argsort(N)[-5:]
    y = RATE.copy()
    y[largest] *= 2
    fit = fit_product({"N": N, "D": D}, y)
    assert fit.exponents["N"] > -0.6  # pulled
    assert fit.report.far == tuple(sorted(largest.tolist()))
    assert fit.report.without_far.exponents == pytest.approx({"N": -0.713, "D": 0.307})


def test_the_spread_of_resamples_is_the_sandwich_of_least_squares():
    """(X'X)^-1 X' diag(r^2) X (X'X)^-1: Davison and Hinkley (1997), Sec. 6.2.4."""
    y = noisy()
    design = np.column_stack([np.ones(N.size), np.log(N), np.log(D)])
    fit = fit_product({"N": N, "D": D}, y)
    bread = np.linalg.inv(design.T @ design)
    variance = bread @ (design.T * fit.residuals**2) @ design @ bread
    found = fit.resample(n=2000)
    for k, name in ((1, "N_exponent"), (2, "D_exponent")):
        assert found.se(name) == pytest.approx(np.sqrt(variance[k, k]), rel=0.1)
    far = np.array([1, np.log(1e10), np.log(1e12)])
    predicted = found.se(lambda law: np.log(law.at(1e10, 1e12)))
    assert predicted == pytest.approx(np.sqrt(far @ variance @ far), rel=0.1)


def test_the_transfer_law_is_this_law_of_two_variables():
    y = noisy()
    theirs = fit_transfer(D, N, y)
    fit = fit_product({"D": D, "N": N}, y)
    assert fit.quantities == pytest.approx(
        dict(zip(fit.names, theirs.quantities.values(), strict=True))
    )


def test_what_is_refused():
    with pytest.raises(FitError, match="moves with the others"):
        fit_product({"N": N, "C": N**2}, RATE)
    with pytest.raises(TypeError, match=r"^x must map names"):
        fit_product(N, RATE)
    with pytest.raises(ValueError, match="none of them 'y'"):
        fit_product({"y": N}, RATE)
    with pytest.raises(ValueError, match="same length"):
        fit_product({"N": N[1:], "D": D}, RATE)
    with pytest.raises(ValueError, match="fixed must name constants"):
        fit_product({"N": N}, RATE, fixed={"alpha": 0.3})
    with pytest.raises(TypeError, match="at takes N, D"):
        Product(1.0, {"N": 1.0, "D": 1.0}).at(1.0)
    with pytest.raises(ValueError, match="D must be positive"):
        fit_product({"N": N, "D": -D}, RATE)
