"""FLOPs and caches of published models: against formulas, published figures and hand counts."""

from dataclasses import replace

import numpy as np
import pytest

from scaling_utils import architectures, counting, shapes, units
from scaling_utils.architectures import get, kv_cache, parameters, training_flops

PLAIN = ["gpt2-xl", "gpt3-175b", "llama1-65b", "mt-nlg-530b"]


@pytest.mark.parametrize("name", PLAIN)
def test_dense_attention_gives_the_exact_count_of_the_module(name):
    exact = counting.matmul_flops(shapes.get(name))
    ours = training_flops(name, exact.tokens, attention="dense")
    assert ours.total == exact.total
    parts = {"projections": exact.projections, "scores": exact.scores, "mlp": exact.mlp}
    for part, forward in {**parts, "head": exact.head}.items():
        assert getattr(ours, part) == 3 * forward, part


# Narayanan et al. (2021), Eq. 3: four passes of the layers, three of the logits.
@pytest.mark.parametrize("name", ["gpt3-175b", "mt-nlg-530b"])
@pytest.mark.parametrize("recompute", ["none", "full"])
def test_megatrons_formula_follows(name, recompute):
    shape = shapes.get(name)
    step = counting.megatron_flops(shape, recompute=recompute)
    ours = training_flops(name, shape.context, attention="dense", recompute=recompute)
    assert ours.total == pytest.approx(step, rel=1e-12)
    assert ours.model == pytest.approx(counting.megatron_flops(shape), rel=1e-12)


@pytest.mark.parametrize("name", ["gpt3-175b", "mt-nlg-530b"])
def test_selective_recomputation_does_the_scores_once_more(name):
    shape = shapes.get(name)
    ours = training_flops(name, 1, attention="dense", recompute="selective")
    overhead = counting.selective_recompute_overhead(shape)
    layers = ours.model - ours.head
    assert ours.recompute == ours.scores / 3
    assert ours.recompute / layers == pytest.approx(overhead, rel=1e-2)


def test_palms_formula_per_token():
    # Chowdhery et al. (2022), App. B: 6 N + 12 L H Q T with N = 540.35e9.
    attention = 12 * 118 * 48 * 256 * 2048
    ours = training_flops("palm-540b", attention="dense")
    assert ours.scores == attention
    norms = parameters("palm-540b").norm
    assert ours.total == 6 * (parameters("palm-540b").total - norms) + attention
    assert ours.total == pytest.approx(6 * 540.35e9 + attention, rel=1e-4)


def test_published_work_of_deepseek_per_token():
    # DeepSeek-AI (2025), arXiv:2505.09343, Table 2: 250 and 155 GFLOPs a token at 4,096 tokens.
    assert training_flops("deepseek-v3", 1, 4096).per_token == pytest.approx(250e9, abs=0.6e9)
    assert training_flops("deepseek-v2", 1, 4096).per_token == pytest.approx(155e9, abs=0.6e9)


def test_llama_3_405b_lies_above_6nd_by_its_attention():
    # The paper's 3.8e25 is 6ND at 15.6e12 tokens and leaves out attention over 8,192 tokens.
    count, work = parameters("llama-3.1-405b"), training_flops("llama-3.1-405b", 15.6e12, 8192)
    assert 6 * count.total * 15.6e12 == pytest.approx(3.8e25, rel=5e-3)
    without = work.total - work.scores + 6 * 15.6e12 * (count.embedding + count.norm)
    assert without == pytest.approx(6 * count.total * 15.6e12, rel=1e-12)
    assert work.scores / work.total == pytest.approx(0.04, abs=0.001)


def test_llama_2_7b_by_hand():
    # 32 layers of 4 x 4096 x 4096 and 3 x 4096 x 11008, logits of 4096 x 32000.
    weights = 32 * (4 * 4096**2 + 3 * 4096 * 11_008)
    work = training_flops("llama-2-7b", 1)
    assert work.projections + work.mlp == 6 * weights
    assert work.head == 6 * 4096 * 32_000
    assert work.scores == 3 * 2 * 2 * 32 * 4096 * (4096 + 1) / 2
    assert training_flops("llama-2-7b", logits=False).total == work.total - work.head
    # On an H100 at 40 % of 989e12: 30,099 hours for 1e12 tokens with causal attention.
    hours = training_flops("llama-2-7b", 1e12).total / (0.4 * 989.4e12 * 3600)
    assert hours == pytest.approx(30_099, rel=2e-3)


def test_only_the_experts_that_a_token_goes_to_count():
    work = training_flops("mixtral-8x7b")
    assert work.mlp == 6 * 32 * 2 * 3 * 4096 * 14_336
    assert work.router == 6 * 32 * 4096 * 8
    shared = training_flops("deepseek-v2-lite")
    assert shared.mlp == 6 * 2048 * 3 * (10_944 + 26 * 8 * 1408)


@pytest.mark.parametrize("name", ["deepseek-v3", "qwen3-30b-a3b", "llama-3-8b", "gpt2", "palm-8b"])
def test_six_flops_for_each_active_weight_beside_the_scores(name):
    count, work = parameters(name), training_flops(name)
    a = get(name)
    # What does not multiply: norms, biases and the gains inside the attention.
    linear = work.model - work.scores
    assert linear / 6 == pytest.approx(count.active - count.norm, rel=3e-3)
    assert linear / 6 <= count.active
    assert a.name


def test_a_window_lets_fewer_pairs_through():
    # 8,192 tokens, window 4,096: 1 + 2 + ... + 4096, then 4096 for each of the rest.
    pairs = 4096 * 4097 / 2 + 4096 * 4096
    mistral, free = training_flops("mistral-7b-v0.1", 1, 8192), get("mistral-7b-v0.3")
    assert mistral.scores == 6 * 32 * 32 * 2 * 128 * pairs / 8192
    full = training_flops(free, 1, 8192)
    assert full.scores == 6 * 32 * 32 * 2 * 128 * 8193 / 2
    # Counting every pair ignores windows as well.
    dense = training_flops("mistral-7b-v0.1", 1, 8192, attention="dense")
    assert dense.scores == 6 * 32 * 32 * 2 * 128 * 8192


def test_every_sixth_layer_of_gemma_3_sees_everything():
    a = get("gemma-3-27b")
    assert (a.full_layers, a.shape.n_layer) == (10, 62)
    pair, c, w = 6 * 32 * 2 * 128, 32_768, 1024
    local = (w * (w + 1) / 2 + (c - w) * w) / c
    assert training_flops(a, 1, c).scores == pair * (10 * (c + 1) / 2 + 52 * local)
    without = replace(a, window=None, global_every=None)
    assert training_flops(without, 1, c).scores == pair * 62 * (c + 1) / 2


def test_a_module_for_later_tokens_costs_a_layer_a_projection_and_the_logits():
    main, more = training_flops("deepseek-v3"), training_flops("deepseek-v3-mtp")
    layer = (main.projections + main.scores) / 61 + (main.mlp + main.router) / 58
    dense_layers = 6 * 3 * 3 * 7168 * 18_432
    layer -= dense_layers / 58
    assert more.multi_token == pytest.approx(layer + 6 * 2 * 7168**2 + main.head)
    assert more.model == pytest.approx(main.model + more.multi_token)
    # About 4 % more work.
    assert more.multi_token / main.model == pytest.approx(0.04, abs=0.01)


def test_the_length_of_pre_training_is_the_default():
    a = get("deepseek-v3")
    assert (a.trained_context, a.shape.context) == (4096, 163_840)
    assert training_flops(a) == training_flops(a, 1, 4096)
    assert training_flops("gpt2") == training_flops("gpt2", 1, 1024)


def test_full_recomputation_repeats_the_layers_and_not_the_logits():
    work = training_flops("qwen3-30b-a3b", 10, 4096, recompute="full")
    layers = work.projections + work.scores + work.mlp + work.router
    assert work.recompute == pytest.approx(layers / 3)
    assert work.total == pytest.approx(work.model + layers / 3)


def test_tokens_and_contexts_may_be_arrays():
    tokens, context = np.array([[1e9], [2e9]]), np.array([1024, 4096, 131_072])
    work = training_flops("gemma-2-9b", tokens, context)
    assert work.total.shape == work.head.shape == (2, 3)
    for i in range(2):
        for j in range(3):
            one = training_flops("gemma-2-9b", float(tokens[i, 0]), int(context[j]))
            assert work.total[i, j] == one.total
            assert work.scores[i, j] == one.scores
    assert np.isscalar(training_flops("gpt2", 5).total)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tokens": 0}, "tokens must be above 0"),
        ({"tokens": [1, -2]}, "tokens must be at least 0"),
        ({"tokens": float("nan")}, "tokens must be finite"),
        ({"tokens": "many"}, "tokens must be numeric"),
        ({"context": 0}, "context must be at least 1"),
        ({"context": 1.5}, "context must be whole"),
        ({"attention": "sparse"}, "attention must be one of"),
        ({"recompute": "some"}, "recompute must be one of"),
        ({"logits": 1}, "logits must be True or False"),
        ({"architecture": "gpt9"}, "no published model is named 'gpt9'"),
        ({"architecture": 7}, "architecture must be"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        training_flops(**{"architecture": "gpt2", **arguments})


def test_the_cache_of_llama_3_70b():
    # 2 x 80 layers x 8 heads x 128 x 8,192 tokens x 4 sequences x 2 bytes.
    assert kv_cache("llama-3-70b", batch=4, context=8192) == 10 * units.GIB
    assert kv_cache("llama-3-70b", 4, 8192, "fp8") == 5 * units.GIB


# DeepSeek-AI (2025), arXiv:2505.09343, Table 1: kB of a token in bf16.
@pytest.mark.parametrize(
    ("name", "kilobytes"),
    [("deepseek-v3", 70.272), ("qwen2.5-72b", 327.680), ("llama-3.1-405b", 516.096)],
)
def test_the_cache_of_one_token_as_published(name, kilobytes):
    assert kv_cache(name, 1, 1) == pytest.approx(1000 * kilobytes, abs=1e-9)


def test_windows_and_latent_vectors_by_hand():
    # Gemma 3 27B: 10 layers keep all, 52 keep 1,024; 2 x 16 heads x 128 in 2 bytes.
    gemma = kv_cache("gemma-3-27b", 2, np.array([512, 1024, 131_072]))
    token = 2 * 16 * 128 * 2
    kept = np.array([62 * 512, 62 * 1024, 10 * 131_072 + 52 * 1024])
    assert gemma.tolist() == (2 * token * kept).tolist()
    assert kv_cache("gemma-2-2b", 1, 8192) == 2 * 4 * 256 * 2 * (13 * 8192 + 13 * 4096)
    assert kv_cache("mistral-7b-v0.1", 1, 100_000) == 32 * 2 * 8 * 128 * 2 * 4096
    assert kv_cache("deepseek-v2-lite", 3, 1000) == 3 * 27 * 576 * 2 * 1000
    assert kv_cache("palm-540b", 1, 2048) == 118 * 2 * 256 * 2 * 2048  # one head of keys


def test_the_cache_takes_the_models_context_and_arrays_of_batches():
    assert kv_cache("gpt2") == kv_cache("gpt2", 1, 1024)
    batches = kv_cache("llama-3-8b", np.arange(1, 4), 8192)
    assert batches.tolist() == [units.GIB * n for n in (1, 2, 3)]
    grid = kv_cache("llama-3-8b", np.arange(1, 4)[:, None], np.array([1024, 8192]))
    assert grid.shape == (3, 2)
    # Two devices halve the heads; a latent vector is not divided.
    assert kv_cache("llama-3-8b", tensor_parallel=2) == kv_cache("llama-3-8b") / 2
    assert kv_cache("deepseek-v3", tensor_parallel=8) == kv_cache("deepseek-v3")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"context": -1}, "context must be at least 0"),
        ({"context": 1.5}, "context must be whole"),
        ({"batch": 0}, "batch must be at least 1"),
        ({"bytes_per_value": -1}, "bytes_per_value must be at least 0"),
        ({"bytes_per_value": "fp7"}, "bytes_per_value must be one of"),
        ({"tensor_parallel": 0}, "tensor_parallel must be at least 1"),
    ],
)
def test_a_bad_cache_is_named(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        kv_cache("llama-3-8b", **arguments)


def test_a_bad_number_of_layers_shows():
    assert architectures.get("gemma-2-27b").full_layers == 23
    assert replace(get("gemma-2-27b"), global_every=None).full_layers == 0
