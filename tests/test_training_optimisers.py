"""The optimisers against torch's own and against Adam written out."""

import copy
import math

import pytest
import torch
from torch import nn

from scaling_utils.models import NeuralNgrams
from scaling_utils.training import MemberAdam, adamw

BETAS = (0.9, 0.98)


class Stack(nn.Module):
    """Two parameters with the members in front."""

    def __init__(self, members=3, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.a = nn.Parameter(torch.randn(members, 4, 2, generator=generator).double())
        self.b = nn.Parameter(torch.randn(members, 5, generator=generator).double())

    def set_gradients(self, seed):
        generator = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            drawn = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.grad = drawn


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2)).double()


def step_both(one, two, optimiser, other, steps=15):
    """Give both models the same gradients, which differ from step to step."""
    for step in range(steps):
        generator = torch.Generator().manual_seed(step)
        for left, right in zip(one.parameters(), two.parameters(), strict=True):
            left.grad = torch.randn(left.shape, generator=generator, dtype=torch.float64)
            right.grad = left.grad.clone()
        optimiser.step()
        other.step()
    for left, right in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-12)


# --- AdamW ----------------------------------------------------------------------------------------


def test_adamw_is_torchs_own():
    one, two = network(), network()
    other = torch.optim.AdamW(two.parameters(), lr=0.01, betas=BETAS, weight_decay=0, fused=False)
    step_both(one, two, adamw(one, 0.01), other)


def test_only_matrices_decay():
    one, two = network(), network()
    groups = [
        {"params": [p for p in two.parameters() if p.dim() == 2], "weight_decay": 0.3},
        {"params": [p for p in two.parameters() if p.dim() == 1], "weight_decay": 0.0},
    ]
    other = torch.optim.AdamW(groups, lr=0.01, betas=BETAS)
    step_both(one, two, adamw(one, 0.01, weight_decay=0.3), other)


def test_multipliers_scale_the_rate_of_a_name():
    one, two = network(), network()
    named = dict(two.named_parameters())
    factors = {"0.weight": 0.25, "2.bias": 3.0}
    groups = [{"params": [p], "lr": 0.01 * factors.get(name, 1)} for name, p in named.items()]
    other = torch.optim.AdamW(groups, betas=(0.8, 0.9), weight_decay=0)
    step_both(one, two, adamw(one, 0.01, factors, betas=(0.8, 0.9)), other)


def test_each_group_carries_its_peak_rate():
    model = network()
    optimiser = adamw(model, 0.01, {"0.weight": 0.25}, weight_decay=0.1)
    rate = {id(p): group["base"] for group in optimiser.param_groups for p in group["params"]}
    for name, parameter in model.named_parameters():
        assert rate[id(parameter)] == pytest.approx(0.0025 if name == "0.weight" else 0.01), name
    assert all(group["lr"] == group["base"] for group in optimiser.param_groups)


# --- members --------------------------------------------------------------------------------------


def test_member_adam_with_one_rate_is_torchs_own():
    one, two = Stack(), Stack()
    other = torch.optim.Adam(two.parameters(), lr=0.02, betas=BETAS, fused=False)
    step_both(one, two, MemberAdam(one, [0.02] * 3), other)


def test_each_member_has_its_own_rate_by_hand():
    """Adam of Kingma and Ba (2015), Algorithm 1, written out for one number at a time."""
    model = Stack()
    start = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    rates, factors = [0.5, 0.01, 0.0001], {"b": 4.0}
    optimiser = MemberAdam(model, rates, factors)
    gradients = []
    for step in range(3):
        model.set_gradients(step)
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters()})
        optimiser.step()
    for name, parameter in model.named_parameters():
        for member, rate in enumerate(rates):
            x, m, v = start[name][member], 0.0, 0.0
            for t, gradient in enumerate(gradients, start=1):
                g = gradient[name][member]
                m, v = 0.9 * m + 0.1 * g, 0.98 * v + 0.02 * g * g
                corrected = (m / (1 - 0.9**t)) / ((v / (1 - 0.98**t)).sqrt() + 1e-8)
                x = x - rate * factors.get(name, 1.0) * corrected
            torch.testing.assert_close(parameter[member].detach(), x, rtol=1e-9, atol=1e-12)


def test_the_model_and_the_slices_share_their_memory():
    model = Stack()
    optimiser = MemberAdam(model, [0.1] * 3)
    before = model.a.detach().clone()
    model.set_gradients(1)
    optimiser.step()
    assert not torch.equal(model.a, before)
    optimiser.zero_grad()
    assert model.a.grad is None
    assert all(p.grad is None for group in optimiser.param_groups for p in group["params"])


def test_a_parameter_without_a_gradient_stays():
    model = Stack()
    before = model.b.detach().clone()
    optimiser = MemberAdam(model, [0.1] * 3)
    model.set_gradients(1)
    model.b.grad = None
    optimiser.step()
    assert torch.equal(model.b, before)


def test_a_state_can_be_loaded_into_another_optimiser():
    one, two = Stack(), Stack()
    first, second = MemberAdam(one, [0.1, 0.2, 0.3]), MemberAdam(two, [0.1, 0.2, 0.3])
    for step in range(3):
        one.set_gradients(step)
        first.step()
    two.load_state_dict(one.state_dict())
    second.load_state_dict(copy.deepcopy(first.state_dict()))  # torch would share the moments
    for model, optimiser in [(one, first), (two, second)]:
        model.set_gradients(9)
        optimiser.step()
    assert all(map(torch.equal, one.parameters(), two.parameters()))


def test_it_trains_the_models_of_the_book():
    model = NeuralNgrams(5, 2, 8, seeds=[0, 1])
    optimiser = MemberAdam(model, [0.01, 0.03])
    tokens = torch.randint(5, (2, 64, 3), generator=torch.Generator().manual_seed(0))
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = model.loss(tokens[..., :2], tokens[..., 2])
        loss.sum().backward()
        optimiser.step()
        losses.append(loss.detach())
    assert (losses[-1] < losses[0] - 0.5).all()


# --- refused --------------------------------------------------------------------------------------

BAD = [0, -0.1, math.nan, math.inf]


@pytest.mark.parametrize("bad", BAD)
def test_a_rate_that_is_not_positive_and_finite_is_refused(bad):
    with pytest.raises(ValueError, match="rate must be"):
        adamw(network(), bad)
    with pytest.raises(ValueError, match="rates must be"):
        MemberAdam(Stack(), [0.1, bad, 0.1])
    with pytest.raises(ValueError, match=r"multipliers\['0.weight'\] must be"):
        adamw(network(), 0.1, {"0.weight": bad})
    with pytest.raises(ValueError, match=r"multipliers\['a'\] must be"):
        MemberAdam(Stack(), [0.1] * 3, {"a": bad})


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf])
def test_a_bad_decay_is_refused(bad):
    with pytest.raises(ValueError, match="weight_decay must be"):
        adamw(network(), 0.1, weight_decay=bad)


@pytest.mark.parametrize("betas", [(0.9, 1.0), (-0.1, 0.9), (0.9, math.nan)])
def test_bad_betas_are_refused(betas):
    with pytest.raises(ValueError, match="betas must be"):
        adamw(network(), 0.1, betas=betas)
    with pytest.raises(ValueError, match="betas must be"):
        MemberAdam(Stack(), [0.1] * 3, betas=betas)


@pytest.mark.parametrize("betas", [0.9, (0.9,), (0.9, 0.9, 0.9)])
def test_betas_are_two_numbers(betas):
    with pytest.raises(ValueError, match="betas must be two numbers"):
        adamw(network(), 0.1, betas=betas)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"name parameters of the model, got \['head', 'x'\]"):
        adamw(network(), 0.1, {"x": 1.0, "0.weight": 1.0, "head": 1.0})
    with pytest.raises(ValueError, match=r"name parameters of the model, got \['c'\]"):
        MemberAdam(Stack(), [0.1] * 3, {"c": 1.0})


@pytest.mark.parametrize("rates", [[0.1], [0.1] * 4])
def test_there_is_one_rate_for_each_member(rates):
    with pytest.raises(ValueError, match=r"each member of a, whose shape is \(3, 4, 2\); got"):
        MemberAdam(Stack(), rates)


@pytest.mark.parametrize(
    ("rates", "error"), [([], ValueError), (0.1, ValueError), ("fast", TypeError)]
)
def test_rates_are_a_list(rates, error):
    with pytest.raises(error, match="rates must"):
        MemberAdam(Stack(), rates)


def test_a_parameter_without_members_is_refused():
    with pytest.raises(ValueError, match=r"each member of 0.bias, whose shape is \(4,\)"):
        MemberAdam(nn.Sequential(nn.Linear(3, 4)), [0.1] * 4)
