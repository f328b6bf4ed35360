"""The search over layouts: nothing that fits is missed, and every refusal has its reason."""

import json
from dataclasses import replace

import numpy as np
import pytest

from scaling_utils import architectures, hardware, memory, planning
from scaling_utils.architectures import Architecture
from scaling_utils.memory.activation import RECOMPUTE
from scaling_utils.planning import (
    Layout,
    footprint,
    rules,  # noqa: F401
    search,
)
from scaling_utils.planning.candidates import candidates, sieve
from scaling_utils.planning.merit import step_time
from scaling_utils.planning.searching import _peaks, _Task
from scaling_utils.shapes import Transformer
from scaling_utils.units import GIB

H100 = hardware.get("H100-SXM")
STYLE = Layout(sequence_parallel=True)


def one_by_one(name, devices, batch_tokens, context, device, reserve):
    """The same search with a footprint for each layout: first limits, and what fits."""
    a = architectures.get(name)
    sequences = round(batch_tokens / context)
    tried = candidates(a, devices, STYLE, sequences, context)
    fitting, limits = 0, {}
    for i in range(len(tried)):
        for recompute in RECOMPUTE:
            layout = tried.layout(i, recompute)
            code = "batch" if sequences % (layout.data * layout.micro_batch) else None
            if code is None:
                broken = planning.rules.limits(a, layout, context)
                code = broken[0].code if broken else None
            if code is None:
                got = footprint(a, layout, context=context)
                if got.peak + reserve <= device.usable_memory():
                    fitting += 1
                    continue
                code = f"memory at {got.peak_instant}"
            limits[code] = limits.get(code, 0) + 1
    return fitting, limits, 3 * len(tried)


@pytest.mark.parametrize(
    ("name", "devices", "context"),
    [
        ("llama-2-13b", 8, 4096),
        ("llama-3-8b", 12, 32768),
        ("mixtral-8x7b", 8, 4096),
        ("gemma-2-27b", 6, 8192),
        ("deepseek-v2-lite", 6, 4096),
        ("gpt2-xl", 10, 1024),
    ],
)
def test_the_search_agrees_with_footprints_one_by_one(name, devices, context):
    found = search(name, devices, context=context, global_batch_tokens=64 * context)
    fitting, limits, tried = one_by_one(name, devices, 64 * context, context, H100, memory.RESERVE)
    assert (found.fitting, found.tried) == (fitting, tried)
    assert {each.code: each.count for each in found.refused} == limits
    counts = [each.count for each in found.refused]
    assert counts == sorted(counts, reverse=True)


def test_every_refused_example_breaks_the_limit_that_is_named():
    found = search("mixtral-8x22b", 48, context=4096, global_batch_tokens=256 * 4096)
    a = architectures.get("mixtral-8x22b")
    assert {each.code for each in found.refused} >= {"layers", "batch", "ZeRO with pipeline"}
    for each in found.refused:
        if each.code == "batch":
            assert 256 % (each.example.data * each.example.micro_batch)
        elif each.code.startswith("memory"):
            got = footprint(a, each.example, context=4096)
            assert each.code == f"memory at {got.peak_instant}"
            assert got.peak + memory.RESERVE > H100.usable_memory()
            assert f"{got.peak / GIB:.1f} GiB" in each.sentence
        else:
            broken = planning.rules.limits(a, each.example, 4096)
            assert broken[0].code == each.code
            assert broken[0].sentence == each.sentence


def test_the_best_are_not_beaten_by_anything_that_fits():
    found = search("llama-3-8b", 12, context=8192)
    assert len(found.best) == 3
    assert list(found.step_seconds) == sorted(found.step_seconds)
    degrees = {(x.layout.tensor, x.layout.pipeline, x.layout.data) for x in found.best}
    assert len(degrees) == 3
    a = architectures.get("llama-3-8b")
    flops = {way: architectures.training_flops(a, 2**22, 8192, recompute=way) for way in RECOMPUTE}
    tried = candidates(a, 12, STYLE, 512, 8192)
    left, _ = sieve(a, tried, 8192, 512)
    for recompute in RECOMPUTE:
        for i in range(len(left)):
            layout = left.layout(i, recompute)
            got = footprint(a, layout, context=8192, device=H100)
            if got.fits != "yes":
                continue
            seconds = step_time(
                a,
                layout,
                layout,
                H100,
                8192,
                flops=float(flops[recompute].model),
                again=float(flops[recompute].recompute),
                recompute=recompute,
            ).total
            assert seconds >= found.step_seconds[0] * (1 - 1e-12), layout


def test_arrays_of_layouts_give_what_each_gives_alone():
    a = architectures.get("deepseek-v2-lite")
    task = _Task(a, H100, 4096, 64, STYLE, memory.RESERVE, memory.RESERVE, 8)
    left, _ = sieve(a, candidates(a, 16, STYLE, 64, 4096), 4096, 64)
    assert len(left) > 100
    for recompute in RECOMPUTE:
        peaks, instants = _peaks(task, left, recompute)
        for i in range(0, len(left), 17):
            got = footprint(a, left.layout(i, recompute), context=4096)
            assert peaks[i] == pytest.approx(got.peak, rel=1e-12)
            assert instants[i] == got.peak_instant


def test_what_fits_for_sure_comes_before_what_fits_perhaps():
    found = search("llama-2-7b", 2)
    assert [each.fits for each in found.best] == ["yes"] * 3
    # On a card with 4 GiB more than the fastest needs, that one is not sure any more.
    tight = search("llama-2-7b", 2, replace(H100, memory_reported=found.best[0].peak + 4 * GIB))
    fastest = footprint("llama-2-7b", found.layout, device=tight.best[0].device)
    assert (fastest.fits, tight.best[0].fits) == ("perhaps", "yes")
    assert tight.step_seconds[0] > found.step_seconds[0]


def test_the_fewest_devices():
    """7B needs 16 bytes a parameter, 100 GiB: more than a card and less than two."""
    found = search("llama-2-7b")
    assert (found.devices, found.smallest_devices) == (2, 2)
    assert found.best
    one = search("llama-2-7b", 1)
    assert (one.fitting, one.smallest_devices) == (0, 2)
    assert one.layout is None
    assert all(each.code.startswith("memory") for each in one.refused)


def test_the_fewest_devices_need_not_be_a_power_of_two():
    found = search("llama-3.1-405b", context=8192, global_batch_tokens=2**24)
    assert found.smallest_devices % 8 == 0
    fewer = search("llama-3.1-405b", found.smallest_devices - 8, context=8192,
                   global_batch_tokens=2**24)  # fmt: skip
    assert fewer.fitting == 0
    # 405.85e9 parameters of 16 bytes fill 77 cards of 79.6 GiB, before activations and reserve.
    assert 77 < found.smallest_devices < 2 * 77


def test_nothing_fits_and_it_says_so():
    card = replace(H100, memory_reported=4 * GIB)
    found = search("llama-3.1-405b", None, card, context=8192, most=64)
    assert (found.devices, found.smallest_devices, found.best) == (None, None, ())
    given = search("llama-3.1-405b", 64, card, context=8192, most=64)
    assert given.best == ()
    assert sum(each.count for each in given.refused) == given.tried


def test_a_search_goes_into_json():
    found = search("qwen3-30b-a3b", 16, context=4096)
    said = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert said["best"][0]["fits"] == "yes"
    assert said["fitting"] + sum(each["layouts"] for each in said["refused"]) == said["tried"]
    assert "60% of the dense peak" in said["merit"]


def test_step_time_by_hand():
    """Two devices of each kind; one micro-batch of 1,024 tokens of a model of width 64."""
    a = Architecture(
        Transformer(n_layer=4, d_model=64, n_head=8, vocab=100, context=1024, bias=False)
    )
    layout = Layout(tensor=2, pipeline=2, data=2, zero=1, micro_batches=4)
    got = step_time(a, layout, layout, H100, 1024, flops=1e15, again=1e14, recompute="none")
    work = 1e15 / (8 * 989.4e12 * 0.6)
    tensor = 4 * 2 * 4 * (2 * 0.5) * 1024 * 64 * 2 / 450e9
    assert got.work == pytest.approx(work)
    assert got.recompute == pytest.approx(work / 10)
    assert got.tensor == pytest.approx(tensor)
    assert got.bubble == pytest.approx((1.1 * work + tensor) / 4)
    # gradients out, weights back: half of the stage's parameters each, inside a node
    stage = 2 * (12 * 64**2 / 2 + 2 * 64) + 100 * 32 + 1024 * 64
    assert got.data == pytest.approx(2 * stage * 2 / 2 / 450e9)
    assert got.expert == got.context == 0
    assert got.utilisation == pytest.approx(work / got.total)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"devices": 0}, ValueError, "devices must be at least 1, got 0"),
        ({"devices": 7.5}, ValueError, "devices must be a whole number"),
        ({"global_batch_tokens": 100}, ValueError, "global_batch_tokens must be at least 4096"),
        ({"style": "zero"}, TypeError, "style must be a Layout"),
        ({"kernels": 0}, ValueError, "kernels must be above 0"),
        ({"device": "H100"}, ValueError, "H100-SXM"),
        ({"reserve": -1}, ValueError, "reserve must be at least 0"),
    ],
)
def test_bad_searches_are_refused(fields, error, message):
    with pytest.raises(error, match=message):
        search("llama-2-7b", **{"devices": 8, **fields})


def test_thousands_of_layouts_are_columns_and_not_loops():
    """The arrays of a large search have one entry for each layout."""
    a = architectures.get("deepseek-v3")
    tried = candidates(a, 2048, STYLE, 15360, 4096)
    assert 3 * len(tried) > 20_000
    assert all(np.shape(getattr(tried.columns, name)) == (len(tried),) for name in ("data", "zero"))
