"""Networks that look values up: against torch's own attention, hand-made weights and counting."""

import pytest
import torch
import torch.nn.functional as F

from scaling_utils.models import Recall, read


def drawn(*sizes):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(size, generator=generator) for size in sizes]


def test_softmax_reads_what_torchs_attention_does():
    q, k, v = drawn((2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 4))
    torch.testing.assert_close(read("softmax", q, k, v), F.scaled_dot_product_attention(q, k, v))


@pytest.mark.parametrize("kind", ["linear", "positive"])
def test_a_state_reads_what_the_square_of_scores_does(kind):
    q, k, v = drawn((2, 5, 8), (2, 7, 8), (2, 7, 4))
    if kind == "positive":
        weights = (F.elu(q) + 1) @ (F.elu(k) + 1).mT
        weights = weights / weights.sum(-1, keepdim=True)
    else:
        weights = q @ k.mT
    torch.testing.assert_close(read(kind, q, k, v), weights @ v)


def test_positive_weights_are_a_mean():
    q, k, _ = drawn((2, 5, 8), (2, 7, 8), (2, 7, 4))
    torch.testing.assert_close(read("positive", q, k, torch.ones(2, 7, 1)), torch.ones(2, 5, 1))


def test_an_unknown_read_is_refused():
    with pytest.raises(ValueError, match="kind must be"):
        read("cosine", *drawn((2, 3), (2, 3), (2, 3)))
    with pytest.raises(ValueError, match="kind must be"):
        Recall("cosine", 4, 4, 4, 4, [0])


def by_hand(kind: str) -> Recall:
    """Two members whose keys and values are the axes: each pair has a place of its own."""
    model = Recall(kind, keys=6, values=5, width=6, value_width=5, seeds=[0, 1], embedding=6)
    for name in ("key", "value", "write", "ask", "head"):
        weight = getattr(model, name)
        size = 20.0 if name in ("ask", "head") else 1.0  # a sharp softmax, sure logits
        weight.data = (size * torch.eye(*weight.shape[1:])).expand_as(weight).clone()
    return model


PAIRS = torch.tensor([[[[3, 0, 5], [1, 1, 4]]], [[[2, 5, 1], [0, 3, 2]]]])  # (M, B, 2, P)


@pytest.mark.parametrize("kind", ["softmax", "linear"])
def test_with_a_place_for_each_key_every_answer_is_right(kind):
    model = by_hand(kind)
    logits = model(PAIRS)  # (2, 1, 3, 5)
    assert logits.argmax(-1).tolist() == PAIRS[:, :, 1].tolist()
    assert (model.loss(PAIRS, PAIRS[:, :, 1]) < 1e-6).all()
    wrong = (PAIRS[:, :, 1] + 1) % 5
    assert (model.loss(PAIRS, wrong) > 10).all()


def test_members_share_nothing_and_equal_seeds_start_equal():
    model = Recall("linear", 6, 5, 4, 3, [7, 8, 7])
    for weight in model.parameters():
        assert torch.equal(weight[0], weight[2])
    assert not torch.equal(model.key[0], model.key[1])
    pairs = PAIRS[:1].expand(3, -1, -1, -1)
    losses = model.loss(pairs, pairs[:, :, 1])
    torch.testing.assert_close(losses[0], losses[2])
    losses[1].backward()
    for weight in model.parameters():
        assert (weight.grad.flatten(1).abs().amax(1) > 0).tolist() == [False, True, False]


def test_the_state_is_counted():
    assert Recall("linear", 6, 5, 4, 3, [0]).state == 12
    assert Recall("positive", 6, 5, 4, 3, [0]).state == 16  # and the sum of the keys
    assert Recall("softmax", 6, 5, 4, 3, [0]).state is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keys": 0}, "keys must be"),
        ({"width": 0}, "width must be"),
        ({"seeds": []}, "seeds must name at least one member"),
        ({"seeds": [-1]}, "seeds must be"),
    ],
)
def test_bad_sizes_are_refused(change, message):
    good = {"keys": 6, "values": 5, "width": 4, "value_width": 3, "seeds": [0]}
    with pytest.raises(ValueError, match=message):
        Recall("linear", **(good | change))
