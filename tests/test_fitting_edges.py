"""Fits and resamples at the edge E = 0, long tables, and tables with few rows."""

import json
import subprocess
import sys
import warnings

import numpy as np
import pytest

from scaling_utils.fitting import (
    FitWarning,
    bootstrap,
    fit_coupled,
    fit_parametric,
    fit_power_law,
)
from scaling_utils.fitting._intervals import interval_of
from scaling_utils.fitting._penalty import huber
from scaling_utils.laws import CoupledLaw, ParametricLaw

SMALL_OFFSET = ParametricLaw(E=1.0, A=20.0, B=2000.0, alpha=0.15, beta=0.366)
# Eight and nine runs of plausible studies, too few for five constants and their errors.
EIGHT = np.array(
    [
        (1e8, 1e9, 3.6743),
        (1e8, 4e9, 3.1529),
        (3e8, 3e9, 3.0672),
        (3e8, 1.2e10, 2.7713),
        (1e9, 1e10, 2.6230),
        (1e9, 4e10, 2.4399),
        (3e9, 3e10, 2.3193),
        (3e9, 6e10, 2.2851),
    ]
).T
NINE = np.array(
    [
        (n, d, loss)
        for n, losses in (
            (1e8, (3.411, 3.261, 3.109)),
            (2e8, (3.193, 3.098, 2.948)),
            (4e8, (3.088, 2.957, 2.815)),
        )
        for d, loss in zip((2e9, 4e9, 8e9), losses, strict=True)
    ]
).T


def small_offset(seed, rows=80):
    rng = np.random.default_rng(seed)
    N, D = np.exp(rng.uniform(np.log([[1e7], [1e9]]), np.log([[1e9], [1e11]]), (2, rows)))
    return N, D, SMALL_OFFSET.loss(N, D) * np.exp(0.02 * rng.normal(size=rows))


def quiet(call, *args, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        return call(*args, **settings)


# ---- at the edge ---------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("seed", [31, 46])
def test_resamples_leave_the_edge_that_the_fit_lies_at(seed):
    """Each against a fit of its own rows from scratch. In these tables E of the fit is 0."""
    N, D, loss = small_offset(seed)
    fit = fit_parametric(N, D, loss)
    assert fit.law.E < 1e-9
    indices = np.random.default_rng(100 + seed).integers(0, 80, (16, 80))
    resamples = bootstrap(fit, draws=indices, check=0)
    alone = [quiet(fit_parametric, N[rows], D[rows], loss[rows]) for rows in indices]
    lowest = np.array([other.objective for other in alone])
    assert (resamples.objective <= lowest * (1 + 1e-3)).all()
    offsets = np.array([other.law.E for other in alone])
    inside = offsets > 1e-3
    assert inside.sum() >= 5  # or the test would show nothing
    assert not resamples.at_edge[inside].any()
    found, expected = (np.quantile(v, 0.975) for v in (resamples.samples[:, 0], offsets))
    assert found == pytest.approx(expected, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [44, 89])
def test_resamples_of_the_coupled_law_leave_the_edge(seed):
    N, D, loss = small_offset(seed)
    fit = quiet(fit_coupled, N, D, loss, q=1.0)
    assert fit.law.E < 1e-8
    indices = np.random.default_rng(0).integers(0, 80, (12, 80))
    rows = quiet(fit.resample, draws=indices, check=0).columns
    for values, index in zip(rows, indices, strict=True):
        alone = quiet(fit_coupled, N[index], D[index], loss[index], q=1.0)
        r = np.log(CoupledLaw(*values).loss(N[index], D[index]) / loss[index])
        assert huber(r, 1e-3).sum() <= alone.objective * (1 + 1e-6)


def test_a_power_law_at_the_edge_resamples_to_offsets_inside():
    x = np.geomspace(1e6, 1e10, 24)
    y = (0.3 + 30 * x**-0.15) * np.exp(0.02 * np.random.default_rng(17).normal(size=24))
    fit = fit_power_law(x, y)
    indices = np.random.default_rng(1).integers(0, 24, (30, 24))
    resamples = bootstrap(fit, draws=indices, check=0)
    for rows, objective in zip(indices, resamples.objective, strict=True):
        alone = quiet(fit_power_law, x[rows], y[rows])
        assert objective <= alone.objective * (1 + 1e-6)


# ---- few rows ------------------------------------------------------------------------------


@pytest.mark.parametrize("table", [EIGHT, NINE])
def test_few_rows_give_intervals_or_none_but_never_nan(table):
    fit = quiet(fit_parametric, *table)
    resamples = quiet(bootstrap, fit, 100, seed=0)
    for bounds in map(resamples.interval, resamples.names):
        assert bounds is None or np.isfinite(bounds).all()
    told = resamples.as_dict()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert (told["n"], told["seed"], told["level"]) == (100, 0, 0.95)
    assert any("lie at the edge" in note for note in resamples.notes)
    assert resamples.redrawn > 0


def test_an_optimum_has_an_interval_or_none_and_the_fit_is_not_lost():
    fit = quiet(fit_parametric, *NINE)
    resamples = quiet(bootstrap, fit, 100, seed=0)
    bounds = resamples.interval(lambda law: law.optimal(1e21).N)
    missing = (~resamples.lawful).mean()
    assert (bounds is None) == (missing > 0.025) or np.isfinite(bounds).all()
    assert resamples.fit is fit


def test_a_resample_for_which_a_quantity_has_no_number_counts_as_one_without_a_law():
    fit = quiet(fit_parametric, *NINE)
    resamples = quiet(bootstrap, fit, 100, seed=0)
    low = np.nanquantile(resamples.values("alpha"), 0.1)

    def refused(law):
        if law.alpha < low:  # as `optimal` does where it would be infinite
            raise ValueError("N must be finite, got inf")
        return law.alpha

    values = resamples.values(refused)
    lost = np.isnan(values) & resamples.lawful
    assert lost.any()
    assert (values[~np.isnan(values)] >= low).all()
    assert resamples.interval(refused) is None

    def wrong(law):
        raise ValueError("wrong for every law")

    with pytest.raises(ValueError, match="wrong for every law"):
        resamples.interval(wrong)


def test_a_sample_without_a_value_could_lie_anywhere():
    values = np.arange(100.0)
    lost = np.concatenate([values[:-2], [np.nan, np.nan]])  # 0 to 97
    # 2.475 and 96.525 samples lie below the bounds. The lost two come first for the low one and
    # last for the high one: the order there is (lost, lost, 0, 1, ...) and (..., 96, 97, lost).
    for column, expected in ((values, (2.475, 96.525)), (lost, (0.475, 96.525))):
        [bounds] = interval_of(column[:, None], [50.0], None, 0.95, "percentile")
        assert bounds == pytest.approx(expected)
    many = np.concatenate([values[:90], np.full(10, np.nan)])
    assert interval_of(many[:, None], [50.0], None, 0.95, "percentile") == [None]
    overflow = np.concatenate([values[:95], np.full(5, np.inf)])
    assert interval_of(overflow[:, None], [50.0], None, 0.95, "percentile") == [None]
    assert interval_of(overflow[:, None], [50.0], None, 0.80, "percentile")[0] is not None


@pytest.mark.parametrize(("level", "needed"), [(0.95, 40), (0.8, 10), (0.99, 200)])
def test_an_interval_needs_a_resample_beyond_each_bound(level, needed):
    values = np.arange(float(needed))[:, None]
    interval_of(values, [1.0], None, level, "percentile")
    with pytest.raises(ValueError, match=f"at least {needed} resamples.* got {needed - 1}"):
        interval_of(values[:-1], [1.0], None, level, "percentile")


def test_standard_errors_divide_by_one_less_than_the_resamples():
    x = np.geomspace(1e6, 1e10, 12)
    y = 30 * x**-0.2 * np.exp(0.05 * np.random.default_rng(0).normal(size=12))
    resamples = bootstrap(fit_power_law(x, y, offset=False), n=3, check=0)
    one, two, three = resamples.values("b")
    mean = (one + two + three) / 3
    by_hand = (((one - mean) ** 2 + (two - mean) ** 2 + (three - mean) ** 2) / 2) ** 0.5
    assert resamples.se("b") == pytest.approx(by_hand, rel=1e-9)


# ---- long tables ---------------------------------------------------------------------------

LONG = """
import resource, sys
import numpy as np
from scaling_utils.fitting import bootstrap, fit_parametric
from scaling_utils.laws import BESIROGLU
rng = np.random.default_rng(0)
N, D = np.exp(rng.uniform(np.log([[5e7], [1e9]]), np.log([[1e10], [5e11]]), (2, 30_000)))
loss = BESIROGLU.loss(N, D) * np.exp(0.01 * rng.normal(size=30_000))
found = bootstrap(fit_parametric(N, D, loss), 6, check=0)
assert found.converged.all()
unit = 1 if sys.platform == "darwin" else 1024
try:  # what this program itself has held: ru_maxrss also counts the one that started it
    lines = open("/proc/self/status").read().splitlines()
    print(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**10)
except OSError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20)
"""


@pytest.mark.slow
def test_a_long_table_fits_into_little_memory():
    """A matrix of rows by rows would take 6,900 MiB, the fit all at once 700."""
    done = subprocess.run([sys.executable, "-c", LONG], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 400


def test_resamples_come_out_the_same_in_batches(monkeypatch):
    from scaling_utils.fitting import _draws

    N, D, loss = small_offset(0)
    fit = fit_parametric(N, D, loss)
    indices = np.random.default_rng(0).integers(0, 80, (12, 80))
    whole = bootstrap(fit, draws=indices, check=0)
    monkeypatch.setattr(_draws, "CELLS", 5 * 80)
    parts = bootstrap(fit, draws=indices, check=0)
    assert parts.objective == pytest.approx(whole.objective, rel=1e-6)
    assert parts.samples == pytest.approx(whole.samples, rel=1e-3)
    leave = _draws.LeftOut(7)
    rows = np.concatenate([leave.weights(part) for part in _draws.batches(7, 200)])
    assert (rows == 1 - np.eye(7)).all()
