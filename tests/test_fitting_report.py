"""What fits say against themselves: rows far off, edges, constants that the rows do not hold."""

import json

import numpy as np
import pytest
import tables

from scaling_utils.fitting import (
    fit_broken_power_law,
    fit_coupled,
    fit_envelope,
    fit_isoflop,
    fit_parametric,
    fit_power_law,
    fit_repetition,
)
from scaling_utils.fitting._evidence import rows_far
from scaling_utils.fitting.transfer import fit_transfer
from scaling_utils.laws import (
    CHINCHILLA,
    Break,
    BrokenPowerLaw,
    DataConstrainedLaw,
    ParametricLaw,
)

TRUTH = ParametricLaw(E=1.7, A=400.0, B=300.0, alpha=0.34, beta=0.30)
N, D = (
    grid.ravel() for grid in np.meshgrid(np.geomspace(1e7, 1e10, 6), np.geomspace(1e9, 1e12, 5))
)
GOPHER = 5.76e23  # FLOPs; Hoffmann et al. (2022), https://arxiv.org/abs/2203.15556, Table A3

# 22 runs on a smooth surface, and two far below the floor that the others have.
ABOVE = np.array(
    [
        (n, d, 2.5 + level + drop)
        for n, level in ((1e7, 0.7), (2e7, 0.55), (4e7, 0.475), (8e7, 0.4375))
        for d, drop in ((1e8, 0.9), (2e8, 0.482), (4e8, 0.258), (8e8, 0.139), (1.6e9, 0.074))
    ]
    + [(1.6e8, 3.2e9, 2.41), (1.6e8, 6.4e9, 2.2)]
).T
# Three sizes and four lengths within a factor of 2.5.
NARROW = np.array(
    [
        (size, tokens, loss)
        for size, losses in (
            (1.0e8, (3.3822, 3.2929, 3.2520, 3.2503)),
            (1.5e8, (3.2894, 3.1902, 3.1650, 3.0597)),
            (2.0e8, (3.2251, 3.1620, 3.0876, 3.0260)),
        )
        for tokens, loss in zip((2e9, 3e9, 4e9, 5e9), losses, strict=True)
    ]
).T


@pytest.fixture(scope="module")
def above():
    """The fit of the table with two runs below the floor: it takes the solver long."""
    return fit_parametric(*ABOVE)


def noisy(seed, noise=0.01):
    return TRUTH.loss(N, D) * np.exp(noise * np.random.default_rng(seed).normal(size=len(N)))


def said(report):
    return " | ".join(report.doubts)


# ---- tables that deserve no doubt ----------------------------------------------------------


def test_the_published_refit_is_trusted():
    report = fit_parametric(*tables.epoch_chinchilla()).report
    assert report.trusted
    assert report.far == ()
    assert (report.rows, report.free, report.degrees_of_freedom) == (240, 5, 235)
    assert report.scale == "log"


def test_other_published_tables_are_trusted():
    C, sizes, loss = tables.cs336()
    assert fit_parametric(*tables.kyo_takano()).report.doubts == ()
    assert fit_parametric(sizes, C / (6 * sizes), loss).report.doubts == ()
    assert fit_isoflop(C, sizes, loss).report.doubts == ()


def test_the_sizes_of_the_residuals_by_hand():
    y = np.array([np.e, 1.0, 1 / np.e, 1.0])
    fit = fit_power_law([1.0, 2.0, 1.0, 2.0], y, offset=False)  # means of log y: 0 and 0
    report = fit.report
    assert report.residual_rms == pytest.approx(np.sqrt(0.5))
    assert report.residual_median == pytest.approx(0.5)
    assert report.residual_max == pytest.approx(1.0)
    assert (report.rows, report.free, report.degrees_of_freedom) == (4, 2, 2)


# ---- rows far off --------------------------------------------------------------------------


def test_the_five_rows_that_the_published_refit_left_out_are_named():
    N, D, loss = tables.epoch_chinchilla(outliers=True)
    fit = fit_parametric(N, D, loss)
    report = fit.report
    five = tuple(np.sort(np.argsort(loss)[-5:]).tolist())
    assert report.far == five
    assert ", ".join(map(str, five)) in said(report)
    assert fit.law.optimal(GOPHER).tokens_per_parameter == pytest.approx(6.8, abs=0.05)
    careful = report.without_far.optimal(GOPHER).tokens_per_parameter
    assert careful == pytest.approx(17.9, abs=0.05)


@pytest.mark.parametrize("delta", [1e-3, np.inf])
def test_a_wrong_row_is_found_and_left_out(delta):
    loss = noisy(0)
    loss[17] *= 1.4
    report = fit_parametric(N, D, loss, delta=delta).report
    assert report.far == (17,)
    kept = np.arange(len(N)) != 17
    alone = fit_parametric(N[kept], D[kept], loss[kept], delta=delta).law
    assert report.without_far == alone


def test_rows_below_the_floor_are_named(above):
    report = above.report
    assert report.far == (20, 21)
    assert "tokens per parameter" in said(report)
    assert "above the lowest value of the rows, 2.2 (row 21, counted from 0)" in said(report)


def test_a_table_whose_optimum_is_far_along_a_valley_is_followed_to_the_end(above):
    """Within 100 steps the solver stood at E = 0.5, with an objective 9 % higher."""
    assert above.converged
    assert above.iterations > 100
    assert pytest.approx(2.89, abs=0.02) == above.law.E
    assert above.objective < 4.93e-4


def test_an_isoflop_run_that_went_wrong_does_not_drag_its_neighbours_along():
    C = np.repeat(np.geomspace(1e18, 1e21, 6), 10)
    sizes = CHINCHILLA.optimal(C).N * np.tile(np.geomspace(0.25, 4, 10), 6)
    loss = CHINCHILLA.loss(sizes, C / (6 * sizes))
    clean = fit_isoflop(C, sizes, loss)
    assert clean.report.trusted
    loss[33] *= 1.3
    report = fit_isoflop(C, sizes, loss).report
    assert report.far == (33,)
    assert report.without_far.exponent == pytest.approx(clean.exponent, abs=2e-3)


def test_normal_noise_is_not_called_far_off():
    """Fewer than 1 table of 1,000: 3,000 tables of each size, seen as the residuals of a fit.

    With a true rate of 1 in 1,000 more than 9 of 3,000 come about once in 1,000 times.
    """
    rng = np.random.default_rng(0)
    for rows in (10, 20, 60):
        x = np.geomspace(1, 1e3, rows)
        design = np.stack([np.ones(rows), np.log(x), np.log(x) ** 2, np.log(x) ** 3, x**-0.3])
        basis = np.linalg.qr(design.T)[0]  # five constants, as a parametric fit has
        noise = 0.05 * rng.normal(size=(3000, rows))
        left = noise - noise @ basis @ basis.T
        named = sum(rows_far(row, np.ones(rows, bool), 5, 1.0).any() for row in left)
        assert named <= 9


# ---- edges, contradictions, too little information -----------------------------------------


def test_an_offset_that_would_be_negative_is_said():
    x = np.geomspace(0.015, 0.2, 14)
    fit = fit_power_law(x, -3.5 + 2.2 * x**-0.35)
    assert fit.report.at_bound == ("c",)
    assert "better with c below zero" in said(fit.report)
    assert fit.report.residual_max > 0.5


def test_an_offset_of_zero_is_said_without_asking_for_less():
    x = np.geomspace(1e6, 1e10, 15)
    y = 30 * x**-0.2 * np.exp(0.01 * np.random.default_rng(1).normal(size=15))
    report = fit_power_law(x, y).report
    if report.at_bound:
        assert "below zero" not in said(report)
    assert fit_power_law(x, y, offset=False).report.trusted


def test_rows_within_a_small_factor_do_not_determine_the_law():
    report = fit_parametric(*NARROW).report
    assert {"E", "alpha", "beta"} & set(report.unidentified)
    assert "do not determine" in said(report)


def test_a_saturated_fit_has_nothing_left_to_judge_it_by():
    rows = np.array([0, 2, 11, 19, 27])
    report = fit_parametric(N[rows], D[rows], TRUTH.loss(N, D)[rows]).report
    assert report.degrees_of_freedom == 0
    assert "no degree of freedom" in said(report)


def test_noise_alone_is_no_law():
    x = np.geomspace(1e6, 1e10, 30)
    y = 3 * np.exp(0.02 * np.random.default_rng(0).normal(size=30))
    assert "hardly better than one constant" in said(fit_power_law(x, y, offset=False).report)


def test_a_report_is_ready_for_json(above):
    for fit in (above, fit_power_law(N, noisy(0))):
        told = fit.report.as_dict()
        assert json.loads(json.dumps(told, allow_nan=False)) == told
        assert told["trusted"] == fit.report.trusted
        assert told["doubts"] == list(fit.report.doubts)
    names = above.report.as_dict()["without_far"].keys()
    assert names == {"E", "A", "B", "alpha", "beta"}


def test_a_report_is_made_once():
    fit = fit_parametric(N, D, noisy(0))
    assert fit.report is fit.report


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.01, 0.02])
def test_clean_tables_are_trusted(noise):
    """200 tables of 30 runs. Were 1 in 100 doubted, more than 7 would be once in 1,000 times.

    At 2 % of noise such a table may rightly leave B or beta open.
    """
    doubted = sum(
        not fit_parametric(N, D, noisy(seed, noise)).report.trusted for seed in range(200)
    )
    assert doubted <= 7


# ---- the other fits ------------------------------------------------------------------------


def test_a_coupled_fit_reports():
    loss = noisy(3)
    clean = fit_coupled(N, D, loss, q=1.0).report
    assert clean.trusted
    assert clean.free == 5
    loss[4] *= 1.5
    assert fit_coupled(N, D, loss, q=1.0).report.far == (4,)


def test_a_repetition_fit_reports_its_limits_and_wrong_rows():
    law = ParametricLaw(E=1.8, A=400.0, B=400.0, alpha=0.34, beta=0.3)
    sizes, tokens = (g.ravel() for g in np.meshgrid([1e7, 1e8, 1e9], [1e9, 4e9, 1.6e10, 6.4e10]))
    unique = np.full(12, 1e9)
    truth = DataConstrainedLaw(law, 15.0, 5.0)
    rng = np.random.default_rng(0)
    loss = truth.loss(sizes, tokens, unique) * np.exp(0.005 * rng.normal(size=12))
    assert fit_repetition(law, sizes, tokens, unique, loss).report.trusted
    fresh = fit_repetition(law, sizes, tokens, unique, law.loss(sizes, tokens)).report
    assert "R_D_star" in fresh.at_bound
    loss[4] *= 1.5
    assert fit_repetition(law, sizes, tokens, unique, loss).report.far == (4,)


def test_a_transfer_fit_reports():
    data, sizes = (
        g.ravel() for g in np.meshgrid(np.geomspace(1e5, 1e8, 5), np.geomspace(1e6, 1e9, 5))
    )
    moved = 1e3 * data**0.2 * sizes**0.4 * np.exp(0.1 * np.random.default_rng(0).normal(size=25))
    assert fit_transfer(data, sizes, moved).report.trusted
    moved[7] *= 20
    report = fit_transfer(data, sizes, moved).report
    assert report.far == (7,)
    assert report.without_far.beta == pytest.approx(0.4, abs=0.03)


def test_a_broken_power_law_that_needs_no_break_says_so():
    x = np.geomspace(1e3, 1e8, 30)
    rng = np.random.default_rng(0)
    bent = BrokenPowerLaw(0.5, 5.0, 0.2, (Break(0.5, 3e5, 0.5),)).loss(x)
    assert fit_broken_power_law(x, bent * np.exp(0.01 * rng.normal(size=30))).report.trusted
    straight = (0.8 + 30 * x**-0.4) * np.exp(0.01 * rng.normal(size=30))
    report = fit_broken_power_law(x, straight).report
    assert {"c", "d", "f"} & set(report.at_bound + report.unidentified)


def test_an_envelope_counts_sizes_and_not_bins():
    sizes, tokens = (
        g.ravel() for g in np.meshgrid(np.geomspace(1e7, 1e11, 20), np.geomspace(1e8, 1e13, 100))
    )
    fit = fit_envelope(6 * sizes * tokens, sizes, CHINCHILLA.loss(sizes, tokens))
    winners = len(np.unique(fit.N[fit.bracketed]))
    assert fit.report.degrees_of_freedom == winners - 2 < fit.report.rows - 2
    assert fit.report.trusted
    assert json.dumps(fit.report.as_dict(), allow_nan=False)
