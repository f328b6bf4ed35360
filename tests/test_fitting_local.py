"""Local exponents and interaction contrasts, against laws whose answers are known exactly."""

from __future__ import annotations

import numpy as np
import pytest

from scaling_utils.fitting import contrasts, interaction, local_exponents
from scaling_utils.laws import CoupledLaw, ParametricLaw

N, D = np.geomspace(1e3, 1e6, 7), 2.0 ** np.arange(17, 23)
ADDITIVE = ParametricLaw(E=1.5, A=30, B=40, alpha=0.6, beta=0.45)


def coupled(q):
    return CoupledLaw(E=1.5, A=30, B=40, alpha=0.6, beta=0.45, q=q).loss(N[:, None], D)


@pytest.mark.parametrize("apart", [1, 2, 3])
def test_an_additive_law_has_one_exponent_along_each_axis(apart):
    L = ADDITIVE.loss(N[:, None], D)
    of_size = local_exponents(N, L, apart)
    assert of_size.shape == (7 - 2 * apart, 6)
    assert of_size == pytest.approx(np.full_like(of_size, 0.6), abs=1e-6)
    of_data = local_exponents(D, L.T)
    assert of_data == pytest.approx(np.full_like(of_data, 0.45), abs=1e-6)


def test_three_points_by_hand():
    # 1 + 8 / x at 1, 2, 8: 9, 5, 2; and 3 + 1 / x^2 at 1, 2, 3 is 4, 3.25, 3 + 1/9.
    assert local_exponents([1, 2, 8], [9, 5, 2]) == pytest.approx([1])
    assert local_exponents([1, 2, 3], [4, 3.25, 3 + 1 / 9]) == pytest.approx([2])


def test_where_three_points_fix_no_exponent():
    assert np.isnan(local_exponents([1, 2, 4], [3, 2, 2.5])).all()  # it rises
    assert np.isnan(local_exponents([1, 2, 4], [3, 2, 0.5])).all()  # it falls faster and faster
    assert np.isnan(local_exponents([1, 2, 4], [3, np.nan, 1])).all()


def test_contrasts_by_hand():
    values = [[5.0, 4, 3], [3, 1, 0], [2, 0, np.nan]]
    assert contrasts(values).tolist()[0] == [5 + 1 - 3 - 4, 4 + 0 - 1 - 3]
    assert contrasts(values)[1, 0] == 3 + 0 - 2 - 1
    assert np.isnan(contrasts(values)[1, 1])
    assert contrasts(values, rows=2)[0, 0] == 5 + 0 - 2 - 4


def test_the_sign_tells_the_coupling_and_an_additive_law_has_none():
    assert np.abs(contrasts(ADDITIVE.loss(N[:, None], D))).max() < 1e-12
    assert (contrasts(coupled(2.0), 2, 2) < 0).all()
    assert (contrasts(coupled(0.7), 2, 2) > 0).all()


def test_the_contrast_of_the_corners_is_that_of_the_interaction():
    L = coupled(1.4)
    found = interaction(np.repeat(N, 6), np.tile(D, 7), L.ravel()).residuals
    corners = found[0, 0] + found[-1, -1] - found[0, -1] - found[-1, 0]
    assert contrasts(L, 6, 5).item() == pytest.approx(corners, rel=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: local_exponents([1, 2, 2], [3, 2, 1]), "x must rise"),
        (lambda: local_exponents([1, 2], [3, 2]), "x must hold more than 2 points, got 2"),
        (lambda: local_exponents([1, 2, 4], [3, 2]), "y must have 3 rows like x"),
        (lambda: local_exponents([1, 2, 4], [3, 2, 1], apart=0), "apart"),
        (lambda: contrasts([[1, 2, 3]]), "values must have more than 1 rows"),
        (lambda: contrasts([1, 2, 3]), "values must have more than 1 rows"),
    ],
)
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
