"""The catalogue of accelerators against vendors' figures and the design formula."""

import math
from dataclasses import replace

import pytest

from scaling_utils import hardware, units

# clock in Hz, dense 16-bit fused multiply-adds per clock and core, cores
DESIGNS = {
    "H100-SXM": (1830e6, 512, 528),
    "A100-80-SXM": (1410e6, 256, 432),
    "A100-40-SXM": (1410e6, 256, 432),
    "MI300X": (2100e6, 256, 1216),
    "MI250X": (1700e6, 128, 880),
    "RTX-A6000": (1800e6, 128, 336),
}


@pytest.mark.parametrize("name", DESIGNS)
def test_bf16_peak_follows_from_the_design(name):
    expected = hardware.peak_from_clock(*DESIGNS[name])
    assert hardware.get(name).peak("bf16") == pytest.approx(expected, rel=1e-3)


def test_no_peak_is_a_sparse_one():
    # The figures that vendors print with 2:4 sparsity.
    sparse = {"H100-SXM": 1979e12, "H200-SXM": 1979e12, "A100-80-SXM": 624e12, "L4": 242e12}
    for name, printed in sparse.items():
        assert hardware.get(name).peak("bf16") == pytest.approx(printed / 2, rel=1e-3)


def test_l40s_is_kept_as_printed_and_flagged():
    device = hardware.get("L40S")
    assert device.peak("bf16") == 362.05e12
    assert "366.4" in device.note
    assert hardware.peak_from_clock(2.52e9, 128, 568) == pytest.approx(366.4e12, rel=1e-3)


def test_gb_and_gib_are_told_apart():
    assert hardware.get("TPU-v4").memory == 32 * 2**30
    assert hardware.get("TPU-v6e").memory == 32e9
    assert hardware.get("A100-80-SXM").memory == 80e9
    assert hardware.get("TPU-v4").memory_as_printed == "32 GiB"


# Bytes that a source gives beside the MiB of the table.
REPORTED = {
    "H100-SXM": 85_520_809_984,  # modal-labs/modal-client, pull request 2797
    "MI300X": 206_141_652_992,  # ROCm/legacy-rocm-build, issue 4750
    "TPU-v6e": 33_550_237_696,  # vllm-project/vllm, pull request 16211
}


@pytest.mark.parametrize("name", REPORTED)
def test_usable_memory_is_what_the_driver_reports(name):
    assert hardware.get(name).usable_memory() == REPORTED[name]


def test_weights_may_fit_a_card_that_is_sold_as_smaller():
    # 42e9 parameters in bf16 take 84e9 bytes. The "80 GB" of an H100 are 85.5e9 of them.
    card = hardware.get("H100-SXM")
    assert card.memory < 2 * 42e9 < card.usable_memory()
    assert card.usable_memory() == pytest.approx(85.5e9, rel=1e-3)
    assert hardware.get("A100-80-SXM").usable_memory() == pytest.approx(85.9e9, rel=1e-3)
    assert hardware.get("H200-SXM").usable_memory() == pytest.approx(150.8e9, rel=1e-3)


def test_reported_and_printed_memory_are_near_and_each_has_its_source():
    devices = [hardware.get(name) for name in hardware.devices()]
    known = [device for device in devices if device.memory_reported is not None]
    assert [d.name for d in devices if bool(d.memory_reported_source) != (d in known)] == []
    # No vendor prints more than there is, and GiB for GB explains all of the rest.
    ratios = {device.name: device.usable_memory() / device.memory for device in known}
    assert {n: r for n, r in ratios.items() if not 1 <= r <= units.GIB / units.GB} == {}


def test_memory_that_nobody_reports_is_not_guessed():
    with pytest.raises(ValueError, match="TPU-v4 reports is not known here; it is sold as 32 GiB"):
        hardware.get("TPU-v4").usable_memory()


def test_ridge_point():
    assert hardware.get("A100-80-SXM").ridge("bf16") == pytest.approx(312 / 2.039)
    assert hardware.get("T4").ridge("fp16") == pytest.approx(203, abs=0.5)


def faults(device) -> list[str]:
    """What is missing or out of all proportion in a row of the table."""
    optional = [value for value in (device.power, device.interconnect) if value is not None]
    held = {
        "a peak": bool(device.peaks) and set(device.peaks) <= set(hardware.DTYPES),
        "plausible peaks": all(1e12 < peak < 1e17 for peak in device.peaks.values()),
        "plausible memory": 8e9 < device.memory < 1e12,
        "plausible bandwidth": 1e11 < device.bandwidth < 2e13,
        "a source": bool(device.source),
        "known unverified cells": all(
            getattr(device, cell, None) is not None for cell in device.unverified
        ),
        "finite power and interconnect": all(math.isfinite(x) and x > 0 for x in optional),
    }
    return [f"{device.name} lacks {what}" for what, holds in held.items() if not holds]


def test_every_row_is_complete_and_plausible():
    assert [fault for name in hardware.devices() for fault in faults(hardware.get(name))] == []


def test_an_implausible_row_is_named():
    bad = replace(hardware.get("T4"), memory=16.0, source="", power=-70.0, unverified=("colour",))
    assert faults(bad) == [
        "T4 lacks plausible memory",
        "T4 lacks a source",
        "T4 lacks known unverified cells",
        "T4 lacks finite power and interconnect",
    ]


def test_narrower_formats_are_not_slower():
    order = ("fp4", "fp8", "bf16", "tf32", "fp32")
    for name in hardware.devices():
        peaks = [hardware.get(name).peaks[d] for d in order if d in hardware.get(name).peaks]
        assert peaks == sorted(peaks, reverse=True), name


def test_names_that_torch_reports():
    assert hardware.get("NVIDIA A100-SXM4-80GB") is hardware.get("A100-80-SXM")
    assert hardware.get("Tesla T4") is hardware.get("T4")


def test_a_device_can_be_hashed_but_not_changed():
    device = hardware.get("T4")
    assert device in {device}
    with pytest.raises(TypeError):
        device.peaks["bf16"] = 1.0


@pytest.mark.parametrize("name", ["H100", "h100-sxm", "A100", "RTX-9090", "", None, ["T4"]])
def test_unknown_device_is_refused_with_the_known_ones(name):
    with pytest.raises(ValueError, match=r"device must be one of .*H100-SXM.*got"):
        hardware.get(name)


def test_missing_format_is_refused():
    with pytest.raises(ValueError, match=r"dtype of T4 must be one of .*; got 'bf16'"):
        hardware.get("T4").peak("bf16")
    with pytest.raises(ValueError, match="dtype of V100"):
        hardware.get("V100-SXM2-32").ridge("tf32")


def test_mfu_of_published_runs():
    # PaLM (Chowdhery et al. 2022, App. B): with and without the attention term.
    work = 6 * 540.35e9
    attention = 12 * 118 * 48 * 256 * 2048
    rate = 238.3e3
    chip = ("TPU-v4", "bf16", 6144)
    assert hardware.mfu(rate * (work + attention), *chip) == pytest.approx(0.462, abs=1e-3)
    assert hardware.mfu(rate * work, *chip) == pytest.approx(0.457, abs=1e-3)
    assert hardware.mfu(312e12, hardware.get("A100-40-SXM"), "bf16") == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, "T4", "fp16"), "flops_per_second must be above 0"),
        ((float("nan"), "T4", "fp16"), "flops_per_second must be finite"),
        ((1e12, "T4", "fp16", 0), "count must be at least 1"),
        ((1e12, "T4", "fp16", 1.5), "count must be a whole number"),
        ((1e12, "T9", "fp16"), "device must be one of"),
    ],
)
def test_mfu_refuses_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        hardware.mfu(*arguments)


def test_peak_from_clock_refuses_bad_input():
    with pytest.raises(ValueError, match="clock must be above 0"):
        hardware.peak_from_clock(0, 1, 1)
    with pytest.raises(ValueError, match="cores must be at least 1"):
        hardware.peak_from_clock(1e9, 1, 0)
