"""Associations, their memory and its theory: against exact sums, autograd and the design."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import zeta

from scaling_utils.corpora.associations import HEAD, OUTPUTS, Associations
from scaling_utils.corpora.visits import DataCurve, DataCurves, alone
from scaling_utils.experiments.associative import associative_memory
from scaling_utils.models.associative import AssociativeMemory
from scaling_utils.tasks.associations import AssociationTask

SOURCE = Associations(1.5, 7)


@pytest.mark.parametrize("g", [1.1, 1.5, 1.8])
def test_the_inverse_of_the_tail_against_exact_zeta_sums(g):
    source = Associations(g)
    for r in (1, 2, 17, HEAD - 1, HEAD, HEAD + 1, HEAD + 2, 10**5, 10**7):
        above, from_r = zeta(g, r + 1) / zeta(g), zeta(g, r) / zeta(g)
        inside = above + (from_r - above) * np.array([1e-3, 0.5, 1 - 1e-3])
        assert source.ranks(inside).tolist() == [r, r, r]
    assert source.mass(3, 5) == pytest.approx(source.probability([3, 4]).sum())
    assert np.isfinite(source.ranks(np.array([2.0**-53]))).all()


def test_draws_follow_the_law_and_the_distributions():
    ranks, outputs = SOURCE.draw(0, 0, 2**16)
    for r in (1, 2, 5):
        p = float(SOURCE.probability(r))
        assert abs((ranks == r).mean() - p) < 4 * math.sqrt(p / 2**16)
    first = SOURCE.conditionals(np.array([1.0]))[0]
    seen = np.bincount(outputs[ranks == 1], minlength=OUTPUTS) / (ranks == 1).sum()
    assert abs(seen - first).max() < 4 * math.sqrt(0.25 / (ranks == 1).sum())
    again = SOURCE.draw(0, 0, 2**16)
    assert all((one == other).all() for one, other in zip(again, (ranks, outputs), strict=True))


def test_distributions_and_embeddings():
    assert SOURCE.entropies.mean() == pytest.approx(math.log(16), abs=1e-6)
    ranks = np.arange(1.0, 2000)
    p = SOURCE.conditionals(ranks)
    assert p.sum(1) == pytest.approx(1)
    assert abs(p.mean(0) - 1 / OUTPUTS).max() < 0.003  # no output is common to all
    E = SOURCE.embeddings(ranks, 96)
    assert (E**2).sum(1) == pytest.approx(1, rel=1e-5)
    overlaps = (E @ E.T)[np.triu_indices(len(E), 1)]
    assert abs(overlaps.mean()) < 1e-3
    assert overlaps.std() == pytest.approx(1 / math.sqrt(96), rel=0.02)


def test_the_gradient_against_autograd_and_one_step_of_adam():
    torch.manual_seed(0)
    E, y = torch.randn(6, 5), torch.randint(0, 4, (6,))
    model = AssociativeMemory(4, 5, [0.1, 0.2])
    with torch.no_grad():
        model.weight.copy_(torch.randn(8, 5))
    for part, gradient in zip(model.weight.split(4), model.gradient.split(4), strict=True):
        W = part.clone().requires_grad_()
        F.cross_entropy(E @ W.T, y).backward()
        model.backward(E, y)
        torch.testing.assert_close(gradient, W.grad)
        soft = torch.softmax(torch.randn(6, 4), 1) * torch.rand(6, 1)  # weighted rows
        W.grad = None
        (-(soft * torch.log_softmax(E @ W.T, 1)).sum()).backward()
        model.backward(E, soft)
        torch.testing.assert_close(gradient, W.grad)
    before = model.weight.clone()
    model.step(E, y, 0.5)  # the first step of Adam is the rate times the sign
    moved = (model.weight - before).detach().abs().split(4)
    for part, rate in zip(moved, (0.05, 0.1), strict=True):
        torch.testing.assert_close(part, torch.full_like(part, rate), rtol=1e-3, atol=0)


def test_members_are_the_networks_that_each_would_be_alone():
    both = associative_memory(1.5, 16, 1024, [0.05, 0.1], batch=16, samples=32)
    one = associative_memory(1.5, 16, 1024, [0.1], batch=16, samples=32)
    assert both[1]["excess"] == pytest.approx(one[0]["excess"], rel=1e-4)


def test_the_evaluation_covers_the_source_once_and_changes_nothing():
    task = AssociationTask(SOURCE, 16, samples=64)
    assert sum(weights.sum() for _, weights in task.strata) == pytest.approx(1, abs=1e-12)
    model = AssociativeMemory(OUTPUTS, 16, [0.1])
    measured = task.measure(model)
    assert not model.weight.any()
    assert measured["excess"][0] == pytest.approx(  # ln V less the mean entropy over contexts
        math.log(OUTPUTS)
        - sum(w @ SOURCE.entropies[SOURCE.addresses(r)[0]] for r, w in task.strata),
        rel=1e-5,
    )
    # The sampled contexts do not depend on the stream, nor the stream on them.
    E, y = next(task.batches(0, 16))
    other = AssociationTask(SOURCE, 16, samples=32)
    assert (next(other.batches(0, 16))[1] == y).all()
    assert (next(other.batches(1, 16))[0] != E).any()


def test_a_context_on_its_own_by_hand():
    left = alone(SOURCE, 1e-9, 2.0, 1.0, 4096)
    assert left.mean() == pytest.approx((math.log(OUTPUTS) - SOURCE.entropies).mean())
    few, many = (alone(SOURCE, visits, 4.0, 1.0, 64).mean() for visits in (64, 1024))
    assert many < few < left.mean()
    power = (
        math.log2(
            alone(SOURCE, 512, 2.0, 1.0, 64).mean() / alone(SOURCE, 2048, 2.0, 1.0, 64).mean()
        )
        / 2
    )
    assert 0.5 < power < 0.85  # towards one half under a linear decay


def test_the_data_curve_sums_what_is_left_of_each_context():
    visits = np.geomspace(1e-3, 1e6, 400)
    curve = DataCurve(visits, 1 / (1 + visits), 1.0, 1.0)  # f = 1 / (1 + v)
    ranks = np.arange(1, 10**7 + 1)
    p = SOURCE.probability(ranks)
    D = 5000.0
    exact = (p / (1 + D * p)).sum() + SOURCE.mass(10**7 + 1)
    assert curve.excess(1.5, D)[0] == pytest.approx(exact, rel=2e-3)
    far = curve.excess(1.5, 1e9 * np.array([1, 2]))
    assert math.log2(far[0] / far[1]) == pytest.approx(1 / 3, abs=0.003)  # 1 - 1/g


def test_curves_are_read_and_the_best_step_is_between_them(tmp_path):
    visits = np.geomspace(1e-2, 1e4, 60)
    lines = ["power,step,visits,left"]
    for step in (1.0, 2.0, 4.0):  # the best step is 2: a parabola in its logarithm
        left = (1 + 0.1 * math.log(step / 2) ** 2) / (1 + visits)
        lines += [f"1.0,{step},{v},{f}" for v, f in zip(visits, left, strict=True)]
    file = tmp_path / "visits.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    curves = DataCurves.read(file)
    assert list(curves.steps) == [1.0, 2.0, 4.0]
    assert curves.curves[0].start == pytest.approx(math.log(32))  # 512 outputs less 16
    assert curves.curves[0].slope == 0.5
    best = DataCurves((1.0, 2.0, 4.0), [curves.curves[1]] * 3)
    assert curves.least(1.5, 1e4) == pytest.approx(best.least(1.5, 1e4), rel=1e-3)
