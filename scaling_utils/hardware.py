"""Accelerators: dense peaks, memory, bandwidth and power, each with its source.

The table is ``scaling_utils/data/accelerators.csv``. Peaks are **dense**: vendors often
print the rate with 2:4 sparsity, which is twice as high and which no ordinary training
reaches. A device that is not in the table is an error; its peak is never guessed.

Memory has two figures, because what is sold and what the driver reports differ. "80 GB" on
an H100 are 81,559 MiB in ``nvidia-smi``, which is 85.5e9 bytes. ``memory`` is the figure as
sold, ``usable_memory()`` the reported one.

>>> from scaling_utils import hardware
>>> hardware.get("A100-80-SXM").peak("bf16")
312000000000000.0
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from scaling_utils._check import member, number, whole
from scaling_utils.units import GB, GIB, MIB

DTYPES = ("bf16", "fp16", "fp16_acc16", "tf32", "fp32", "fp64", "fp8", "fp4", "int8")

_UNITS = {"GB": GB, "GiB": GIB}


@dataclass(frozen=True)
class Device:
    """One accelerator.

    Attributes
    ----------
    name : str
        Its name in the table.
    peaks : mapping of str to float
        Dense peak per number format in FLOP/s (operations per second for int8). The
        formats accumulate in fp32 unless the name says otherwise (``fp16_acc16``).
    memory : float
        Bytes of device memory as it is sold: the printed figure in its printed unit.
    memory_as_printed : str
        The same as its source prints it, for example "80 GB" or "32 GiB".
    bandwidth : float
        Bytes per second between that memory and the chip.
    power : float or None
        Rated power in watts; None where the vendor gives none.
    interconnect : float or None
        Bytes per second to other devices, one way, all links together; None if unknown.
    source : str
        Document the values come from.
    memory_reported : float or None
        Bytes of device memory as its driver reports them; None where no source is at hand.
        :meth:`usable_memory` returns it, or raises.
    memory_reported_source : str
        Where that was printed; empty where it is unknown.
    note : str
        What to watch out for; may be empty.
    unverified : tuple of str
        Fields that were not seen in a vendor's document.
    """

    name: str
    peaks: Mapping[str, float] = field(hash=False)
    memory: float
    memory_as_printed: str
    bandwidth: float
    power: float | None
    interconnect: float | None
    source: str
    memory_reported: float | None = None
    memory_reported_source: str = ""
    note: str = ""
    unverified: tuple[str, ...] = ()

    def peak(self, dtype: str) -> float:
        """Return the dense peak.

        Parameters
        ----------
        dtype : str
            Number format, one of ``peaks``.

        Returns
        -------
        float
            In FLOP/s (operations per second for int8).

        Raises
        ------
        ValueError
            For a format without a rate here.
        """
        return self.peaks[member(f"dtype of {self.name}", dtype, self.peaks)]

    def usable_memory(self) -> float:
        """Return the device memory as the driver reports it, to ask what fits on the device.

        A process gets slightly less, because the driver keeps a part: CUDA's own total is
        0.4 % lower on a B200 (178.35 GiB, https://github.com/pytorch/ao/pull/4002).

        Returns
        -------
        float
            In bytes.

        Raises
        ------
        ValueError
            Nobody's report is at hand. The figure is not derived from the printed one: the
            two differ by 0.6 to 7.4 % in this table, as some vendors print GB where they mean GiB.
        """
        if self.memory_reported is None:
            raise ValueError(
                f"the memory that the driver of {self.name} reports is not known here; it is "
                f"sold as {self.memory_as_printed} (memory = {self.memory:.4g} bytes)"
            )
        return self.memory_reported

    def ridge(self, dtype: str) -> float:
        """Return the arithmetic intensity above which the peak and not memory limits.

        Parameters
        ----------
        dtype : str
            Number format, one of ``peaks``.

        Returns
        -------
        float
            In FLOP/byte: peak over bandwidth.

        Raises
        ------
        ValueError
            For a format without a rate here.
        """
        return self.peak(dtype) / self.bandwidth


def _optional(text: str, scale: float = 1.0) -> float | None:
    return float(text) * scale if text else None


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(";")) if text else ()


def _device(row: dict[str, str]) -> Device:
    peaks = {dtype: float(row[dtype]) * 1e12 for dtype in DTYPES if row[dtype]}
    return Device(
        name=row["device"],
        peaks=MappingProxyType(peaks),
        memory=float(row["memory"]) * _UNITS[row["memory_unit"]],
        memory_as_printed=f"{row['memory']} {row['memory_unit']}",
        bandwidth=float(row["bandwidth_tb_s"]) * 1e12,
        power=_optional(row["power_w"]),
        interconnect=_optional(row["interconnect_gb_s"], 1e9),
        source=row["source"],
        memory_reported=_optional(row["reported_mib"], MIB),
        memory_reported_source=row["reported_source"],
        note=row["note"],
        unverified=_words(row["unverified"]),
    )


@cache
def _table() -> tuple[dict[str, Device], dict[str, Device]]:
    """Devices by name, and by every exact name they answer to."""
    path = files("scaling_utils").joinpath("data", "accelerators.csv")
    named, answering = {}, {}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            device = _device(row)
            named[device.name] = device
            for alias in (device.name, *_words(row["aliases"])):
                answering[alias] = device
    return named, answering


def devices() -> list[str]:
    """Return the names of the devices in the table.

    Returns
    -------
    list of str
        In the table's order; :func:`get` takes each of them.
    """
    return list(_table()[0])


def get(device: str) -> Device:
    """Return the device of a name.

    Parameters
    ----------
    device : str
        A name of :func:`devices` or, exactly, the name under which
        ``torch.cuda.get_device_name()`` knows it (such as "NVIDIA A100-SXM4-80GB").

    Returns
    -------
    Device
        Its peaks in FLOP/s, its memory in bytes, its bandwidth in bytes per second.

    Raises
    ------
    ValueError
        For any other name, with a list of the known ones. "H100" alone is refused too:
        its PCIe and SXM versions differ.
    """
    named, answering = _table()
    if not isinstance(device, str) or device not in answering:
        member("device", device, named)
    return answering[device]


def peak_from_clock(clock: float, fma_per_clock: int, cores: int) -> float:
    """Return the peak from the design: clock x fused multiply-adds per clock x cores x 2.

    For an H100 SXM: 1830e6 Hz, 512 dense bf16 operations, 528 tensor cores.

    Parameters
    ----------
    clock : float
        In Hz. Above zero.
    fma_per_clock : int
        Fused multiply-adds of one core in one clock, at least 1; each is 2 FLOPs.
    cores : int
        Cores of the same kind, at least 1.

    Returns
    -------
    float
        Dense peak in FLOP/s.

    Raises
    ------
    TypeError, ValueError
        If the clock is not a finite number above zero, or a count not whole and positive.
    """
    clock = number("clock", clock, above=0)
    return 2.0 * clock * whole("fma_per_clock", fma_per_clock) * whole("cores", cores)


def mfu(flops_per_second: float, device: str | Device, dtype: str, count: int = 1) -> float:
    """Return the model FLOPs utilisation: the share of the dense peak that useful work takes.

    Source: Chowdhery et al. (2022), https://arxiv.org/abs/2204.02311, App. B.

    Parameters
    ----------
    flops_per_second : float
        Model FLOP/s of all devices together, above zero. Only FLOPs that the model itself needs:
        recomputation does not count (it counts in hardware FLOPs utilisation).
    device : str or Device
        Accelerator, see :func:`get`.
    dtype : str
        Number format of the matrix products, one of the device's ``peaks``.
    count : int
        Number of accelerators, at least 1.

    Returns
    -------
    float
        A share, 0.462 for PaLM.

    Raises
    ------
    TypeError, ValueError
        If the rate is not a finite number above zero, the count not whole and positive, or the
        device or its number format unknown.
    """
    rate = number("flops_per_second", flops_per_second, above=0)
    chip = device if isinstance(device, Device) else get(device)
    return rate / (whole("count", count) * chip.peak(dtype))
