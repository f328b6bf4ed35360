"""States under ZeRO, adapters, the cache, experts and cards, against hand calculation."""

import numpy as np
import pytest

from scaling_utils import counting, hardware, memory, shapes
from scaling_utils.units import GB, GIB

LLAMA2_7B = shapes.Transformer(
    n_layer=32,
    d_model=4096,
    n_head=32,
    d_ff=11008,
    vocab=32000,
    context=4096,
    gated=True,
    bias=False,
    norm="rmsnorm",
    positions="rotary",
    tied=False,
)


# ---- states -------------------------------------------------------------------------------


def test_the_figure_of_zero_in_one_call():
    """Rajbhandari et al. (2020), Fig. 1: 7.5e9 parameters on 64 devices."""
    got = memory.states(7.5e9, 64, [0, 1, 2, 3]).total / GB
    assert got == pytest.approx([120, 31.40625, 16.640625, 1.875], rel=1e-12)


def test_a_table_of_layouts_has_the_broadcast_shape():
    sizes, devices = np.array([[7.5e9], [128e9], [1e12]]), np.array([1, 4, 256])
    got = memory.states(sizes, devices, 1)
    assert got.total.shape == got.moments.shape == (3, 3)
    # 128B on 4 and 1T on 256: 4 + 12/n bytes
    assert got.total[1, 1] == pytest.approx(128e9 * 7)
    assert got.total[2, 2] == pytest.approx(1e12 * (4 + 12 / 256))
    assert got.label == ""


@pytest.mark.parametrize("convention", memory.CONVENTIONS)
def test_what_is_divided_adds_up_to_the_whole(convention):
    whole = memory.states(1e6, 1, 0, convention)
    assert whole.total == 1e6 * memory.CONVENTIONS[convention].total
    shared = memory.states(1e6, 8, 3, convention)
    assert 8 * shared.total == pytest.approx(whole.total)
    by_stage = memory.states(1e6, 8, [0, 1, 2, 3], convention).total
    assert (np.diff(by_stage) <= 0).all()


def test_published_conventions_by_hand():
    """Bytes per parameter on 8 devices as the planners print them."""
    assert memory.states(1, 8, 1, "megatron").total == 6 + 12 / 8
    assert memory.states(1, 8, 2, "deepspeed").total == 2 + 18 / 8
    assert memory.states(1, 8, 1, "xtuner").total == 2 + 2 + 16 / 8
    assert memory.states(1, 1, 0, "fp32").total == 16


def test_parts_go_where_the_convention_says():
    got = memory.states(10, 1, 0, memory.Convention(2, 3, 5, 7, 11))
    assert (got.weights, got.gradients, got.master, got.moments) == (20, 30, 160, 70)
    assert got.optimiser == 230


def test_labels_show_what_is_divided():
    labels = [memory.states(1, 8, stage).label for stage in range(4)]
    assert labels == ["2+2+12", "2+2+12/8", "2+2/8+12/8", "2/8+2/8+12/8"]
    assert memory.states(1, 1, 3, "fp32").label == "4+4+8"


def test_traffic_by_hand():
    """A ring of 8 passes 7/8 of the gradients, and later of the weights; stage 3 three times."""
    got = memory.zero_traffic(1e9, 8, [0, 1, 2, 3], bytes_per_value=2)
    assert got.tolist() == [3.5e9, 3.5e9, 3.5e9, 5.25e9]
    assert memory.zero_traffic(1e9, 1, 3) == 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: memory.states(-1), ValueError, "parameters must be at least 0, got -1"),
        (lambda: memory.states(1, 0), ValueError, "devices must be at least 1, got 0"),
        (lambda: memory.states(1, 2.5), ValueError, "devices must be whole, got 2.5"),
        (lambda: memory.states(1, 2, 4), ValueError, "stage must be 0, 1, 2 or 3, got 4"),
        (lambda: memory.states("7B"), TypeError, "parameters must be numeric, got '7B'"),
        (lambda: memory.states(1, convention="zer"), ValueError, "did you mean 'zero'"),
        (lambda: memory.Convention(2, -2, 4, 8), ValueError, "gradients must be at least 0"),
        (lambda: memory.zero_traffic(1, 8, -1), ValueError, "stage must be at least 0"),
    ],
)
def test_bad_states_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---- adapters -----------------------------------------------------------------------------


def test_adapters_by_hand_with_grouped_heads():
    shape = shapes.Transformer(
        n_layer=3, d_model=64, n_head=8, n_kv_head=2, d_ff=160, gated=True, vocab=10, context=8
    )
    # query 64 -> 64, key and value 64 -> 16
    assert memory.lora_parameters(shape, 4) == 4 * 3 * (128 + 80)
    every = ("query", "key", "value", "out", "gate", "up", "down")
    # and three matrices of 64 x 160
    assert memory.lora_parameters(shape, 4, every) == 4 * 3 * (2 * 128 + 2 * 80 + 3 * 224)


def test_only_adapters_have_gradients_and_moments():
    got = memory.lora_states(1e9, 1e6)
    assert (got.weights, got.gradients, got.master, got.moments) == (2.002e9, 2e6, 4e6, 8e6)
    assert memory.lora_states(1e9, 0).total == 2e9
    assert memory.lora_states(0, 1e6, convention="fp32").total == 16e6


def test_a_model_of_65b_fits_on_48_gb_only_when_quantised():
    """Dettmers et al. (2023), abstract: fine-tuned on one card of 48 GB."""
    shape = shapes.get("llama1-65b")
    adapters = memory.lora_parameters(shape, 64, ("query", "key", "value", "out", "up", "down"))
    base = counting.parameters(shape).total
    fits = [
        memory.lora_states(base, adapters, base_bytes=width).total < 48 * GB
        for width in (memory.quantised_bytes(), memory.quantised_bytes(8), 2)
    ]
    assert fits == [True, False, False]


def test_bad_adapters_are_refused():
    shape = shapes.get("gpt2-small")
    with pytest.raises(ValueError, match=r"matrices must be one of .*'gate'"):
        memory.lora_parameters(shape, 8, ("gate",))  # a GELU has none
    with pytest.raises(ValueError, match="different names, got 'query'"):
        memory.lora_parameters(shape, 8, "query")
    with pytest.raises(ValueError, match="different names"):
        memory.lora_parameters(shape, 8, ("query", "query"))
    with pytest.raises(ValueError, match="rank must be at least 1, got 0"):
        memory.lora_parameters(shape, 0)


# ---- the cache ----------------------------------------------------------------------------


def grouped(n_layer, d_model, n_head, n_kv_head):
    return shapes.Transformer(
        n_layer=n_layer, d_model=d_model, n_head=n_head, n_kv_head=n_kv_head, vocab=1, context=1
    )


def test_caches_by_hand():
    llama3_70b = grouped(80, 8192, 64, 8)
    # 2 x 80 layers x 8 heads x 128 x 2 bytes x 8192 tokens x 4 sequences
    assert memory.kv_cache(llama3_70b, 8192, 4) == 10 * GIB
    assert memory.kv_cache(llama3_70b, 8192, 4, bytes_per_value=1) == 5 * GIB
    assert memory.kv_cache(grouped(32, 4096, 32, 8), 1) == 128 * 2**10
    assert memory.kv_cache(shapes.get("gpt2-xl"), 1) == 2 * 48 * 1600 * 2


def test_a_cache_without_grouping_is_larger_by_the_group():
    ratio = memory.kv_cache(grouped(4, 512, 8, 8), 10) / memory.kv_cache(grouped(4, 512, 8, 2), 10)
    assert ratio == 4


def test_windows_bound_the_cache():
    shape = grouped(6, 512, 8, 8)
    each = 2 * 512 * 2  # bytes a token and layer
    got = memory.kv_cache(shape, [100, 1000, 5000], window=1000, full_layers=1)
    assert got.tolist() == [
        6 * 100 * each,
        6 * 1000 * each,
        (5000 + 5 * 1000) * each,
    ]


def test_heads_are_divided_down_to_one_and_latents_are_not():
    shape = grouped(2, 512, 8, 4)
    got = memory.kv_cache(shape, 10, tensor_parallel=[1, 2, 4, 8])
    assert (got / got[-1]).tolist() == [4, 2, 1, 1]
    assert memory.kv_cache(shape, 10, latent=96, tensor_parallel=[1, 8]).tolist() == [3840, 3840]


def test_bad_caches_are_refused():
    shape = grouped(2, 512, 8, 4)
    with pytest.raises(ValueError, match="full_layers must be at most 2 and needs a window, got 1"):
        memory.kv_cache(shape, 10, full_layers=1)
    with pytest.raises(ValueError, match="full_layers must be at most 2"):
        memory.kv_cache(shape, 10, window=5, full_layers=3)
    with pytest.raises(TypeError, match=r"shapes\.get"):
        memory.kv_cache("gpt2-xl", 10)


# ---- experts ------------------------------------------------------------------------------


def test_experts_by_hand():
    shape = shapes.Transformer(
        n_layer=5, d_model=64, n_head=4, d_ff=256, gated=True, vocab=10, context=8
    )
    experts = memory.Experts(count=16, active=2, d_expert=32, shared=1)
    one, router = 3 * 64 * 32, 64 * 16
    got = memory.expert_parameters(shape, experts, layers=4, expert_parallel=[1, 4])
    assert got.total == 4 * (17 * one + router)
    assert got.active == 4 * (3 * one + router)
    assert got.per_device.tolist() == [4 * (17 * one + router), 4 * (5 * one + router)]


def test_a_mixture_of_one_is_the_mlp_and_a_router():
    shape = LLAMA2_7B
    got = memory.expert_parameters(shape, memory.Experts(1, 1))
    assert got.total == got.active == counting.parameters(shape).mlp + 32 * 4096


def test_bad_experts_are_refused():
    with pytest.raises(ValueError, match="active must be at most count, got 3 of 2"):
        memory.Experts(2, 3)
    with pytest.raises(ValueError, match="at most the 8 experts, got 16"):
        memory.expert_parameters(LLAMA2_7B, memory.Experts(8, 2), expert_parallel=16)
    with pytest.raises(ValueError, match="layers must be at most 32, got 33"):
        memory.expert_parameters(LLAMA2_7B, memory.Experts(8, 2), layers=33)
    with pytest.raises(TypeError, match="experts must be Experts, got 8"):
        memory.expert_parameters(LLAMA2_7B, 8)


# ---- cards --------------------------------------------------------------------------------


def test_a_card_has_less_for_tensors_than_it_reports():
    """An H100 reports 81,559 MiB."""
    assert memory.available("H100-SXM") == 81_559 * 2**20 - 3 * GIB
    assert memory.available(hardware.get("H100-SXM"), reserve=0) == 81_559 * 2**20
    low, high = memory.RESERVE_RANGE
    assert low < memory.RESERVE < high
    with pytest.raises(ValueError, match="reserve must be at least 0 and at most"):
        memory.available("H100-SXM", reserve=100 * GIB)
