"""Resamples of whole groups: what is drawn, and the interval that follows."""

import numpy as np
import pytest

from scaling_utils.fitting import bootstrap, draw_groups, fit_power_law

GROUPS = np.array([3.0, 3.0, 1.0, 7.0, 7.0, 7.0])


def test_groups_come_whole_and_as_many_as_there_are():
    for index in draw_groups(GROUPS, n=50):
        counts = np.bincount(index, minlength=6)
        assert counts[0] == counts[1]
        assert counts[3] == counts[4] == counts[5]
        assert counts[0] + counts[2] + counts[3] == 3


def test_each_group_is_drawn_once_on_average():
    drawn = draw_groups(np.arange(10), n=4000)
    mean = np.bincount(np.concatenate(drawn), minlength=10) / 4000
    assert mean == pytest.approx(1, abs=0.06)  # standard error 0.015


def test_the_seed_decides_and_few_distinct_groups_are_drawn_again():
    one, two, other = (draw_groups(GROUPS, n=20, seed=seed) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert all(len(np.unique(GROUPS[index])) == 3 for index in one)


def test_copies_of_a_row_narrow_the_interval_only_if_they_are_drawn_one_by_one():
    rng = np.random.default_rng(0)
    x = np.geomspace(1, 1e3, 12)
    y = x**-0.5 * np.exp(0.1 * rng.normal(size=12))
    many = fit_power_law(np.repeat(x, 9), np.repeat(y, 9), offset=False)
    once = fit_power_law(x, y, offset=False)
    grouped = bootstrap(many, indices=draw_groups(many.x, n=800), check=0)
    rows, alone = bootstrap(many, 800, check=0), bootstrap(once, 800, check=0)
    assert grouped.standard_errors["b"] == pytest.approx(alone.standard_errors["b"], rel=0.15)
    assert rows.standard_errors["b"] < 0.5 * grouped.standard_errors["b"]


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"groups": []}, r"shape \(rows,\)"),
        ({"groups": [[1, 2]]}, r"shape \(rows,\)"),
        ({"groups": [1, 1, 2]}, "at least 3 values, got 2"),
        ({"n": 0}, "n must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"least": 0}, "least must be at least 1"),
    ],
)
def test_bad_arguments_are_refused(settings, match):
    with pytest.raises(ValueError, match=match):
        draw_groups(**{"groups": GROUPS, **settings})
