"""Adam in the host's memory: the same steps, no tensor of its own, and every byte that crosses."""

import numpy as np
import pytest
import torch
from torch import nn

from scaling_utils.training import HostAdam
from scaling_utils.training.ledger import follow_step


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 4))


def batch():
    return torch.randn(32, 8, generator=torch.Generator().manual_seed(1))


def loss(model, x):
    return (model(x) - 1).square().mean()


def trained(make, steps):
    model = network()
    adam = make(model.parameters())
    for _ in range(steps):
        loss(model, batch()).backward()
        adam.step()
        adam.zero_grad()
    return nn.utils.parameters_to_vector(model.parameters()).detach().numpy(), adam


@pytest.mark.parametrize("steps", [1, 10])
def test_the_weights_are_those_of_adamw(steps):
    here, _ = trained(lambda params: HostAdam(params, lr=0.01), steps)
    there, _ = trained(lambda params: torch.optim.AdamW(params, lr=0.01), steps)
    start = nn.utils.parameters_to_vector(network().parameters()).detach().numpy()
    assert np.abs(there - start).max() > 0.009  # a first step moves a weight by about the rate
    np.testing.assert_allclose(here, there, rtol=0, atol=1e-5)


def test_each_step_sends_every_gradient_down_and_every_change_up():
    _, adam = trained(HostAdam, 3)
    parameters = 8 * 16 + 16 + 16 * 4 + 4
    assert adam.sent == 3 * 2 * 4 * parameters


def test_a_step_on_the_card_holds_weights_and_gradients_alone():
    model, parameters = network(), 8 * 16 + 16 + 16 * 4 + 4
    adam = HostAdam(model.parameters())
    follow_step(model, adam, [batch()], loss)
    end = follow_step(model, adam, [batch()], loss).end("backward")
    assert end["weights"] == end["gradients"] == 4 * parameters
    assert end["optimiser"] == end["temporaries"] == end["activations"] == 0


def test_a_weight_without_gradient_stays_and_sends_nothing():
    model = network()
    adam = HostAdam(model.parameters())
    before = model[0].weight.detach().clone()
    model[2](torch.ones(2, 16)).sum().backward()
    adam.step()
    assert torch.equal(model[0].weight, before)
    assert adam.sent == 2 * 4 * (16 * 4 + 4)


def test_what_it_does_not_take():
    half = nn.Parameter(torch.zeros(2, dtype=torch.bfloat16))
    with pytest.raises(ValueError, match="params must be float32 tensors on the CPU, got bfloat16"):
        HostAdam([half])
    with pytest.raises(ValueError, match="lr must be"):
        HostAdam(network().parameters(), lr=0.0)
    with pytest.raises(ValueError, match="closure must be None"):
        HostAdam(network().parameters()).step(lambda: None)
