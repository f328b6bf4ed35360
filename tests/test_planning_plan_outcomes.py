"""What a run takes, against the figures that papers print."""

import csv

import numpy as np
import pytest

from scaling_utils import hardware
from scaling_utils._lazy import DATA
from scaling_utils.planning import measured_runs, outcomes
from scaling_utils.planning.runs import BASES

A100 = 312e12
LLAMA = {"peak": A100, "power": 400, "pue": 1.1, "grid": 385}  # Touvron et al. (2023), Table 15


@pytest.mark.parametrize(
    ("size", "tokens", "devices", "rate", "days"),
    [
        # Narayanan et al. (2021), arXiv:2104.04473, Sec. 5.1 and Table 2: 8 T P / (n X)
        (175e9, 300e9, 1024, 140e12, 34),
        (1.008e12, 450e9, 3072, 163e12, 84),
        (174.6e9, 300e9, 1536, 44e12, 74),
        (174.6e9, 300e9, 384, 144e12, 90),
    ],
)
def test_days_of_megatron(size, tokens, devices, rate, days):
    # Its rate counts the recomputed forward pass: 8 of the FLOPs, where the model needs 6.
    found = outcomes(size, tokens, peak=A100, devices=devices, mfu=rate * 6 / 8 / A100)
    assert found["hours"] / 24 == pytest.approx(days, rel=0.04)


def test_days_of_1e24_flops():
    found = outcomes(
        1e11, 1e24 / 6e11, peak=hardware.get("H100-SXM").peak("bf16"), devices=1024, mfu=0.4
    )
    assert found["flops"] == pytest.approx(1e24)
    assert found["hours"] / 24 == pytest.approx(28.56, abs=0.005)


@pytest.mark.parametrize(
    ("hours", "mwh", "tonnes"),
    [
        (82_432, 36, 14),  # LLaMA-7B
        (530_432, 233, 90),  # LLaMA-33B
        (1_022_362, 449, 173),  # LLaMA-65B
        (809_472, 356, 137),  # OPT-175B
        (1_082_880, 475, 183),  # BLOOM-175B
    ],
)
def test_energy_and_emissions_of_llama(hours, mwh, tonnes):
    # Touvron et al. (2023), arXiv:2302.13971, Table 15; any size and tokens with these hours do.
    size = 1e9
    tokens = hours * 3600 * A100 * 0.5 / (6 * size)
    found = outcomes(size, tokens, mfu=0.5, **LLAMA)
    assert found["device_hours"] == pytest.approx(hours)
    assert found["kwh"] / 1000 == pytest.approx(mwh, rel=0.02)
    assert found["kg_co2e"] / 1000 == pytest.approx(tonnes, rel=0.02)
    assert found["kwh"] == pytest.approx(1.1 * found["device_kwh"])


@pytest.mark.parametrize(
    ("hours", "watts", "tonnes"),
    [
        (184_320, 400, 31.22),
        (368_640, 400, 62.44),
        (1_038_336, 350, 153.90),
        (1_720_320, 400, 291.42),
    ],
)
def test_emissions_of_llama_2(hours, watts, tonnes):
    # Touvron et al. (2023), arXiv:2307.09288, Table 2, and the model card: no PUE is named, and
    # 1.1 is inside.
    tokens = hours * 3600 * A100 * 0.4 / 6e9
    found = outcomes(1e9, tokens, mfu=0.4, **LLAMA | {"power": watts})
    assert found["kg_co2e"] / 1000 == pytest.approx(tonnes, rel=0.001)


@pytest.mark.parametrize(
    ("chips", "days", "watts", "pue", "grams", "mwh", "tonnes"),
    [
        # Patterson et al. (2021), arXiv:2104.10350, Table 4
        (10_000, 14.8, 330, 1.1, 429, 1287, 552.1),  # GPT-3
        (1024, 30, 289, 1.09, 415, 232, 96.4),  # Meena
        (1024, 3.1, 288, 1.09, 201, 24.1, 4.8),  # GShard-600B
    ],
)
def test_energy_of_patterson(chips, days, watts, pue, grams, mwh, tonnes):
    tokens = chips * days * 24 * 3600 * 1e12 / 6e9
    found = outcomes(
        1e9, tokens, peak=1e12, mfu=1.0, devices=chips, power=watts, pue=pue, grid=grams
    )
    assert found["hours"] / 24 == pytest.approx(days)
    assert found["kwh"] / 1000 == pytest.approx(mwh, rel=0.01)
    assert found["kg_co2e"] / 1000 == pytest.approx(tonnes, rel=0.01)


def test_energy_of_bloom():
    # Luccioni et al. (2022), arXiv:2211.02001: 1,082,990 h at 400 W are 433,196 kWh; at 57 g/kWh
    # 24.7 t, without the building.
    tokens = 1_082_990 * 3600 * A100 * 0.4 / 6e9
    found = outcomes(1e9, tokens, peak=A100, mfu=0.4, power=400, pue=1.0, grid=57)
    assert found["kwh"] == pytest.approx(433_196, abs=1)
    assert found["kg_co2e"] / 1000 == pytest.approx(24.7, abs=0.05)


def test_money_of_deepseek_v3():
    # DeepSeek-AI (2024), arXiv:2412.19437, Table 1: 2.788 M H800-hours are 5.576 M dollars at 2.
    tokens = 2.788e6 * 3600 * 1e15 * 0.3 / (6 * 37e9)
    found = outcomes(37e9, tokens, peak=1e15, mfu=0.3, price=2.0)
    assert found["cost"] == pytest.approx(5.576e6)


def test_mfu_of_palm_gives_its_rate():
    # Chowdhery et al. (2022), arXiv:2204.02311, App. B: 238,300 tokens/s on 6,144 TPU v4.
    per_token = 6 * 540.35e9 + 12 * 118 * 48 * 256 * 2048
    found = outcomes(
        540.35e9, 780e9, peak=275e12, devices=6144, mfu=0.462, flops_per_token=per_token
    )
    assert 780e9 / (found["hours"] * 3600) == pytest.approx(238_300, rel=0.002)
    assert outcomes(540.35e9, 780e9, peak=275e12, mfu=0.462)["flops"] == pytest.approx(
        2.53e24, rel=0.01
    )


def test_what_is_not_asked_is_left_out():
    assert set(outcomes(1e9, 2e10, peak=1e14, mfu=0.4)) == {"flops", "device_hours"}
    found = outcomes(1e9, 2e10, peak=1e14, mfu=0.4, batch_tokens=2**20)
    assert found["steps"] == 2e10 / 2**20


def test_arrays_broadcast_and_equal_the_plans_one_by_one(rng):
    N, mfu = 10 ** rng.uniform(8, 11, (5, 1)), rng.uniform(0.2, 0.5, 7)
    together = outcomes(N, 1e12, peak=A100, devices=8, mfu=mfu, price=2, power=400, grid=300)
    for i, j in np.ndindex(5, 7):
        one = outcomes(
            N[i, 0], 1e12, peak=A100, devices=8, mfu=mfu[j], price=2, power=400, grid=300
        )
        for name, value in one.items():
            assert np.broadcast_to(together[name], (5, 7))[i, j] == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("mfu", 0.0, "mfu must be positive, got 0"),
        ("mfu", 40.0, "mfu must be a share above 0 and at most 1, got 40"),
        ("pue", 0.9, "pue must be 1 or above, got 0.9"),
        ("price", -1.0, "price must be 0 or above, got -1"),
        ("devices", 0, "devices must be positive, got 0"),
        ("N", float("nan"), "N must be finite, got nan"),
        ("peak", "H100", "peak must be numeric, got 'H100'"),
    ],
)
def test_bad_arguments_are_named(name, value, words):
    given = {"N": 1e9, "D": 1e10, "peak": 1e14, "mfu": 0.4, "power": 400.0} | {name: value}
    with pytest.raises((TypeError, ValueError), match=words):
        outcomes(**given)


def test_measured_runs_that_rest_on_hours_follow_from_them():
    seen = 0
    for run in measured_runs():
        assert run.source
        assert run.basis in BASES
        peak = hardware.get(run.device).peak(run.dtype)
        if run.basis == "hours":
            work = 6 * run.parameters * run.tokens
            assert run.mfu == pytest.approx(work / (run.device_hours * 3600 * peak), abs=1e-4)
            seen += 1
    assert seen >= 8


def test_megatron_rows_are_three_quarters_of_the_printed_rate():
    printed = {"Megatron 7.5B": 142, "Megatron 76.1B": 140, "Megatron 1008B": 163}
    runs = {run.model: run.mfu for run in measured_runs()}
    for model, rate in printed.items():
        assert runs[model] == pytest.approx(0.75 * rate / 312, abs=1e-4)


def test_runs_of_laws_have_a_span_each():
    with (DATA / "law_runs.csv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            assert row["source"]
            for x in ("N", "D", "C", "ratio"):
                low, high = row[f"{x}_low"], row[f"{x}_high"]
                assert not (low and high) or float(low) < float(high)
