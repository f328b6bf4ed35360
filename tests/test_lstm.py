"""The recurrent model: equal to its equations, counted to the integer, and causal."""

import math

import pytest
import torch
from torch import Tensor

from scaling_utils.counting import count_flops, count_parameters
from scaling_utils.models import LSTM


def made(vocab=11, width=6, layers=2, seed=1) -> tuple[LSTM, Tensor]:
    """Return a model and tokens (3, 7) for it."""
    torch.manual_seed(seed)
    return LSTM(vocab, width, layers), torch.randint(vocab, (3, 7))


def by_the_equations(model: LSTM, tokens: Tensor) -> Tensor:
    """Return the logits as the docstring's equations give them, one token at a time."""
    weights = dict(model.named_parameters())
    x = model.embedding.weight[tokens]  # (B, T, h)
    for layer in range(model.layers):
        W, U = (weights[f"lstm.weight_{kind}_l{layer}"] for kind in ("ih", "hh"))
        b = weights[f"lstm.bias_ih_l{layer}"] + weights[f"lstm.bias_hh_l{layer}"]
        h = c = torch.zeros(len(tokens), model.width)
        out = []
        for t in range(tokens.shape[1]):
            i, f, g, o = (x[:, t] @ W.T + h @ U.T + b).chunk(4, dim=1)  # (B, h) each
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            out.append(h)
        x = torch.stack(out, 1)  # (B, T, h)
    return x @ model.head.weight.T


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_it_equals_the_equations(layers):
    model, tokens = made(layers=layers)
    logits = model(tokens)
    assert logits.shape == (3, 7, 11)
    torch.testing.assert_close(logits, by_the_equations(model, tokens))


def test_gradients_equal_those_of_the_equations():
    model, tokens = made()
    names = [name for name, _ in model.named_parameters()]
    found = torch.autograd.grad(model(tokens).square().sum(), model.parameters())
    expected = torch.autograd.grad(
        by_the_equations(model, tokens).square().sum(), model.parameters()
    )
    for name, one, other in zip(names, found, expected, strict=True):
        assert other.abs().max() > 0, name
        torch.testing.assert_close(one, other, msg=name)


def test_the_loss_is_the_mean_of_minus_log_probability():
    model, tokens = made()
    targets = torch.randint(11, tokens.shape, generator=torch.Generator().manual_seed(2))
    p = torch.softmax(model(tokens), -1).detach()
    by_hand = [-math.log(p[b, t, targets[b, t]]) for b in range(3) for t in range(7)]
    assert model.loss(tokens, targets).item() == pytest.approx(sum(by_hand) / 21, rel=1e-5)


def test_a_token_tells_nothing_to_the_places_before_it():
    model, tokens = made()
    for place in range(7):
        changed = tokens.clone()
        changed[:, place] = (changed[:, place] + 1) % 11
        moved = (model(changed) - model(tokens)).abs().amax((0, 2))  # (T,)
        assert (moved[:place] == 0).all()
        assert (moved[place:] > 0).all()


def test_sequences_do_not_see_each_other():
    model, tokens = made()
    torch.testing.assert_close(model(tokens)[1:2], model(tokens[1:2]))


def test_output_and_embedding_are_two_matrices():
    model, tokens = made()
    model.head.weight.data.zero_()
    assert model.embedding.weight.abs().max() > 0
    assert (model(tokens) == 0).all()


@pytest.mark.parametrize(("vocab", "width", "layers"), [(2, 1, 1), (11, 6, 2), (64, 32, 3)])
def test_parameters_are_those_of_the_module(vocab, width, layers):
    model = LSTM(vocab, width, layers)
    named = {name: p.numel() for name, p in model.named_parameters()}
    assert model.total_parameters == count_parameters(model) == sum(named.values())
    inner = sum(size for name, size in named.items() if name.startswith("lstm."))
    assert model.non_embedding_parameters == inner
    weights = sum(size for name, size in named.items() if "weight" in name)
    assert model.matmul_parameters == weights - named["embedding.weight"]


def test_one_layer_counted_by_hand():
    model = LSTM(vocab=10, width=3)
    # Eight 3 x 3 matrices, two biases of 3 for each of 4 gates; 10 x 3 in and 10 x 3 out.
    assert model.matmul_parameters == 8 * 9 + 30
    assert model.non_embedding_parameters == 8 * 9 + 8 * 3
    assert model.total_parameters == 96 + 60
    assert model.flops_per_token == 6 * 102


# The CPU's fused kernel hides its products from torch's counter.
plain = torch.backends.mkldnn.flags
quiet = pytest.mark.filterwarnings("ignore:TF32 acceleration:UserWarning")


@quiet
@pytest.mark.parametrize("layers", [1, 3])
def test_the_count_on_the_module_differs_by_the_first_states_gradient(layers):
    model, tokens = made(layers=layers)
    with plain(enabled=False):
        counted = count_flops(model, tokens)
    assert counted.forward * 3 == model.flops_per_token * tokens.numel()
    saved = 8 * layers * model.width**2 * len(tokens)  # 2 FLOPs for each weight of 4 h x h
    assert counted.total == model.flops_per_token * tokens.numel() - saved


@quiet
def test_with_the_first_states_gradient_six_per_weight_is_exact():
    class Started(torch.nn.Module):
        def __init__(self, model: LSTM):
            super().__init__()
            self.model = model
            self.start = torch.nn.Parameter(torch.zeros(2, model.layers, 3, model.width))

        def forward(self, tokens: Tensor) -> Tensor:
            x, _ = self.model.lstm(self.model.embedding(tokens), tuple(self.start))
            return self.model.head(x)

    model, tokens = made()
    with plain(enabled=False):
        counted = count_flops(Started(model), tokens)
    assert counted.total == model.flops_per_token * tokens.numel()


def test_dropout_works_in_training_only():
    torch.manual_seed(1)
    model = LSTM(11, 6, layers=2, dropout=0.5)
    tokens = torch.randint(11, (3, 7))
    assert not torch.equal(model(tokens), model(tokens))
    model.eval()
    torch.testing.assert_close(model(tokens), by_the_equations(model, tokens))


@pytest.mark.filterwarnings("error")
def test_dropout_in_one_layer_is_no_cause_to_warn():
    LSTM(11, 6, layers=1, dropout=0.5)


def test_it_learns_to_repeat_what_it_saw_before():
    torch.manual_seed(0)
    model = LSTM(vocab=4, width=16)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(300):
        tokens = torch.randint(4, (32, 8))
        loss = model.loss(tokens[:, 1:], tokens[:, :-1])  # the token one place back
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    # The first target was not seen: ln 4 nats at one place of seven is the least possible.
    assert loss.item() == pytest.approx(math.log(4) / 7, abs=0.02)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"vocab": 1}, "vocab must be at least 2"),
        ({"vocab": math.nan}, "vocab must be finite"),
        ({"width": 0}, "width must be at least 1"),
        ({"width": 2.5}, "width must be a whole number"),
        ({"width": math.inf}, "width must be finite"),
        ({"layers": 0}, "layers must be at least 1"),
        ({"layers": -1}, "layers must be at least 1"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1"),
        ({"dropout": -0.1}, "dropout must be at least 0 and below 1"),
        ({"dropout": math.nan}, "dropout must be finite"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        LSTM(**({"vocab": 11, "width": 6} | arguments))


@pytest.mark.parametrize("arguments", [{"vocab": "11"}, {"width": None}, {"layers": [1]}])
def test_what_is_no_number_is_refused(arguments):
    with pytest.raises(TypeError, match=next(iter(arguments))):
        LSTM(**({"vocab": 11, "width": 6} | arguments))


@pytest.mark.parametrize("shape", [(7,), (1, 3, 7)])
def test_tokens_without_two_dimensions_are_refused(shape):
    model, _ = made()
    with pytest.raises(ValueError, match="tokens must have shape"):
        model(torch.zeros(shape, dtype=torch.long))
