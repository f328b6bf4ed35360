"""Every byte of real training steps, against the formulas of ``memory``: equal, not close."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint

from scaling_utils import memory
from scaling_utils.models import GPT
from scaling_utils.shapes import Transformer
from scaling_utils.training import follow_step

B, T, D, V = 2, 32, 64, 128
TOKENS = B * T
LOSS = 8  # bytes: the loss and the number of its tokens


def shape_of(**fields) -> Transformer:
    return Transformer(
        **{"n_layer": 3, "d_model": D, "n_head": 4, "vocab": V, "context": T, **fields}
    )


def follow(shape, *, dropout=0.0, micro_batches=1, recompute=False, steps=2):
    """The ledger of the last of some steps, in fp32 with Adam, and the model's parameters."""
    torch.manual_seed(0)
    model = GPT(shape, dropout)
    if recompute:
        for block in model.blocks:
            block.forward = partial(checkpoint, block.forward, use_reentrant=False)
    adam = torch.optim.AdamW(model.parameters(), foreach=False)
    batches = [torch.randint(0, V, (B, T)) for _ in range(micro_batches)]
    for _ in range(steps):
        got = follow_step(model, adam, batches, lambda model, batch: model.loss(batch, batch))
    return got, sum(weight.numel() for weight in model.parameters())


def expected(shape, **options):
    return memory.activations(shape, B, bytes_per_value=4, **options)


def expected_logits(shape):
    return memory.logits(shape, B, bytes_per_value=4, held=False)


@pytest.mark.parametrize(
    "fields",
    [{}, {"bias": False}, {"n_kv_head": 2}, {"d_head": 32}, {"d_ff": 100, "n_layer": 1}],
    ids=str,
)
def test_activations_are_those_of_the_formula_to_the_byte(fields):
    shape = shape_of(**fields)
    got, _ = follow(shape)
    hand = expected(shape)
    assert [got.layers[f"blocks.{i}"] for i in range(shape.n_layer)] == (
        [hand.per_layer] * shape.n_layer
    )
    logits = expected_logits(shape)
    assert got.end("forward")["activations"] == hand.total + logits.stored + LOSS


def test_states_are_those_of_the_formula_to_the_byte():
    shape = shape_of()
    got, parameters = follow(shape)
    states = memory.states(parameters, convention="fp32")
    counters = 4 * sum(1 for _ in GPT(shape).parameters())  # Adam counts steps for each matrix
    forward, step = got.end("forward"), got.end("step")
    assert forward["weights"] == step["weights"] == states.weights
    assert forward["optimiser"] == step["optimiser"] == states.moments + counters
    assert forward["gradients"] == step["gradients"] == 0
    assert got.end("backward")["gradients"] == states.gradients
    assert forward["inputs"] == TOKENS * 8


def test_adam_makes_its_moments_in_the_first_step():
    got, _ = follow(shape_of(), steps=1)
    assert got.end("backward")["optimiser"] == 0
    assert got.end("step")["optimiser"] > 0


def test_the_instants_of_the_ledger():
    """Each predicted instant is one of the measured step; what is beside it is named."""
    shape = shape_of()
    got, parameters = follow(shape, micro_batches=2)
    predicted = memory.ledger(
        memory.states(parameters, convention="fp32"),
        expected(shape),
        expected_logits(shape),
        micro_batches=2,
    )
    counters = 4 * sum(1 for _ in GPT(shape).parameters())
    beside = 2 * TOKENS * 8 + counters + LOSS  # both inputs, Adam's counters, the loss
    totals = dict(zip(predicted.instants, predicted.totals, strict=True))
    for later in ("", "later "):
        measured = sum(got.end(f"{later}forward").values())
        assert measured == totals[f"{later}forward"] + beside
        rows = [
            total
            for total, name, phase in zip(got.totals, got.operations, got.phases, strict=True)
            if phase == f"{later}backward" and "_log_softmax_backward" in name
        ]
        assert len(rows) == 1
        # Of the loss, its gradient and the number of its tokens, not all are there: 4 bytes each.
        assert abs(rows[0] - beside - totals[f"{later}backward"]) <= LOSS
    # What the ledger leaves out are gradients of activations: less than one layer's activations.
    assert got.peak_phase == predicted.peak_instant == "later backward"
    assert 0 < got.peak - beside - predicted.peak < expected(shape).per_layer


def test_recomputed_layers_keep_their_input_only():
    shape = shape_of()
    got, _ = follow(shape, recompute=True)
    hand = expected(shape, recompute="full")
    assert got.layers["blocks.1"] == hand.per_layer == TOKENS * D * 4
    assert got.end("forward")["activations"] == (hand.total + expected_logits(shape).stored + LOSS)
    plain, _ = follow(shape)
    assert got.peak < plain.peak


def test_stored_scores_and_dropout_masks():
    """Korthikanti's terms to the byte, and the copies that torch's own attention adds.

    It scales queries and keys into new arrays, and lays the result out anew for its projection.
    """
    shape = shape_of(n_layer=2)
    with sdpa_kernel(SDPBackend.MATH):
        got, _ = follow(shape, dropout=0.1)
    hand = expected(shape, attention="materialised", dropout=True)
    copies = 3 * TOKENS * D * 4
    assert got.layers["blocks.1"] == hand.per_layer + copies


def test_what_rotary_positions_cost_beside_the_formula():
    """Turned queries and keys are new; the values keep all of query, key and value alive."""
    shape = shape_of(positions="rotary", n_kv_head=2)
    got, _ = follow(shape)
    keys = 2 * 16
    copies = TOKENS * 4 * (D + keys + D)  # queries, keys, and the result laid out anew
    assert got.layers["blocks.1"] == expected(shape).per_layer + copies


def test_a_ledger_accounts_for_every_row():
    got, _ = follow(shape_of())
    assert got.table.shape == (len(got.operations), len(got.categories))
    assert len(got.phases) == len(got.operations)
    assert (got.table >= 0).all()
    assert sum(got.highest("backward").values()) == got.peak == got.totals.max()
    assert list(dict.fromkeys(got.phases)) == ["forward", "backward", "step"]
    with pytest.raises(ValueError, match="phase must be one of 'forward', 'backward', 'step'"):
        got.end("later forward")


def test_any_module_and_batch_can_be_followed():
    model = nn.Sequential(nn.Linear(8, 16, bias=False), nn.ReLU(), nn.Linear(16, 1, bias=False))
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    batch = (torch.ones(4, 8), torch.zeros(4, 1))
    got = follow_step(model, sgd, [batch], lambda model, pair: (model(pair[0]) - pair[1]).sum())
    assert got.end("forward")["inputs"] == 4 * (4 * 8 + 4)
    assert got.end("backward")["gradients"] == 4 * (8 * 16 + 16)
    # the first product's result is no longer needed: the ReLU keeps its own
    assert got.end("step")["optimiser"] == 0


def test_what_cannot_be_followed_is_refused():
    model = nn.Linear(2, 1)
    sgd = torch.optim.SGD(model.parameters())
    with pytest.raises(ValueError, match="at least one micro-batch, got none"):
        follow_step(model, sgd, [], lambda model, batch: model(batch).sum())
    model(torch.ones(1, 2)).sum().backward()
    with pytest.raises(ValueError, match="no gradients yet, got one of 'weight'"):
        follow_step(model, sgd, [torch.ones(1, 2)], lambda model, batch: model(batch).sum())
