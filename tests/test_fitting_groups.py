"""Resamples of whole groups: what is drawn, and the interval that follows."""

import numpy as np
import pytest

from scaling_utils.fitting import bootstrap, fit_power_law
from scaling_utils.fitting._draws import Groups, LeftOut

GROUPS = np.array([3.0, 3.0, 1.0, 7.0, 7.0, 7.0])


def drawn(by=GROUPS, n=20, seed=0, parameters=2):
    """Return how often each row is drawn, (n, rows)."""
    return Groups(seed, n, np.asarray(by), parameters).weights(slice(0, n))


def test_groups_come_whole_and_as_many_as_there_are():
    for counts in drawn(n=50):
        assert counts[0] == counts[1]
        assert counts[3] == counts[4] == counts[5]
        assert counts[0] + counts[2] + counts[3] == 3


def test_each_group_is_drawn_once_on_average():
    mean = drawn(np.arange(10), n=4000).mean(axis=0)
    assert mean == pytest.approx(1, abs=0.06)  # standard error 0.015


def test_the_seed_decides_and_few_distinct_groups_are_drawn_again():
    one, two, other = (drawn(seed=seed) for seed in (0, 0, 1))
    four = np.append(GROUPS, 9.0)
    assert (one == two).all()
    assert (drawn(four) != drawn(four, seed=1)).any()
    assert (other > 0).all()  # of three groups three distinct ones are all
    groups = Groups(0, 20, GROUPS, 2)
    groups.weights(slice(0, 20))
    assert groups.redrawn > 0


def test_draws_with_fewer_rows_than_constants_are_drawn_again():
    by = np.array([0, 1, 2, 3, 4, 4, 4, 4])
    assert ((drawn(by, n=200, parameters=6) > 0).sum(axis=1) >= 6).all()
    assert ((drawn(by, n=200, parameters=3) > 0).sum(axis=1) < 6).any()


def test_the_rows_of_a_group_are_left_out_together():
    left = LeftOut(6, np.array([1, 1, 0, 2, 2, 2]))
    assert left.weights(slice(0, 3)).tolist() == [
        [1, 1, 0, 1, 1, 1],
        [0, 0, 1, 1, 1, 1],
        [1, 1, 1, 0, 0, 0],
    ]


def noisy_line():
    rng = np.random.default_rng(0)
    x = np.geomspace(1, 1e3, 12)
    return x, x**-0.5 * np.exp(0.1 * rng.normal(size=12))


def test_copies_of_a_row_narrow_the_interval_only_if_they_are_drawn_one_by_one():
    x, y = noisy_line()
    many = fit_power_law(np.repeat(x, 9), np.repeat(y, 9), offset=False)
    once = fit_power_law(x, y, offset=False)
    grouped = many.resample(by=np.repeat(x, 9), n=800, check=0)
    rows, alone = bootstrap(many, 800, check=0), bootstrap(once, 800, check=0)
    assert grouped.kind == "groups"
    assert grouped.se("b") == pytest.approx(alone.se("b"), rel=0.15)
    assert rows.se("b") < 0.5 * grouped.se("b")


def test_the_corrected_interval_of_groups_leaves_whole_groups_out():
    """Two copies of every row, drawn and left out in pairs, are one table drawn row by row."""
    x, y = noisy_line()
    pairs = fit_power_law(np.repeat(x, 2), np.repeat(y, 2), offset=False)
    grouped = pairs.resample(by=np.repeat(x, 2), n=200, check=0)
    alone = fit_power_law(x, y, offset=False).resample(by=x, n=200, check=0)
    assert grouped.interval("b", method="bca") == pytest.approx(
        alone.interval("b", method="bca"), rel=1e-6
    )


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"by": []}, r"shape \(12,\), got \(0,\)"),
        ({"by": np.ones((12, 2))}, r"shape \(12,\), got \(12, 2\)"),
        ({"by": [1, 2] * 6}, "by must take at least 3 values, got 2"),
        ({"n": 0}, "n must be at least 2"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_bad_arguments_are_refused(settings, match):
    x, y = noisy_line()
    with pytest.raises(ValueError, match=match):
        fit_power_law(x, y).resample(**{"by": x, **settings})
