"""Activations, logits and the ledger of instants against Korthikanti et al. and by hand."""

import numpy as np
import pytest
from test_memory import LLAMA2_7B

from scaling_utils import memory, shapes
from scaling_utils.units import GIB

PUBLISHED = {"attention": "materialised", "dropout": True, "statistics": False}
GPT3, MT_NLG = shapes.get("gpt3-175b"), shapes.get("mt-nlg-530b")


@pytest.mark.parametrize("shape", [GPT3, MT_NLG], ids=["gpt3", "mt-nlg"])
@pytest.mark.parametrize(("b", "t"), [(1, 1), (1, 8), (4, 8)])
def test_the_equations_of_korthikanti(shape, b, t):
    """Bytes a layer, Eqs. 1, 2, 4 and 6 and the last rows of Table 2, written as printed."""
    s, h, a = shape.context, shape.d_model, shape.n_head

    def ours(**options):
        return memory.activations(shape, b, tensor_parallel=t, **PUBLISHED, **options).per_layer

    sequence = {"sequence_parallel": True}
    assert ours() == pytest.approx(s * b * h * (10 + 24 / t + 5 * a * s / (h * t)))
    assert ours(**sequence) == pytest.approx(s * b * h / t * (34 + 5 * a * s / h))
    assert ours(recompute="selective") == pytest.approx(s * b * h * (10 + 24 / t))
    assert ours(recompute="selective", **sequence) == pytest.approx(34 * s * b * h / t)
    assert ours(recompute="full") == 2 * s * b * h


def test_one_device_is_equation_1():
    s, h, a = 2048, 12288, 96
    got = memory.activations(GPT3, 3, **PUBLISHED)
    assert got.per_layer == 3 * s * h * (34 + 5 * a * s / h)
    assert got.layers == 96
    # final norm and head's input, 4 s b h, and the mask after the embedding, s b h
    assert got.outside == 3 * s * h * 5
    assert got.total == 96 * got.per_layer + got.outside


def test_a_llama_by_hand():
    """Per token 8 h + 4 f values a layer: Llama-2-7B with 4,096 tokens stores 18.75 GiB."""
    got = memory.activations(LLAMA2_7B, statistics=False)
    assert got.layers * got.per_layer == 18.75 * GIB
    # two norms with one number each, and one sum for each of 32 heads, in fp32
    more = memory.activations(LLAMA2_7B).per_layer - got.per_layer
    assert more == 4096 * 4 * (2 + 32)


def test_grouped_heads_store_fewer_keys():
    kinds = [
        shapes.Transformer(n_layer=2, d_model=64, n_head=8, n_kv_head=k, vocab=9, context=16)
        for k in (8, 2)
    ]
    full, shared = (memory.activations(shape).per_layer for shape in kinds)
    assert full - shared == 16 * 2 * (64 - 16) * 2


def test_keys_are_not_divided_below_one_head():
    shape = shapes.Transformer(n_layer=1, d_model=64, n_head=8, n_kv_head=1, vocab=9, context=16)
    got = memory.activations(
        shape, tensor_parallel=8, sequence_parallel=True, statistics=False
    ).per_layer
    # of 8 h + 2 f values, keys and values (2 x 8) lie on each device as a whole
    assert got == 16 * 2 * ((6 * 64 + 2 * 256) / 8 + 2 * 8)


def test_experts_store_copies_hidden_layers_and_routes():
    shape = LLAMA2_7B
    plain = memory.activations(shape, context=10, statistics=False).per_layer
    experts = memory.Experts(count=8, active=2, d_expert=1024, shared=1)
    got = memory.activations(shape, context=10, statistics=False, experts=experts).per_layer
    hidden = 4 * 2 * (3 * 1024 - 11008)
    assert got - plain == 10 * (hidden + 2 * 2 * 4096 * 2 + 8 * 4)


def test_arrays_compare_layouts():
    got = memory.activations(GPT3, [1, 2, 4], tensor_parallel=np.array([[1], [8]]))
    assert got.per_layer.shape == (2, 3)
    assert got.per_layer[0].tolist() == [x * got.per_layer[0, 0] for x in (1, 2, 4)]
    assert memory.activations(GPT3, 4, tensor_parallel=8).per_layer == got.per_layer[1, 2]


@pytest.mark.parametrize("shape", [GPT3, LLAMA2_7B], ids=["gpt3", "llama"])
@pytest.mark.parametrize("attention", ["flash", "materialised"])
@pytest.mark.parametrize("options", [{}, {"tensor_parallel": 8}, {"dropout": True}], ids=str)
def test_recomputing_more_never_stores_more_and_rebuilds_what_it_dropped(shape, attention, options):
    kinds = [
        memory.activations(shape, recompute=rule, attention=attention, **options)
        for rule in ("none", "selective", "full")
    ]
    stored = [kind.per_layer for kind in kinds]
    assert stored[0] > stored[1] > stored[2]
    assert {kind.per_layer + kind.working for kind in kinds} == {stored[0]}
    assert kinds[0].working == 0
    shared = memory.activations(
        shape, attention=attention, **{**options, "sequence_parallel": True}
    )
    assert shared.per_layer <= stored[0]


def test_the_scores_alone_grow_with_the_square():
    """Doubling the context doubles all but the matrix of scores, which it quadruples."""
    short, long = (memory.activations(GPT3, context=c, **PUBLISHED).per_layer for c in (1e3, 2e3))
    linear = [34 * 12288 * c for c in (1e3, 2e3)]
    assert (long - linear[1]) == 4 * (short - linear[0])
    flash = memory.activations(GPT3, context=[1000, 2000]).per_layer
    assert flash[1] == 2 * flash[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recompute": "some"}, "recompute must be one of 'none', 'selective', 'full'"),
        ({"attention": "dense"}, "attention must be one of 'flash', 'materialised'"),
        ({"batch": 0}, "batch must be at least 1, got 0"),
        ({"context": 1.5}, "context must be whole, got 1.5"),
        ({"tensor_parallel": 0}, "tensor_parallel must be at least 1"),
        ({"dropout": 0.1}, "dropout must be True or False, got 0.1"),
        ({"experts": 8}, "experts must be Experts, got 8"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        memory.activations(GPT3, **options)


# ---- pipelines ----------------------------------------------------------------------------


def test_pipelines_by_hand():
    # four stages of 8 layers: the first holds four micro-batches, the last one
    got = memory.pipeline_layers(32, 4, 100, stage=[0, 1, 2, 3])
    assert got.tolist() == [32, 24, 16, 8]
    assert memory.pipeline_layers(32, 4, 2) == 16  # fewer micro-batches than stages
    assert memory.pipeline_layers(32, 4, 100, schedule="gpipe") == 800


@pytest.mark.parametrize(("p", "v"), [(4, 2), (8, 4), (35, 3)])
def test_interleaving_costs_what_korthikanti_print(p, v):
    """Sec. 4.2.3: L (1 + (p - 1)/(p v)) layers on the first stage."""
    got = memory.pipeline_layers(105, p, 1000, interleave=v)
    assert got == pytest.approx(105 * (1 + (p - 1) / (p * v)))


def test_bad_pipelines_are_refused():
    with pytest.raises(ValueError, match="stage must be below stages, got 4 of 4"):
        memory.pipeline_layers(32, 4, 8, stage=4)
    with pytest.raises(ValueError, match="interleave must be 1 for 'gpipe', got 2"):
        memory.pipeline_layers(32, 4, 8, schedule="gpipe", interleave=2)
    with pytest.raises(ValueError, match="schedule must be one of"):
        memory.pipeline_layers(32, 4, 8, schedule="dualpipe")


# ---- logits -------------------------------------------------------------------------------


def test_logits_by_hand():
    """2 + 4 bytes outlive the forward pass, and 2 + 3 x 4 are there in the backward pass."""
    got = memory.logits(LLAMA2_7B)
    assert got.stored == 4096 * 32000 * 6
    assert got.peak == 4096 * 32000 * 14
    dropped = memory.logits(LLAMA2_7B, 2, tensor_parallel=8, held=False)
    assert (dropped.stored, dropped.peak) == (4096 * 8000 * 4, 4096 * 8000 * 12)


def test_a_loss_by_chunks_keeps_the_gradient_of_its_input():
    got = memory.logits(LLAMA2_7B, chunks=[1, 8])
    kept = 4096 * 4096 * 2
    assert got.stored.tolist() == [4096 * 32000 * 6, kept]
    assert got.peak.tolist() == [4096 * 32000 * 14, kept + 512 * 32000 * 14]


# ---- instants -----------------------------------------------------------------------------


def llama_ledger(**options):
    states = memory.states(6_738_415_616, 8, 1)
    return memory.ledger(states, memory.activations(LLAMA2_7B), memory.logits(LLAMA2_7B), **options)


def test_a_llama_on_eight_cards_by_hand():
    """5.5 B a parameter, 18.75 GiB of layers and 6 B a logit: 54.0 GiB with the gradients."""
    got = llama_ledger(micro_batches=2)
    outside = 4096 * (2 * 4096 * 2 + 4)
    statistics = 32 * 4096 * 4 * 34
    hand = 5.5 * 6_738_415_616 + 18.75 * GIB + 6 * 4096 * 32000 + outside + statistics
    assert got.totals[got.instants.index("later forward")] == pytest.approx(hand)
    assert hand / GIB == pytest.approx(54.0, abs=0.15)
    assert got.peak == pytest.approx(hand + 8 * 4096 * 32000)
    assert (got.peak_instant, got.label) == ("later backward", "2+2+12/8")
    assert sum(got.at("later backward").values()) == got.peak


def test_gradients_are_there_when_the_convention_says():
    first = llama_ledger().at("forward")["gradients"]
    kept = llama_ledger(gradients_kept=True).at("forward")["gradients"]
    assert (first, kept) == (0, 2 * 6_738_415_616)


def test_the_peak_moves_with_what_is_large():
    small = memory.activations(LLAMA2_7B, context=8, recompute="full")
    long = memory.activations(LLAMA2_7B, context=100_000)
    full = memory.states(6_738_415_616)
    assert memory.ledger(full, long).peak_instant == "forward"
    assert memory.ledger(full, small).peak_instant == "last layer"
    assert memory.ledger(full, small, step_buffers=1e9).peak_instant == "step"
    assert memory.ledger(full, small, gathered=1e9).at("step")["gathered"] == 0


def test_ledgers_of_several_layouts():
    states = memory.states(6_738_415_616, [1, 8, 64], 1)
    acts = memory.activations(LLAMA2_7B, context=[[512], [65_536]])
    got = memory.ledger(states, acts, buffers=GIB)
    assert got.table.shape == (4, 8, 2, 3)
    assert got.peak.shape == got.peak_instant.shape == (2, 3)
    assert got.peak_instant[0, 0] == "last layer"
    assert got.peak_instant[1, 2] == "forward"
    one = memory.ledger(
        memory.states(6_738_415_616, 8, 1), memory.activations(LLAMA2_7B, context=512), buffers=GIB
    )
    assert got.peak[0, 1] == one.peak


def test_bad_ledgers_are_refused():
    states, acts = memory.states(1e9), memory.activations(GPT3)
    with pytest.raises(TypeError, match="states must be of class States, got 1"):
        memory.ledger(1, acts)
    with pytest.raises(TypeError, match="logits must be of class Logits"):
        memory.ledger(states, acts, 3)
    with pytest.raises(ValueError, match="micro_batches must be at least 1"):
        memory.ledger(states, acts, micro_batches=0)
    with pytest.raises(ValueError, match="instant must be one of 'forward', 'backward'"):
        memory.ledger(states, acts).at("later forward")
