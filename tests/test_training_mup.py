"""muP: the factors of the tables, equal formulations, and the coordinate check."""

import math

import pytest
import torch
from torch import nn

from scaling_utils.models import GPT
from scaling_utils.shapes import Transformer
from scaling_utils.training import (
    Trainer,
    activations,
    adamw,
    constant,
    mup_multipliers,
    start_mup,
)

VOCAB, CONTEXT = 13, 8


def shape(width, **changes):
    """A shape with heads of width 8: a wider model has more of them."""
    heads = changes.pop("n_head", width // 8)
    sizes = {"n_layer": 2, "vocab": VOCAB, "context": CONTEXT} | changes
    return Transformer(d_model=width, n_head=heads, **sizes)


def tokens(sequences, seed=0):
    drawn = torch.Generator().manual_seed(seed)
    return torch.randint(0, VOCAB, (sequences, CONTEXT + 1), generator=drawn)


DATA = tokens(16)


def batches(_index):
    return DATA[:, :-1], DATA[:, 1:]


# --- the tables ---------------------------------------------------------------------------


def test_rates_of_a_tied_model_are_those_of_table_8():
    model, base = GPT(shape(64)), shape(16)
    factors = mup_multipliers(model, base)
    assert factors.keys() == dict(model.named_parameters()).keys()
    hidden = {name for name, weight in model.named_parameters() if weight.dim() == 2}
    hidden -= {"embedding.weight", "position.weight"}
    last_norm = {"norm.weight", "norm.bias"}
    assert len(hidden) == 8
    for name, factor in factors.items():
        assert factor == (1 / 4 if name in hidden | last_norm else 1.0), name


def test_rates_of_an_untied_model_are_those_of_table_3():
    style = {"tied": False, "gated": True, "bias": False, "norm": "rmsnorm"}
    style |= {"positions": "rotary"}
    factors = mup_multipliers(GPT(shape(64, **style)), shape(16, **style))
    reduced = {name for name, factor in factors.items() if factor == 1 / 4}
    parts = ("attention.qkv", "attention.out", "mlp.up", "mlp.gate", "mlp.out")
    blocks = {f"blocks.{k}.{part}.weight" for k in (0, 1) for part in parts}
    assert reduced == {*blocks, "head.weight"}
    assert {factors[name] for name in factors.keys() - reduced} == {1.0}


def test_each_matrix_goes_by_its_own_fan_in():
    model = GPT(shape(64, d_ff=96, n_head=4, d_head=8))  # attention is 32 wide
    factors = mup_multipliers(model, shape(16, d_ff=48))
    assert factors["blocks.0.attention.qkv.weight"] == 1 / 4
    assert factors["blocks.0.attention.out.weight"] == 1 / 2
    assert factors["blocks.1.mlp.up.weight"] == 1 / 4
    assert factors["blocks.1.mlp.out.weight"] == 1 / 2


@pytest.mark.parametrize("tied", [True, False])
def test_starting_weights_have_the_spread_of_the_tables(tied):
    torch.manual_seed(1)
    model = GPT(shape(256, tied=tied))
    start_mup(model, shape(64, tied=tied), std=0.1)
    named = dict(model.named_parameters())
    depth = math.sqrt(2 * 2)
    expected = {
        "embedding.weight": 0.1,
        "position.weight": 0.1,
        "blocks.0.attention.qkv.weight": 0.1 / 2,
        "blocks.0.attention.out.weight": 0.1 / 2 / depth,
        "blocks.1.mlp.up.weight": 0.1 / 2,
        "blocks.1.mlp.out.weight": 0.1 / 2 / depth,
    }
    if not tied:
        expected["head.weight"] = 0.1 / 4
    for name, std in expected.items():
        assert named[name].std().item() == pytest.approx(std, rel=0.05), name
        assert named[name].mean().item() == pytest.approx(0, abs=0.1 * std), name
    assert (named["norm.weight"] == (1 / 4 if tied else 1)).all()
    assert (named["blocks.0.mlp_norm.weight"] == 1).all()
    assert all((weight == 0).all() for name, weight in named.items() if name.endswith("bias"))


@pytest.mark.parametrize("tied", [True, False])
def test_at_the_base_shape_nothing_changes(tied):
    model = GPT(shape(16, tied=tied))
    torch.manual_seed(2)
    model._start()
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    torch.manual_seed(2)
    start_mup(model, model.shape)
    for name, weight in model.named_parameters():
        assert torch.equal(weight, before[name]), name
    assert set(mup_multipliers(model, model.shape).values()) == {1.0}


def test_depth_vocabulary_and_context_may_differ():
    factors = mup_multipliers(GPT(shape(64)), shape(16, n_layer=5, vocab=99, context=3))
    assert factors["blocks.1.mlp.up.weight"] == 1 / 4


# --- equal formulations ---------------------------------------------------------------------


def trained_logits(model, factors):
    """The logits after 20 steps of Adam, whose epsilon is too small to be seen."""
    groups = [
        {"params": [weight], "lr": 3e-3 * factors.get(name, 1.0)}
        for name, weight in model.named_parameters()
    ]
    optimiser = torch.optim.Adam(groups, betas=(0.9, 0.98), eps=1e-30)
    for _ in range(20):
        optimiser.zero_grad()
        model.loss(*batches(0)).backward()
        optimiser.step()
    return model(DATA[:, :-1]).detach()


@pytest.mark.parametrize("tied", [True, False])
def test_a_factor_before_the_logits_gives_the_same_run(tied):
    """Lemma J.1: Table 8 with its multiplier written out is what the module does without."""
    style = {"tied": tied, "bias": False}  # keys' biases have no gradient but rounding
    model, base = GPT(shape(32, **style)).double(), shape(8, **style)
    torch.manual_seed(3)
    start_mup(model, base)
    other = GPT(shape(32, **style)).double()
    other.load_state_dict(model.state_dict())
    factors = mup_multipliers(model, base)
    literal = dict(factors)
    last = "norm.weight" if tied else "head.weight"
    with torch.no_grad():
        dict(other.named_parameters())[last].mul_(4)
    literal[last] = 1.0
    other.head.register_forward_hook(lambda _module, _inputs, logits: logits / 4)
    torch.testing.assert_close(model(DATA[:, :-1]), other(DATA[:, :-1]))
    start = model(DATA[:, :-1]).detach()
    one, two = trained_logits(model, factors), trained_logits(other, literal)
    assert (one - start).abs().mean() > 0.1  # it has learned something
    torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-6)


# --- the coordinate check -------------------------------------------------------------------


def changes(width, mup, tied):
    """How far each activation has moved after four steps: the spread over its entries."""
    torch.manual_seed(4)
    model, base = GPT(shape(width, tied=tied)), shape(64, tied=tied)
    factors = {}
    if mup:
        start_mup(model, base)
        factors = mup_multipliers(model, base)
    before = activations(model, DATA[:, :-1])
    Trainer(model, adamw(model, 3e-3, factors), batches).train(4, constant(4))
    after = activations(model, DATA[:, :-1])
    return {name: (after[name] - before[name]).std().item() for name in before}


@pytest.mark.slow
@pytest.mark.parametrize("tied", [True, False])
def test_steps_have_the_same_size_at_every_width_under_mup_alone(tied):
    """Widths 64 and 512. A hidden layer's sum of eight times as many moves is 8 times as large."""
    narrow, wide = (changes(width, True, tied) for width in (64, 512))
    for name in narrow:
        assert 0.6 < wide[name] / narrow[name] < 1.3, name
    usual = changes(512, False, tied)
    for name in ("blocks.0.attention", "blocks.0.mlp", "blocks.1", "head"):
        assert usual[name] / narrow[name] > 3, name


def test_activations_are_those_of_the_model_and_leave_it_alone():
    model = GPT(shape(16), dropout=0.5)
    model.train()
    got = activations(model, DATA[:, :-1])
    parts = [f"blocks.{k}{part}" for k in (0, 1) for part in (".attention", ".mlp", "")]
    assert list(got) == ["embedding", *parts, "head"]
    assert got["head"].shape == (16, CONTEXT, VOCAB)
    assert got["blocks.1.mlp"].shape == (16, CONTEXT, 16)
    assert model.training
    model.eval()
    assert torch.equal(got["head"], model(DATA[:, :-1]))
    stream = got["embedding"] + model.position.weight[:CONTEXT]
    stream = stream + got["blocks.0.attention"] + got["blocks.0.mlp"]
    torch.testing.assert_close(got["blocks.0"], stream)
    assert not any(module._forward_hooks for module in model.modules())


# --- refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "words"),
    [
        (shape(32, n_head=2), "base must have the model's d_head, 8, got 16"),
        (shape(32, tied=False), "base must have the model's tied, True, got False"),
        (shape(32, norm="rmsnorm"), "base must have the model's norm, 'layernorm'"),
        (shape(32, gated=True), "base must have the model's gated"),
        (shape(32, bias=False), "base must have the model's bias"),
        (shape(32, positions="rotary"), "base must have the model's positions"),
    ],
)
@pytest.mark.parametrize("call", [mup_multipliers, start_mup])
def test_a_base_of_another_kind_is_refused(call, base, words):
    with pytest.raises(ValueError, match=words):
        call(GPT(shape(64)), base)


@pytest.mark.parametrize("call", [mup_multipliers, start_mup])
def test_what_is_no_model_or_no_shape_is_named(call):
    with pytest.raises(TypeError, match=r"model must be a models\.GPT, got Linear"):
        call(nn.Linear(2, 2), shape(16))
    with pytest.raises(TypeError, match="base must be a shape, a Transformer, got 64"):
        call(GPT(shape(64)), 64)


@pytest.mark.parametrize("std", [0, -0.1, math.nan, math.inf])
def test_a_spread_that_is_not_positive_is_refused(std):
    model = GPT(shape(16))
    before = model.embedding.weight.clone()
    with pytest.raises(ValueError, match="std must be"):
        start_mup(model, shape(16), std)
    assert torch.equal(model.embedding.weight, before)
