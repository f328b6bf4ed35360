"""Layouts and the memory of one device, against hand calculation and published cases."""

import json
from dataclasses import replace

import numpy as np
import pytest

from scaling_utils import architectures, hardware, memory, planning
from scaling_utils.architectures import Architecture, Latent
from scaling_utils.planning import Layout, footprint
from scaling_utils.planning.portions import held, parameters_on
from scaling_utils.shapes import Transformer
from scaling_utils.units import GB, GIB

P7 = 6_738_415_616  # Llama-2-7B
LLAMA2 = architectures.get("llama-2-7b")


def small(**fields) -> Transformer:
    given = {"n_layer": 4, "d_model": 64, "n_head": 8, "vocab": 100, "context": 32}
    return Transformer(**{**given, **fields})


def on_stage(a, layout, index=0):
    stage = held(a, layout.pipeline, layout.interleave, index, layout.layers_per_stage)
    common, routed = parameters_on(a, stage, layout.tensor, layout.expert)
    return float(common), float(routed)


# ---- parameters of a device -----------------------------------------------------------------


def test_one_device_holds_every_parameter_of_every_published_model():
    for name in architectures.catalogue():
        a = architectures.get(name)
        assert sum(on_stage(a, Layout())) == architectures.parameters(a).total, name


@pytest.mark.parametrize("tied", [True, False])
def test_stages_add_up_and_a_tied_embedding_is_there_twice(tied):
    a = Architecture(small(tied=tied, positions="rotary"))
    layout = Layout(pipeline=4)
    total = sum(sum(on_stage(a, layout, i)) for i in range(4))
    assert total == architectures.parameters(a).total + tied * 100 * 64


def test_key_heads_are_repeated_where_there_are_fewer_than_devices():
    shape = small(n_kv_head=2, bias=False, positions="rotary", tied=False, norm="rmsnorm")
    common, _ = on_stage(Architecture(shape), Layout(tensor=4))
    # a head of 8: query and output 2 x 64 x 16, one key and one value head 2 x 64 x 8,
    # an MLP of 2 x 64 x 64, two norms; embedding and head of 25 rows; the last norm
    layer = 2 * 64 * 16 + 2 * 64 * 8 + 2 * 64 * 64 + 2 * 64
    assert common == 4 * layer + 2 * 25 * 64 + 64


def test_experts_of_deepseek_v3_are_divided_and_the_rest_is_not():
    """256 experts of width 2,048 on 64 devices: four of each of 58 layers."""
    a = architectures.get("deepseek-v3")
    common, routed = on_stage(a, Layout(data=64, expert=64))
    assert routed == 58 * 4 * 3 * 7168 * 2048
    assert common == architectures.parameters(a).total - 58 * 256 * 3 * 7168 * 2048


def test_zero_divides_experts_by_the_replicas_that_they_have():
    a = architectures.get("mixtral-8x7b")
    common, routed = on_stage(a, Layout(data=16, expert=8))
    got = footprint(a, Layout(data=16, expert=8, zero=1), context=1024).parts
    assert got["moments"] == pytest.approx(8 * (common / 16 + routed / 2), rel=1e-12)
    assert got["weights"] == 2 * (common + routed)


def test_layers_of_llama_3_on_16_stages():
    """arXiv:2407.21783, Sec. 3.3.2: one layer fewer on the first and on the last stage."""
    a = architectures.get("llama-3.1-405b")
    stages = held(a, 16, 1, np.arange(16))
    assert stages.layers.tolist() == [7] + [8] * 14 + [7]
    pieces = held(a, 16, 4, np.arange(16))
    assert pieces.layers.tolist() == stages.layers.tolist()


def test_first_layers_without_experts_are_on_the_first_stage():
    a = architectures.get("deepseek-v3")
    stages = held(a, 16, 1, np.arange(16), (4,) * 13 + (3,) * 3)
    assert stages.dense.tolist() == [3] + [0] * 15
    assert stages.mixed.sum() == 58


# ---- activations ----------------------------------------------------------------------------


def test_the_plain_model_by_hand():
    got = footprint(LLAMA2, Layout(data=8, zero=1, statistics=False))
    tokens = 4096
    kept = 32 * tokens * 2 * (8 * 4096 + 4 * 11008) + tokens * 2 * 2 * 4096  # and the last norm
    assert got.peak_instant == "backward"
    assert got.label == "2+2+12/8"
    assert got.parts == pytest.approx(
        {
            "weights": 2 * P7,
            "gathered": 0,
            "gradients": 0,
            "master": 4 * P7 / 8,
            "moments": 8 * P7 / 8,
            "activations": kept,
            "logits": tokens * 32000 * 14,
            "buffers": 0,
        },
        rel=1e-12,
    )


def test_gradients_are_there_from_the_second_micro_batch_on():
    first = footprint(LLAMA2, Layout(data=8, zero=1))
    later = footprint(LLAMA2, Layout(data=8, zero=1, micro_batches=2))
    assert later.peak_instant == "later backward"
    assert later.peak - first.peak == 2 * P7
    kept = footprint(LLAMA2, Layout(data=8, zero=1, gradients_kept=True))
    assert kept.peak - first.peak == 2 * P7


def test_stage_3_gathers_a_layer_and_a_vocabulary_matrix():
    got = footprint(LLAMA2, Layout(data=8, zero=3)).parts
    layer = 4 * 4096**2 + 3 * 4096 * 11008 + 2 * 4096
    assert got["gathered"] == 2 * (layer + 32000 * 4096)
    assert got["weights"] == 2 * P7 / 8


def kept_of_one_layer(a, **fields) -> float:
    """Bytes a token of one layer: the difference between two depths."""
    deep, flat = (
        footprint(replace(a, shape=replace(a.shape, n_layer=n)), Layout(**fields)).ledger.at(
            "forward"
        )["activations"]
        for n in (a.shape.n_layer, a.shape.n_layer - 1)
    )
    return (deep - flat) / a.shape.context


def test_latent_attention_by_hand():
    latent = Latent(q_rank=24, kv_rank=16, d_rotary=4, d_nope=8, d_value=6)
    shape = small(d_head=8, d_ff=48, gated=True, bias=False, norm="rmsnorm", positions="rotary")
    a = Architecture(shape, latent=latent)
    # two norms' inputs and outputs; both vectors before and after their norms, the shared key;
    # queries and keys of 8 heads of 12, values and results of 8 heads of 6; the gated MLP
    values = 4 * 64 + 2 * 24 + 2 * 16 + 4 + 2 * 8 * 12 + 2 * 8 * 6 + 4 * 48
    assert kept_of_one_layer(a, statistics=False) == 2 * values
    # in fp32 a sum for each of four norms, and one for each head
    assert kept_of_one_layer(a) == 2 * values + 4 * (4 + 8)


@pytest.mark.parametrize(
    ("fields", "values", "sums"),
    [
        ({"parallel": True}, -2 * 64, -1),
        ({"norms_per_layer": 4}, 2 * 64, 2),
        ({"qk_norm": "head"}, (8 + 2) * 8, 10),
        ({"qk_norm": "width"}, (8 + 2) * 8, 2),
    ],
)
def test_what_other_blocks_keep(fields, values, sums):
    shape = small(n_kv_head=2, bias=False, norm="rmsnorm", positions="rotary")
    plain, other = Architecture(shape), Architecture(shape, **fields)
    assert kept_of_one_layer(other) - kept_of_one_layer(plain) == 2 * values + 4 * sums


def test_experts_keep_a_copy_of_their_input_for_each_choice():
    a = Architecture(
        small(gated=True, bias=False, norm="rmsnorm", positions="rotary"),
        experts=memory.Experts(8, 2, d_expert=32, shared=1),
    )
    # norms 4 x 64, attention 4 x 64, experts (2 + 1) x 4 x 32, inputs and outputs 2 x 2 x 64
    values = 4 * 64 + 4 * 64 + 3 * 4 * 32 + 2 * 2 * 64
    assert kept_of_one_layer(a, statistics=False) == 2 * values + 4 * 8  # the router in fp32


def test_context_parallelism_divides_activations_and_gathers_keys():
    whole = footprint(LLAMA2, Layout(data=4, zero=1)).ledger.at("forward")
    shared = footprint(LLAMA2, Layout(context=4, zero=1)).ledger.at("forward")
    assert shared["activations"] == whole["activations"] / 4
    assert shared["moments"] == whole["moments"]  # ZeRO divides by data x context
    assert shared["buffers"] == 4096 * 2 * 4096 * 2  # keys and values of a layer, 2 bytes


def test_full_recomputation_keeps_inputs_and_rebuilds_a_layer():
    got = footprint(LLAMA2, Layout(recompute="full", statistics=False)).ledger
    assert got.at("forward")["activations"] == 4096 * 2 * (32 * 4096 + 2 * 4096)
    assert got.at("last layer")["activations"] == 4096 * 2 * (8 * 4096 + 4 * 11008)


def test_the_first_stage_holds_as_many_micro_batches_as_there_are_stages():
    a, tokens = LLAMA2, 4096
    layer = tokens * 2 * (8 * 4096 + 4 * 11008)
    got = footprint(a, Layout(pipeline=4, micro_batches=8, statistics=False))
    assert got.stage == 0
    assert got.parts["activations"] == 32 * layer
    peaks = got.stage_peaks
    assert len(peaks) == 4
    assert peaks[1] > peaks[2] > peaks[3] - tokens * 32000 * 14
    # Korthikanti et al. (2023), Sec. 4.2.3: 1 + (p - 1)/(p v) with interleaving
    more = footprint(a, Layout(pipeline=4, interleave=2, micro_batches=8, statistics=False))
    assert more.parts["activations"] == 32 * layer * (1 + 3 / 8)


# ---- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "fields", "message"),
    [
        ("llama-2-7b", {"tensor": 3}, r"tensor 3 does not divide the 32 heads; feasible: 1, 2, 4"),
        ("llama-2-7b", {"pipeline": 5}, r"32 layers cannot be spread over pipeline 5 .*feasible"),
        ("llama-2-7b", {"pipeline": 4, "interleave": 2, "micro_batches": 6}, "a multiple of it"),
        ("llama-2-7b", {"interleave": 2}, "needs a pipeline of at least 2"),
        ("llama-2-7b", {"pipeline": 2, "zero": 3}, "feasible: stage 2 or lower, or pipeline 1"),
        ("llama-2-7b", {"expert": 2, "data": 2}, "must be 1 for a model without experts, got 2"),
        ("mixtral-8x7b", {"expert": 3, "data": 3}, "does not divide the 8 experts; feasible: 1, 2"),
        ("mixtral-8x7b", {"expert": 8, "data": 4}, "does not divide data x context = 4"),
        ("llama-2-7b", {"context": 3}, "needs a sequence of a multiple of 6 tokens"),
        ("llama-2-7b", {"context": 2, "attention": "materialised"}, "take 'flash'"),
        ("deepseek-v3", {"pipeline": 16}, "61 layers cannot be spread .*layers_per_stage"),
        (
            "deepseek-v3",
            {"pipeline": 2, "layers_per_stage": (30, 30)},
            "60 layers and the model 61",
        ),
    ],
)
def test_contradictions_are_refused_with_what_is_feasible(model, fields, message):
    context = 4096 if model != "llama-2-7b" or "context" in fields else None
    with pytest.raises(ValueError, match=message):
        footprint(model, Layout(**fields), context=context)


def test_key_heads_that_no_device_can_share_are_refused():
    a = Architecture(small(n_head=24, n_kv_head=6, d_head=8, d_ff=240))
    with pytest.raises(ValueError, match="neither divides the 6 key heads nor is a multiple"):
        footprint(a, Layout(tensor=4))
    assert footprint(a, Layout(tensor=12, sequence_parallel=False)).peak > 0


def test_sequences_beyond_learned_positions_are_refused():
    with pytest.raises(ValueError, match="2048 is longer than the model's 1024 learned"):
        footprint("gpt2-small", Layout(), context=2048)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"data": 0}, ValueError, "data must be at least 1, got 0"),
        ({"tensor": 2.5}, ValueError, "tensor must be a whole number"),
        ({"zero": 4}, ValueError, "zero must be 0, 1, 2 or 3, got 4"),
        ({"zero": True}, TypeError, "zero must be numeric"),
        ({"recompute": "ful"}, ValueError, "did you mean 'full'"),
        ({"sequence_parallel": 1}, TypeError, "sequence_parallel must be True or False, got 1"),
        ({"convention": "zer"}, ValueError, "did you mean 'zero'"),
        ({"layers_per_stage": 4}, TypeError, "must be a tuple of whole numbers, got 4"),
        ({"layers_per_stage": (4, 4)}, ValueError, "one number for each of the 1 stages, got 2"),
        ({"bytes_per_value": float("nan")}, ValueError, "bytes_per_value must be finite"),
    ],
)
def test_bad_layouts_are_refused(fields, error, message):
    with pytest.raises(error, match=message):
        Layout(**fields)


def test_bad_calls_are_refused():
    with pytest.raises(TypeError, match="layout must be a Layout, got 8"):
        footprint(LLAMA2, 8)
    with pytest.raises(TypeError, match="device must be a name or a Device, got 80"):
        footprint(LLAMA2, Layout(), device=80)
    with pytest.raises(ValueError, match=r"reserve must lie in its range \[1e\+09, 2e\+09\]"):
        footprint(LLAMA2, Layout(), reserve=3e9, reserve_range=(1e9, 2e9))


# ---- does it fit ----------------------------------------------------------------------------


def test_yes_no_and_perhaps():
    card = hardware.get("H100-SXM")
    peak = footprint(LLAMA2, Layout(data=8, zero=1)).peak
    verdicts = []
    for room in (peak + 6 * GIB, peak + 6 * GIB - 1, peak + GIB, peak + GIB - 1):
        device = replace(card, memory_reported=room)
        verdicts.append(footprint(LLAMA2, Layout(data=8, zero=1), device=device).fits)
    assert verdicts == ["yes", "perhaps", "perhaps", "no"]
    assert footprint(LLAMA2, Layout()).fits is None
    own = footprint(LLAMA2, Layout(), reserve=2 * GIB)
    assert own.needed == (own.peak + 2 * GIB,) * 3


def test_a_card_without_a_report_counts_as_it_is_sold():
    """The smaller figure in every row with both: 80 GB are 85.5e9 bytes on an H100."""
    rows = [row for row in map(hardware.get, hardware.devices()) if row.memory_reported]
    assert len(rows) > 8
    assert all(row.memory <= row.memory_reported for row in rows)
    got = footprint(LLAMA2, Layout(data=8, zero=1), device="H100-PCIe")
    assert got.as_dict()["usable"] == 80e9
    assert any("taken as it is sold, 80 GB" in line for line in got.conventions)


def test_everything_goes_into_json():
    got = footprint("mixtral-8x7b", Layout(data=8, expert=8, zero=1), device="H100-SXM")
    said = json.loads(json.dumps(got.as_dict(), allow_nan=False))
    assert said["bytes_per_param"] == "2+2+12/8"
    assert sum(said["parts"].values()) == pytest.approx(said["peak"])
    assert max(said["instants"].values()) == said["peak"]
    assert said["needed"]["high"] - said["peak"] == 6 * GIB
    assert any("context" in line for line in said["not_counted"])
    assert "GiB a device" in str(got)


# ---- published cases ------------------------------------------------------------------------


def test_figure_1_of_zero():
    """Rajbhandari et al. (2020), Fig. 1: 7.5e9 parameters on 64 devices; 120, 31.4, 16.6, 1.9."""
    shape = Transformer(n_layer=36, d_model=4096, n_head=32, vocab=51200, context=2048)
    count = architectures.parameters(shape).total
    assert count == pytest.approx(7.5e9, rel=0.01)
    states = ("weights", "gradients", "master", "moments")
    for stage, printed in enumerate([120, 31.4, 16.6, 1.9]):
        got = footprint(shape, Layout(data=64, zero=stage)).ledger.at("step")
        bytes_each = sum(got[part] for part in states) / count
        assert bytes_each * 7.5e9 / GB == pytest.approx(printed, rel=0.015)  # 1.875 is printed 1.9


# Korthikanti et al. (2023), arXiv:2205.05198, Table 3: sequence 2,048, vocabulary 51,200, t = 8.
# Heads, width, layers, p, interleaving, micro-batch.
KORTHIKANTI = {
    "22B": (64, 6144, 48, 1, 1, 4),
    "175B": (96, 12288, 96, 8, 3, 1),
    "530B": (128, 20480, 105, 35, 3, 1),
    "1T": (160, 25600, 128, 64, 1, 1),
}


def korthikanti(name, **fields):
    heads, width, layers, p, v, b = KORTHIKANTI[name]
    shape = Transformer(n_layer=layers, d_model=width, n_head=heads, vocab=51200, context=2048)
    layout = Layout(
        tensor=8,
        pipeline=p,
        interleave=v,
        micro_batch=b,
        micro_batches=8 * p,
        attention="materialised",
        dropout=True,
        statistics=False,
        convention="megatron",
        gradients_kept=True,
        **fields,
    )
    return footprint(shape, layout, device="A100-80-SXM")


@pytest.mark.parametrize("name", KORTHIKANTI)
def test_activations_of_table_2_of_korthikanti(name):
    heads, h, layers, p, v, b = KORTHIKANTI[name]
    sbh, score = 2048 * b * h, 5 * heads * 2048 / h
    more = 1 + (p - 1) / (p * v) if v > 1 else 1
    rows = [
        ({}, 10 + 24 / 8 + score / 8),
        ({"sequence_parallel": True}, (34 + score) / 8),
        ({"recompute": "selective"}, 10 + 24 / 8),
        ({"sequence_parallel": True, "recompute": "selective"}, 34 / 8),
        ({"recompute": "full"}, 2),
    ]
    for fields, each in rows:
        got = korthikanti(name, **fields).ledger.at("forward")["activations"]
        shared = 8 if "sequence_parallel" in fields else 1
        # the embedding's mask of each micro-batch in flight; with one stage the last norm, too
        ends = (p * more + (p == 1) * 4) / shared
        assert got == pytest.approx(sbh * (layers * more * each + ends), rel=1e-12)


@pytest.mark.parametrize("name", KORTHIKANTI)
def test_the_present_work_fits_on_80_gb_and_tensor_parallelism_alone_does_not(name):
    """Fig. 1 there: the baseline exceeds an A100 for all four models, both techniques do not."""
    assert korthikanti(name).fits == "no"
    assert korthikanti(name, sequence_parallel=True, recompute="selective").fits == "yes"


@pytest.mark.parametrize("name", KORTHIKANTI)
def test_both_techniques_save_a_factor_of_about_five(name):
    """Abstract there: "reduces activation memory by 5x"."""
    before = korthikanti(name).ledger.at("forward")["activations"]
    after = korthikanti(name, sequence_parallel=True, recompute="selective")
    assert before / after.ledger.at("forward")["activations"] == pytest.approx(5, rel=0.25)


@pytest.mark.parametrize(
    ("layers", "width", "heads", "p", "devices", "batch"),
    [
        (36, 4096, 32, 1, 128, 512),  # 7.5B has t = 4 there
        (48, 8192, 64, 2, 512, 1536),
        (60, 10240, 80, 4, 1024, 1792),
        (80, 12288, 96, 8, 1536, 2304),
        (96, 16384, 128, 16, 1920, 2160),
        (105, 20480, 128, 35, 2520, 2520),
        (128, 25600, 160, 64, 3072, 3072),
    ],
)
def test_layouts_of_narayanan_fit_with_full_recomputation(layers, width, heads, p, devices, batch):
    """Narayanan et al. (2021), arXiv:2104.04473, Table 1: trained on A100 of 80 GB."""
    t = 4 if p == 1 else 8
    shape = Transformer(n_layer=layers, d_model=width, n_head=heads, vocab=51200, context=2048)
    d = devices // (t * p)
    layout = Layout(
        data=d,
        tensor=t,
        pipeline=p,
        micro_batches=batch // d,
        recompute="full",
        attention="materialised",
        dropout=True,
        convention="megatron",
        gradients_kept=True,
    )
    assert layout.devices == devices
    assert footprint(shape, layout, device="A100-80-SXM").fits in ("yes", "perhaps")


@pytest.mark.parametrize(("context", "parts", "data"), [(8192, 1, 128), (131072, 16, 8)])
def test_llama_3_fits_without_recomputation(context, parts, data):
    """arXiv:2407.21783, Table 4 and Sec. 3.3.2: 16M tokens a step on 16,384 H100, none recomputed.

    Gradients are sharded and summed in fp32. It is a close thing, and they free tensors by hand.
    """
    layout = Layout(
        data=data,
        tensor=8,
        context=parts,
        pipeline=16,
        sequence_parallel=True,
        zero=2,
        convention="megatron",
        micro_batches=16,
    )
    got = footprint("llama-3.1-405b", layout, context=context, device="H100-SXM")
    assert layout.devices == 16384
    assert layout.sequences * context == 2**24
    assert got.fits == "perhaps"
    again = footprint(
        "llama-3.1-405b", replace(layout, recompute="full"), context=context, device="H100-SXM"
    )
    assert again.fits == "yes"


def test_deepseek_v3_needs_recomputation_on_its_layout():
    """arXiv:2412.19437, Sec. 3.2: PP 16, EP 64, ZeRO 1, no TP, on 2,048 cards of 80 GB.

    The paper recomputes norms and projections and stores some activations in fp8: kept whole in
    bf16 they do not fit, and recomputed whole they leave most of the card free.
    """
    layout = Layout(
        data=128,
        pipeline=16,
        expert=64,
        zero=1,
        micro_batches=120,
        layers_per_stage=(4,) * 13 + (3,) * 3,
    )
    assert layout.devices == 2048
    kept = footprint("deepseek-v3", layout, context=4096, device="H100-SXM")
    again = footprint(
        "deepseek-v3", replace(layout, recompute="full"), context=4096, device="H100-SXM"
    )
    assert (kept.fits, again.fits) == ("no", "yes")


def test_planning_is_reached_by_name():
    assert planning.footprint is footprint
