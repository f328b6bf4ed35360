"""The newest accelerators: dense peaks, dates, and proportions that no real part leaves."""

import csv
import re
from pathlib import Path

import pytest

import scaling_utils
from scaling_utils import hardware

DATA = Path(scaling_utils.__file__).parent / "data"
DEVICES = [hardware.get(name) for name in hardware.devices()]


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))


def test_every_device_has_a_dated_source():
    dates = {row["device"]: row for row in rows("accelerator_dates.csv")}
    assert list(dates) == hardware.devices()
    for name, row in dates.items():
        assert re.fullmatch(r"20[12]\d(-[01]\d)?", row["as_of"]), name
        assert row["dated_by"] in ("document", "look-up"), name
        # A document's year stands in the source too, where the source prints one.
        printed = re.search(r"\((20\d\d)\)", hardware.get(name).source)
        if printed and row["dated_by"] == "document":
            assert row["as_of"].startswith(printed[1]), name


def test_every_row_says_how_it_was_read():
    known = {"primary text", "secondary"}
    assert {row["certainty"] for row in rows("accelerators.csv")} <= known


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)
def test_proportions_are_those_of_accelerators(device):
    wide = device.peaks.get("bf16", device.peaks.get("fp16"))
    # From H20 (37, made to be slow) to TPU v6e (560): FLOPs for each byte from memory.
    assert 30 < wide / device.bandwidth < 600
    # To read the whole memory once takes 18 ms (V100, RTX 5090) to 80 ms (L4).
    assert 0.01 < device.memory / device.bandwidth < 0.1
    if device.power is not None:
        assert 100e9 < wide / device.power < 3000e9  # FLOP/s for each watt
    if device.interconnect is not None:
        assert device.interconnect < device.bandwidth
    if "fp8" in device.peaks:
        assert 1 <= device.peaks["fp8"] / wide <= 4
    if {"fp8", "fp4"} <= set(device.peaks):
        assert 1 <= device.peaks["fp4"] / device.peaks["fp8"] <= 4


# clock in Hz, dense 16-bit fused multiply-adds per clock and core, cores
DESIGNS = {
    "MI210": (1700e6, 128, 416),
    "MI250": (1700e6, 128, 832),
    "MI325X": (2100e6, 256, 1216),
    "MI350X": (2200e6, 512, 1024),
    "MI355X": (2400e6, 512, 1024),
    "RTX-5090": (2407e6, 64, 680),
    "A10": (1695e6, 128, 288),
    "A40": (1740e6, 128, 336),
    "L40": (2490e6, 64, 568),
}


@pytest.mark.parametrize("name", DESIGNS)
def test_the_peaks_of_new_parts_follow_from_their_design(name):
    expected = hardware.peak_from_clock(*DESIGNS[name])
    assert hardware.get(name).peak("bf16") == pytest.approx(expected, rel=2e-3)


# What vendors print with 2:4 sparsity, in TFLOP/s, and for how many devices together.
SPARSE = {
    ("GB200", "bf16"): (360e3, 72),
    ("GB300", "bf16"): (360e3, 72),
    ("B300-SXM", "bf16"): (36e3, 8),
    ("B100-SXM", "fp4"): (14e3, 1),
    ("H100-NVL", "bf16"): (1671, 1),
    ("GH200-96", "fp8"): (3958, 1),
    ("MI350X", "fp4"): (18.45e3, 1),
    ("MI355X", "fp4"): (20.1e3, 1),
    ("A10", "bf16"): (250, 1),
    ("A40", "bf16"): (299.4, 1),
    ("RTX-5090", "fp4"): (3352, 1),
}


@pytest.mark.parametrize(("name", "dtype"), SPARSE)
def test_no_new_peak_is_a_sparse_one(name, dtype):
    printed, count = SPARSE[name, dtype]
    dense = hardware.get(name).peak(dtype)
    assert dense == pytest.approx(printed * 1e12 / count / 2, rel=3e-3)


def test_a_rack_of_gb200_is_72_of_them():
    # 13.4 TB, 576 TB/s and 720 PFLOP/s of fp4 without sparsity.
    gpu = hardware.get("GB200")
    assert 72 * gpu.memory == pytest.approx(13.4e12, rel=2e-3)
    assert 72 * gpu.bandwidth == pytest.approx(576e12)
    assert 72 * gpu.peak("fp4") == pytest.approx(720e15)


def test_names_that_torch_reports_of_new_parts():
    assert hardware.get("NVIDIA GH200 480GB").name == "GH200-96"
    assert hardware.get("NVIDIA B300 SXM6 AC").name == "B300-SXM"
    assert hardware.get("NVIDIA GeForce RTX 5090").name == "RTX-5090"
    # Known by its design alone: no driver's report is at hand.
    with pytest.raises(ValueError, match="Gaudi-3 reports is not known here"):
        hardware.get("Gaudi-3").usable_memory()
