"""Slices at equal compute: exact on power laws, never extrapolated."""

import numpy as np
import pytest

from scaling_utils.fitting import fit_isoflop
from scaling_utils.laws import ParametricLaw
from scaling_utils.studies import Cells, isoflop_slices


def grid(sizes, tokens, loss, entropy=1.0):
    N, D = (axis.ravel() for axis in np.meshgrid(sizes, tokens, indexing="ij"))
    nothing, ones = np.full(N.shape, np.nan), np.ones(N.shape)
    return Cells(N, D, loss(N, D), nothing, ones, ones < 0, ones, np.full(N.shape, entropy))


def test_a_power_law_in_tokens_is_interpolated_exactly():
    cells = grid([10.0, 100.0], 2.0 ** np.arange(9, 20), lambda N, D: 1 + 50 / N / D**0.5)
    found = isoflop_slices(cells, [6e5])
    assert list(found.N) == [10, 100]
    assert found.loss == pytest.approx(1 + 50 / found.N / found.D**0.5)
    assert pytest.approx([1e4, 1e3]) == found.D


def test_sizes_without_runs_around_the_length_are_left_out():
    cells = grid([10.0, 1e4], [1e3, 1e4], lambda N, D: 1 + 1 / D)
    assert list(isoflop_slices(cells, [6e4]).N) == [10]
    with pytest.raises(ValueError, match=r"inside what the runs reach, 6e\+04 to 6e\+08"):
        isoflop_slices(cells, [1e12])


def test_an_unknown_entropy_is_no_floor():
    cells = grid([10.0], [1e3, 1e5], lambda N, D: D**-0.5, entropy=np.nan)
    assert isoflop_slices(cells, [6e5]).loss == pytest.approx([1e-2])


def test_the_exponent_of_a_known_law_comes_back_from_firm_budgets():
    law = ParametricLaw(E=1.0, A=40, B=40, alpha=0.5, beta=0.5)
    cells = grid(np.geomspace(1e3, 1e6, 25), 2.0 ** np.arange(12, 27), law.loss, 1.0)
    found = isoflop_slices(cells, np.geomspace(3e9, 3e11, 5), around=3)
    assert len(found.budgets) == 5
    assert len(found) == 5 * 7
    fit = fit_isoflop(found.C, found.N, found.loss)
    assert fit.exponent == pytest.approx(0.5, abs=0.02)


def test_a_best_size_near_the_end_of_the_grid_is_not_firm():
    cells = grid([1.0, 2.0, 4.0, 8.0], [1.0, 1e6], lambda N, D: 1 + N / 10)
    assert not isoflop_slices(cells, [6e3]).firm.any()
    assert len(isoflop_slices(cells, [6e3]).budgets) == 0


@pytest.mark.parametrize("budgets", [[0.0], [-1.0], [np.nan], []])
def test_bad_budgets_are_refused(budgets):
    cells = grid([10.0], [1e3, 1e5], lambda N, D: D**-0.5)
    with pytest.raises(ValueError, match="budgets must"):
        isoflop_slices(cells, budgets)


@pytest.mark.parametrize("around", [0, -1, 1.5, np.nan])
def test_a_bad_number_of_neighbours_is_refused(around):
    cells = grid([10.0], [1e3, 1e5], lambda N, D: D**-0.5)
    with pytest.raises(ValueError, match="around must"):
        isoflop_slices(cells, [6e5], around=around)
