"""Networks of attention alone, against sums by hand."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from scaling_utils.models import AttentionOnly

SHAPE = {"layers": 2, "width": 4, "vocab": 7, "context": 5, "seeds": [0, 1]}
TOKENS = torch.tensor([[[1, 2, 3, 2], [0, 6, 5, 4]], [[3, 3, 1, 0], [2, 5, 5, 1]]])  # (2, 2, 4)


def test_parameters_by_hand():
    matrices = 2 * 4 * 4 * 4 + 4 * 7  # two layers of four, and the head
    assert AttentionOnly(**SHAPE).parameters_each == 7 * 4 + 5 * 4 + matrices
    assert AttentionOnly(**SHAPE, placed=False).parameters_each == 7 * 4 + matrices
    assert AttentionOnly(**SHAPE, given=True).parameters_each == 2 * 7 * 4 + 5 * 4 + matrices


def test_one_layer_by_loops():
    model = AttentionOnly(**SHAPE | {"layers": 1}, given=True)
    logits, (look,) = model.attended(TOKENS)
    w = {name: weight[1] for name, weight in model.weights.items()}  # the second member
    sequence = TOKENS[1, 0]
    stream = []
    for place, token in enumerate(sequence):
        x = w["tokens"][token] + w["places"][place]
        stream.append(x + w["before"][sequence[place - 1]] if place else x)
    normed = [F.layer_norm(x, (4,)) for x in stream]
    query = normed[-1] @ w["query_0"]
    scores = torch.stack([query @ (x @ w["key_0"]) / math.sqrt(4) for x in normed])
    weights = scores.softmax(0)
    torch.testing.assert_close(look[1, 0, -1], weights)
    read = sum(a * (x @ w["value_0"]) for a, x in zip(weights, normed, strict=True))
    last = F.layer_norm(stream[-1] + read @ w["out_0"], (4,))
    torch.testing.assert_close(logits[1, 0], last @ w["head"])


def test_no_position_looks_ahead():
    model = AttentionOnly(**SHAPE)
    changed = TOKENS.clone()
    changed[..., -1] = (changed[..., -1] + 1) % 7
    for look, other in zip(model.attended(TOKENS)[1], model.attended(changed)[1], strict=True):
        assert not look.triu(1).any()
        torch.testing.assert_close(look.sum(-1), torch.ones(2, 2, 4))
        torch.testing.assert_close(look[..., :-1, :], other[..., :-1, :])


def test_a_layer_that_is_left_out_adds_nothing():
    model = AttentionOnly(**SHAPE)
    without = model(TOKENS, without=1)
    assert not torch.allclose(without, model(TOKENS))
    with torch.no_grad():
        model.weights["out_1"].zero_()
    torch.testing.assert_close(without, model(TOKENS))


def test_members_share_nothing_and_a_seed_is_a_network():
    both, alone = AttentionOnly(**SHAPE), AttentionOnly(**SHAPE | {"seeds": [1]})
    torch.testing.assert_close(both(TOKENS)[1:], alone(TOKENS[1:]))
    targets = torch.tensor([[1, 2], [3, 4]])
    losses = both.loss(TOKENS, targets)
    losses[0].backward()
    assert all(not weight.grad[1].any() for weight in both.weights.values())
    by_hand = -both(TOKENS).log_softmax(-1)[1, [0, 1], [3, 4]].mean()
    torch.testing.assert_close(losses[1], by_hand)


def test_without_places_and_predecessors_the_order_of_what_came_before_is_lost():
    turned = TOKENS[..., [1, 0, 2, 3]]
    plain = AttentionOnly(**SHAPE | {"layers": 1}, placed=False)
    torch.testing.assert_close(plain(TOKENS), plain(turned))
    for more in ({"placed": True}, {"given": True, "placed": False}):
        model = AttentionOnly(**SHAPE | {"layers": 1}, **more)
        assert not torch.allclose(model(TOKENS), model(turned))


@pytest.mark.parametrize(
    "bad", [{"layers": 0}, {"width": 1}, {"vocab": 1}, {"context": 0}, {"seeds": []}]
)
def test_a_network_that_cannot_be_is_refused_by_name(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        AttentionOnly(**SHAPE | bad)
