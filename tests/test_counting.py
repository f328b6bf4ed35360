"""Parameters, FLOPs and bytes: formula against module, against paper, against hand."""

import math
import subprocess
import sys
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from scaling_utils import counting, shapes, units
from scaling_utils.models import GPT
from scaling_utils.shapes import Transformer

TINY = Transformer(n_layer=2, d_model=8, n_head=2, vocab=11, context=6)
LLAMA_STYLE = {"gated": True, "bias": False, "norm": "rmsnorm", "tied": False}
# One of each family and the extremes; chapter 2 counts all of them on a module.
ON_A_MODULE = ["gpt2-small", "gpt2-xl", "gpt3-small", "gpt3-175b", "llama1-7b", "bert-base"]


def on_meta(shape, batch=1, context=None):
    """A module of any size without its memory, and tokens for it."""
    with torch.device("meta"):
        tokens = torch.zeros(batch, context or shape.context, dtype=torch.long)
        return GPT(shape), tokens


@st.composite
def small_shapes(draw):
    n_kv_head = draw(st.integers(1, 3))
    return Transformer(
        n_layer=draw(st.integers(1, 3)),
        d_model=draw(st.integers(1, 9)),
        n_head=n_kv_head * draw(st.integers(1, 3)),
        vocab=draw(st.integers(1, 17)),
        context=draw(st.integers(1, 9)),
        n_kv_head=n_kv_head,
        d_head=2 * draw(st.integers(1, 4)),
        d_ff=draw(st.integers(1, 13)),
        gated=draw(st.booleans()),
        bias=draw(st.booleans()),
        norm=draw(st.sampled_from(shapes.NORMS)),
        positions=draw(st.sampled_from(["learned", "rotary", "none"])),
        tied=draw(st.booleans()),
    )


# --- the formula against the module -----------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(shape=small_shapes(), batch=st.integers(1, 3), data=st.data())
def test_exact_formulas_equal_the_module_to_the_integer(shape, batch, data):
    context = data.draw(st.integers(1, shape.context))
    module = GPT(shape)
    tokens = torch.zeros(batch, context, dtype=torch.long)
    assert counting.parameters(shape).total == counting.count_parameters(module)
    exact = counting.matmul_flops(shape, context=context, batch=batch)
    counted = counting.count_flops(module, tokens)
    assert (exact.forward, exact.backward) == (counted.forward, counted.backward)
    assert exact.total == counted.total == 3 * exact.forward
    assert exact.tokens == batch * context


@pytest.mark.slow
@pytest.mark.parametrize("name", ON_A_MODULE)
def test_published_models_are_counted_on_a_real_module(name):
    shape = shapes.get(name)
    module, tokens = on_meta(shape)
    assert counting.count_parameters(module) == counting.parameters(shape).total
    counted = counting.count_flops(module, tokens)
    exact = counting.matmul_flops(shape)
    assert (counted.forward, counted.backward) == (exact.forward, exact.backward)


def test_parts_of_a_tiny_gpt_by_hand():
    p = counting.parameters(TINY)
    assert p.embedding == 11 * 8
    assert p.position == 6 * 8
    assert p.attention == 2 * (8 * 24 + 24 + 8 * 8 + 8)
    assert p.mlp == 2 * (8 * 32 + 32 + 32 * 8 + 8)
    assert p.norm == 5 * 16
    assert p.head == 0
    assert p.non_embedding == p.attention + p.mlp + p.norm
    assert p.total == p.non_embedding + p.embedding + p.position


def test_parts_of_the_work_of_a_tiny_gpt_by_hand():
    work = counting.matmul_flops(TINY)
    assert work.projections == 2 * 6 * 2 * (8 * 24 + 8 * 8)
    assert work.scores == 2 * 2 * (2 * 6 * 6 * 8)
    assert work.mlp == 2 * 6 * 2 * (2 * 8 * 32)
    assert work.head == 2 * 6 * 8 * 11
    assert work.per_token == work.total / 6


def test_work_is_linear_in_the_batch_and_quadratic_in_the_context_only_through_scores():
    one, two = counting.matmul_flops(TINY, 3), counting.matmul_flops(TINY, 6)
    assert counting.matmul_flops(TINY, batch=5).total == 5 * two.total
    assert two.scores == 4 * one.scores
    assert two.forward - two.scores == 2 * (one.forward - one.scores)


# --- counting a module ------------------------------------------------------------------


def test_counting_leaves_gradients_alone_and_agrees_with_backward():
    module = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))
    counted = counting.count_flops(module, torch.ones(4, 5))
    assert counted == counting.mlp_flops((5, 7, 3), batch=4)
    assert all(p.grad is None for p in module.parameters())
    assert counting.count_flops(module, torch.ones(4, 5), backward=False).backward == 0


def test_gradient_with_respect_to_the_input_costs_one_product_more():
    module = nn.Linear(5, 7)
    without = counting.count_flops(module, torch.ones(4, 5))
    with_input = counting.count_flops(module, torch.ones(4, 5, requires_grad=True))
    assert without.backward == without.forward
    assert with_input.backward == 2 * with_input.forward


def test_frozen_parameters_are_counted_apart():
    module = nn.Linear(3, 2)
    module.bias.requires_grad_(False)
    assert counting.count_parameters(module) == 8
    assert counting.count_parameters(module, trainable_only=True) == 6


# --- the model --------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(shape=small_shapes(), seed=st.integers(0, 99))
def test_model_is_causal(shape, seed):
    torch.manual_seed(seed)
    model = GPT(shape)
    tokens = torch.randint(shape.vocab, (1, shape.context))
    changed = tokens.clone()
    changed[0, -1] = (changed[0, -1] + 1) % shape.vocab
    with torch.no_grad():
        before, after = model(tokens), model(changed)
    torch.testing.assert_close(before[:, :-1], after[:, :-1])


def test_untrained_model_predicts_about_uniformly():
    torch.manual_seed(0)
    shape = Transformer(n_layer=2, d_model=32, n_head=4, vocab=50, context=16)
    tokens = torch.randint(50, (8, 17))
    loss = GPT(shape).loss(tokens[:, :-1], tokens[:, 1:])
    assert loss.item() == pytest.approx(math.log(50), abs=0.05)


def test_rotary_scores_depend_on_the_distance_only():
    from scaling_utils.models.gpt import _rotary_table, rotate

    cos, sin = _rotary_table(Transformer(1, 8, 1, 5, 12, positions="rotary"))
    torch.manual_seed(0)
    q, k = torch.randn(8), torch.randn(8)
    turned_q = rotate(q.expand(12, 8), cos, sin)
    turned_k = rotate(k.expand(12, 8), cos, sin)
    scores = turned_q @ turned_k.T
    torch.testing.assert_close(scores[3, 1], scores[9, 7])
    torch.testing.assert_close(scores[0, 0], q @ k)


def test_model_learns_a_fixed_sequence():
    torch.manual_seed(0)
    shape = Transformer(1, 16, 2, vocab=8, context=8, positions="rotary", **LLAMA_STYLE)
    model = GPT(shape)
    tokens = torch.arange(9).remainder(8)[None]
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        loss = model.loss(tokens[:, :-1], tokens[:, 1:])
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.1


def test_model_refuses_what_it_cannot_build():
    with pytest.raises(ValueError, match="relative positions"):
        GPT(shapes.get("gopher-280b"))
    with pytest.raises(TypeError, match="shape must be a Transformer"):
        GPT({"n_layer": 2})
    with pytest.raises(ValueError, match="dropout must be"):
        GPT(TINY, dropout=1.0)
    with pytest.raises(ValueError, match="7 positions"):
        GPT(TINY)(torch.zeros(1, 7, dtype=torch.long))


# --- published sizes --------------------------------------------------------------------


@pytest.mark.parametrize("name", list(shapes.catalogue()))
def test_published_sizes(name):
    entry = shapes.catalogue()[name]
    total = counting.parameters(entry.shape).total
    # GPT-3's table and BERT's round to two digits; the others print three or more.
    rel = 0.02 if name.startswith(("gpt3", "bert")) else 0.006
    assert total == pytest.approx(entry.published_parameters, rel=rel)


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("gpt2-small", 124_439_808),
        ("gpt2-medium", 354_823_168),
        ("gpt2-large", 774_030_080),
        ("gpt2-xl", 1_557_611_200),
        ("llama1-7b", 6_738_415_616),
        ("llama1-13b", 13_015_864_320),
        ("llama1-33b", 32_528_943_616),
        ("llama1-65b", 65_285_660_672),
    ],
)
def test_sizes_of_the_released_weights(name, total):
    assert counting.parameters(shapes.get(name)).total == total


@pytest.mark.parametrize(
    ("name", "blocks", "kaplan", "rest"),
    [
        # 12 layers of (12 d**2 + 13 d) with d = 768, and the final norm's 2 d. Without the
        # released total's embedding (50257 d) and positions (1024 d): 124,439,808 - 39,383,808.
        ("gpt2-small", 85_056_000, 84_934_656, (50_257 + 1024) * 768),
        ("gpt2-xl", 1_475_561_600, 1_474_560_000, (50_257 + 1024) * 1600),
    ],
)
def test_non_embedding_leaves_out_vocabulary_and_positions_and_nothing_else(
    name, blocks, kaplan, rest
):
    shape = shapes.get(name)
    counted = counting.parameters(shape)
    assert counted.non_embedding == counted.total - rest == blocks
    # Kaplan's rule leaves out biases and norms as well.
    assert counting.kaplan_parameters(shape) == 12 * shape.n_layer * shape.d_model**2 == kaplan
    biases_and_norms = shape.n_layer * 13 * shape.d_model + 2 * shape.d_model
    assert counted.non_embedding - kaplan == biases_and_norms


def test_non_embedding_leaves_out_a_head_of_its_own():
    # LLaMA 7B: 32 x (4 d**2 + 3 d 11008) + (64 + 1) d with d = 4096; two matrices of 32000 d.
    counted = counting.parameters(shapes.get("llama1-7b"))
    blocks = 32 * (4 * 4096**2 + 3 * 4096 * 11008) + 65 * 4096
    assert counted.non_embedding == blocks == 6_738_415_616 - 2 * 32_000 * 4096
    assert counted.head == counted.embedding == 32_000 * 4096


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("gpt3-small", 125),
        ("gpt3-medium", 356),
        ("gpt3-large", 760),
        ("gpt3-xl", 1320),
        ("gpt3-2.7b", 2650),
        ("gpt3-6.7b", 6660),
        ("gpt3-13b", 12850),
        ("gpt3-175b", 174600),
    ],
)
def test_gpt3_sizes_of_table_d1_settle_the_misprints_of_table_21(name, millions):
    total = counting.parameters(shapes.get(name)).total
    assert total == pytest.approx(millions * 1e6, rel=0.004)


def test_eq_2_of_megatron_leaves_out_the_final_norm_and_nothing_else():
    shape = Transformer(36, 4096, 32, vocab=51200, context=2048)
    left_out = counting.parameters(shape).total - counting.megatron_parameters(shape)
    assert left_out == pytest.approx(2 * shape.d_model, rel=1e-3)


def test_bert_with_its_segment_table_and_pooler():
    shape = shapes.get("bert-base")
    d = shape.d_model
    assert counting.parameters(shape).total + 2 * d + d * (d + 1) == 109_482_240


@pytest.mark.parametrize("name", [n for n in shapes.catalogue() if n.startswith("openlm")])
def test_open_lm_sizes_agree_to_the_integer(name):
    entry = shapes.catalogue()[name]
    assert counting.parameters(entry.shape).total == entry.published_parameters


def test_gadre_leave_out_the_input_embedding_only(shared_data):
    from scaling_utils.corpora import run_table

    table = run_table("gadre")
    printed = dict(zip(table.N.tolist(), table.other["N_noemb"].tolist(), strict=True))
    for entry in (e for n, e in shapes.catalogue().items() if n.startswith("openlm")):
        p = counting.parameters(entry.shape)
        assert p.total - p.embedding == printed[p.total]
        assert p.non_embedding == printed[p.total] - p.head


# --- published counts of work -----------------------------------------------------------


def test_rule_of_thumb():
    assert counting.rule_flops_per_token(1e9) == 6e9
    assert counting.rule_flops_per_token(1e9, backward=False) == 2e9


def test_kaplan_counts():
    shape = shapes.get("gpt2-xl")
    n = counting.kaplan_parameters(shape)
    assert n == 12 * 48 * 1600**2 == 1_474_560_000
    assert counting.kaplan_flops_per_token(shape, backward=False) == 2 * n + 2 * 48 * 1024 * 1600
    assert counting.kaplan_flops_per_token(shape) == 6 * n + 6 * 48 * 1024 * 1600


def test_kaplan_counts_half_the_attention_and_no_logits():
    shape = shapes.get("gpt2-small")
    exact = counting.matmul_flops(shape)
    kaplan = shape.context * counting.kaplan_flops_per_token(shape)
    assert exact.total - kaplan == 3 * (exact.scores // 2 + exact.head)


def test_hoffmann_counts_embedding_and_softmax_on_top_of_the_products():
    shape = shapes.get("gpt3-small")
    exact = counting.matmul_flops(shape)
    extra = exact.head + 3 * shape.n_layer * shape.n_head * shape.context**2
    assert counting.hoffmann_flops(shape, backward=False) == exact.forward + extra
    assert counting.hoffmann_flops(shape) == 3 * (exact.forward + extra)


@pytest.mark.parametrize(
    ("n_layer", "d_model", "n_head", "printed"),
    # Hoffmann et al. (2022), Table A4: ratio of their count to 6 N D.
    [
        (10, 640, 10, 1.03),
        (20, 1024, 16, 1.10),
        (24, 1280, 10, 1.08),
        (26, 1792, 14, 1.04),
        (28, 2048, 16, 1.03),
        (40, 3584, 28, 0.99),
    ],
)
def test_hoffmann_table_a4_needs_the_count_without_vocabulary(n_layer, d_model, n_head, printed):
    shape = Transformer(n_layer, d_model, n_head, 32000, 2048, norm="rmsnorm", positions="relative")
    rule = 2048 * counting.rule_flops_per_token(counting.parameters(shape).total)
    assert counting.hoffmann_flops(shape, embeddings=False) / rule == pytest.approx(
        printed, abs=0.006
    )
    assert counting.hoffmann_flops(shape) / rule > printed + 0.02


def test_gopher_with_rematerialisation_is_the_larger_printed_figure():
    shape = shapes.get("gopher-280b")
    per_token = counting.hoffmann_flops(shape, embeddings=False) / shape.context
    assert 300e9 * per_token * 4 / 3 == pytest.approx(6.31e23, rel=0.002)


def test_palm_is_the_rule_with_full_attention():
    shape = shapes.get("gpt3-175b")
    n = 174.6e9
    exact = counting.matmul_flops(shape)
    attention = counting.palm_flops_per_token(n, shape) - counting.rule_flops_per_token(n)
    assert attention == 3 * exact.scores / shape.context


@pytest.mark.parametrize("name", ["gpt3-175b", "mt-nlg-530b"])
def test_megatron_without_recompute_is_the_exact_count(name):
    shape = shapes.get(name)
    exact = counting.matmul_flops(shape, batch=4)
    assert counting.megatron_flops(shape, batch=4) == pytest.approx(exact.total, rel=1e-12)
    once_more = exact.total + exact.forward - exact.head
    full = counting.megatron_flops(shape, batch=4, recompute="full")
    assert full == pytest.approx(once_more, rel=1e-12)
    selective = counting.megatron_flops(shape, batch=4, recompute="selective")
    assert selective == pytest.approx(exact.total + exact.scores, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "printed", "direct"), [("gpt3-175b", 0.0270, 0.0090), ("mt-nlg-530b", 0.0164, 0.0055)]
)
def test_selective_recompute_as_printed_and_as_counted(name, printed, direct):
    shape = shapes.get(name)
    as_printed = counting.selective_recompute_overhead(shape, as_printed=True)
    counted = counting.selective_recompute_overhead(shape)
    assert as_printed == pytest.approx(printed, abs=0.0001)
    assert counted == pytest.approx(direct, abs=0.0001)
    s, h = shape.context, shape.d_model
    head = shape.vocab / (12 * h * shape.n_layer)
    eq_8_over_eq_7 = (1 + s / (3 * h) + head) / (1 + s / (6 * h) + head)
    assert as_printed == pytest.approx(eq_8_over_eq_7 - 1, rel=1e-9)


# --- MLPs and bytes ---------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(
    widths=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    batch=st.integers(1, 4),
    bias=st.booleans(),
)
def test_mlp_formulas_equal_the_module(widths, batch, bias):
    layers = [nn.Linear(a, b, bias=bias) for a, b in pairwise(widths)]
    module = nn.Sequential(*layers)
    assert counting.mlp_parameters(widths, bias) == counting.count_parameters(module)
    counted = counting.count_flops(module, torch.ones(batch, widths[0]))
    assert counted == counting.mlp_flops(widths, batch)


def test_bytes():
    assert counting.parameter_bytes(1000) == 4000
    assert counting.parameter_bytes(1001, "int4") == 500.5
    assert counting.parameter_bytes(2**30, "bf16") / units.GIB == 2
    assert counting.parameter_bytes(175e9, "fp16") / units.GB == 350
    assert pytest.approx(1.0737, abs=1e-4) == units.GIB / units.GB


# --- arguments --------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [0, -1, 1.5, math.nan, math.inf, "many", None, [1], True])
@pytest.mark.parametrize("field", ["n_layer", "d_model", "n_head", "vocab", "context"])
def test_shape_refuses_bad_sizes(field, bad):
    good = {"n_layer": 2, "d_model": 8, "n_head": 2, "vocab": 11, "context": 6}
    with pytest.raises((TypeError, ValueError), match=field):
        Transformer(**{**good, field: bad})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_head": 3}, "multiple of n_head"),
        ({"n_kv_head": 3, "n_head": 4}, "n_kv_head must divide"),
        ({"d_head": 3, "positions": "rotary"}, "even for rotary"),
        ({"norm": "batchnorm"}, "norm must be one of"),
        ({"positions": "sinus"}, "positions must be one of"),
        ({"d_ff": 0}, "d_ff must be at least 1"),
        ({"gated": 1}, "gated must be True or False"),
    ],
)
def test_shape_refuses_bad_combinations(change, message):
    good = {"n_layer": 2, "d_model": 8, "n_head": 2, "vocab": 11, "context": 6}
    with pytest.raises((TypeError, ValueError), match=message):
        Transformer(**{**good, **change})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: shapes.get("gpt5"), "name must be one of"),
        (lambda: counting.matmul_flops(TINY, context=7), "context must be at most 6"),
        (lambda: counting.matmul_flops(TINY, context=0), "context must be at least 1"),
        (lambda: counting.matmul_flops(TINY, batch=0), "batch must be at least 1"),
        (lambda: counting.matmul_flops(shapes.get("gopher-280b")), "relative positions"),
        (lambda: counting.kaplan_parameters(shapes.get("llama1-7b")), "two matrices"),
        (lambda: counting.hoffmann_flops(shapes.get("llama1-7b")), "two matrices"),
        (lambda: counting.megatron_flops(Transformer(1, 8, 2, 5, 4, d_ff=7)), "4 d_model"),
        (lambda: counting.megatron_flops(TINY, recompute="half"), "recompute must be one of"),
        (lambda: counting.rule_flops_per_token(0), "n must be above 0"),
        (lambda: counting.rule_flops_per_token(math.nan), "n must be finite"),
        (lambda: counting.mlp_parameters([4]), "at least two widths"),
        (lambda: counting.mlp_parameters("64"), "at least two widths"),
        (lambda: counting.mlp_flops([4, 0]), r"widths\[1\]"),
        (lambda: counting.parameter_bytes(10, "fp7"), "dtype must be one of"),
        (lambda: counting.parameter_bytes(0), "n must be at least 1"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


OF_A_SHAPE = [
    counting.parameters,
    counting.matmul_flops,
    counting.kaplan_parameters,
    counting.kaplan_flops_per_token,
    counting.hoffmann_flops,
    counting.megatron_parameters,
    counting.megatron_flops,
    counting.selective_recompute_overhead,
    lambda shape: counting.palm_flops_per_token(1e9, shape),
]


@pytest.mark.parametrize("count", OF_A_SHAPE)
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("gpt2-small", r"got str 'gpt2-small'; shapes.get\('gpt2-small'\) looks a name up"),
        ({"n_layer": 2}, r"got dict {'n_layer': 2}; Transformer\(\*\*fields\) makes one"),
        (None, "got NoneType None"),
        (shapes.catalogue()["gpt2-small"], "got Entry"),
    ],
)
def test_a_shape_of_a_wrong_type_is_named(count, wrong, words):
    with pytest.raises(TypeError, match=f"shape must be a Transformer, {words}"):
        count(wrong)


@pytest.mark.parametrize("widths", [{4, 5}, {4: 1, 5: 2}, (w for w in (4, 5)), b"45", 4])
def test_widths_without_an_order_are_refused(widths):
    with pytest.raises(ValueError, match="widths must be a sequence of at least two"):
        counting.mlp_flops(widths)


def test_counting_loads_no_torch():
    code = "import sys, scaling_utils.counting; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
