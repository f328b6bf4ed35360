"""Configurations of Hugging Face: the same models as the catalogue, and clear refusals."""

import json

import pytest

from scaling_utils import architectures
from scaling_utils.architectures import MODEL_TYPES, from_config, get, parameters

# What the published config.json files of these models say of their sizes.
PUBLISHED = {
    "gpt2-xl": {
        "model_type": "gpt2", "n_layer": 48, "n_embd": 1600, "n_head": 25, "n_ctx": 1024,
        "n_positions": 1024, "vocab_size": 50257, "activation_function": "gelu_new",
        "summary_use_proj": True, "layer_norm_epsilon": 1e-05, "bos_token_id": 50256,
    },
    "gpt-j-6b": {
        "model_type": "gptj", "n_layer": 28, "n_embd": 4096, "n_head": 16, "rotary_dim": 64,
        "n_inner": None, "n_positions": 2048, "vocab_size": 50400, "tie_word_embeddings": False,
    },
    "pythia-6.9b": {
        "model_type": "gpt_neox", "hidden_size": 4096, "num_hidden_layers": 32, "rotary_pct": 0.25,
        "num_attention_heads": 32, "intermediate_size": 16384, "vocab_size": 50432,
        "max_position_embeddings": 2048, "use_parallel_residual": True, "hidden_act": "gelu",
    },
    "llama-2-70b": {
        "model_type": "llama", "hidden_size": 8192, "num_hidden_layers": 80, "hidden_act": "silu",
        "num_attention_heads": 64, "num_key_value_heads": 8, "intermediate_size": 28672,
        "vocab_size": 32000, "max_position_embeddings": 4096, "tie_word_embeddings": False,
        "rope_scaling": None, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "torch_dtype": "float16",
    },
    "llama-3.2-1b": {
        "model_type": "llama", "hidden_size": 2048, "num_hidden_layers": 16, "head_dim": 64,
        "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 8192,
        "vocab_size": 128256, "max_position_embeddings": 131072, "tie_word_embeddings": True,
        "rope_scaling": {"factor": 32.0, "rope_type": "llama3"}, "attention_bias": False,
    },
    "mistral-7b-v0.1": {
        "model_type": "mistral", "hidden_size": 4096, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336,
        "vocab_size": 32000, "max_position_embeddings": 32768, "sliding_window": 4096,
    },
    "mistral-7b-v0.3": {
        "model_type": "mistral", "hidden_size": 4096, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336,
        "vocab_size": 32768, "max_position_embeddings": 32768, "sliding_window": None,
    },
    "mixtral-8x7b": {
        "model_type": "mixtral", "hidden_size": 4096, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336,
        "num_local_experts": 8, "num_experts_per_tok": 2, "vocab_size": 32000,
        "max_position_embeddings": 32768, "sliding_window": None, "router_aux_loss_coef": 0.02,
        "output_router_logits": False,
    },
    "qwen2.5-7b": {
        "model_type": "qwen2", "hidden_size": 3584, "num_hidden_layers": 28,
        "num_attention_heads": 28, "num_key_value_heads": 4, "intermediate_size": 18944,
        "vocab_size": 152064, "max_position_embeddings": 131072, "sliding_window": 131072,
        "use_sliding_window": False, "max_window_layers": 28, "use_mrope": False,
    },
    "qwen3-0.6b": {
        "model_type": "qwen3", "hidden_size": 1024, "num_hidden_layers": 28, "head_dim": 128,
        "num_attention_heads": 16, "num_key_value_heads": 8, "intermediate_size": 3072,
        "vocab_size": 151936, "max_position_embeddings": 40960, "tie_word_embeddings": True,
        "sliding_window": None, "use_sliding_window": False, "max_window_layers": 28,
    },
    "qwen1.5-moe-a2.7b": {
        "model_type": "qwen2_moe", "hidden_size": 2048, "num_hidden_layers": 24,
        "num_attention_heads": 16, "num_key_value_heads": 16, "intermediate_size": 5632,
        "moe_intermediate_size": 1408, "shared_expert_intermediate_size": 5632,
        "num_experts": 60, "num_experts_per_tok": 4, "decoder_sparse_step": 1,
        "vocab_size": 151936, "max_position_embeddings": 8192, "norm_topk_prob": False,
    },
    "qwen3-30b-a3b": {
        "model_type": "qwen3_moe", "hidden_size": 2048, "num_hidden_layers": 48, "head_dim": 128,
        "num_attention_heads": 32, "num_key_value_heads": 4, "intermediate_size": 6144,
        "moe_intermediate_size": 768, "num_experts": 128, "num_experts_per_tok": 8,
        "decoder_sparse_step": 1, "mlp_only_layers": [], "vocab_size": 151936,
        "max_position_embeddings": 40960, "tie_word_embeddings": False,
    },
    "gemma-7b": {
        "model_type": "gemma", "hidden_size": 3072, "num_hidden_layers": 28, "head_dim": 256,
        "num_attention_heads": 16, "num_key_value_heads": 16, "intermediate_size": 24576,
        "vocab_size": 256000, "max_position_embeddings": 8192,
    },
    "gemma-2-27b": {
        "model_type": "gemma2", "hidden_size": 4608, "num_hidden_layers": 46, "head_dim": 128,
        "num_attention_heads": 32, "num_key_value_heads": 16, "intermediate_size": 36864,
        "vocab_size": 256000, "max_position_embeddings": 8192, "sliding_window": 4096,
        "query_pre_attn_scalar": 144, "final_logit_softcapping": 30.0,
    },
    "gemma-3-1b": {
        "model_type": "gemma3_text", "hidden_size": 1152, "num_hidden_layers": 26, "head_dim": 256,
        "num_attention_heads": 4, "num_key_value_heads": 1, "intermediate_size": 6912,
        "vocab_size": 262144, "max_position_embeddings": 32768, "sliding_window": 512,
        "sliding_window_pattern": 6, "rope_local_base_freq": 10000,
    },
    "gpt-oss-20b": {
        "model_type": "gpt_oss", "hidden_size": 2880, "num_hidden_layers": 24, "head_dim": 64,
        "num_attention_heads": 64, "num_key_value_heads": 8, "intermediate_size": 2880,
        "num_local_experts": 32, "num_experts_per_tok": 4, "experts_per_token": 4,
        "vocab_size": 201088, "max_position_embeddings": 131072, "sliding_window": 128,
        "initial_context_length": 4096, "swiglu_limit": 7.0, "attention_bias": True,
        "layer_types": ["sliding_attention", "full_attention"] * 12,
    },
    # The text part leaves heads and vocabulary to the defaults.
    "gemma-3-4b": {
        "model_type": "gemma3", "mm_tokens_per_image": 256, "boi_token_index": 255999,
        "text_config": {
            "model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240,
            "num_hidden_layers": 34, "sliding_window": 1024, "rope_scaling": {"factor": 8.0},
        },
        "vision_config": {"hidden_size": 1152, "num_hidden_layers": 27},
    },
    "deepseek-v2-lite": {
        "model_type": "deepseek_v2", "hidden_size": 2048, "num_hidden_layers": 27,
        "num_attention_heads": 16, "num_key_value_heads": 16, "q_lora_rank": None,
        "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
        "intermediate_size": 10944, "moe_intermediate_size": 1408, "n_routed_experts": 64,
        "n_shared_experts": 2, "num_experts_per_tok": 6, "first_k_dense_replace": 1,
        "moe_layer_freq": 1, "vocab_size": 102400, "max_position_embeddings": 163840,
        "topk_method": "greedy", "scoring_func": "softmax", "aux_loss_alpha": 0.001, "n_group": 1,
    },
    "deepseek-v3": {
        "model_type": "deepseek_v3", "hidden_size": 7168, "num_hidden_layers": 61,
        "num_attention_heads": 128, "num_key_value_heads": 128, "q_lora_rank": 1536,
        "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
        "intermediate_size": 18432, "moe_intermediate_size": 2048, "n_routed_experts": 256,
        "n_shared_experts": 1, "num_experts_per_tok": 8, "first_k_dense_replace": 3,
        "num_nextn_predict_layers": 1, "moe_layer_freq": 1, "vocab_size": 129280, "ep_size": 1,
        "max_position_embeddings": 163840, "topk_method": "noaux_tc", "n_group": 8,
        "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
    },
    "olmo-1b": {
        "model_type": "olmo", "hidden_size": 2048, "num_hidden_layers": 16, "clip_qkv": None,
        "num_attention_heads": 16, "num_key_value_heads": 16, "intermediate_size": 8192,
        "vocab_size": 50304, "max_position_embeddings": 2048, "tie_word_embeddings": True,
    },
    "olmo-2-32b": {
        "model_type": "olmo2", "hidden_size": 5120, "num_hidden_layers": 64,
        "num_attention_heads": 40, "num_key_value_heads": 8, "intermediate_size": 27648,
        "vocab_size": 100352, "max_position_embeddings": 4096, "tie_word_embeddings": False,
    },
    "olmoe-1b-7b": {
        "model_type": "olmoe", "hidden_size": 2048, "num_hidden_layers": 16,
        "num_attention_heads": 16, "num_key_value_heads": 16, "intermediate_size": 1024,
        "num_experts": 64, "num_experts_per_tok": 8, "vocab_size": 50304,
        "max_position_embeddings": 4096,
    },
    "phi-3-mini": {
        "model_type": "phi3", "hidden_size": 3072, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 32, "intermediate_size": 8192,
        "vocab_size": 32064, "max_position_embeddings": 4096, "tie_word_embeddings": False,
        "original_max_position_embeddings": 4096, "attention_bias": False,
    },
    "falcon-7b": {
        "model_type": "falcon", "hidden_size": 4544, "num_hidden_layers": 32, "alibi": False,
        "num_attention_heads": 71, "multi_query": True, "parallel_attn": True, "bias": False,
        "new_decoder_architecture": False, "num_kv_heads": 71, "vocab_size": 65024,
    },
    "falcon-40b": {
        "model_type": "falcon", "hidden_size": 8192, "num_hidden_layers": 60, "alibi": False,
        "num_attention_heads": 128, "num_kv_heads": 8, "new_decoder_architecture": True,
        "parallel_attn": True, "bias": False, "vocab_size": 65024,
    },
    "bloom-176b": {
        "model_type": "bloom", "hidden_size": 14336, "n_layer": 70, "num_attention_heads": 112,
        "vocab_size": 250880, "seq_length": 2048, "attention_softmax_in_fp32": True,
        "masked_softmax_fusion": True, "skip_bias_add": True, "n_inner": None,
    },
    "opt-13b": {
        "model_type": "opt", "hidden_size": 5120, "num_hidden_layers": 40, "ffn_dim": 20480,
        "num_attention_heads": 40, "word_embed_proj_dim": 5120, "vocab_size": 50272,
        "max_position_embeddings": 2048, "do_layer_norm_before": True, "prefix": "</s>",
        "_remove_final_layer_norm": False,
    },
    "starcoder": {
        "model_type": "gpt_bigcode", "n_embd": 6144, "n_layer": 40, "n_head": 48, "n_inner": 24576,
        "n_positions": 8192, "vocab_size": 49152, "multi_query": True, "inference_runner": 0,
        "pre_allocate_kv_cache": True, "validate_runner_input": True,
    },
    "starcoder2-15b": {
        "model_type": "starcoder2", "hidden_size": 6144, "num_hidden_layers": 40, "use_bias": True,
        "num_attention_heads": 48, "num_key_value_heads": 4, "intermediate_size": 24576,
        "vocab_size": 49152, "max_position_embeddings": 16384, "sliding_window": 4096,
        "tie_word_embeddings": False, "norm_type": "layer_norm", "mlp_type": "default",
    },
    "command-r-plus-104b": {
        "model_type": "cohere", "hidden_size": 12288, "num_hidden_layers": 64,
        "num_attention_heads": 96, "num_key_value_heads": 8, "intermediate_size": 33792,
        "vocab_size": 256000, "use_qk_norm": True, "logit_scale": 0.8333,
        "max_position_embeddings": 131072,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_configuration_is_the_model_of_the_catalogue(name):
    read, known = from_config(PUBLISHED[name]), get(name)
    assert parameters(read) == parameters(known)
    for field in ("shape", "latent", "experts", "dense_layers", "window", "global_every"):
        assert getattr(read, field) == getattr(known, field), field
    assert architectures.training_flops(read, 1, 512) == architectures.training_flops(known, 1, 512)
    assert architectures.kv_cache(read, 2, 9000) == architectures.kv_cache(known, 2, 9000)


def test_modules_for_later_tokens_count_where_asked():
    config = PUBLISHED["deepseek-v3"]
    more = from_config(config, multi_token=True)
    assert parameters(more).total == parameters("deepseek-v3-mtp").total
    assert parameters(from_config(config)).multi_token == 0


def test_what_is_missing_takes_the_defaults_of_the_type():
    # Sizes of the classes' defaults in transformers 5.
    sizes = {"llama": 6_738_415_616, "gemma2": 2_614_341_888, "gpt2": 124_439_808}
    sizes |= {"falcon": 6_921_720_704, "opt": 125_239_296, "phi3": 3_821_079_552}
    for model_type, total in sizes.items():
        assert parameters(from_config({"model_type": model_type})).total == total
    assert from_config({"model_type": "mistral"}).window == 4096
    assert from_config({"model_type": "mistral", "sliding_window": None}).window is None
    # Null is not the default: as many key heads as heads.
    assert from_config({"model_type": "mistral"}).shape.n_kv_head == 8
    grouped = from_config({"model_type": "mistral", "num_key_value_heads": None})
    assert grouped.shape.n_kv_head == 32


def test_layers_with_windows_may_be_listed():
    kinds = ["sliding_attention"] * 3 + ["full_attention"]
    base = {"model_type": "gemma3_text", "num_hidden_layers": 8}
    a = from_config({**base, "layer_types": kinds * 2, "sliding_window": 256})
    assert (a.window, a.global_every, a.full_layers) == (256, 4, 2)
    assert from_config({**base, "layer_types": ["full_attention"] * 8}).window is None
    a = from_config({**base, "layer_types": ["sliding_attention"] * 8})
    assert (a.window, a.global_every, a.full_layers) == (4096, None, 0)


LLAMA = {"model_type": "llama"}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "config needs the key 'model_type'"),
        ({"hidden_size": 4096}, "needs the key 'model_type', got the keys 'hidden_size'"),
        ({"model_type": "lama"}, r"'model_type' must be one of .*did you mean 'llama'"),
        ({"model_type": 3}, "'model_type' must be one of"),
        ({"model_type": "mamba2"}, "'model_type' must be one of"),
        (LLAMA | {"hidden_size": "4096"}, "'hidden_size' must be numeric"),
        (LLAMA | {"hidden_size": -4096}, "'hidden_size' must be at least 1"),
        (LLAMA | {"hidden_size": 4096.5}, "'hidden_size' must be a whole number"),
        (LLAMA | {"hidden_size": True}, "'hidden_size' must be numeric"),
        (LLAMA | {"hidden_size": None}, "'hidden_size' must be a whole number, got null"),
        (LLAMA | {"hidden_size": 4097}, "'hidden_size' must be a multiple of 'num_attention"),
        (LLAMA | {"num_key_value_heads": 5}, "'num_key_value_heads' must divide 'num_att"),
        (LLAMA | {"tie_word_embeddings": 1}, "'tie_word_embeddings' must be true or false"),
        (LLAMA | {"head_dim": 0}, "'head_dim' must be at least 1"),
        (LLAMA | {"num_local_experts": 8}, "'num_local_experts' .8. is not known"),
        (LLAMA | {"adapter_rank": 16}, "'adapter_rank' .16. is not known"),
        (LLAMA | {"n_layer": 12}, "'n_layer' .12. is not known for model_type 'llama'"),
        (
            {"model_type": "gpt2", "n_ctx": 512, "n_positions": 1024},
            "'n_positions' 1024 and 'n_ctx'",
        ),
        ({"model_type": "gpt2", "n_embd": 64, "hidden_size": 32}, "contradict each other"),
        ({"model_type": "gpt2", "add_cross_attention": True}, "'add_cross_attention' must be"),
        (
            {"model_type": "gpt_bigcode", "multi_query": True, "num_key_value_heads": 4},
            "'num_key_value_heads' 4 contradicts 'multi_query'",
        ),
        ({"model_type": "opt", "word_embed_proj_dim": 512}, "'word_embed_proj_dim' must equal"),
        ({"model_type": "opt", "do_layer_norm_before": False}, "'do_layer_norm_before' must be"),
        (
            {"model_type": "mixtral", "num_experts_per_tok": 9},
            "'num_experts_per_tok' must be at most 'num_local_experts' 8, got 9",
        ),
        ({"model_type": "qwen3_moe", "decoder_sparse_step": 2}, "'decoder_sparse_step' must be 1"),
        ({"model_type": "qwen3_moe", "mlp_only_layers": [5]}, "'mlp_only_layers' must list the"),
        ({"model_type": "qwen3_moe", "mlp_only_layers": 5}, "'mlp_only_layers' must list the"),
        ({"model_type": "gemma2", "layer_types": 5}, "'layer_types' must list one kind"),
        (
            {"model_type": "qwen2_moe", "shared_expert_intermediate_size": 1000},
            "'shared_expert_intermediate_size' must be a multiple",
        ),
        (
            {"model_type": "qwen2", "use_sliding_window": True, "sliding_window": 4096},
            "'max_window_layers' must be 0 or at least the 32 layers, got 28",
        ),
        ({"model_type": "qwen2", "use_sliding_window": True}, "'sliding_window' is missing"),
        (
            {"model_type": "gemma3_text", "layer_types": ["full_attention"]},
            "'layer_types' must list one kind for each of the 26 layers",
        ),
        (
            {"model_type": "gemma3_text", "num_hidden_layers": 2, "layer_types": ["a", "b"]},
            "'layer_types' may hold",
        ),
        (
            {
                "model_type": "gemma3_text",
                "num_hidden_layers": 3,
                "layer_types": ["full_attention", "full_attention", "sliding_attention"],
            },
            "'layer_types' must have full attention in every k-th layer",
        ),
        ({"model_type": "deepseek_v3", "num_key_value_heads": 8}, "'num_key_value_heads' must eq"),
        ({"model_type": "deepseek_v3", "first_k_dense_replace": 61}, "'first_k_dense_replace' mu"),
        ({"model_type": "deepseek_v3", "qk_head_dim": 128}, "'qk_head_dim' must be"),
        ({"model_type": "deepseek_v3", "moe_layer_freq": 2}, "'moe_layer_freq' must be one of 1"),
        ({"model_type": "deepseek_v2"}, "'num_experts_per_tok' must be a whole number, got null"),
        ({"model_type": "falcon", "num_ln_in_parallel_attn": 3}, "'num_ln_in_parallel_attn' mus"),
        ({"model_type": "phi", "qk_layernorm": True}, "'qk_layernorm' must be one of False"),
    ],
)
def test_a_configuration_that_cannot_be_counted_names_the_key(config, message):
    with pytest.raises((TypeError, ValueError), match=message):
        from_config(config)


def test_what_says_nothing_of_the_size_is_passed_over():
    config = LLAMA | {"rope_theta": 1e6, "initializer_range": 0.02, "custom_note": "mine"}
    config |= {"attention_dropout": 0.1, "transformers_version": "5.0", "use_cache": True}
    config |= {"moe_extra": False, "quantization_config": {"bits": 4}}  # switched off
    assert parameters(from_config(config)).total == 6_738_415_616


def test_files_and_folders_are_read(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(PUBLISHED["qwen3-0.6b"]))
    for place in (path, str(path), tmp_path, str(tmp_path)):
        assert parameters(from_config(place)).total == 596_049_920
    assert from_config(path).source == str(path)
    path.write_text("{not json")
    with pytest.raises(ValueError, match="is no JSON"):
        from_config(path)
    path.write_text("[1, 2]")
    with pytest.raises(ValueError, match="holds a list and no mapping"):
        from_config(path)
    with pytest.raises(FileNotFoundError, match="no file at"):
        from_config(tmp_path / "none.json")
    for bad in (None, 3, ["gpt2"]):
        with pytest.raises(TypeError, match="config must be a mapping"):
            from_config(bad)
    with pytest.raises(TypeError, match="multi_token must be True or False"):
        from_config(LLAMA, multi_token=1)


# Types that transformers has no class of that name for.
OLD = {"RefinedWeb", "RefinedWebModel", "kimi_k2"}


@pytest.mark.slow
@pytest.mark.parametrize("model_type", [t for t in MODEL_TYPES if t not in OLD])
def test_the_count_is_what_transformers_builds(model_type):
    """Of odd sizes, and with everything switched on that adds parameters."""
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    small = {"vocab_size": 777, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 0}
    config = transformers.AutoConfig.for_model(model_type, **small, **odd(model_type))
    with torch.device("meta"):
        built = transformers.AutoModelForCausalLM.from_config(config)
    a = from_config(config.to_dict())
    buffers = a.mixture_layers * a.experts.count if a.choice_bias else 0
    assert parameters(a).total == sum(p.numel() for p in built.parameters()) + buffers


def odd(model_type: str) -> dict:
    """Sizes of a small model of a type, no two of them alike."""
    if model_type in ("gpt2", "gpt_bigcode", "gptj"):
        return {"n_layer": 3, "n_embd": 96, "n_head": 4, "n_inner": 100, "rotary_dim": 8}
    if model_type == "bloom":
        return {"n_layer": 3, "hidden_size": 96, "n_head": 4}
    sizes = {"num_hidden_layers": 5, "hidden_size": 96, "num_attention_heads": 4}
    if model_type == "opt":
        return sizes | {"ffn_dim": 100, "word_embed_proj_dim": 96}
    if model_type == "falcon":
        sizes |= {"new_decoder_architecture": True, "num_kv_heads": 2, "bias": True}
        return sizes | {"ffn_hidden_size": 100}
    sizes |= {"intermediate_size": 100}
    if model_type.startswith("deepseek"):
        sizes |= {"q_lora_rank": 24, "kv_lora_rank": 20, "qk_nope_head_dim": 16, "v_head_dim": 12}
        sizes |= {"qk_rope_head_dim": 8, "n_routed_experts": 8, "num_experts_per_tok": 2}
        sizes |= {"moe_intermediate_size": 32, "n_shared_experts": 2, "first_k_dense_replace": 1}
        return sizes | {"num_key_value_heads": 4, "n_group": 1, "topk_group": 1}
    if model_type != "gpt_neox":
        sizes |= {"num_key_value_heads": 2}
    if model_type not in ("mistral", "mixtral", "qwen2", "qwen2_moe", "phi", "phi3", "starcoder2"):
        sizes |= {"attention_bias": True}
    if model_type in ("llama", "granite", "smollm3"):
        sizes |= {"mlp_bias": True}
    if model_type == "cohere":
        sizes |= {"use_qk_norm": True}
    if model_type in ("mixtral", "olmoe", "qwen2_moe", "qwen3_moe", "gpt_oss"):
        many = {"mixtral": "num_local_experts", "gpt_oss": "num_local_experts"}
        name = many.get(model_type, "num_experts")
        sizes |= {name: 6, "num_experts_per_tok": 2}
    if model_type in ("qwen2_moe", "qwen3_moe"):
        sizes |= {"moe_intermediate_size": 32, "mlp_only_layers": [0]}
    if model_type == "qwen2_moe":
        sizes |= {"shared_expert_intermediate_size": 96}
    return sizes
