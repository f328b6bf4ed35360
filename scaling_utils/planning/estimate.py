"""The answer of another planner, item by item."""

from __future__ import annotations

from dataclasses import dataclass, field

from scaling_utils.units import GIB

PARTS = (
    "weights",
    "gathered",
    "gradients",
    "optimiser",
    "activations",
    "logits",
    "buffers",
)


@dataclass(frozen=True)
class Item:
    """A summand.

    Attributes
    ----------
    part : str
        One of ``PARTS``.
    size : float
        Bytes on one device.
    reason : str
        How the planner comes to it.
    """

    part: str
    size: float
    reason: str

    def __post_init__(self):
        object.__setattr__(self, "size", float(self.size))


@dataclass(frozen=True)
class Estimate:
    """What a planner says about one device.

    Attributes
    ----------
    name : str
        The planner.
    items : tuple of Item
        What it adds up.
    parameters : float
        Parameters that it counts on the device, before ZeRO divides them.
    counting : str
        Why that is not the model's number, if it is not.
    convention : str
        In words.
    source : str
        Where its formulas stand.
    left_out : dict of str to float
        Bytes that it computes and does not add.
    """

    name: str
    items: tuple[Item, ...]
    parameters: float
    counting: str
    convention: str
    source: str
    left_out: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """Bytes."""
        return sum(item.size for item in self.items)

    @property
    def parts(self) -> dict[str, float]:
        """Bytes by part."""
        sums = dict.fromkeys(PARTS, 0.0)
        for item in self.items:
            sums[item.part] += item.size
        return sums

    def as_dict(self) -> dict:
        """Return everything as numbers and words that JSON takes, sizes in bytes."""
        return {
            "planner": self.name,
            "total": self.total,
            "parts": self.parts,
            "items": [[item.part, item.size, item.reason] for item in self.items],
            "parameters": self.parameters,
            "counting": self.counting,
            "left_out": self.left_out,
            "convention": self.convention,
            "source": self.source,
        }

    def __str__(self) -> str:
        listed = ", ".join(f"{part} {size / GIB:.2f}" for part, size in self.parts.items() if size)
        return f"{self.name}: {self.total / GIB:.2f} GiB ({listed})"


class NotCovered(ValueError):
    """A planner has no answer for this model or layout."""
