"""The two-way interaction: zero for additive tables, known ones by hand, bad input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_utils import laws
from scaling_utils.fitting import interaction, null_shares

SIZES, LENGTHS = np.geomspace(1e3, 1e6, 5), np.geomspace(1e5, 1e8, 4)
N, D = (grid.ravel() for grid in np.meshgrid(SIZES, LENGTHS, indexing="ij"))


def test_an_additive_law_has_none():
    split = interaction(N, D, laws.CHINCHILLA.loss(N, D))
    assert split.share < 1e-25
    assert split.size_share + split.data_share == pytest.approx(1.0)


def test_a_product_has_none_in_its_logarithm():
    loss = 3 * N**-0.1 * D**-0.05
    assert interaction(N, D, np.log(loss)).share < 1e-25
    assert interaction(N, D, loss).share > 1e-3


def test_a_table_by_hand():
    """1 2 / 3 8: mean 3.5, rows -2 and 2, columns -1.5 and 1.5, the rest +-1."""
    split = interaction([1, 1, 2, 2], [10, 20, 10, 20], [1.0, 2.0, 3.0, 8.0])
    np.testing.assert_allclose(split.residuals, [[1, -1], [-1, 1]])
    total = 4 + 2.25 + 1
    assert split.size_share == pytest.approx(4 / total)
    assert split.data_share == pytest.approx(2.25 / total)
    assert split.share == pytest.approx(1 / total)
    assert split.rms == pytest.approx(1.0)


def test_the_residuals_are_those_of_least_squares_on_dummies():
    values = np.random.default_rng(0).normal(size=N.size)
    dummies = np.hstack([N[:, None] == SIZES, D[:, None] == LENGTHS]).astype(float)
    fitted = dummies @ np.linalg.lstsq(dummies, values, rcond=None)[0]
    np.testing.assert_allclose(
        interaction(N, D, values).residuals.ravel(), values - fitted, atol=1e-12
    )


@given(seed=st.integers(0, 1000), scale=st.floats(0.1, 10), shift=st.floats(-5, 5))
def test_shares_add_up_and_forget_order_scale_and_shift(seed, scale, shift):
    rng = np.random.default_rng(seed)
    values, order = rng.normal(size=N.size), rng.permutation(N.size)
    here = interaction(N, D, values)
    there = interaction(N[order], D[order], (scale * values + shift)[order])
    assert here.size_share + here.data_share + here.share == pytest.approx(1.0)
    assert there.share == pytest.approx(here.share)


def test_noise_alone_gives_the_share_that_it_says():
    table = laws.CHINCHILLA.loss(N, D)
    rng, se = np.random.default_rng(1), 0.01
    found = [interaction(N, D, table + se * rng.normal(size=N.size)).share for _ in range(2000)]
    assert np.mean(found) == pytest.approx(interaction(N, D, table).share_from_noise(se), rel=0.05)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan])
def test_refuses_a_bad_error(bad):
    with pytest.raises(ValueError, match="se must be"):
        interaction(N, D, N).share_from_noise(bad)


VALUES = laws.CHINCHILLA.loss(N, D)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((N[1:], D[1:], VALUES[1:]), "complete table.*got 0 at N = 1000, D = 100000"),
        ((np.append(N, N[0]), np.append(D, D[0]), np.append(VALUES, 1)), "got 2 at"),
        ((N[:4], D[:4], VALUES[:4]), "N must take at least 2"),
        ((D[:4], N[:4], VALUES[:4]), "D must take at least 2"),
        ((N, D, np.full(N.size, 2.0)), "values must vary"),
        ((N, D, VALUES[1:]), "same length"),
        ((N, D, np.append(VALUES[1:], np.nan)), "values must be finite"),
        ((N, D, np.append(VALUES[1:], np.inf)), "values must be finite"),
        ((-N, D, VALUES), "N must be positive"),
        ((N, 0 * D, VALUES), "D must be positive"),
        (([], [], []), "at least one value"),
        ((N[None], D, VALUES), "dimension"),
    ],
)
def test_refuses_bad_tables(arguments, message):
    with pytest.raises(ValueError, match=message):
        interaction(*arguments)


def test_refuses_text():
    with pytest.raises(TypeError, match="values must be numeric"):
        interaction(N, D, ["a"] * N.size)


def test_null_shares_are_those_of_the_noisy_additive_table():
    split = interaction(N, D, laws.KAPLAN_JOINT.loss(N, D))
    drawn = null_shares(split, 0.01, np.random.default_rng(3), draws=2)
    rng, additive = np.random.default_rng(3), split.values - split.residuals
    by_hand = [
        interaction(N, D, (additive + 0.01 * rng.standard_normal(additive.shape)).ravel()).share
        for _ in range(2)
    ]
    assert drawn == pytest.approx(by_hand)


def test_null_shares_have_the_mean_that_noise_gives():
    split = interaction(N, D, laws.CHINCHILLA.loss(N, D))
    drawn = null_shares(split, 0.05, np.random.default_rng(0))
    assert drawn.mean() == pytest.approx(split.share_from_noise(0.05), rel=0.05)


@pytest.mark.parametrize(("se", "draws"), [(0.0, 10), (0.1, 0), (np.ones((2, 2)), 10)])
def test_null_shares_of_bad_arguments_are_refused(se, draws):
    with pytest.raises(ValueError, match=r"se|draws|broadcast"):
        null_shares(
            interaction(N, D, laws.CHINCHILLA.loss(N, D)), se, np.random.default_rng(0), draws
        )
