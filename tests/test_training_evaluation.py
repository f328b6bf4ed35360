"""Held-out loss and its standard error against hand calculation and drawn truth."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from scaling_utils.models import GPT
from scaling_utils.shapes import Transformer
from scaling_utils.training import HeldOut, Trainer, adamw, constant, evaluate

VOCAB = 5


class Table(nn.Module):
    """A model whose logits for the next token are a row of a table, one table per member."""

    def __init__(self, rows):
        super().__init__()
        self.rows = nn.Parameter(rows)  # (V, V) or (M, V, V)
        if rows.dim() == 3:
            self.members = len(rows)

    def forward(self, tokens):
        if self.rows.dim() == 2:
            return self.rows[tokens]
        return torch.stack([row[part] for row, part in zip(self.rows, tokens, strict=True)])


def table(*members, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Table(torch.randn(*members, VOCAB, VOCAB, generator=generator))


def tokens(*shape, seed=1):
    return torch.randint(0, VOCAB, shape, generator=torch.Generator().manual_seed(seed))


def nats(model, inputs, targets):
    """The loss of each target by the definition of cross-entropy, in double precision."""
    probabilities = torch.softmax(model(inputs).detach().double(), -1)
    return -torch.log(probabilities.gather(-1, targets[..., None])[..., 0]).numpy()


def test_sequences_of_equal_length_give_the_usual_error_of_a_mean():
    model, inputs, targets = table(), tokens(7, 4), tokens(7, 4, seed=2)
    got = evaluate(model, [(inputs, targets)])
    means = nats(model, inputs, targets).mean(1)  # (7,)
    assert got.loss == pytest.approx(means.mean(), rel=1e-6)
    assert got.se == pytest.approx(means.std(ddof=1) / math.sqrt(7), rel=1e-5)
    assert (got.tokens, got.units) == (28, 7)


def test_documents_of_different_lengths_by_hand():
    model = Table(torch.zeros(VOCAB, VOCAB))
    with torch.no_grad():
        model.rows[1, 0] = math.log(4)  # after a 1: half for 0, an eighth for each other
    a, b, c = math.log(5), math.log(2), math.log(8)
    inputs = torch.tensor([[0, 1, 1], [0, 0, 0]])
    targets = torch.tensor([[2, 0, 3], [1, -100, -100]])
    got = evaluate(model, [(inputs, targets)])
    loss = (a + b + c + a) / 4
    first, second = (a + b + c) - 3 * loss, a - loss
    assert got.loss == pytest.approx(loss, rel=1e-6)
    assert got.se == pytest.approx(math.sqrt(2 / 1 * (first**2 + second**2)) / 4, rel=1e-5)
    assert (got.tokens, got.units) == (4, 2)


def test_batches_do_not_matter():
    model, inputs, targets = table(), tokens(9, 4), tokens(9, 4, seed=2)
    whole = evaluate(model, [(inputs, targets)])
    parts = evaluate(model, zip(inputs.split([1, 5, 3]), targets.split([1, 5, 3]), strict=True))
    assert (parts.loss, parts.se) == pytest.approx((whole.loss, whole.se), rel=1e-6)


def test_a_document_may_span_sequences_and_batches():
    model, inputs, targets = table(), tokens(6, 4), tokens(6, 4, seed=2)
    long = evaluate(model, [(inputs.view(3, 8), targets.view(3, 8))])
    names = torch.tensor([7, 7, 3, 3, 5, 5])
    split = evaluate(
        model, [(inputs[part], targets[part], names[part]) for part in ([0, 2, 4], [5, 3, 1])]
    )
    assert (split.loss, split.se) == pytest.approx((long.loss, long.se), rel=1e-6)
    assert split.units == 3


def test_documents_may_end_inside_a_sequence():
    model, inputs, targets = table(), tokens(2, 6), tokens(2, 6, seed=2)
    names = torch.tensor([[0, 0, 1, 1, 1, 2], [2, 2, 2, 2, 3, 3]])
    got = evaluate(model, [(inputs, targets, names)])
    each = nats(model, inputs, targets).ravel()
    groups = [each[names.flatten().numpy() == name] for name in range(4)]
    residuals = [group.sum() - len(group) * each.mean() for group in groups]
    assert got.se == pytest.approx(math.sqrt(4 / 3 * np.square(residuals).sum()) / 12, rel=1e-5)


def test_members_are_measured_as_if_alone():
    model, inputs, targets = table(3), tokens(3, 8, 4), tokens(3, 8, 4, seed=2)
    got = evaluate(model, [(inputs, targets)])
    assert got.loss.shape == got.se.shape == (3,)
    for member in range(3):
        alone = evaluate(Table(model.rows[member].detach()), [(inputs[member], targets[member])])
        assert got.loss[member] == pytest.approx(alone.loss, rel=1e-6)
        assert got.se[member] == pytest.approx(alone.se, rel=1e-6)
    assert (got.tokens, got.units) == (32, 8)


def test_windows_with_one_target_each():
    model, inputs, targets = table(2), tokens(2, 50), tokens(2, 50, seed=2)
    got = evaluate(model, [(inputs, targets)])
    each = nats(model, inputs, targets)  # (2, 50)
    assert got.loss == pytest.approx(each.mean(1), rel=1e-6)
    assert got.se == pytest.approx(each.std(1, ddof=1) / math.sqrt(50), rel=1e-5)


def test_the_error_covers_the_truth_where_tokens_of_a_document_are_alike(rng):
    """In each document one token repeats, so that its losses are all the same."""
    model = table(seed=4)
    truth = nats(model, torch.arange(VOCAB), torch.arange(VOCAB)).mean()
    inside = naive_inside = 0
    for _ in range(200):
        lengths = rng.integers(1, 20, 60)
        drawn = torch.from_numpy(np.repeat(rng.integers(0, VOCAB, 60), lengths))[None]
        names = torch.from_numpy(np.repeat(np.arange(60), lengths))[None]
        got = evaluate(model, [(drawn, drawn, names)])
        each = nats(model, drawn, drawn)
        naive = each.std() / math.sqrt(each.size)
        inside += abs(got.loss - truth) < 1.96 * got.se
        naive_inside += abs(got.loss - truth) < 1.96 * naive
    assert 0.90 <= inside / 200 <= 0.98  # 95 % nominal
    assert naive_inside / 200 < 0.65  # tokens taken as independent


def test_a_gpt_is_measured_without_dropout_and_left_as_it_was():
    torch.manual_seed(0)
    model = GPT(Transformer(1, 8, 2, VOCAB, 4), dropout=0.5)
    model.train()
    inputs, targets = tokens(6, 4), tokens(6, 4, seed=2)
    one, two = (evaluate(model, [(inputs, targets)]) for _ in range(2))
    assert one.loss == two.loss
    assert model.training
    model.eval()
    assert one.loss == pytest.approx(model.loss(inputs, targets).item(), rel=1e-6)
    evaluate(model, [(inputs, targets)])
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_half_precision_logits_are_summed_in_full_precision():
    model = table().bfloat16()
    inputs, targets = tokens(500, 4), tokens(500, 4, seed=2)
    expected = nats(model, inputs, targets).mean()
    assert evaluate(model, [(inputs, targets)]).loss == pytest.approx(expected, rel=1e-6)


def test_a_diverged_member_does_not_spoil_the_others():
    model = table(2)
    with torch.no_grad():
        model.rows[0] = math.nan
    got = evaluate(model, [(tokens(2, 8, 4), tokens(2, 8, 4, seed=2))])
    assert np.isnan(got.loss[0])
    assert np.isnan(got.se[0])
    assert np.isfinite([got.loss[1], got.se[1]]).all()


def test_its_row_enters_the_history_of_a_run():
    model = GPT(Transformer(1, 8, 2, VOCAB, 4))
    batch = tokens(6, 4), tokens(6, 4, seed=2)
    trainer = Trainer(model, adamw(model, 1e-3), lambda index: batch)
    trainer.train(2, constant(2), evaluate=lambda model: evaluate(model, [batch]).row())
    (row,) = trainer.history
    assert row["held_out"] == evaluate(model, [batch]).loss
    many = HeldOut(np.array([1.0, 2.0]), np.array([0.1, 0.2]), 5, 5).row()
    assert many == {"held_out": [1.0, 2.0], "se": [0.1, 0.2]}


INPUTS, TARGETS = tokens(4, 3), tokens(4, 3, seed=2)
BAD = [
    ([], "at least two independent sequences or documents, got 0"),
    ([(INPUTS[:1], TARGETS[:1])], "at least two independent sequences or documents, got 1"),
    ([(INPUTS, torch.full((4, 3), -100))], "at least two independent .* got 0"),
    ([(INPUTS, TARGETS, torch.zeros(4, dtype=torch.long))], "at least two independent .* got 1"),
    ([(INPUTS, TARGETS[:3])], r"shape of the logits .* got \(3, 3\) and \(4, 3, 5\)"),
    ([(INPUTS, TARGETS, torch.arange(3))], r"documents must have shape \(4,\) or \(4, 3\)"),
    (
        [(INPUTS, TARGETS), (INPUTS, TARGETS, torch.arange(4))],
        "documents must be given with every batch, or with none",
    ),
]


@pytest.mark.parametrize(("batches", "words"), BAD)
def test_what_cannot_be_measured_is_refused(batches, words):
    with pytest.raises(ValueError, match=words):
        evaluate(table(), batches)


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        ([INPUTS], "each batch must be"),
        ([(INPUTS,)], "each batch must be"),
        ([(INPUTS, TARGETS.tolist())], "each batch must hold tensors, got Tensor, list"),
        ([(INPUTS, TARGETS, torch.zeros(4))], "documents must be whole numbers"),
    ],
)
def test_what_is_no_batch_is_named(batches, words):
    with pytest.raises(TypeError, match=words):
        evaluate(table(), batches)


def test_members_must_fit_the_targets():
    inputs, targets = tokens(2, 4, 3), tokens(2, 4, 3, seed=2)
    model = table(2)
    model.members = 3
    with pytest.raises(ValueError, match="one row for each of 3 members"):
        evaluate(model, [(inputs, targets)])
    targets[0, 1, 1] = -100
    with pytest.raises(ValueError, match="the same tokens for every member"):
        evaluate(table(2), [(inputs, targets)])
