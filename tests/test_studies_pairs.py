"""Arms compared seed by seed, against a calculation by hand."""

from __future__ import annotations

import math

import pytest

from scaling_utils.studies import Arms

ROWS = [
    {"arm": "new", "seed": 1, "loss": math.exp(0.3)},
    {"arm": "old", "seed": 0, "loss": math.exp(0.5)},
    {"arm": "new", "seed": 0, "loss": math.exp(0.2)},
    {"arm": "old", "seed": 1, "loss": math.exp(0.4)},
]


def test_a_ratio_pairs_seeds_whatever_the_order_of_the_rows():
    # Differences of logs: -.3 and -.1, mean -.2, deviation .1 sqrt 2, t of one degree 12.706.
    ratio = Arms(ROWS, "loss").ratio("new", "old")
    half = 12.7062 * 0.1
    assert ratio.mean == pytest.approx(math.exp(-0.2))
    assert (ratio.low, ratio.high) == pytest.approx(
        (math.exp(-0.2 - half), math.exp(-0.2 + half)), rel=1e-4
    )
    assert not ratio.telling
    assert str(ratio) == f"0.82 ({ratio.low:.2f} to {ratio.high:.2f})"


def test_equal_differences_leave_no_doubt():
    rows = [row | {"loss": 2.0 if row["arm"] == "new" else 4.0} for row in ROWS]
    ratio = Arms(rows, "loss").ratio("new", "old")
    assert (ratio.mean, ratio.low, ratio.high) == pytest.approx((0.5, 0.5, 0.5))
    assert ratio.telling
    assert Arms(rows, "loss").mean("old") == pytest.approx(4)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "rows must hold at least one run"),
        (ROWS + ROWS[:1], "each seed of an arm once, got twice in 'new'"),
        ([ROWS[0] | {"loss": 0.0}], "loss must be positive"),
    ],
)
def test_rows_that_cannot_be_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        Arms(rows, "loss")


def test_arms_that_cannot_be_paired_are_refused():
    with pytest.raises(ValueError, match="to must be one of"):
        Arms(ROWS, "loss").ratio("new", "other")
    with pytest.raises(ValueError, match="the same seeds"):
        Arms(ROWS[:3], "loss").ratio("new", "old")
