"""Ranges of inputs, and the shares of variance that they have."""

import numpy as np
import pytest

from scaling_utils.planning import Range, first_order, mfu_range, tornado
from scaling_utils.planning.ranges import KINDS, as_range
from scaling_utils.planning.shares import hypercube


@pytest.mark.parametrize("kind", KINDS)
def test_quantiles_are_met_exactly(kind):
    known = Range(2.0, 3.0, 7.0, kind=kind)
    assert known.quantile([0.1, 0.5, 0.9]) == pytest.approx([2, 3, 7], rel=1e-12)
    draws = known.quantile(np.random.default_rng(0).uniform(size=200_000))
    assert np.quantile(draws, [0.1, 0.5, 0.9]) == pytest.approx([2, 3, 7], rel=0.01)
    assert (np.diff(known.quantile(np.linspace(0.001, 0.999, 999))) >= 0).all()


def test_a_lognormal_range_is_lognormal():
    # 10 and 90 % of exp(z) lie 1.2816 standard deviations from its median.
    known = Range(np.exp(-1.2815515655446004), 1.0, np.exp(1.2815515655446004))
    assert known.quantile([0.025, 0.975]) == pytest.approx(
        np.exp([-1.959963984540054, 1.959963984540054])
    )


def test_bounds_hold_in_the_tails():
    pue = Range(1.05, 1.2, 1.6, above=1.0).quantile(np.linspace(1e-9, 1 - 1e-9, 1001))
    assert pue.min() > 1
    mfu = Range(0.5, 0.8, 0.95, at_most=1.0).quantile(np.linspace(1e-9, 1 - 1e-9, 1001))
    assert mfu.max() == 1.0
    flat = Range(0.1, 5.0, 9.0, kind="uniform").quantile(np.linspace(1e-9, 1 - 1e-9, 1001))
    assert flat.min() > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((3, 2, 4), "must rise"),
        ((-1, 2, 4), "must lie above 0"),
        ((1, float("nan"), 4), "middle must be finite"),
    ],
)
def test_a_range_that_is_none_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        Range(*arguments)


def test_what_callers_give_becomes_a_range():
    assert as_range("x", 2, "W").fixed
    two = as_range("x", (1.0, 4.0), "W")
    assert (two.low, two.middle, two.high, two.unit) == (1.0, 2.0, 4.0, "W")
    assert as_range("x", [1, 3, 4], "W").middle == 3
    for bad in (0, -1, (0, 1, 2), (3, 2, 1)):
        with pytest.raises(ValueError, match="x"):
            as_range("x", bad, "W")
    for bad in ("2", (1, 2, 3, 4), None):
        with pytest.raises(TypeError, match="x must be"):
            as_range("x", bad, "W")


def test_the_default_mfu_comes_from_the_table():
    found = mfu_range()
    assert 0.15 < found.low < found.middle < found.high < 0.5
    assert "published runs" in found.source


def test_a_hypercube_has_one_point_in_each_stratum(rng):
    levels = hypercube(rng, 500, 3)
    for column in levels.T:
        assert sorted((column * 500).astype(int)) == list(range(500))


def _product(levels):
    normal = Range(np.exp(-1.2815515655446004), 1.0, np.exp(1.2815515655446004))
    a, b, c = (normal.quantile(u) ** p for u, p in zip(levels.T, (1.0, 2.0, 0.0), strict=True))
    return {"product": a * b * c, "fixed": np.ones(len(levels))}


def test_shares_of_a_product_follow_from_its_powers():
    # log(a b^2) has the variance 1 + 4: shares 1/5 and 4/5, by hand.
    shares = first_order(_product, ["a", "b", "c"], draws=2000, seed=0)
    assert set(shares) == {"product"}
    assert shares["product"]["a"] == pytest.approx(0.2, abs=0.03)
    assert shares["product"]["b"] == pytest.approx(0.8, abs=0.03)
    assert shares["product"]["c"] == pytest.approx(0.0, abs=0.01)
    assert shares == first_order(_product, ["a", "b", "c"], draws=2000, seed=0)


def test_shares_of_an_interaction_agree_with_scipy():
    stats = pytest.importorskip("scipy.stats")

    def ishigami(u):
        x = np.pi * (2 * u - 1)
        return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])

    ours = first_order(lambda u: {"y": ishigami(u)}, ["a", "b", "c"], draws=16384, seed=1)["y"]
    exact = {"a": 0.3139, "b": 0.4424, "c": 0.0}  # Ishigami and Homma (1990), in closed form
    theirs = stats.sobol_indices(
        func=lambda x: ishigami(x.T), n=16384, dists=[stats.uniform(0, 1)] * 3, rng=1
    ).first_order
    for name, index in zip(exact, theirs, strict=True):
        assert ours[name] == pytest.approx(exact[name], abs=0.02)
        assert ours[name] == pytest.approx(float(np.ravel(index)[0]), abs=0.02)


def test_a_tornado_moves_one_input_at_a_time():
    swings = tornado(_product, ["a", "b", "c"])
    assert set(swings) == {"product"}
    assert set(swings["product"]) == {"a", "b"}
    low, high = swings["product"]["b"]
    assert np.log(high) == pytest.approx(2 * 1.2815515655446004)
    assert np.log(low) == pytest.approx(-2 * 1.2815515655446004)
