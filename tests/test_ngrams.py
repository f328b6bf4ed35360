"""The neural n-gram models: each member is the network of its docstring, and nothing else."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from scaling_utils.counting import count_flops, count_parameters
from scaling_utils.models import NeuralNgrams

V, C, H = 7, 3, 6  # tokens, context, width; the embedding has width 3
SEEDS = [4, 9, 4]


def filled(seeds=SEEDS, width=H) -> NeuralNgrams:
    """Return models whose zeros are filled, so that a test sees W3 and the biases."""
    model = NeuralNgrams(V, C, width, seeds)
    for name in ("w3", "b1", "b2", "b3"):
        parameter = getattr(model, name)
        for member, seed in enumerate(model.seeds):
            generator = torch.Generator().manual_seed(100 + seed)
            parameter.data[member] = torch.randn(parameter.shape[1:], generator=generator) / 3
    return model


def data() -> tuple[Tensor, Tensor]:
    """Return windows (M, B, c) and the tokens after them (M, B), each member's own."""
    generator = torch.Generator().manual_seed(3)
    windows = torch.randint(V, (3, 5, C), generator=generator)
    return windows, torch.randint(V, (3, 5), generator=generator)


def by_hand(model: NeuralNgrams, member: int, windows: np.ndarray) -> np.ndarray:
    """Return one member's logits (B, V) in float64, one window at a time."""
    weights = {name: p[member].detach().double().numpy() for name, p in model.named_parameters()}
    out = []
    for window in windows:
        z = np.concatenate([weights["embedding"][token] for token in window])  # (c e,)
        a = np.maximum(z @ weights["w1"] + weights["b1"][0], 0)  # (h,)
        a = a + np.maximum(a @ weights["w2"] + weights["b2"][0], 0)  # (h,)
        out.append(a @ weights["w3"] + weights["b3"][0])
    return np.array(out)


# --- what is computed ---------------------------------------------------------------------


@pytest.mark.parametrize("width", [2, 5, 6])
def test_each_member_equals_a_plain_computation(width):
    model = filled(width=width)
    windows, _ = data()
    logits = model(windows)
    assert logits.shape == (3, 5, V)
    for member in range(3):
        expected = by_hand(model, member, windows[member].numpy())
        np.testing.assert_allclose(logits[member].detach(), expected, rtol=1e-5, atol=1e-6)


def test_the_loss_is_each_members_mean_of_minus_log_probability():
    model = filled()
    windows, targets = data()
    loss = model.loss(windows, targets)
    assert loss.shape == (3,)
    for member in range(3):
        logits = by_hand(model, member, windows[member].numpy())
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        expected = -np.log(p[np.arange(5), targets[member].numpy()]).mean()
        assert loss[member].item() == pytest.approx(expected, rel=1e-5)


def test_members_share_nothing():
    model = filled()
    windows, targets = data()
    for member in range(3):
        model.zero_grad()
        model.loss(windows, targets)[member].backward()
        for name, parameter in model.named_parameters():
            touched = parameter.grad.flatten(1).abs().amax(1) > 0  # (M,)
            assert touched.tolist() == [other == member for other in range(3)], name


def test_a_member_trained_beside_others_is_trained_as_if_alone():
    windows, targets = data()
    together, alone = filled(), filled([SEEDS[1]])
    for model, part in ((together, slice(None)), (alone, slice(1, 2))):
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
        for _ in range(20):
            optimiser.zero_grad()
            model.loss(windows[part], targets[part]).sum().backward()
            optimiser.step()
    for (name, one), other in zip(together.named_parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(one[1], other[0], msg=name)


def test_the_place_of_a_token_in_the_window_matters():
    model = filled()
    windows, _ = data()
    assert (model(windows) - model(windows.flip(2))).abs().max() > 0.01


# --- how it starts ------------------------------------------------------------------------


@pytest.mark.parametrize("vocab", [2, 7, 64])
def test_the_first_loss_is_that_of_a_guess(vocab):
    model = NeuralNgrams(vocab, C, 32, [0, 1])
    windows = torch.randint(vocab, (2, 256, C))
    loss = model.loss(windows, windows[..., 0])
    assert (model(windows) == 0).all()
    for member in range(2):  # equal to ln V to the last bit of float32
        assert loss[member].item() == pytest.approx(math.log(vocab), rel=2**-23, abs=0)
    assert loss[0] == loss[1]


def test_weights_start_with_the_stated_variances():
    model = NeuralNgrams(vocab=500, context=4, width=200, seeds=[5, 6])
    expected = {"embedding": 1.0, "w1": math.sqrt(2 / 400), "w2": math.sqrt(2 / 200) / 2}
    for name, scale in expected.items():
        weights = getattr(model, name)
        for member in range(2):
            assert weights[member].std().item() == pytest.approx(scale, rel=0.02), name
            assert abs(weights[member].mean().item()) < 4 * scale / weights[0].numel() ** 0.5
    for name in ("w3", "b1", "b2", "b3"):
        assert (getattr(model, name) == 0).all()


def test_the_seed_alone_decides_the_start():
    torch.manual_seed(1)
    model = NeuralNgrams(V, C, H, SEEDS)
    torch.manual_seed(2)
    other = NeuralNgrams(V, C, H, [8, 9, 10, 11])
    for name in ("embedding", "w1", "w2"):
        one, two = getattr(model, name), getattr(other, name)
        assert torch.equal(one[0], one[2])  # seed 4 twice
        assert not torch.equal(one[0], one[1])
        assert torch.equal(one[1], two[1])  # seed 9 in other company
        assert not torch.equal(two[0], two[2])


def test_no_numbers_are_drawn_twice():
    model = NeuralNgrams(V, C, H, list(range(6)))
    scales = {"embedding": 1.0, "w1": math.sqrt(2 / (3 * 3)), "w2": math.sqrt(2 / H) / 2}
    first = [
        round((part.flatten()[0] / scale).item(), 5)
        for name, scale in scales.items()
        for part in getattr(model, name)
    ]
    assert len(set(first)) == 18


# --- what is counted ----------------------------------------------------------------------


def test_one_shape_counted_by_hand():
    model = NeuralNgrams(vocab=7, context=3, width=6, seeds=SEEDS)
    # W1 takes 3 embeddings of 3 numbers to 6, W2 takes 6 to 6, W3 takes 6 to 7.
    assert model.matmul_parameters == 9 * 6 + 6 * 6 + 6 * 7 == 132
    assert model.total_parameters == 132 + 7 * 3 + (6 + 6 + 7) == 172
    assert model.flops_per_token == 792


SHAPES = [(2, 1, 2), (7, 3, 6), (7, 3, 5), (64, 3, 32)]


@pytest.mark.parametrize(("vocab", "context", "width"), SHAPES)
def test_parameters_are_those_of_the_module(vocab, context, width):
    model = NeuralNgrams(vocab, context, width, SEEDS)
    assert 3 * model.total_parameters == count_parameters(model)
    named = {name: p.numel() for name, p in model.named_parameters()}
    weights = sum(size for name, size in named.items() if name.startswith("w"))
    assert 3 * model.matmul_parameters == weights


@pytest.mark.parametrize(("vocab", "context", "width"), SHAPES)
def test_the_work_of_a_step_is_what_torch_counts(vocab, context, width):
    """Forward and backward through the loss: the products with W1, W2 and W3, for all members.

    Not counted, by either: the look-up of embeddings and the sum of its gradients, biases,
    ReLU, softmax, and the optimiser.
    """
    model = NeuralNgrams(vocab, context, width, SEEDS)
    windows = torch.randint(vocab, (3, 10, context))
    with FlopCounterMode(display=False) as step:
        model.loss(windows, windows[..., 0]).sum().backward()
    counted = step.get_flop_counts()["Global"]
    assert {str(operation) for operation in counted} == {"aten.baddbmm", "aten.bmm"}
    assert sum(counted.values()) == 3 * 10 * model.flops_per_token
    passes = count_flops(model, windows)
    assert passes.backward == 2 * passes.forward
    assert passes.total == 3 * 10 * model.flops_per_token


# --- bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"vocab": 1}, "vocab must be at least 2"),
        ({"vocab": math.inf}, "vocab must be finite"),
        ({"context": 0}, "context must be at least 1"),
        ({"context": 1.5}, "context must be a whole number"),
        ({"width": 1}, "width must be at least 2"),
        ({"width": math.nan}, "width must be finite"),
        ({"seeds": []}, "seeds must name at least one member"),
        ({"seeds": [1, -1]}, "seeds must be at least 0"),
        ({"seeds": [0.5]}, "seeds must be a whole number"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        NeuralNgrams(**({"vocab": V, "context": C, "width": H, "seeds": SEEDS} | arguments))


WRONG = [(3, 5), (1, 5, C), (4, 5, C), (3, 5, C + 1), (3, 5, C, 1), (3, 0, C)]


@pytest.mark.parametrize("shape", WRONG)
def test_windows_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"tokens must have shape \(3, B, 3\)"):
        filled()(torch.zeros(shape, dtype=torch.long))


@pytest.mark.parametrize("token", [-1, V])
def test_a_token_outside_the_vocabulary_never_reads_another_members_embedding(token):
    model = filled()
    for member in range(3):
        windows, _ = data()
        windows[member, 2, 1] = token
        with pytest.raises(ValueError, match=rf"tokens must be 0 to 6, got {token}"):
            model(windows)
