"""Laws as plans need them: resamples at once, repetition, serving, wrong sizes, next runs."""

import numpy as np
import pytest

from scaling_utils import laws
from scaling_utils.fitting import fit_parametric
from scaling_utils.planning import family_of, next_runs, serving_optimum, wrong_size
from scaling_utils.planning.repeats import (
    cheapest_repeated,
    optimal_repeated,
    repeated_loss,
    tokens_for_repeated,
)
from scaling_utils.planning.serving import best_served, cheapest_served

ADDITIVE = ("chinchilla", "chinchilla-rounded", "chinchilla-three-digit", "besiroglu")


@pytest.mark.parametrize("name", ADDITIVE)
def test_a_family_is_its_law(name):
    law, family = laws.get(name), family_of(name)
    best = law.optimal(1e23)
    N, D = family.optimal(1e23)
    assert (N[0], D[0]) == pytest.approx((best.N, best.D), rel=1e-10)
    assert family.loss(3e9, 1e12)[0] == pytest.approx(law.loss(3e9, 1e12), rel=1e-12)
    assert family.tokens_for(3e9, 2.3)[0] == pytest.approx(law.tokens_for_loss(3e9, 2.3))
    assert family.size_for(1e12, 2.3)[0] == pytest.approx(law.size_for_loss(1e12, 2.3))
    assert family.tokens_best_for(3e9)[0] == pytest.approx(law.optimal_for_size(3e9).D)
    assert family.size_best_for(1e12)[0] == pytest.approx(law.optimal_for_tokens(1e12).N)
    N, D = family.cheapest(2.1)
    assert 6 * N[0] * D[0] == pytest.approx(law.budget_for_loss(2.1))
    assert np.isnan(family.cheapest(law.E)[0]).all()


def test_kaplans_joint_law_is_one_of_them():
    law, family = laws.KAPLAN_JOINT, family_of("kaplan-joint")
    assert family.loss(1e9, 2e10)[0] == pytest.approx(law.loss(1e9, 2e10), rel=1e-10)
    N = np.geomspace(1e8, 1e13, 200_001)
    scanned = law.loss(N, 1e23 / (6 * N))
    best, D = family.optimal(1e23)
    assert best[0] == pytest.approx(N[scanned.argmin()], rel=1e-3)
    assert family.tokens_for(best, scanned.min())[0] == pytest.approx(D[0], rel=1e-4)


@pytest.mark.parametrize("bad", ["gpt3", "step-law", "kaplan-size"])
def test_laws_without_size_and_data_are_refused(bad):
    with pytest.raises(ValueError, match="law must be the name of a law of size and data"):
        family_of(bad)


def test_unknown_laws_are_refused():
    with pytest.raises(ValueError, match="did you mean 'chinchilla'"):
        family_of("chincilla")
    with pytest.raises(TypeError, match="law must be"):
        family_of(3)


# ---- repeated data ----------------------------------------------------------------------


def test_repetition_is_muennighoffs_law():
    family = family_of("muennighoff")
    # Muennighoff et al. (2023), arXiv:2305.16264, Fig. 1 right
    assert repeated_loss(family, 8.67e9, 178e9, 25e9)[0] == pytest.approx(2.2269634075087867)
    best = laws.MUENNIGHOFF.optimal(1e22, 2e10)
    N, D = optimal_repeated(family, 1e22 / 6, 2e10)
    assert N[0] == pytest.approx(best.N, rel=1e-3)
    loss = repeated_loss(family, N, D, 2e10)
    assert loss[0] == pytest.approx(best.loss, rel=1e-9)
    again = cheapest_repeated(family, loss, 2e10)
    assert 6 * again[0][0] * again[1][0] == pytest.approx(1e22, rel=1e-4)
    assert tokens_for_repeated(family, N, loss, 2e10)[0] == pytest.approx(D[0], rel=1e-6)


def test_enough_fresh_data_changes_nothing():
    family = family_of("chinchilla")
    N, D = optimal_repeated(family, 1e22 / 6, 1e15)
    assert (N[0], D[0]) == pytest.approx(tuple(x[0] for x in family.optimal(1e22)))


def test_a_loss_that_no_number_of_passes_reaches_has_no_tokens():
    assert np.isnan(cheapest_repeated(family_of("chinchilla"), 2.0, 1e9)[0]).all()


# ---- serving ----------------------------------------------------------------------------


def test_serving_reproduces_sardanas_figure_1():
    # Sardana et al. (2024), arXiv:2401.00448, Fig. 1: 13B quality, 2e12 tokens served, 7B instead.
    family = family_of("chinchilla-three-digit")
    target = family.loss(13e9, family.tokens_best_for(13e9))
    D = family.tokens_for(7e9, target)[0]
    alone = 6 * 13e9 * family.tokens_best_for(13e9)[0] + 2 * 13e9 * 2e12
    small = 6 * 7e9 * D + 2 * 7e9 * 2e12
    assert alone - small == pytest.approx(1.7e22, rel=0.03)
    assert 1 - small / alone == pytest.approx(0.17, abs=0.005)
    found = serving_optimum("chinchilla-three-digit", parameters=13e9, served_tokens=2e12)
    assert found.total_alone == pytest.approx(alone, rel=1e-9)
    assert small * 0.99 < found.total <= small  # 7B is nearly the best size


def test_serving_is_the_least_on_the_curve_of_equal_loss():
    found = serving_optimum("chinchilla-three-digit", parameters=30e9, served_tokens=1e13)
    law = laws.get("chinchilla-three-digit")
    N = np.geomspace(6e9, 6e10, 100_001)
    total = 6 * N * law.tokens_for_loss(N, found.loss) + 2 * N * 1e13
    assert found.total == pytest.approx(total.min(), rel=1e-8)
    assert pytest.approx(N[total.argmin()], rel=1e-3) == found.N
    theirs = law.optimal_with_inference(found.loss, 1e13)
    assert pytest.approx((theirs.N, theirs.D)) == (found.N, found.D)
    assert found.saving == pytest.approx(0.28, abs=0.001)


def test_nothing_served_is_the_frontier():
    found = serving_optimum("chinchilla", flops=1e23, served_tokens=0)
    best = laws.CHINCHILLA.optimal(1e23)
    assert (found.N, found.D, found.total) == pytest.approx((best.N, best.D, 1e23))
    assert found.saving == pytest.approx(0, abs=1e-12)


def test_serving_in_money_moves_with_its_prices():
    # Answers that use the machine a fiftieth as well as training cost fifty times as much.
    asked = {"parameters": 30e9, "served_tokens": 1e12, "answer_share": 0.5}
    equal = serving_optimum("chinchilla", **asked)
    dear = serving_optimum("chinchilla", **asked, answer_price=50.0)
    assert dear.N < equal.N < equal.N_alone
    cost = 2 * dear.N * 1e12 * (0.5 * 1 + 0.5 * 50)
    assert dear.serving == pytest.approx(cost)
    assert dear.training == pytest.approx(6 * dear.N * dear.D)
    law = laws.CHINCHILLA
    N = np.geomspace(8e9, 3e10, 100_001)
    total = 6 * N * law.tokens_for_loss(N, dear.loss) + 2 * N * 1e12 * 25.5
    assert dear.total == pytest.approx(total.min(), rel=1e-8)


def test_a_budget_for_both_is_spent_on_both():
    family = family_of("chinchilla")
    N, D = best_served(family, 1e23 / 6, 1e12 / 3)
    assert 6 * N[0] * D[0] + 2 * N[0] * 1e12 == pytest.approx(1e23)
    sizes = np.geomspace(1e9, 4e10, 100_001)
    losses = laws.CHINCHILLA.loss(sizes, 1e23 / 6 / sizes - 1e12 / 3)
    assert N[0] == pytest.approx(sizes[losses.argmin()], rel=1e-3)
    again = cheapest_served(family, family.loss(N, D), 1e12 / 3)
    assert again[0][0] == pytest.approx(N[0], rel=1e-6)


@pytest.mark.parametrize(
    ("quality", "words"),
    [
        ({}, "give exactly one of loss, parameters and flops.*got none"),
        ({"loss": 2.0, "flops": 1e23}, "got loss, flops"),
        ({"loss": 1.6}, "reachable losses lie above 1.69337"),
    ],
)
def test_the_quality_must_be_one_and_reachable(quality, words):
    with pytest.raises(ValueError, match=words):
        serving_optimum("chinchilla", **quality, served_tokens=1e12)


# ---- wrong sizes ------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ADDITIVE, "muennighoff", "kaplan-joint"])
@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_a_wrong_size_costs_what_a_scan_says(name, factor):
    found = wrong_size(name, 1e23, factor)
    family = family_of(name)
    N = factor * family.optimal(1e23)[0][0]
    loss = family.loss(N, 1e23 / (6 * N))[0]
    assert found.loss.middle == pytest.approx(loss)
    assert found.extra_loss.middle == pytest.approx(loss - found.loss_best.middle)
    D = np.geomspace(1e9, 1e18, 400_001)
    reached = family.loss(N, D) <= found.loss_best.middle
    if reached.any():
        again = 6 * N * D[reached.argmax()] / 1e23
        assert found.more_compute.middle == pytest.approx(again, rel=1e-3)
    else:
        assert found.more_compute.middle is None
    budgets = np.geomspace(1e21, 1e23, 40_001)
    frontier = np.array(family.loss(*family.optimal(budgets)))
    share = budgets[(frontier <= loss).argmax()] / 1e23
    assert found.worth.middle == pytest.approx(share, rel=1e-3)


def test_four_times_too_small_costs_chinchilla_three_times_the_compute():
    found = wrong_size("chinchilla", 1e23, 0.25)
    # by hand: A/N^alpha + B/D^beta at N* / 4 and 4 D*
    N, D = laws.CHINCHILLA.optimal(1e23).N / 4, laws.CHINCHILLA.optimal(1e23).D * 4
    assert found.loss.middle == pytest.approx(laws.CHINCHILLA.loss(N, D))
    assert found.more_compute.middle == pytest.approx(2.93, abs=0.01)


def test_the_right_size_costs_nothing():
    found = wrong_size("besiroglu", 1e23, 1.0)
    assert found.extra_loss.middle == 0
    assert found.more_compute.middle == pytest.approx(1)
    assert found.worth.middle == pytest.approx(1)


# ---- next runs --------------------------------------------------------------------------

TRUTH = laws.BESIROGLU
NOISE = 0.005
TARGET = 1e23
BUDGET = 1.8e21


def _losses(N, D, rng):
    return TRUTH.loss(N, D) * np.exp(NOISE * rng.normal(size=len(N)))


@pytest.fixture(scope="module")
def first_runs():
    rng = np.random.default_rng(0)
    N, D = (g.ravel() for g in np.meshgrid(np.geomspace(5e7, 1e9, 5), np.geomspace(1e9, 3e10, 5)))
    loss = _losses(N, D, rng)
    resamples = fit_parametric(N, D, loss).resample(n=150, seed=1, check=0)
    return N, D, loss, resamples


def _width(first, N, D, seed) -> float:
    """Width of the 80 % interval of the best size, in log, once the runs are made."""
    rows = [np.r_[old, new] for old, new in zip(first[:2], (N, D), strict=True)]
    loss = np.r_[first[2], _losses(N, D, np.random.default_rng(seed))]
    resamples = fit_parametric(*rows, loss).resample(n=150, seed=1, check=0)
    low, high = resamples.interval(lambda law: np.log(law.optimal(TARGET).N), 0.8)
    return high - low


def test_the_next_runs_narrow_the_plan_more_than_random_ones(first_runs):
    found = next_runs(first_runs[3], BUDGET, target=TARGET)
    assert len(found.N) == 3
    assert found.C.sum() <= BUDGET * (1 + 1e-12)
    assert pytest.approx(6 * found.N * found.D) == found.C
    assert found.after < found.before
    chosen = [_width(first_runs, found.N, found.D, seed) for seed in range(3)]
    drawn = []
    for seed in range(3):
        rng = np.random.default_rng(100 + seed)
        C = np.exp(rng.uniform(np.log(1e19), np.log(BUDGET / 3), 3))
        ratio = np.exp(rng.uniform(0, np.log(1000), 3))
        N = np.sqrt(C / 6 / ratio)
        drawn.append(_width(first_runs, N, N * ratio, seed))
    assert np.mean(chosen) < 0.8 * np.mean(drawn)


def test_no_other_three_runs_of_a_small_grid_are_expected_to_do_better(first_runs):
    from itertools import combinations_with_replacement

    from scaling_utils.planning.designs import _candidates, _gain, _goal

    grid = {"sizes": [1e9, 3e9, 9e9], "ratios": [2.0, 20.0, 200.0]}
    found = next_runs(first_runs[3], BUDGET, target=TARGET, **grid)
    family = family_of(first_runs[3])
    N, D = _candidates(family, BUDGET, grid["sizes"], grid["ratios"])
    logs = np.log(family.loss(N[:, None], D[:, None]))
    goal = _goal(family, TARGET, "size")
    gains = [
        _gain(logs, goal, found.noise, list(three))
        for three in combinations_with_replacement(range(len(N)), 3)
        if sum(6 * N[i] * D[i] for i in three) <= BUDGET
    ]
    assert found.before**2 - found.after**2 == pytest.approx(max(gains), rel=0.02)


def test_next_runs_for_the_loss_and_bad_budgets(first_runs):
    found = next_runs(first_runs[3], BUDGET, target=TARGET, wanted="loss", runs=2)
    assert len(found.N) == 2
    assert found.after < found.before
    assert set(found.as_dict()) >= {"N", "D", "C", "method", "after"}
    with pytest.raises(ValueError, match="budget = 1e\\+16 FLOPs must pay for"):
        next_runs(first_runs[3], 1e16, target=TARGET)
    with pytest.raises(ValueError, match="wanted must be one of 'size', 'loss'"):
        next_runs(first_runs[3], BUDGET, target=TARGET, wanted="C")
    with pytest.raises(TypeError, match="fit must be a Fit or its Resamples"):
        next_runs("chinchilla", BUDGET, target=TARGET)
