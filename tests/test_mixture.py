"""The mixture of experts against loops over tokens, dense layers, and counts by hand."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from scaling_utils.counting import count_flops, count_parameters
from scaling_utils.memory import Experts
from scaling_utils.models import FeedForward, Mixture, WindowModel, balance_loss, z_loss
from scaling_utils.models.mixture import Routing


def layer(*numbers, d=6, seed=0, **how):
    torch.manual_seed(seed)
    return Mixture(d, Experts(*numbers), **how).double()


def one_by_one(mixture, x, room=math.inf):
    """Each token alone: its scores, its experts in order of their scores, their weighted sum."""
    k, left = mixture.experts.active, [room] * mixture.experts.count
    rows = []
    for token in x:
        scores = (token @ mixture.router).softmax(0)
        picked = sorted(range(len(scores)), key=lambda e: -(scores[e] + mixture.bias[e]).item())[:k]
        whole = sum(scores[e] for e in picked) if mixture.normalise else 1.0
        y = torch.zeros_like(token)
        for e in picked:
            left[e] -= 1
            if left[e] >= 0:
                hidden = F.gelu(token @ mixture.up[e])
                y = y + scores[e] / whole * (hidden @ mixture.down[e])
        rows.append(y + (mixture.shared(token[None])[0] if mixture.shared else 0))
    return torch.stack(rows)


@pytest.mark.parametrize("numbers", [(4, 1, 5), (4, 2, 5), (5, 3, 2, 1), (3, 3, 4), (1, 1, 7)])
@pytest.mark.parametrize("normalise", [None, True, False])
def test_outputs_and_gradients_are_those_of_each_token_alone(numbers, normalise):
    mixture, x = layer(*numbers, normalise=normalise), torch.randn(40, 6).double()
    mixture.bias.normal_(std=0.1)
    want, got = one_by_one(mixture, x), mixture(x)
    torch.testing.assert_close(got, want)
    weights = list(mixture.parameters())
    grads = [
        torch.autograd.grad((y * x.flip(0)).sum(), weights, allow_unused=True) for y in (got, want)
    ]
    for name, ours, theirs in zip(dict(mixture.named_parameters()), *grads, strict=True):
        zero = torch.zeros(())
        ours, theirs = (zero if g is None else g for g in (ours, theirs))
        torch.testing.assert_close(ours + 0 * theirs, theirs + 0 * ours, msg=name)


@pytest.mark.parametrize("capacity", [0.3, 1.0, 1.2])
def test_a_full_expert_takes_the_first_ones_and_the_rest_get_nothing(capacity):
    mixture, x = layer(4, 2, 5, capacity=capacity), torch.randn(30, 6).double()
    room = math.ceil(capacity * 30 * 2 / 4)
    torch.testing.assert_close(mixture(x), one_by_one(mixture, x, room))
    routing = mixture.routing
    assert routing.load.sum() == 60
    assert routing.dropped == (routing.load - room).clamp(min=0).sum() > 0
    assert int(routing.kept.sum()) == 60 - routing.dropped


def test_room_for_the_fullest_drops_nothing():
    mixture, x = layer(4, 2, 5, capacity=2.0), torch.randn(30, 6).double()
    free = layer(4, 2, 5)
    assert torch.equal(mixture(x), free(x))
    assert mixture.routing.dropped == free.routing.dropped == 0


def test_one_expert_is_a_dense_layer():
    mixture, dense, x = layer(1, 1, 9), FeedForward(6, 9).double(), torch.randn(20, 6).double()
    with torch.no_grad():
        dense.up.copy_(mixture.up[0])
        dense.down.copy_(mixture.down[0])
    torch.testing.assert_close(mixture(x), dense(x))


def test_equal_experts_with_weights_that_add_up_are_one_expert():
    mixture, x = layer(6, 3, 4), torch.randn(20, 6).double()
    with torch.no_grad():
        mixture.up[:], mixture.down[:] = mixture.up[:1].clone(), mixture.down[:1].clone()
    one = F.gelu(x @ mixture.up[0]) @ mixture.down[0]
    torch.testing.assert_close(mixture(x), one)
    mixture.normalise = False
    assert not torch.allclose(mixture(x), one)


def test_one_expert_whose_weight_is_set_to_1_teaches_its_router_nothing():
    x = torch.randn(20, 6).double()
    for normalise, learns in ((True, False), (False, True), (None, True)):
        mixture = layer(4, 1, 5, normalise=normalise)
        mixture(x).square().sum().backward()
        assert (float(mixture.router.grad.abs().max()) > 1e-9) is learns


def test_a_bias_chooses_and_does_not_weigh():
    mixture, x = layer(4, 1, 5), torch.randn(20, 6).double()
    mixture.bias[2] = 10.0
    mixture(x)
    assert (mixture.routing.chosen == 2).all()
    scores = (x @ mixture.router).softmax(1)
    torch.testing.assert_close(mixture.routing.gates[:, 0], scores[:, 2])


def test_a_bias_rises_for_the_idle_and_falls_for_the_busy():
    mixture, x = layer(4, 1, 5), torch.randn(33, 6).double()
    mixture(x)
    load = mixture.routing.load
    mixture.rebalance(0.5)
    assert (mixture.bias == torch.where(load < 33 / 4, 0.5, -0.5)).all()


def routed(chosen, scores):
    scores = torch.tensor(scores)
    return Routing(scores.log(), scores, torch.tensor(chosen), scores)


def test_the_balancing_loss_by_hand():
    # Three of four tokens go to expert 0; mean scores .6 and .4: 2 (.75 x .6 + .25 x .4) = 1.1.
    scores = [[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]]
    assert float(balance_loss(routed([[0], [0], [0], [1]], scores))) == pytest.approx(1.1)
    even = [[0.25] * 4] * 4
    assert float(balance_loss(routed([[0, 1], [2, 3], [0, 1], [2, 3]], even))) == pytest.approx(1)
    sure = [[1.0, 0.0, 0.0, 0.0]] * 3
    assert float(balance_loss(routed([[0]] * 3, sure))) == pytest.approx(4)


def test_the_z_loss_by_hand():
    # log(1 + 3) twice squared, and log(1 + 1) squared.
    logits = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]])
    routing = Routing(logits, logits.softmax(1), torch.zeros(2, 1, dtype=int), torch.ones(2, 1))
    wanted = (math.log(4) ** 2 + math.log(2) ** 2) / 2
    assert float(z_loss(routing)) == pytest.approx(wanted)


@pytest.mark.parametrize("numbers", [(8, 1, 12), (8, 2, 6), (5, 2, 3, 2)])
def test_the_flops_of_a_model_are_those_of_the_experts_that_run(numbers):
    experts = Experts(*numbers)
    model = WindowModel(11, 3, 8, 2, experts)
    windows = torch.randint(11, (32, 3))
    assert count_flops(model, windows).total == 32 * model.flops_per_token
    E, k, f, s = experts.count, experts.active, experts.d_expert, experts.shared
    used = 2 * (8 * E + 2 * 8 * f * (k + s)) + 12 * 8 + 8 * 11
    assert model.flops_per_token == 6 * used
    stored = 2 * (8 * E + 2 * 8 * f * (E + s)) + 12 * 8 + 8 * 11 + 11 * 4
    assert count_parameters(model) == stored


def test_a_model_says_what_a_task_asks_and_its_seed_is_its_own():
    model, again = (WindowModel(11, 3, 8, 2, Experts(4, 1, 6), seed=5) for _ in range(2))
    windows = torch.randint(11, (1, 7, 3))
    assert model(windows).shape == (1, 7, 11)
    assert torch.equal(model(windows)[0], again(windows[0]))
    assert model.loss(windows[0], torch.zeros(7, dtype=int)).item() == pytest.approx(math.log(11))
    assert not torch.equal(model.mix, WindowModel(11, 3, 8, 2, 6, seed=6).mix)
    assert len(model.mixtures) == 2
    assert WindowModel(11, 3, 8, 2, 6).mixtures == []


def test_what_cannot_be_is_refused_by_name():
    with pytest.raises(TypeError, match="experts must be Experts, got 4"):
        Mixture(6, 4)
    with pytest.raises(ValueError, match="d_expert"):
        Mixture(6, Experts(4, 2))
    with pytest.raises(ValueError, match="capacity must be above 0"):
        Mixture(6, Experts(4, 2, 3), capacity=0)
    with pytest.raises(ValueError, match="hidden"):
        FeedForward(6, 0)
