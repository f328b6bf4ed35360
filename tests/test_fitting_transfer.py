"""Effective data by hand, the transfer law on exact cells, and what cannot be fitted."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_utils import laws
from scaling_utils.fitting import FitError
from scaling_utils.fitting.transfer import effective_data, fit_transfer

D = np.array([100.0, 1000.0, 10_000.0])
LOSS = np.array([3.0, 2.0, 1.5])


def test_by_hand():
    # Half-way between 2 and 3 is half-way between log 100 and log 1000.
    assert effective_data(D, LOSS, 2.5) == pytest.approx(100 * math.sqrt(10))
    np.testing.assert_allclose(effective_data(D, LOSS, LOSS), D)
    assert effective_data(D, LOSS, 1.6) == pytest.approx(1000 * 10**0.8)


def test_nothing_is_extrapolated():
    assert effective_data(D, LOSS, 1.49) == math.inf
    assert effective_data(D, LOSS, 3.01) == 0


def test_a_bump_counts_with_the_lower_loss_before_it():
    bumpy = np.array([3.0, 2.0, 2.2, 1.0])
    sizes = np.array([1.0, 10.0, 100.0, 1000.0])
    assert effective_data(sizes, bumpy, 2.1) == pytest.approx(10**0.9)
    # 100 has the loss of 10, so the next fall runs from 10 to 1000.
    assert effective_data(sizes, bumpy, 1.5) == pytest.approx(100.0)


@given(st.permutations(range(3)), st.floats(1.5, 3.0))
def test_the_order_of_the_runs_does_not_matter(order, reached):
    order = list(order)
    assert effective_data(D[order], LOSS[order], reached) == effective_data(D, LOSS, reached)


@given(st.floats(0.01, 100.0), st.floats(1.5, 3.0))
def test_another_unit_of_data_only_rescales(unit, reached):
    same = effective_data(D * unit, LOSS, reached) / unit
    assert same == pytest.approx(effective_data(D, LOSS, reached), rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((D, LOSS[:2], 2.0), "must have the same length"),
        ((D[:1], LOSS[:1], 2.0), "at least two sizes"),
        (([1.0, 1.0], [2.0, 3.0], 2.0), "all different"),
        (([1.0, 0.0], [2.0, 3.0], 2.0), "D must be positive"),
        ((D, [1.0, 2.0, np.nan], 2.0), "loss must be finite"),
        ((D, LOSS, np.inf), "reached must be finite"),
        (([], [], 2.0), "D must hold at least one value"),
    ],
)
def test_bad_curves_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        effective_data(*arguments)


def cells():
    D_F, N = (grid.ravel() for grid in np.meshgrid([1e5, 1e6, 1e7], [1e6, 1e8]))
    return D_F, N


def test_exact_cells_give_the_law_back():
    D_F, N = cells()
    law = laws.HERNANDEZ_TEXT
    fit = fit_transfer(D_F, N, law.transferred_data(D_F, N))
    assert (fit.alpha, fit.beta) == pytest.approx((law.alpha, law.beta))
    assert fit.k == pytest.approx(law.k, rel=1e-6)
    assert fit.scatter < 1e-9
    assert fit.predict(2e6, 3e7) == pytest.approx(law.transferred_data(2e6, 3e7))


def test_the_scatter_is_in_decades():
    D_F, N = cells()
    # Up and down by a factor of ten, in a pattern that no law of this form can follow.
    sign = np.array([1, -2, 1, -1, 2, -1]) / 2
    fit = fit_transfer(D_F, N, D_F**0.5 * 10**sign)
    assert fit.alpha == pytest.approx(0.5)
    assert fit.scatter == pytest.approx(math.sqrt((sign**2).mean()))


def test_an_exponent_may_be_negative():
    D_F, N = cells()
    assert fit_transfer(D_F, N, 3.0 * D_F**-0.2 * N**0.1).alpha == pytest.approx(-0.2)


def test_cells_that_cannot_tell_the_exponents_apart_are_refused():
    with pytest.raises(FitError, match="cannot fix"):
        fit_transfer([1.0, 2.0, 4.0], [7.0, 7.0, 7.0], [1.0, 2.0, 3.0])
    with pytest.raises(FitError, match="cannot fix"):
        fit_transfer([1.0, 2.0], [1.0, 2.0], [1.0, 2.0])
    with pytest.raises(FitError, match="cannot fix"):  # N in step with D_F
        fit_transfer([1.0, 2.0, 4.0], [3.0, 6.0, 12.0], [1.0, 2.0, 3.0])


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_bad_cells_are_named(place, bad):
    columns = [[1.0, 2.0, 4.0], [1.0, 3.0, 3.0], [1.0, 2.0, 3.0]]
    columns[place][1] = bad
    with pytest.raises(ValueError, match=("D_F", "N", "D_T")[place] + " must be"):
        fit_transfer(*columns)
