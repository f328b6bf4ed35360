"""The held-out sets of a study and the errors on them, against counts and sums by hand."""

from dataclasses import replace

import numpy as np
import pytest

from scaling_utils.studies import Cells, held_out, score

SIZES, TOKENS = (1.0, 2.0, 4.0, 8.0), (16.0, 32.0, 64.0, 128.0)


def grid(loss=None, entropy=1.0):
    N, D = (axis.ravel() for axis in np.meshgrid(SIZES, TOKENS, indexing="ij"))
    nothing, ones = np.full(N.shape, np.nan), np.ones(N.shape)
    loss = 2 * ones if loss is None else loss
    return Cells(N, D, loss, nothing, ones, ones < 0, ones, np.full(N.shape, entropy))


def places(cells, mask):
    return set(zip(cells.N[mask].tolist(), cells.D[mask].tolist(), strict=True))


def test_the_sets_are_those_counted_by_hand():
    cells = grid()
    masks = held_out(cells, shortest=32)
    assert places(cells, masks["N"]) == {(8, 32), (8, 64), (8, 128)}
    assert places(cells, masks["D"]) == {(1, 128), (2, 128), (4, 128), (8, 128)}
    # The largest C is 6 * 8 * 128; above an eighth of it means N D > 128.
    assert places(cells, masks["C"]) == {
        (2, 128), (4, 64), (4, 128), (8, 32), (8, 64), (8, 128)
    }  # fmt: skip
    assert places(cells, masks["fitted"]) == {(1, 32), (1, 64), (2, 32), (2, 64), (4, 32)}


def test_no_cell_is_fitted_and_held_out_and_short_runs_are_neither():
    cells = grid()
    masks = held_out(cells, shortest=32)
    scored = masks["N"] | masks["D"] | masks["C"]
    assert not (scored & masks["fitted"]).any()
    assert ((scored | masks["fitted"]) == (cells.D >= 32)).all()


def test_an_unfinished_table_can_be_told_what_the_largest_will_be():
    cells = grid()
    masks = held_out(cells, N=100, D=1000)
    assert not masks["N"].any()
    assert not masks["D"].any()
    assert set(score(cells.loss, cells, masks)) == {"C", "fitted"}


def test_compute_may_be_counted_otherwise():
    cells = grid()
    C = np.where((cells.N == 1) & (cells.D == 16), 100.0, 1.0)
    assert places(cells, held_out(cells, flops=C)["C"]) == {(1, 16)}


def test_errors_are_shares_of_the_loss_and_of_the_excess():
    cells = grid()
    predicted = np.where(cells.D == 64, 2.1, np.where(cells.D == 32, 1.98, 2.0))
    found = score(predicted, cells, held_out(cells, shortest=32))["N"]
    assert found.cells == 3
    assert found.mean == pytest.approx((0.1 + 0.02) / 2 / 3)
    assert found.largest == pytest.approx(0.05)
    assert found.mean_excess == pytest.approx((0.1 + 0.02) / 3)
    assert found.largest_excess == pytest.approx(0.1)


def test_without_a_known_entropy_there_is_no_error_of_the_excess():
    cells = grid(entropy=np.nan)
    found = score(cells.loss, cells, held_out(cells))["N"]
    assert found.mean == 0
    assert np.isnan(found.mean_excess)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"N": 0}, "N must be above 0"),
        ({"D": np.nan}, "D must be finite"),
        ({"share": 0}, "share must be above 0"),
        ({"share": 2}, "at most 1"),
        ({"shortest": -1}, "shortest must be at least 0"),
        ({"flops": [1.0]}, "same"),
        ({"flops": np.full(16, np.inf)}, "flops must be finite"),
        ({"N": 1}, "must leave cells to fit"),
    ],
)
def test_bad_splits_are_refused(settings, match):
    with pytest.raises(ValueError, match=match):
        held_out(grid(), **settings)


@pytest.mark.parametrize(
    ("predicted", "match"),
    [(np.ones(3), "same"), (np.full(16, np.nan), "finite"), ([], "at least one")],
)
def test_bad_predictions_are_refused(predicted, match):
    cells = grid()
    with pytest.raises(ValueError, match=match):
        score(predicted, cells, held_out(cells))


def test_a_mask_of_another_table_is_refused():
    cells = grid()
    with pytest.raises(ValueError, match="kept must be a mask"):
        score(cells.loss, cells, {"N": np.ones(3, dtype=bool)})


def test_a_law_that_is_true_has_no_error():
    cells = grid()
    exact = replace(cells, loss=1 + 1 / cells.N + 1 / cells.D)
    found = score(1 + 1 / cells.N + 1 / cells.D, exact, held_out(exact))
    assert all(each.largest_excess == 0 for each in found.values())
