"""Scores and their uncertainty: against hand calculations, exact sums and simulated truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from scaling_utils import judging


def test_a_mean_and_its_error_by_hand():
    found = judging.mean([1, 0, 1, 1])
    assert (found.value, found.units, found.items) == (0.75, 4, 4)
    assert found.se == pytest.approx(math.sqrt(0.25 / 4))  # s^2 = 3/4 / 3
    half = 3.182446 * found.se  # Student's t, 3 degrees of freedom
    assert found.interval() == pytest.approx((0.75 - half, 0.75 + half), abs=1e-6)
    assert found.p_value(0.75) == 1


def test_a_clustered_error_by_hand():
    # Sums 2 and 0, sizes 2 and 2, mean 1/2: residuals 1 and -1; se^2 = 2/1 * 2 / 16.
    found = judging.mean([1, 1, 0, 0], ["x", "x", "y", "y"])
    assert (found.units, found.se) == (2, 0.5)
    # Items alone would say s / sqrt(n) = sqrt(1/3) / 2.
    assert judging.mean([1, 1, 0, 0]).se == pytest.approx(math.sqrt(1 / 12))


def test_documents_of_one_item_are_items():
    values = np.arange(7.0) ** 2
    assert judging.mean(values, np.arange(7)).se == pytest.approx(judging.mean(values).se)


def test_the_clustered_error_is_the_one_of_held_out_loss():
    import torch

    from scaling_utils.training import evaluate

    class Logits(torch.nn.Module):
        def forward(self, x):
            return torch.stack([x, -x], -1).float()

    inputs, documents = torch.arange(12).view(4, 3) % 5, torch.tensor([0, 0, 1, 2])
    loss = evaluate(Logits(), [(inputs, torch.zeros(4, 3, dtype=torch.long), documents)])
    each = np.log1p(np.exp(-2.0 * inputs.numpy())).ravel()
    ours = judging.mean(each, np.repeat(documents.numpy(), 3))
    assert (ours.value, ours.se) == pytest.approx((loss.loss, loss.se), rel=1e-5)


def test_a_paired_difference_counts_what_the_models_share():
    a = np.array([1, 1, 1, 0, 0, 0, 1, 0])
    b = np.array([1, 1, 1, 0, 0, 0, 1, 1])
    paired, unpaired = judging.difference(a, b), judging.difference(a, b, paired=False)
    assert paired.value == unpaired.value == 1 / 8
    assert paired.se == pytest.approx(1 / 8)  # one item of eight differs
    assert unpaired.se**2 == pytest.approx(judging.mean(a).se ** 2 + judging.mean(b).se ** 2)
    variance = a.var(ddof=1) + b.var(ddof=1) - 2 * np.cov(a, b)[0, 1]
    assert paired.se**2 == pytest.approx(variance / 8)


def test_the_unpaired_p_value_is_welchs():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=30), rng.normal(0.5, 2, size=41)
    ours = judging.difference(a, b, paired=False)
    welch = stats.ttest_ind(b, a, equal_var=False)
    assert ours.p_value() == pytest.approx(welch.pvalue)
    low, high = welch.confidence_interval()
    assert ours.interval() == pytest.approx((low, high))


def test_different_items_cannot_be_paired():
    with pytest.raises(ValueError, match=r"one score per item, got 2 and 3; .* paired=False"):
        judging.difference([1, 0], [1, 0, 1])
    with pytest.raises(ValueError, match="groups must hold at least two independent units, got 1"):
        judging.mean([1, 0, 1], [5, 5, 5])


def test_wilson_solves_its_equation():
    low, high = judging.wilson(13, 20)
    z = stats.norm.ppf(0.975)
    for end in (low, high):  # the share at which the observed one is just z errors away
        assert abs(13 / 20 - end) == pytest.approx(z * math.sqrt(end * (1 - end) / 20))
    assert judging.wilson(20, 20) == pytest.approx((20 / (20 + z**2), 1))
    with pytest.raises(ValueError, match="right must be at most the 5 items, got 6"):
        judging.wilson(6, 5)


def test_the_bootstrap_agrees_with_the_formula_where_that_holds():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(60), 10)
    values = rng.normal(size=60)[groups] + rng.normal(size=600)
    for units in (None, groups):
        low, high = judging.bootstrap_mean(values, units, draws=4000)
        exact = judging.mean(values, units)
        assert (low + high) / 2 == pytest.approx(exact.value, abs=0.1 * exact.se)
        assert (high - low) / (2 * 1.96) == pytest.approx(exact.se, rel=0.06)
    assert judging.mean(values, groups).se > 2 * judging.mean(values).se


def test_the_bootstrap_draws_whole_documents():
    # Two documents, all right and all wrong: a resample has 0, 1 or 2 of the right one.
    low, high = judging.bootstrap_mean([1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1], draws=500)
    assert (low, high) == (0, 1)


@pytest.mark.parametrize("method", ["percentile", "basic", "BCa"])
def test_the_bootstrap_of_what_never_varies_has_no_width(method):
    assert judging.bootstrap_mean(np.ones(20), method=method) == (1, 1)


def test_mcnemar_is_a_fair_coin_on_the_items_that_differ():
    a = np.repeat([1, 1, 0, 0], [40, 5, 20, 35])  # 5 only a, 20 only b
    b = np.repeat([1, 0, 1, 0], [40, 5, 20, 35])
    exact = 2 * sum(math.comb(25, k) for k in range(6)) / 2**25
    assert judging.mcnemar(a, b) == pytest.approx(exact)
    assert judging.mcnemar(a, a) == 1
    with pytest.raises(ValueError, match="b must be 0 or 1"):
        judging.mcnemar(a, b / 2)


def test_items_needed_by_hand():
    z = (1.959964 + 0.841621) ** 2
    variance = 0.62 * 0.38 + 0.65 * 0.35
    assert judging.items_needed(0.62, 0.65) == math.ceil(z * variance / 0.03**2) == 4039
    assert judging.items_needed(0.62, 0.65, disagree=0.1) == math.ceil(z * 0.0991 / 0.03**2) == 865
    # Independent answers disagree on a(1-b) + b(1-a): then pairing buys nothing.
    chance = 0.62 * 0.35 + 0.65 * 0.38
    assert judging.items_needed(0.62, 0.65, disagree=chance) == 4039


def test_power_at_the_items_needed_is_the_power_asked_for():
    for disagree in (None, 0.1, 0.3):
        n = judging.items_needed(0.62, 0.65, disagree=disagree, power=0.9)
        assert judging.power_of(n, 0.62, 0.65, disagree=disagree) == pytest.approx(0.9, abs=1e-3)


def test_power_against_drawn_evaluations():
    rng = np.random.default_rng(2)
    kinds = rng.choice(3, p=[0.04, 0.07, 0.89], size=(2000, 900))  # only a, only b, both alike
    gaps = (kinds == 1).astype(float) - (kinds == 0)
    t = gaps.mean(1) / (gaps.std(1, ddof=1) / 30)
    found = (t > stats.t.ppf(0.975, 899)).mean()
    assert judging.power_of(900, 0.62, 0.65, disagree=0.11) == pytest.approx(found, abs=0.03)


def test_impossible_plans_are_refused():
    with pytest.raises(ValueError, match=r"disagree must be from 0.03 to 0.73 .* got 0.02"):
        judging.items_needed(0.62, 0.65, disagree=0.02)
    with pytest.raises(ValueError, match="a and b must differ"):
        judging.items_needed(0.6, 0.6)


def test_the_design_effect_of_documents_is_what_drawn_documents_show():
    assert judging.design_effect(1, 0.9) == 1
    assert judging.design_effect(10, 1) == 10
    rng = np.random.default_rng(3)
    means = 0.2**0.5 * rng.normal(size=(20000, 1)) + 0.8**0.5 * rng.normal(size=(20000, 10))
    assert 10 * means.mean(1).var() == pytest.approx(judging.design_effect(10, 0.2), rel=0.05)


def test_truth_values_are_scores():
    right, other = np.array([True, False, True, True]), [False, False, True, True]
    assert judging.mean(right) == judging.mean([1, 0, 1, 1])
    assert judging.difference(right, other) == judging.difference([1, 0, 1, 1], [0, 0, 1, 1])
    assert judging.bootstrap_mean(right) == judging.bootstrap_mean([1, 0, 1, 1])


@pytest.mark.parametrize("estimate", [judging.mean, judging.bootstrap_mean])
def test_one_document_has_no_error_and_the_message_says_so(estimate):
    with pytest.raises(ValueError, match="groups must hold at least two independent units, got 1"):
        estimate([1, 0, 1], ["one", "one", "one"])
    with pytest.raises(ValueError, match="values must hold at least two independent units, got 1"):
        estimate([1])


def test_a_power_below_that_of_no_items_is_refused():
    # Without items the interval lies beyond zero on the right side in (1 - level) / 2 of all.
    with pytest.raises(ValueError, match=r"power must be above 0.025 and below 1, got 0.001"):
        judging.items_needed(0.6, 0.7, power=0.001)
    with pytest.raises(ValueError, match=r"items must be a whole number, got 10\.5"):
        judging.power_of(10.5, 0.6, 0.7)
