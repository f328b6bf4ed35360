"""``scaling-utils hardware``: the accelerators, with their dense peaks and their memory."""

from __future__ import annotations

import csv
from functools import cache

import click

from scaling_utils import hardware, units
from scaling_utils._lazy import DATA
from scaling_utils.cli._names import Listed, known
from scaling_utils.cli._numbers import Number, Word, shown
from scaling_utils.cli._out import emit, output_options
from scaling_utils.cli._tables import Table, pairs

_KEYS = {
    "name": lambda device: device.name.lower(),
    "peak": lambda device: -max(device.peaks.values()),
    "memory": lambda device: -device.memory,
    "bandwidth": lambda device: -device.bandwidth,
    "power": lambda device: -(device.power or 0.0),
}


_HOW = {"document": "of the document", "look-up": "when it was looked up"}


@click.command(
    "hardware",
    epilog="""\b
Examples:
  scaling-utils hardware
  scaling-utils hardware H100-SXM
  scaling-utils hardware --dtype fp8 --memory 80GB --sort peak""",
)
@click.argument("device", required=False, type=Listed(hardware.devices))
@click.option("--dtype", type=Word(hardware.DTYPES), help="Only devices with a rate in it.")
@click.option(
    "--memory", type=Number(suffixes="bytes"), help="Only devices with as much, such as 80GB."
)
@click.option("--sort", type=Word(_KEYS), help="The largest first; by name in its order.")
@output_options
def command(device, dtype, memory, sort, as_json, strict) -> int:
    """List accelerators, or show all that is known about DEVICE.

    Peaks are dense, without the factor 2 of 2:4 sparsity, in TFLOP/s (10^12 a second). Memory is
    what is sold; usable is what the driver reports.
    """
    if device is not None:
        if dtype or memory or sort:
            raise ValueError("name a device or filter the list, not both")
        found = device_of(device)
        return emit("hardware", as_dict(found), lambda: _one(found), as_json=as_json, strict=strict)
    listed = [hardware.get(name) for name in hardware.devices()]
    if dtype:
        listed = [entry for entry in listed if dtype in entry.peaks]
    if memory:
        listed = [entry for entry in listed if entry.memory >= memory]
    if sort == "peak" and dtype:
        listed.sort(key=lambda entry: -entry.peaks[dtype])
    elif sort:
        listed.sort(key=_KEYS[sort])
    if not listed:
        raise ValueError("no device of the table is like that")
    result = {"devices": [as_dict(entry) for entry in listed]}
    return emit("hardware", result, lambda: _many(listed), as_json=as_json, strict=strict)


def device_of(name: str) -> hardware.Device:
    """Return a device by its name in any case, or by its exact name in PyTorch."""
    try:
        return hardware.get(name)
    except ValueError:
        listing = "scaling-utils hardware"
        return hardware.get(known("device", name, hardware.devices(), listing))


def as_dict(device: hardware.Device) -> dict:
    """Return what is known of a device, with the units in the keys."""
    return {
        "name": device.name,
        "peaks_flops_per_second": dict(device.peaks),
        "memory_bytes": device.memory,
        "memory_as_printed": device.memory_as_printed,
        "usable_memory_bytes": device.memory_reported,
        "usable_memory_source": device.memory_reported_source,
        "bandwidth_bytes_per_second": device.bandwidth,
        "interconnect_bytes_per_second": device.interconnect,
        "power_watts": device.power,
        "source": device.source,
        "as_of": _dates()[device.name][0],
        "dated_by": _dates()[device.name][1],
        "note": device.note,
        "unverified": list(device.unverified),
    }


@cache
def _dates() -> dict[str, tuple[str, str]]:
    """When each device's row is from, and whether its document says so or it was looked up then."""
    with (DATA / "accelerator_dates.csv").open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream)
        return {row["device"]: (row["as_of"], row["dated_by"]) for row in rows}


def _many(listed: list[hardware.Device]) -> list:
    dtypes = [dtype for dtype in hardware.DTYPES if any(dtype in d.peaks for d in listed)]
    heads = ("device", *dtypes, "memory", "usable GiB", "TB/s", "W", "source")
    rows = [
        (
            device.name,
            *(_tera(device.peaks.get(dtype)) for dtype in dtypes),
            device.memory_as_printed,
            _usable(device),
            shown(device.bandwidth / 1e12),
            "-" if device.power is None else shown(device.power),
            _source(device),
        )
        for device in listed
    ]
    return [Table(heads, rows, title="dense peaks in TFLOP/s (int8: 10^12 operations/s)")]


def _source(device: hardware.Device) -> str:
    """Whose document it is, and the year of the row."""
    author = device.source.split()[0].strip(",.;")
    return f"{author} {_dates()[device.name][0]}"


def _one(device: hardware.Device) -> list:
    rows = [(f"peak {dtype}", f"{_tera(rate)} TFLOP/s") for dtype, rate in device.peaks.items()]
    rows += [
        ("memory, as sold", f"{device.memory_as_printed} = {device.memory:.4g} bytes"),
        ("memory, usable", _reported(device)),
        ("bandwidth", f"{shown(device.bandwidth / 1e12)} TB/s"),
    ]
    if device.interconnect:
        rows.append(("to other devices", f"{shown(device.interconnect / 1e9)} GB/s, one way"))
    if device.power:
        rows.append(("rated power", f"{shown(device.power)} W"))
    rows.append(("source", device.source))
    year, how = _dates()[device.name]
    rows.append(("as of", f"{year}, {_HOW[how]}"))
    if device.note:
        rows.append(("note", device.note))
    if device.unverified:
        rows.append(("not verified", ", ".join(device.unverified)))
    return [pairs(rows, title=device.name)]


def _tera(rate: float | None) -> str:
    return "-" if rate is None else shown(rate / 1e12)


def _usable(device: hardware.Device) -> str:
    reported = device.memory_reported
    return "-" if reported is None else shown(reported / units.GIB)


def _reported(device: hardware.Device) -> str:
    if device.memory_reported is None:
        return "not known here"
    return f"{_usable(device)} GiB, {device.memory_reported_source}"
