"""Published models, counted: against their files, what their authors state, and by hand."""

import subprocess
import sys
from dataclasses import replace

import pytest

from scaling_utils import architectures, counting, memory, shapes
from scaling_utils.architectures import Architecture, Latent, get, parameters
from scaling_utils.models import count_mixture, published_mixtures

ENTRIES = architectures.catalogue()
STORED = {name: e for name, e in ENTRIES.items() if e.stored_parameters is not None}
# Where no exact count was found. A name is a size rounded to two digits at best: "2.7b" is 2.65e9.
ROUNDED = {name: e for name, e in ENTRIES.items() if e.stored_parameters is None}


@pytest.mark.parametrize("name", STORED)
def test_the_count_is_what_the_published_files_hold_to_the_integer(name):
    assert parameters(name).total == STORED[name].stored_parameters


@pytest.mark.parametrize("name", ROUNDED)
def test_the_count_is_what_the_authors_round(name):
    assert parameters(name).total == pytest.approx(ROUNDED[name].stated_parameters, rel=0.02)


# Active parameters count the embedding in (Mixtral, Qwen, DeepSeek-V2 and V3) or not (V2-Lite).
@pytest.mark.parametrize("name", [n for n, e in ENTRIES.items() if e.stated_active])
def test_active_parameters_are_what_the_authors_round(name):
    count, stated = parameters(name), ENTRIES[name].stated_active
    assert count.active < count.active_with_embedding < count.total / 3
    nearest = min((count.active, count.active_with_embedding), key=lambda n: abs(n - stated))
    assert nearest == pytest.approx(stated, rel=0.03)


def test_most_models_are_held_by_an_exact_count_and_each_says_how_it_was_read():
    assert len(STORED) > 85
    for entry in ENTRIES.values():
        assert entry.source
        assert bool(entry.stored_source) == (entry.stored_parameters is not None), entry.name
        assert (entry.certainty == "stated") == (entry.stored_parameters is None), entry.name


def test_deepseek_v3_with_and_without_what_is_left_out():
    count = parameters("deepseek-v3")
    assert count.total == 671_026_419_200
    assert count.active_with_embedding == pytest.approx(37.55e9, abs=5e6)
    assert count.active == pytest.approx(36.63e9, abs=5e6)
    assert count.active_with_embedding - count.active == 129_280 * 7168
    # README_WEIGHTS.md counts a module without its projection of 2 x 7168 x 7168: 11.5e9.
    module = parameters("deepseek-v3-mtp").multi_token
    assert parameters("deepseek-v3-mtp").total == count.total + module
    assert module - 2 * 7168**2 == pytest.approx(11.5e9, rel=1e-3)


@pytest.mark.parametrize("name", published_mixtures())
def test_mixtures_agree_with_the_count_of_the_book(name):
    count, other = parameters(name), count_mixture(name)
    assert (count.total, count.active_with_embedding) == (other.total, other.active)
    assert (count.embedding, count.head) == (other.embedding, other.head)


@pytest.mark.parametrize("name", shapes.catalogue())
def test_plain_shapes_are_counted_as_before(name):
    count, plain = parameters(name), counting.parameters(shapes.get(name))
    assert count.total == plain.total
    parts = ("embedding", "position", "attention", "mlp", "norm", "head", "non_embedding")
    for part in parts:
        assert getattr(count, part) == getattr(plain, part), part


def test_the_parts_of_a_grouped_model_by_hand():
    count = parameters("llama-3-8b")
    attention = 32 * (2 * 4096 * 4096 + 2 * 4096 * 8 * 128)
    mlp = 32 * 3 * 4096 * 14336
    norm = (2 * 32 + 1) * 4096
    assert (count.attention, count.mlp, count.norm) == (attention, mlp, norm)
    assert count.embedding == count.head == 128_256 * 4096
    assert count.non_embedding == attention + mlp + norm
    assert count.active == count.total - count.embedding
    assert count.per_layer == pytest.approx((attention + mlp + 2 * 32 * 4096) / 32, rel=1e-4)
    assert (count.router, count.position, count.resting, count.multi_token) == (0, 0, 0, 0)


def test_a_layer_of_latent_attention_by_hand():
    # DeepSeek-V2-Lite does not compress queries: 16 heads of 128 + 64 from 2048. Keys and values:
    # 2048 to 512 + 64, a gain of 512, and 512 to 16 heads of 128 + 128; out 16 x 128 to 2048.
    layer = 2048 * 16 * 192 + 2048 * 576 + 512 + 512 * 16 * 256 + 16 * 128 * 2048
    assert parameters("deepseek-v2-lite").attention == 27 * layer


def test_biases_norms_and_tied_heads_by_hand():
    qwen = parameters("qwen2.5-0.5b")
    assert qwen.head == 0
    assert qwen.active == qwen.total  # the embedding multiplies, as the head
    assert qwen.attention == 24 * (2 * 896 * 896 + 2 * 896 * 128 + 896 + 2 * 128)
    gemma = parameters("gemma-3-1b")
    assert gemma.norm == (4 * 26 + 1) * 1152
    assert gemma.attention == 26 * (2 * 1152 * 1024 + 2 * 1152 * 256 + 2 * 256)
    assert parameters("olmo-1b").norm == 0
    assert parameters("gpt-j-6b").head == 50_400 * 4096 + 50_400
    assert parameters("bloom-560m").norm == (2 * 24 + 2) * 2 * 1024
    assert parameters("opt-125m").position == 2050 * 768
    assert parameters("palm-540b").norm == (118 + 1) * 18_432
    assert parameters("falcon-7b").attention == 32 * (2 * 4544**2 + 2 * 4544 * 64)


SPELLINGS = {
    "gpt2": "gpt2-small",
    "openai-community/gpt2-xl": "gpt2-xl",
    "GPT-2 Medium": "gpt2-medium",
    "Llama-2-7b": "llama-2-7b",
    "llama-2-7B-hf": "llama-2-7b",
    "Llama2 7B": "llama-2-7b",
    "meta-llama/Llama-2-70b-chat-hf": "llama-2-70b",
    "meta-llama/Meta-Llama-3-8B-Instruct": "llama-3-8b",
    "meta-llama/Llama-3.1-8B": "llama-3.1-8b",
    "meta-llama/Llama-3.3-70B-Instruct": "llama-3.1-70b",
    "LLaMA-65B": "llama1-65b",
    "huggyllama/llama-7b": "llama1-7b",
    "Qwen/Qwen3-235B-A22B-Instruct-2507": "qwen3-235b-a22b",
    "Qwen/Qwen2.5-7B-Instruct": "qwen2.5-7b",
    "google/gemma-3-27b-it": "gemma-3-27b",
    "google/gemma-1.1-7b-it": "gemma-7b",
    "allenai/OLMo-2-1124-7B": "olmo-2-7b",
    "allenai/OLMoE-1B-7B-0924": "olmoe-1b-7b",
    "EleutherAI/pythia-6.9b-deduped": "pythia-6.9b",
    "EleutherAI/gpt-j-6B": "gpt-j-6b",
    "deepseek-ai/DeepSeek-R1-0528": "deepseek-v3",
    "deepseek-ai/DeepSeek-V2-Lite-Chat": "deepseek-v2-lite",
    "mistralai/Mixtral-8x7B-Instruct-v0.1": "mixtral-8x7b",
    "mistralai/Mistral-7B-Instruct-v0.3": "mistral-7b-v0.3",
    "bigscience/bloom": "bloom-176b",
    "tiiuae/falcon-7b-instruct": "falcon-7b",
    "facebook/opt-66b": "opt-66b",
    "microsoft/Phi-3-mini-4k-instruct": "phi-3-mini",
    "GPT-3-175B": "gpt3-175b",
    " llama_3.2_1b ": "llama-3.2-1b",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_one_model_has_many_spellings(spelling):
    assert get(spelling).name == SPELLINGS[spelling]


def test_no_two_models_share_a_spelling():
    from scaling_utils.architectures.names import spelling

    seen = [spelling(name) for name in ENTRIES]
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("lama-2-7b", "llama-2-7b"),
        ("llama-3-9b", "llama-3-8b"),
        ("qwen3-33b", "qwen3-32b"),
        ("gemma-4-27b", "gemma-2-27b"),
    ],
)
def test_an_unknown_name_gets_the_nearest_and_no_wall_of_names(name, near):
    with pytest.raises(ValueError, match=f"no published model is named '{name}'") as caught:
        get(name)
    message = str(caught.value)
    named = message.split("nearest: ")[1].split(" (")[0].split(", ")
    assert near in named
    assert len(named) <= 3
    assert "\n" not in message
    assert len(message) < 200


# One point lies between a version and a size: these are not the same model.
@pytest.mark.parametrize("name", ["Qwen2-57B", "llama-27b", "gemma-29b", "", "???"])
def test_a_name_is_never_guessed(name):
    with pytest.raises(ValueError, match="no published model"):
        get(name)


@pytest.mark.parametrize("name", [None, 7, b"gpt2", ["gpt2"]])
def test_a_name_must_be_text(name):
    with pytest.raises(TypeError, match="name must be the text"):
        get(name)


def test_resolve_takes_whatever_stands_for_a_model(tmp_path):
    shape = shapes.get("gpt2-small")
    for model in ("gpt2", shape, Architecture(shape), {"model_type": "gpt2"}):
        assert architectures.resolve(model).shape == shape
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    for model in (tmp_path, tmp_path / "config.json", str(tmp_path), str(tmp_path / "config.json")):
        assert architectures.resolve(model).shape == shape
    with pytest.raises(TypeError, match="got int 7"):
        architectures.resolve(7)
    with pytest.raises(FileNotFoundError, match="no file at"):
        architectures.resolve(str(tmp_path / "elsewhere.json"))


SHAPE = shapes.Transformer(
    4, 64, 4, 100, 32, gated=True, bias=False, norm="rmsnorm", positions="rotary", tied=False
)
EXPERTS = memory.Experts(8, 2, 32, 1)
LATENT = Latent(None, 16, 8, 16, 16)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"shape": "gpt2"}, "shape must be a Transformer"),
        ({"latent": 3}, "latent must be Latent or None"),
        ({"experts": (8, 2)}, "experts must be Experts or None"),
        ({"dense_layers": 1}, "dense_layers needs experts"),
        ({"experts": EXPERTS, "dense_layers": 4}, "dense_layers must be below the 4 layers"),
        ({"experts": EXPERTS, "dense_layers": -1}, "dense_layers must be at least 0"),
        ({"window": 0}, "window must be at least 1"),
        ({"window": 2.5}, "window must be a whole number"),
        ({"global_every": 2}, "global_every needs a window"),
        ({"qkv_bias": 1}, "qkv_bias must be True or False"),
        ({"qkv_bias": True, "attention_bias": True}, "qkv_bias stands for the only biases"),
        ({"qk_norm": "heads"}, "qk_norm must be one of .*did you mean 'head'"),
        ({"norms_per_layer": 3}, "norms_per_layer must be one of"),
        ({"norm_bias": True}, "norm_bias needs LayerNorm"),
        ({"trained_context": 33}, "trained_context must be at most the context 32"),
        ({"multi_token": -1}, "multi_token must be at least 0"),
        ({"choice_bias": True}, "choice_bias, shared_gate and expert_bias need experts"),
        ({"sinks": "yes"}, "sinks must be True or False"),
        ({"shared_gate": True, "experts": replace(EXPERTS, shared=0)}, "needs a shared expert"),
        ({"mlp_bias": True, "experts": EXPERTS}, "mlp_bias must be False"),
        ({"extra_positions": 2}, "extra_positions needs learned positions"),
        ({"latent": LATENT, "qk_norm": "head"}, "latent attention has"),
        ({"latent": replace(LATENT, d_nope=12)}, "d_head of the shape must equal d_nope"),
        ({"latent": LATENT, "shape": replace(SHAPE, n_kv_head=2)}, "n_kv_head must equal n_head"),
    ],
)
def test_what_no_model_can_be_is_refused_with_the_field(fields, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Architecture(**{"shape": SHAPE, **fields})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, 512, 63, 128, 128), "d_rotary must be even"),
        ((0, 512, 64, 128, 128), "q_rank must be at least 1"),
        ((None, None, 64, 128, 128), "kv_rank must be"),
        ((None, 512, 64, 128, "128"), "d_value must be"),
    ],
)
def test_latent_attention_refuses_bad_widths(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Latent(*arguments)


def test_counting_a_model_loads_no_torch():
    code = (
        "import sys; from scaling_utils import architectures as a; "
        "a.parameters('deepseek-v3'), a.training_flops('gemma-3-27b'), a.kv_cache('gpt2'); "
        "a.from_config({'model_type': 'llama'}); print('torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
