"""A smooth surface against laws whose optimum is known in closed form."""

import numpy as np
import pytest

from scaling_utils.fitting import fit_surface
from scaling_utils.laws import ParametricLaw

N, D = (
    grid.ravel() for grid in np.meshgrid(np.geomspace(1e6, 1e9, 13), np.geomspace(1e8, 1e11, 13))
)


def test_a_power_law_in_both_is_a_plane():
    """ln excess = ln 3 - 0.3 ln N - 0.2 ln D has degree 1, and any degree holds it."""
    for degree in (1, 4):
        plane = fit_surface(N, D, 3 * N**-0.3 * D**-0.2, degree=degree)
        assert plane.misses < 1e-12
        assert plane.excess(2e7, 5e9) == pytest.approx(3 * 2e7**-0.3 * 5e9**-0.2)
        assert plane.excess(N[:3], D[:3]).shape == (3,)


def test_on_an_additive_law_it_has_the_laws_optimum():
    law = ParametricLaw(E=1.7, A=400.0, B=400.0, alpha=0.34, beta=0.28)
    surface = fit_surface(N, D, law.loss(N, D) - law.E)
    C = np.geomspace(1e17, 1e19, 5)
    for budget in C:
        assert surface.best_size(budget) == pytest.approx(law.optimal(budget).N, rel=0.05)
    assert surface.exponent(C) == pytest.approx(law.a, abs=0.01)


def test_it_misses_noise_by_as_much_as_the_noise():
    rng = np.random.default_rng(5)
    noisy = N**-0.3 * np.exp(0.02 * rng.standard_normal(len(N)))
    assert fit_surface(N, D, noisy, degree=2).misses == pytest.approx(0.02, rel=0.15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit_surface(N, D, N * 0), "excess must"),
        (lambda: fit_surface(N, D[:-1], N), "same"),
        (lambda: fit_surface(N[::13][:3], D[::13][:3], N[:3]), "must take more than 5 values"),
        (lambda: fit_surface(N, N, N, degree=2), "fix 3 coefficients"),
        (lambda: fit_surface(N, D, N, degree=0), "degree"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_no_optimum_inside_is_an_error():
    falls = fit_surface(N, D, N**-0.3 * D**-0.2, degree=1)
    with pytest.raises(ValueError, match=r"from 6e\+14 to 6e\+20 FLOPs .* got 1e\+18"):
        falls.best_size(1e18)
    with pytest.raises(ValueError, match=r"got 1e\+25"):
        falls.best_size(1e25)
    with pytest.raises(ValueError, match="at least 2 budgets, got 1"):
        falls.exponent([1e18])
