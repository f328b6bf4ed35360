"""What the fits refuse, and the words they refuse it with."""

import numpy as np
import pytest

from scaling_utils.fitting import (
    FitError,
    bootstrap,
    fit_broken_power_law,
    fit_coupled,
    fit_envelope,
    fit_isoflop,
    fit_parametric,
    fit_power_law,
    fit_repetition,
    interaction,
    isoflop_bias,
)
from scaling_utils.fitting.dimension import two_nearest_neighbours
from scaling_utils.fitting.transfer import effective_data, fit_transfer
from scaling_utils.laws import ParametricLaw

LAW = ParametricLaw(E=1.7, A=400.0, B=300.0, alpha=0.34, beta=0.30)
N, D = (
    grid.ravel() for grid in np.meshgrid(np.geomspace(1e7, 1e10, 5), np.geomspace(1e9, 1e12, 5))
)
LOSS = LAW.loss(N, D)
X = np.geomspace(1e6, 1e9, 8)
Y = 2 + 30 * X**-0.3
FIT = fit_parametric(N, D, LOSS)

BAD = [
    (np.nan, "must be finite, got nan at index 2"),
    (np.inf, "must be finite, got inf at index 2"),
    (0.0, "must be positive, got 0 at index 2"),
    (-1.0, "must be positive, got -1 at index 2"),
]


def spoilt(array, bad):
    out = array.copy()
    out[2] = bad
    return out


@pytest.mark.parametrize(("bad", "words"), BAD)
@pytest.mark.parametrize("name", ["N", "D", "loss"])
def test_parametric_rows_must_be_positive_and_finite(name, bad, words):
    rows = {"N": N, "D": D, "loss": LOSS}
    rows[name] = spoilt(rows[name], bad)
    with pytest.raises(ValueError, match=f"^{name} {words}"):
        fit_parametric(**rows)


@pytest.mark.parametrize(("bad", "words"), BAD)
@pytest.mark.parametrize("name", ["x", "y"])
def test_power_law_rows_must_be_positive_and_finite(name, bad, words):
    rows = {"x": X, "y": Y}
    rows[name] = spoilt(rows[name], bad)
    with pytest.raises(ValueError, match=f"^{name} {words}"):
        fit_power_law(**rows)


@pytest.mark.parametrize(("bad", "words"), BAD)
@pytest.mark.parametrize("name", ["C", "N"])
@pytest.mark.parametrize("fit", [fit_isoflop, fit_envelope])
def test_budgets_and_sizes_must_be_positive_and_finite(fit, name, bad, words):
    rows = {"C": 6 * N * D, "N": N, "loss": LOSS}
    rows[name] = spoilt(rows[name], bad)
    with pytest.raises(ValueError, match=f"^{name} {words}"):
        fit(**rows)


@pytest.mark.parametrize(("bad", "words"), BAD)
@pytest.mark.parametrize("fit", [fit_isoflop, fit_envelope])
def test_losses_must_be_positive_and_finite(fit, bad, words):
    with pytest.raises(ValueError, match=f"^loss {words}"):
        fit(6 * N * D, N, spoilt(LOSS, bad))


MASKED = [
    ("N", lambda m: fit_parametric(m(N), D, LOSS)),
    ("loss", lambda m: fit_parametric(N, D, m(LOSS))),
    ("y", lambda m: fit_power_law(X, m(Y))),
    ("loss", lambda m: fit_isoflop(6 * N * D, N, m(LOSS))),
    ("C", lambda m: fit_envelope(m(6 * N * D), N, LOSS)),
    ("loss", lambda m: fit_coupled(N, D, m(LOSS))),
    ("y", lambda m: fit_broken_power_law(X, m(Y))),
    ("U", lambda m: fit_repetition(LAW, N, D, m(D), LOSS)),
    ("D_T", lambda m: fit_transfer(D, N, m(D))),
    ("values", lambda m: interaction(N, D, m(LOSS))),
    ("points", lambda m: two_nearest_neighbours(m(np.eye(5)))),
    ("reached", lambda m: effective_data(X, Y, m(Y))),
    ("by", lambda m: FIT.resample(by=m(N))),
    ("strata", lambda m: bootstrap(FIT, strata=m(N))),
    ("draws", lambda m: bootstrap(FIT, draws=[m(np.arange(25))])),
]


@pytest.mark.parametrize(("name", "call"), MASKED)
def test_masked_rows_are_refused_by_every_fit(name, call):
    def mask(values):
        out = np.ma.array(values, mask=False)
        out[2] = np.ma.masked
        return out

    with pytest.raises(ValueError, match=f"^{name} must not be masked"):
        call(mask)


def test_a_label_must_not_be_missing():
    with pytest.raises(ValueError, match="by must not be missing, got none at index 2"):
        FIT.resample(by=spoilt(N, np.nan))


def test_isoflop_refuses_a_budget_with_one_loss():
    with pytest.raises(ValueError, match="loss must vary between the runs of a budget, got 3"):
        fit_isoflop(np.repeat([1e18, 1e19], 3), np.tile([1e7, 1e8, 1e9], 2), np.full(6, 3.0))


@pytest.mark.parametrize(
    "call",
    [
        lambda: fit_parametric([], [], []),
        lambda: fit_power_law([], []),
        lambda: fit_isoflop([], [], []),
        lambda: fit_envelope([], [], []),
        lambda: isoflop_bias(LAW, []),
    ],
)
def test_no_rows(call):
    with pytest.raises(ValueError, match="must hold at least one value, got none"):
        call()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fit_parametric(N, D[1:], LOSS), "N has 25, D has 24, loss has 25"),
        (lambda: fit_power_law(X, Y[1:]), "x has 8, y has 7"),
        (lambda: fit_isoflop(N, N, LOSS[1:]), "C has 25, N has 25, loss has 24"),
        (lambda: fit_envelope(N, N, LOSS, D[1:]), "D has 24"),
    ],
)
def test_lengths_must_agree(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_tables_must_be_flat():
    with pytest.raises(ValueError, match=r"N must have 1 dimension\(s\), got shape \(5, 5\)"):
        fit_parametric(N.reshape(5, 5), D, LOSS)


# ---- rows that cannot determine the law ---------------------------------------------------


def test_fewer_rows_than_parameters():
    rows = [0, 6, 13, 24]
    with pytest.raises(ValueError, match="at least 5 runs to fit 5 parameters, got 4"):
        fit_parametric(N[rows], D[rows], LOSS[rows])
    with pytest.raises(ValueError, match=r"x must take at least 3 distinct values .* got 2"):
        fit_power_law(X[:2], Y[:2])
    with pytest.raises(ValueError, match=r"x must take at least 2 distinct values .* got 1"):
        fit_power_law(X[:1], Y[:1], offset=False)


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_distinct_sizes_or_tokens(count):
    few = np.resize([1e8, 1e9][:count], 25)
    many = np.geomspace(1e7, 1e10, 25)
    with pytest.raises(ValueError, match=f"^N must take at least 3 distinct values.* got {count}$"):
        fit_parametric(few, many, LOSS)
    with pytest.raises(ValueError, match=f"^D must take at least 3 distinct values.* got {count}$"):
        fit_parametric(many, few, LOSS)


@pytest.mark.parametrize("power", [1.0, 0.5, -1.0])
def test_runs_on_one_line_cannot_tell_the_terms_apart(power):
    sizes = np.geomspace(1e7, 1e10, 12)
    tokens = 20 * sizes**power * 1e9 ** (1 - power)
    with pytest.raises(ValueError, match="must not all lie on one line"):
        fit_parametric(sizes, tokens, LAW.loss(sizes, tokens))


def test_a_constant_loss():
    with pytest.raises(ValueError, match="loss must vary between runs, got 3 everywhere"):
        fit_parametric(N, D, np.full(25, 3.0))
    with pytest.raises(ValueError, match="y must vary between rows, got 3 everywhere"):
        fit_power_law(X, np.full(8, 3.0))


def test_a_budget_with_two_sizes():
    with pytest.raises(ValueError, match=r"at least 3 values at each budget, got 2 at C = 1e\+18"):
        fit_isoflop([1e18, 1e18, 1e19, 1e19, 1e19], [1e7, 1e8, 1e7, 1e8, 1e9], [3, 2, 3, 2, 3])


def test_an_envelope_of_two_sizes():
    with pytest.raises(ValueError, match="N must take at least 3 values, got 2"):
        fit_envelope([1e18, 1e19, 1e18, 1e19], [1e7, 1e7, 1e8, 1e8], [3, 2, 3, 2])


def test_one_budget_is_no_power_law_but_the_error_carries_its_optimum():
    sizes = np.geomspace(1e7, 1e9, 7)
    with pytest.raises(FitError, match=r"at least 2 budgets .* got 1 of 1") as error:
        fit_isoflop(np.full(7, 1e19), sizes, 2 + (np.log(sizes) - np.log(1e8)) ** 2)
    assert error.value.partial["N"] == pytest.approx([1e8])


def test_an_envelope_won_by_one_size_is_no_power_law():
    sizes, work = (
        grid.ravel() for grid in np.meshgrid([1e7, 1e8, 1e9], np.geomspace(1e18, 1e20, 9))
    )
    with pytest.raises(FitError, match="at least 2 sizes that are the best") as error:
        fit_envelope(work, sizes, np.where(sizes == 1e8, 2.0, 3.0))
    assert set(error.value.partial["N"]) == {1e8}


# ---- options ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fit_parametric(N, D, LOSS, delta=-1), "delta must be at least 0, got -1"),
        (lambda: fit_parametric(N, D, LOSS, delta=np.nan), "delta must be finite, got nan"),
        (lambda: fit_parametric(N, D, LOSS, space="linear"), "'log', 'raw'; got 'linear'"),
        (lambda: fit_power_law(X, Y, method="ols"), "'log', 'nls', 'huber'; got 'ols'"),
        (lambda: fit_power_law(X, Y, offset=-1), "offset must be at least 0, got -1"),
        (lambda: fit_power_law(X, Y, offset=9), "offset must be below the largest y, .* got 9"),
        (lambda: fit_power_law(X, Y, method="huber", delta=-1), "delta must be at least 0"),
        (lambda: fit_isoflop(N, N, LOSS, minimum="cubic"), "'parabola', 'least'; got 'cubic'"),
        (lambda: fit_isoflop(N, N, LOSS, tolerance=1), "tolerance must be at least 0 and below 1"),
        (lambda: fit_envelope(N, N, LOSS, bins=1), "bins must be at least 2, got 1"),
        (lambda: isoflop_bias(LAW, [1e18, 1e19], width=1), "width must be above 1, got 1"),
        (lambda: isoflop_bias(LAW, [1e18, 1e19], points=2), "points must be at least 3, got 2"),
        (lambda: isoflop_bias(LAW, [1e18, 1e19], centre=0), "centre must be positive, got 0"),
        (lambda: bootstrap(FIT, n=1), "n must be at least 2, got 1"),
        (lambda: bootstrap(FIT, n=10, seed=-1), "seed must be at least 0, got -1"),
        (lambda: bootstrap(FIT, n=10, check=-1), "check must be at least 0, got -1"),
        (lambda: FIT.resample(by=N, strata=N), "by, strata and draws must not be given together"),
        (
            lambda: bootstrap(FIT, strata=N[1:]),
            r"strata must .* shape \(25,\), got \(24,\)",
        ),
        (
            lambda: bootstrap(FIT, draws=[[0, 1]]),
            "at least 5 distinct rows in each resample, got 2",
        ),
        (lambda: bootstrap(FIT, draws=[]), "draws must hold at least one resample"),
        (
            lambda: bootstrap(FIT, draws=np.full((2, 25), 25)),
            "draws must be whole numbers from 0 to 24, got values from 25 to 25",
        ),
        (lambda: bootstrap(FIT, draws=np.full((2, 25), 0.5)), "draws must be whole numbers"),
    ],
)
def test_options_out_of_range(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("bad", ["small", None, [1e-3]])
def test_delta_must_be_a_number(bad):
    with pytest.raises(TypeError, match="delta must be"):
        fit_parametric(N, D, LOSS, delta=bad)


def test_bootstrap_needs_a_fit():
    with pytest.raises(TypeError, match="fit must be a Fit, got ParametricLaw"):
        bootstrap(LAW)


def test_bootstrap_needs_rows_to_spare():
    rows = [0, 5, 13, 19, 24]
    fit = fit_parametric(N[rows], D[rows], LOSS[rows])
    with pytest.raises(ValueError, match="at least 7 rows to resample 5 parameters, got 5"):
        bootstrap(fit, n=10)
