"""Adapters of low rank: against hand calculations, the room of memory, and peft."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from scaling_utils import memory
from scaling_utils.models import GPT, LoRALinear, add_lora, merge, train_only, trainable
from scaling_utils.shapes import Transformer
from scaling_utils.training import Trainer, adamw

EVERY = ("query", "key", "value", "out", "up", "down")


def shape(**other) -> Transformer:
    return Transformer(**{"n_layer": 2, "d_model": 16, "n_head": 4, "vocab": 11, "context": 8,
                          "n_kv_head": 2} | other)  # fmt: skip


def shaken(model: nn.Module) -> nn.Module:
    """Give every parameter, the zeros of B too, a value of its own."""
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randint(11, (3, 8), generator=torch.Generator().manual_seed(1))


def test_the_layer_by_hand():
    layer = LoRALinear(nn.Linear(2, 3), rank=2, alpha=8)
    with torch.no_grad():
        layer.base.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
        layer.base.bias.fill_(0.5)
        layer.A[0].copy_(torch.tensor([[1.0, 2.0], [0.0, -1.0]]))
        layer.B[0].copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 3.0]]))
    # x = (1, 2): A x = (5, -2), B A x = (5, -2, 4), alpha/r = 4.
    assert layer(torch.tensor([1.0, 2.0])).tolist() == [1.5 + 20, 2.5 - 8, 3.5 + 16]
    assert layer.change().tolist() == [[4, 8], [0, -4], [8, 4]]


def test_the_scale_is_alpha_over_the_rank_or_over_its_root():
    scales = [LoRALinear(nn.Linear(4, 4), 16, 8, root=root).scale for root in (False, True)]
    assert scales == [0.5, 2.0]


@pytest.mark.parametrize("matrices", [("query", "value"), ("key",), ("out", "down"), EVERY])
def test_only_the_adapters_are_trained_and_the_room_of_memory_counts_them(matrices):
    model = add_lora(GPT(shape(bias=True)), 3, 6, matrices)
    found = trainable(model)
    assert sum(found.values()) == memory.lora_parameters(model.shape, 3, matrices)
    assert all(".A." in name or ".B." in name for name in found)


def test_a_gated_network_with_every_matrix_adapted():
    model = add_lora(GPT(shape(gated=True, norm="rmsnorm")), 3, 6, (*EVERY, "gate"))
    expected = memory.lora_parameters(model.shape, 3, (*EVERY, "gate"))
    assert sum(trainable(model).values()) == expected


def test_at_the_start_the_output_is_the_base_models_and_then_it_is_not(tokens):
    base = shaken(GPT(shape()))
    before = base(tokens)
    model = add_lora(copy.deepcopy(base), 4, 8, EVERY)
    assert torch.equal(model(tokens), before)
    assert all(A.abs().max() > 0 for layer in layers(model) for A in layer.A)
    assert not torch.allclose(shaken(model)(tokens), before, atol=1e-2)


def layers(model: nn.Module) -> list[LoRALinear]:
    return [module for module in model.modules() if isinstance(module, LoRALinear)]


def test_the_rows_of_the_joint_matrix_are_those_of_query_and_value():
    model = shaken(add_lora(GPT(shape()), 2, 2, ("value", "query")))
    change = model.blocks[1].attention.qkv.change()  # 16 rows of queries, 8 of keys, 8 of values
    used = change.abs().amax(1) > 0
    assert used.tolist() == [True] * 16 + [False] * 8 + [True] * 8
    assert torch.linalg.matrix_rank(change[:16]) == torch.linalg.matrix_rank(change[24:]) == 2


def test_training_moves_the_adapters_and_nothing_else(tokens):
    model = add_lora(shaken(GPT(shape())), 2, 4, EVERY)
    before = copy.deepcopy(model.state_dict())
    trainer = Trainer(model, adamw(model, 0.1), lambda i: (tokens, tokens))
    trainer.train(3, lambda step: 1.0)
    moved = {name for name, w in model.state_dict().items() if not torch.equal(w, before[name])}
    assert moved == set(trainable(model))
    assert trainer.history[-1]["loss"] < model_loss(before, tokens)


def model_loss(state: dict, tokens: torch.Tensor) -> float:
    model = add_lora(GPT(shape()), 2, 4, EVERY)
    model.load_state_dict(state)
    return model.loss(tokens, tokens).item()


@pytest.mark.parametrize("bias", [False, True])
def test_merging_keeps_the_function_and_the_structure_and_cannot_be_done_twice(tokens, bias):
    model = shaken(add_lora(shaken(GPT(shape(bias=bias))), 3, 6, EVERY))
    expected = model(tokens)
    merged = merge(copy.deepcopy(model))
    assert torch.allclose(merged(tokens), expected, atol=1e-4 * expected.abs().max().item())
    assert merged.state_dict().keys() == GPT(shape(bias=bias)).state_dict().keys()
    assert torch.equal(model(tokens), expected)  # the copy was merged, and this one was not
    with pytest.raises(ValueError, match="it has none"):
        merge(merged)


def test_merging_in_half_precision_adds_in_fp32_and_rounds_once():
    layer = shaken(LoRALinear(nn.Linear(32, 32), 4, 8)).bfloat16()
    exact = layer.base.weight.double() + layer.change().double()
    assert layer.change().dtype == torch.float32
    assert torch.equal(layer.merged().weight, exact.bfloat16())


def test_other_choices_of_what_is_trained():
    model = GPT(shape(bias=True, tied=False))
    d, f, heads = 16, 64, 16 + 8 + 8
    biases = 2 * (heads + d + f + d + 2 * d) + d  # two blocks, then the last norm
    train_only(model, lambda name: name.endswith(".bias"))
    assert sum(trainable(model).values()) == biases
    train_only(model, lambda name: name == "head.weight")
    assert trainable(model) == {"head.weight": 11 * 16}


def test_bad_input_is_named():
    model = GPT(shape())
    with pytest.raises(TypeError, match=r"base must be a torch\.nn\.Linear, got LayerNorm"):
        LoRALinear(nn.LayerNorm(3), 1, 1)
    with pytest.raises(ValueError, match=r"rows must lie in the weight's 0 to 4, got 2 to 5"):
        LoRALinear(nn.Linear(4, 4), 1, 1, rows=[(2, 5)])
    with pytest.raises(ValueError, match="rank"):
        LoRALinear(nn.Linear(4, 4), 0, 1)
    with pytest.raises(ValueError, match="alpha"):
        LoRALinear(nn.Linear(4, 4), 1, 0)
    with pytest.raises(TypeError, match="model must be a GPT, got Linear"):
        add_lora(nn.Linear(4, 4), 1, 1)
    for wrong in ("query", ("query", "query"), (), ("gate",)):
        with pytest.raises(ValueError, match="matrices"):
            add_lora(model, 1, 1, wrong)
    assert not layers(model)
    with pytest.raises(ValueError, match="no adapters, and it has some"):
        add_lora(add_lora(model, 1, 1), 1, 1)
    with pytest.raises(ValueError, match="wanted must take a parameter"):
        train_only(model, lambda name: False)


@pytest.mark.parametrize("root", [False, True])
def test_it_equals_peft_to_the_bit_apart_and_merged(tokens, root):
    peft = pytest.importorskip("peft", reason="the extra 'lora' is not installed")
    base = shaken(GPT(shape(bias=True)))
    ours = shaken(add_lora(copy.deepcopy(base), 4, 12, ("out", "up", "down"), root))
    names = ["attention.out", "mlp.up", "mlp.out"]
    settings = peft.LoraConfig(r=4, lora_alpha=12, target_modules=names, use_rslora=root)
    theirs = peft.get_peft_model(copy.deepcopy(base), settings)
    state = theirs.base_model.model.state_dict()
    parts = {".base.": ".base_layer.", ".A.0": ".lora_A.default.weight",
             ".B.0": ".lora_B.default.weight"}  # fmt: skip
    for name, weight in ours.state_dict().items():
        for old, new in parts.items():
            name = name.replace(old, new)
        state.pop(name).copy_(weight)
    assert not state  # each weight of theirs was set
    with torch.no_grad():
        assert torch.equal(ours(tokens), theirs(tokens))
        assert torch.equal(merge(ours)(tokens), theirs.merge_and_unload()(tokens))
    assert not torch.equal(ours(tokens), base(tokens))
