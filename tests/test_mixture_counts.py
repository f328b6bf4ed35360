"""Published mixtures of experts, counted from their configurations, compared with their files."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from scaling_utils.models import attention_parameters, count_mixture, published_mixtures

MODELS = published_mixtures()
EVERY = pytest.mark.parametrize("name", MODELS)


@EVERY
def test_the_total_is_what_the_published_files_hold_to_the_integer(name):
    assert count_mixture(name).total == MODELS[name].stored


@EVERY
def test_total_and_active_are_what_the_authors_round(name):
    model, count = MODELS[name], count_mixture(name)
    assert count.total == pytest.approx(model.stated_total, rel=0.01)
    # 37 and 22 billion are rounded to two digits, and so are the others.
    assert count.active == pytest.approx(model.stated_active, rel=0.02)


def test_a_layer_of_mixtral_by_hand():
    # 4096 x (4096 + 1024 + 1024 + 4096) of attention, 8 experts of 3 x 4096 x 14336, a router of
    # 4096 x 8, two norms of 4096; 32 layers, two tables of 32000 x 4096, one norm.
    attention, expert = 4096 * 10240, 3 * 4096 * 14336
    model = MODELS["mixtral-8x7b"]
    assert attention_parameters(model) == attention == 41_943_040
    layer = attention + 8 * expert + 4096 * 8 + 2 * 4096
    assert count_mixture(model).total == 32 * layer + 2 * 32000 * 4096 + 4096
    idle = 32 * 6 * expert
    assert count_mixture(model).total - count_mixture(model).active == idle == 33_822_867_456


def test_the_latent_attention_of_a_layer_by_hand():
    # 7168 x 1536 and its norm, 1536 x 128 heads x 192; 7168 x 576 and its norm, 512 x 128 x 256;
    # 128 x 128 x 7168 out.
    down, up = 11_010_048 + 1536, 37_748_736
    shared, out = 4_128_768 + 512 + 16_777_216, 117_440_512
    assert attention_parameters(MODELS["deepseek-v3"]) == down + up + shared + out


def test_non_embedding_counts_are_those_of_the_model_cards():
    for name, billions in (("qwen3-30b-a3b", 29.9), ("qwen3-235b-a22b", 234)):
        count = count_mixture(name)
        rest = (count.total - count.embedding - count.head) / 1e9
        assert rest == pytest.approx(billions, rel=0.001)


def test_all_experts_active_is_all_of_the_model():
    model = replace(MODELS["olmoe-1b-7b"], active=64)
    assert count_mixture(model).active == count_mixture(model).total


def test_a_name_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="did you mean 'mixtral-8x7b'"):
        count_mixture("mixtral-8x22b")
    with pytest.raises(ValueError, match="attention must be one of"):
        attention_parameters(replace(MODELS["olmoe-1b-7b"], attention="sparse"))


def test_counting_loads_no_torch():
    code = "import sys, scaling_utils.models as m; m.count_mixture('deepseek-v3'); "
    code += "assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
