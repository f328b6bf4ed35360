"""Tuned cells: the parabola in log rate, seeds, edges, and rows that cannot be used."""

import numpy as np
import pytest

from scaling_utils.studies import cells, read_rows


def rows(losses, *, rates, N=100, D=1000, seed=0):
    """Return one row for each rate."""
    return [
        {"N": N, "D": D, "loss": loss, "seed": seed, "rate": rate, "entropy": 1.0}
        for rate, loss in zip(rates, losses, strict=True)
    ]


RATES = np.array([0.5, 1.0, 2.0, 4.0])


@pytest.mark.parametrize("best", [0.75, 1.0, 1.3, 2.7])
def test_a_parabola_in_log_rate_is_found_exactly(best):
    losses = 2.0 + 0.1 * np.log(RATES / best) ** 2
    found = cells(rows(losses, rates=RATES))
    assert found.loss[0] == pytest.approx(2.0)
    assert found.rate[0] == pytest.approx(best)
    assert not found.edge[0]
    assert found.excess[0] == pytest.approx(1.0)
    assert np.isnan(found.se[0])


def test_at_an_edge_the_measured_loss_stays_and_is_marked():
    found = cells(rows([1.0, 2.0, 3.0, 4.0], rates=RATES))
    assert found.edge[0]
    assert (found.loss[0], found.rate[0]) == (1.0, 0.5)


def test_the_standard_error_is_that_of_the_mean_over_seeds():
    losses = 2.0 + 0.1 * np.log(RATES / 1.0) ** 2
    both = rows(losses, rates=RATES) + rows(losses + 0.02, rates=RATES, seed=1)
    found = cells(both)
    assert found.loss[0] == pytest.approx(2.01)
    assert found.se[0] == pytest.approx(0.01)  # sd 0.01 sqrt 2, over sqrt 2
    assert found.seeds[0] == 2


def test_diverged_runs_and_rates_without_every_seed_are_left_out():
    good = rows([3.0, 2.0, 2.5, np.nan], rates=RATES)
    partial = rows([0.1], rates=[8.0], seed=0)
    found = cells(good + partial + rows([3.0, 2.0, 2.5, 9.0], rates=RATES, seed=1))
    assert found.rate[0] == pytest.approx(1.0, rel=0.5)
    assert found.loss[0] > 1.5


def test_cells_are_sorted_and_can_be_selected():
    table = [row for N, D in [(9, 1), (1, 5), (1, 2)] for row in rows([2.0], rates=[1], N=N, D=D)]
    found = cells(table)
    assert list(zip(found.N, found.D, strict=True)) == [(1, 2), (1, 5), (9, 1)]
    assert list(found.where(found.N == 1).D) == [2, 5]
    with pytest.raises(ValueError, match=r"kept must be a mask of shape \(3,\)"):
        found.where([0, 1])


def test_two_jobs_may_hold_the_same_run_but_not_two_results():
    assert len(cells(rows([2.0], rates=[1]) + rows([2.0 + 1e-6], rates=[1]))) == 1
    with pytest.raises(ValueError, match="is there twice and differs"):
        cells(rows([2.0], rates=[1]) + rows([2.1], rates=[1]))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([], "at least one row"),
        ([{"N": 1, "D": 1, "loss": 1.0, "seed": 0}], "no 'rate'"),
        (rows([np.nan], rates=[1]), "no rate at which every seed has a finite loss"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(table, message):
    with pytest.raises(ValueError, match=message):
        cells(table)


def test_a_file_is_read_with_its_numbers(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("N,loss,corpus,key\n3,1.5,12e45,0012\n")
    assert read_rows(path) == [{"N": 3, "loss": 1.5, "corpus": "12e45", "key": "0012"}]
    path.write_text("N,loss\n")
    with pytest.raises(ValueError, match="holds no rows"):
        read_rows(path)


@pytest.mark.parametrize("unknown", ["", None])
def test_a_source_of_unknown_entropy_has_no_excess(unknown):
    table = [{**row, "entropy": unknown} for row in rows([3.0, 2.0, 3.0], rates=[1.0, 2.0, 4.0])]
    found = cells(table)
    assert found.loss[0] == 2.0
    assert np.isnan(found.entropy[0])
    assert np.isnan(found.excess[0])
