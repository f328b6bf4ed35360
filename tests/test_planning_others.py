"""What other planners say, against what they printed, and the way from our number to theirs."""

import json
from dataclasses import replace

import pytest

from scaling_utils import architectures, planning
from scaling_utils.planning import PLANNERS, Layout, NotCovered, explain, others
from scaling_utils.shapes import Transformer
from scaling_utils.units import GIB

ONE = Layout(data=8, zero=1)
TWO, THREE = replace(ONE, zero=2), replace(ONE, zero=3)
FULL = replace(ONE, recompute="full")
MEGATRON = replace(ONE, sequence_parallel=True, recompute="selective")
LATER = replace(THREE, micro_batches=2)
FP32 = replace(ONE, convention="fp32")
WIDE = replace(ONE, convention="megatron")

# Llama-2-7B on 8 devices, data parallel, 4,096 tokens: GiB a device, as the planners printed it.
# cookbook, llm-analysis and xtuner were run, the formulas of the others read.
PRINTED = [
    ("cookbook", ONE, 145.12),
    ("cookbook", FULL, 65.12),
    ("cookbook", THREE, 113.95),
    ("llm-analysis", ONE, 46.91),
    ("llm-analysis", THREE, 29.77),
    ("xtuner", ONE, 55.59),
    ("xtuner", THREE, 27.97),
    ("xtuner", LATER, 31.11),
    ("megatron", ONE, 65.22),
    ("megatron", MEGATRON, 62.01),
    ("deepspeed", TWO, 26.67),
    ("deepspeed", THREE, 14.61),
]
ROUNDED = [
    ("accelerate", ONE, 49.2),
    ("accelerate", FP32, 98.5),
    ("by hand", ONE, 54.0),
    ("by hand", WIDE, 66.6),
]


@pytest.mark.parametrize(("name", "layout", "printed"), PRINTED)
def test_what_they_print_to_the_digit(name, layout, printed):
    assert round(others(name, "llama-2-7b", layout).total / GIB, 2) == printed


@pytest.mark.parametrize(("name", "layout", "printed"), ROUNDED)
def test_what_they_print_to_a_tenth(name, layout, printed):
    assert others(name, "llama-2-7b", layout).total / GIB == pytest.approx(printed, abs=0.051)


def test_stage_3_by_hand_is_32_and_a_layer():
    got = others("by hand", "llama-2-7b", THREE)
    layer = 4 * 4096**2 + 3 * 4096 * 11008 + 2 * 4096
    assert got.parts["gathered"] == 2 * layer
    assert (got.total - 2 * layer) / GIB == pytest.approx(32.0, abs=0.05)


@pytest.mark.parametrize(
    ("name", "layout", "part", "printed"),
    [
        ("cookbook", ONE, "gradients", 25.17),
        ("cookbook", ONE, "activations", 97.00),
        ("cookbook", FULL, "activations", 17.00),
        ("cookbook", ONE, "buffers", 0.93),
        ("cookbook", THREE, "buffers", 2.79),
        ("llm-analysis", ONE, "gradients", 24.61),
        ("llm-analysis", ONE, "gathered", 0.75),
        ("by hand", ONE, "activations", 18.75),
        ("by hand", ONE, "logits", 0.73),
    ],
)
def test_parts_that_they_print(name, layout, part, printed):
    assert round(others(name, "llama-2-7b", layout).parts[part] / GIB, 2) == printed


def test_sums_of_parts_that_they_print():
    llm = others("llm-analysis", "llama-2-7b", ONE)
    assert round((llm.left_out["activations"] + llm.left_out["logits"]) / GIB, 2) == 18.24
    x = others("xtuner", "llama-2-7b", ONE).parts
    assert round((x["activations"] + x["logits"]) / GIB, 2) == 17.93
    assert (x["weights"] + x["gradients"] + x["optimiser"]) == 6 * 6_738_415_616
    m = others("megatron", "llama-2-7b", ONE).parts
    assert (m["activations"] + m["logits"]) / GIB == pytest.approx(18.16, abs=0.005)
    assert round((m["weights"] + m["gradients"] + m["optimiser"]) / GIB, 2) == 47.07
    m = others("megatron", "llama-2-7b", MEGATRON).parts
    assert round((m["activations"] + m["logits"]) / GIB, 2) == 14.94


def test_parameters_that_they_count():
    assert others("cookbook", "llama-2-7b", ONE).parameters == pytest.approx(6.756e9, rel=1e-4)
    assert others("llm-analysis", "llama-2-7b", ONE).parameters == 6_607_343_616
    assert others("accelerate", "llama-2-7b", ONE).parameters == 6_607_343_616
    for name in ("xtuner", "megatron"):
        assert others(name, "llama-2-7b", ONE).parameters == 6_738_415_616


def test_llama_3_8b_on_16_devices():
    """TP 2, PP 2, DP 4, 4,096 tokens: 61.2 with recomputation, and 20.1 without."""
    layout = Layout(data=4, tensor=2, pipeline=2, zero=1, micro_batches=2, recompute="full")
    got = others("cookbook", "llama-3-8b", layout, context=4096)
    assert got.total / GIB == pytest.approx(61.2, abs=0.05)
    assert round(got.parts["gradients"] / GIB, 2) == 32.98
    other = others("llm-analysis", "llama-3-8b", replace(layout, recompute="none"), context=4096)
    assert other.total / GIB == pytest.approx(20.1, abs=0.05)
    seen = others("cookbook", "llama-3-8b", layout, context=4096, grouped=True)
    # 8 key heads in place of 32: 0.75 x 2 x 4096^2 weights fewer in each layer
    assert got.parts["gradients"] - seen.parts["gradients"] == 4 * 32 * 1.5 * 4096**2


def test_stage_3_of_the_cookbook_divides_weights_twice():
    layout = Layout(data=2, tensor=2, pipeline=2, zero=1, micro_batches=2)
    once = others("cookbook", "llama-2-7b", layout).parts["weights"]
    # `others` needs no possible layout: it asks the formula
    assert others("cookbook", "llama-2-7b", replace(layout, zero=3)).parts["weights"] == once / 8


def test_experts_in_the_planners_that_know_them():
    layout = Layout(data=8, expert=8, zero=1)
    each = 3 * 4096 * 14336
    rest = architectures.parameters("mixtral-8x7b").total - 32 * 8 * each
    x = others("xtuner", "mixtral-8x7b", layout, context=4096)
    assert x.parameters == rest + 32 * each
    # five times the experts' width, twice the width of the model and two numbers for each choice
    plain = 2 * (2 * 4096 + 2 * (4096 + 1024) + 1024 + 4096 + 32) + 2 * 2 * 4096
    mixed = plain + 2 * 2 * (2 + 2 * 4096 + 5 * 14336)
    assert x.parts["activations"] == 4096 * (32 * mixed + 2)
    megatron = others("megatron", "mixtral-8x7b", layout, context=4096)
    assert megatron.parameters == rest + 32 * 8 * each - 32 * 8 * 4096  # no router
    assert "not divided" in megatron.counting


def test_latent_attention_in_xtuner():
    """DeepSeek-V3 in its paper's layout of experts: counted by hand from xtuner's list."""
    layout = Layout(data=64, expert=64, zero=1)
    got = others("xtuner", "deepseek-v3", layout, context=4096)
    h, heads = 7168, 128
    attention = h * 1536 + 1536 * heads * 192 + h * 576 + 512 * heads * 256 + heads * 128 * h
    layer = attention + 2 * h + h * 256 + 3 * h * 2048  # norms, router, the shared expert
    routed = 4 * 3 * h * 2048
    assert got.parameters == 61 * (layer + routed) + 2 * 129280 * h + h
    values = 2 * h + 2 * 1536 + 2 * 512 + 64 + heads * (64 + 2 * 192 + 1 + 128 + 192)
    values += 2 * h + 8 * (2 + 2 * h + 5 * 2048) + 3 * 2048
    assert got.parts["activations"] == 4096 * 2 * (61 * values + 1)


def test_deepseek_v3_in_megatron():
    """Matrices and norms of all 671e9 parameters but the router's."""
    counted = architectures.parameters("deepseek-v3")
    got = others("megatron", "deepseek-v3", Layout(data=64, zero=1), context=4096)
    assert got.parameters == counted.total - counted.router


# ---- from our number to theirs --------------------------------------------------------------


@pytest.mark.parametrize("name", PLANNERS)
@pytest.mark.parametrize(
    ("model", "layout"),
    [
        ("llama-2-7b", ONE),
        ("llama-2-7b", LATER),
        ("llama-2-7b", TWO),
        ("llama-3-8b", Layout(data=4, tensor=2, pipeline=2, zero=1, micro_batches=4)),
        ("gpt2-xl", Layout(data=4, zero=1)),
        ("mixtral-8x7b", Layout(data=8, expert=4, zero=1)),
        ("deepseek-v3", Layout(data=64, expert=64, zero=1)),
    ],
)
def test_the_differences_add_up(name, model, layout):
    try:
        got = explain(name, model, layout, context=1024)
    except NotCovered:
        with pytest.raises(NotCovered):
            others(name, model, layout, context=1024)
        return
    assert got.ours.peak + sum(step.size for step in got.steps) == pytest.approx(
        got.theirs.total, rel=1e-12
    )
    assert got.steps[-1].so_far == pytest.approx(got.theirs.total, rel=1e-12)
    assert all(step.size for step in got.steps)
    assert len({step.cause for step in got.steps}) == len(got.steps)


def test_the_steps_from_ours_to_the_cookbook():
    got = explain("cookbook", "llama-2-7b", ONE)
    steps = {step.cause.split(" (")[0]: step.size / GIB for step in got.steps}
    assert steps["gradients: bytes of a gradient, and when it is there"] == pytest.approx(
        25.17, abs=0.005
    )
    assert steps["activations: 5 a s^2 b a layer: no flash attention"] == 80
    text = str(got)
    assert text.splitlines()[0].endswith("ours, at 'backward'")
    assert text.splitlines()[-1] == "  145.12 GiB  cookbook"


def test_the_steps_from_ours_to_the_sum_by_hand():
    """Gradients that are not there yet, our sums in fp32, and the logits' gradient."""
    got = explain("by hand", "llama-2-7b", ONE)
    sizes = [step.size for step in got.steps]
    p, tokens = 6_738_415_616, 4096
    assert sizes[0] == 2 * p
    # two norms and 32 heads a layer in fp32, and the last norm with its input
    assert sizes[1] + sizes[2] == -tokens * (32 * 4 * (2 + 32) + 2 * 2 * 4096 + 4)
    assert sizes[3] + sizes[4] == tokens * 32000 * (6 - 14)


def test_an_estimate_goes_into_json():
    for name, layout in (("cookbook", ONE), ("by hand", THREE), ("xtuner", THREE)):
        got = others(name, "llama-2-7b", layout)
        said = json.loads(json.dumps(got.as_dict(), allow_nan=False))
        assert said["total"] == pytest.approx(sum(said["parts"].values()))
        assert name in str(got)
        assert said["convention"]
        assert said["source"]


# ---- what they have no answer for ------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "model", "layout", "message"),
    [
        ("deepspeed", "llama-2-7b", ONE, "stages 2 and 3, none of stage 1"),
        ("megatron", "llama-2-7b", THREE, "stage 1, and no more"),
        ("xtuner", "llama-2-7b", TWO, "stages 1 and 3"),
        ("xtuner", "llama-2-7b", FULL, "stops with an error for recomputation at stage 1"),
        ("xtuner", "gpt2-xl", ONE, "MLP is gated"),
        ("llm-analysis", "deepseek-v3", ONE, "no latent attention"),
        ("by hand", "llama-2-7b", Layout(tensor=2), "data parallelism alone"),
        ("cookbok", "llama-2-7b", ONE, "did you mean 'cookbook'"),
    ],
)
def test_no_answer_is_said(name, model, layout, message):
    with pytest.raises(ValueError, match=message):
        others(name, model, layout)


def test_a_layout_is_needed():
    with pytest.raises(TypeError, match="layout must be a Layout, got 8"):
        others("cookbook", "llama-2-7b", 8)


# ---- FLOPs, hours, caches -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("work", "printed"),
    [
        (planning.rule_flops, 28_389),
        (planning.dense_flops, 32_360),
        (planning.causal_flops, 30_099),
    ],
)
def test_hours_of_llama_2_7b_on_h100(work, printed):
    """1e12 tokens at 40 % of 989e12 FLOP/s."""
    assert work("llama-2-7b", 1e12).hours(989e12, 0.4) == pytest.approx(printed, abs=1)


def test_hours_by_the_latencies_of_llm_analysis():
    """33,781 with 90 % of the memory's bandwidth, which is what its examples take."""
    got = planning.llm_analysis_hours("llama-2-7b", 1e12, ONE, utilisation=0.4, peak=989e12)
    assert int(got) == 33_781
    # without the time that memory takes, the FLOPs alone
    fast = planning.llm_analysis_hours(
        "llama-2-7b", 1e12, replace(ONE, micro_batches=10_000), utilisation=0.4, peak=989e12
    )
    assert 32_360 < fast < got
    with pytest.raises(ValueError, match="data parallelism alone"):
        planning.llm_analysis_hours("llama-2-7b", 1e12, Layout(tensor=2), utilisation=0.4)


def test_flops_of_gpt_3_in_the_cookbook():
    one = planning.cookbook_flops("gpt3-175b", 300e9, recompute=False)
    three = planning.cookbook_flops("gpt3-175b", 300e9, recompute=False, logit_passes=3)
    assert f"{one.total:.4e}" == "3.2218e+23"
    assert f"{three.total:.4e}" == "3.2293e+23"
    assert f"{three.total - one.total:.2e}" == "7.55e+20"  # two passes of the logits


def test_the_cookbook_does_not_see_the_width_of_the_mlp():
    shape = Transformer(n_layer=32, d_model=4096, n_head=32, vocab=32000, context=4096, d_ff=11008)
    wide = replace(shape, d_ff=16384)
    narrow = planning.cookbook_flops(shape, 1e12).total
    assert narrow == planning.cookbook_flops(wide, 1e12).total


def test_the_cache_of_llama_3_70b():
    """8,192 tokens, batch 4: 40 GiB in the cookbook, 10 in truth."""
    assert planning.cookbook_cache("llama-3-70b", 4, 8192) == 40 * GIB
    assert architectures.kv_cache("llama-3-70b", 4, 8192) == 10 * GIB
