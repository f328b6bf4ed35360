"""The controls of the pages with sliders: what can be set, between which ends, and what is first.

A slider stands beside a number field. Its scale says how it moves: "linear", in whole numbers
("count"), in the logarithm ("log10", rounded to three digits; "whole", to whole numbers) or through
powers of two ("log2").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

from scaling_utils import hardware
from scaling_utils.laws import PUBLISHED, ParametricLaw
from scaling_utils.memory.activation import RECOMPUTE
from scaling_utils.memory.conventions import CONVENTIONS
from scaling_utils.planning import RESAMPLED
from scaling_utils.planning.defaults import MFU_SEEN, grid_range, power_range, pue_range

STEPS = {"count": 1, "log10": 0.01, "whole": 0.05, "log2": 1}


@dataclass(frozen=True)
class Slider:
    """A slider with a number field."""

    name: str
    label: str
    first: float
    low: float
    high: float
    scale: str = "linear"
    step: float = 0.0

    def place(self, value: float) -> float:
        """Return a value on the scale of the slider."""
        if self.scale in ("linear", "count"):
            return value
        return math.log2(value) if self.scale == "log2" else math.log10(value)

    @property
    def places(self) -> int:
        """The steps from its lowest to its highest place."""
        return round(
            (self.place(self.high) - self.place(self.low)) / (self.step or STEPS[self.scale])
        )

    def at(self, place: int) -> float:
        """Return the value at a place, as it stands in the number field."""
        low, high = self.place(self.low), self.place(self.high)
        value = low + place / self.places * (high - low)
        if self.scale == "linear":
            return float(f"{value:.12g}")
        if self.scale == "count":
            return round(value)
        if self.scale == "log2":
            return 2.0 ** round(value)
        rounded = float(f"{10**value:.3g}")
        return round(rounded) if self.scale == "whole" else rounded

    @property
    def html(self) -> str:
        """The control as HTML: the slider's places are whole numbers, from 0 for the lowest."""
        low, high, at = (self.place(value) for value in (self.low, self.high, self.first))
        places = self.places
        label = escape(self.label)
        # The keys for numbers of some phones have no "e".
        keys = ' inputmode="text"' if self.high >= 1e6 else ""
        return (
            f'<div class="control" data-name="{self.name}" data-scale="{self.scale}">'
            f'<label for="{self.name}">{label}</label>'
            f'<input type="range" min="0" max="{places}" step="1"'
            f' value="{round((at - low) / (high - low) * places)}" aria-label="{label}, slider">'
            f'<input data-field id="{self.name}" type="number" min="{self.low:.12g}"'
            f' max="{self.high:.12g}" step="any"{keys} value="{self.first:.12g}"></div>\n'
        )


@dataclass(frozen=True)
class Choice:
    """A list of names, of which one is taken."""

    name: str
    label: str
    first: str
    options: tuple[str, ...]

    @property
    def html(self) -> str:
        """The control as HTML."""
        options = "".join(
            f"<option{' selected' * (one == self.first)}>{escape(one)}</option>"
            for one in self.options
        )
        return (
            f'<div class="control" data-name="{self.name}"><label for="{self.name}">'
            f'{escape(self.label)}</label><select data-field id="{self.name}">{options}</select>'
            "</div>\n"
        )


@dataclass(frozen=True)
class Day:
    """A day that the reader types."""

    name: str
    label: str
    first: str = ""

    @property
    def html(self) -> str:
        """The control as HTML."""
        return (
            f'<div class="control" data-name="{self.name}"><label for="{self.name}">'
            f'{escape(self.label)}</label><input data-field id="{self.name}" type="date"></div>\n'
        )


Control = Slider | Choice | Day
DEVICES = tuple(
    device.name
    for device in map(hardware.get, hardware.devices())
    if "bf16" in device.peaks and device.power is not None
)
ADDITIVE = tuple(name for name, law in PUBLISHED.items() if isinstance(law, ParametricLaw))
BUDGET = Slider("flops", "Budget, FLOPs", 5.76e23, 1e18, 1e28, "log10")
# Models with rotary positions: what a token takes does not depend on its place.
MODELS = (
    "llama-3.2-1b",
    "llama-2-7b",
    "llama-3-8b",
    "qwen2.5-7b",
    "mistral-small-24b",
    "llama-3-70b",
    "llama-3.1-405b",
    "mixtral-8x7b",
    "qwen3-30b-a3b",
    "deepseek-v3",
)

CONTROLS: dict[str, tuple[Control, ...]] = {
    "planner": (
        BUDGET,
        Choice("law", "Law", RESAMPLED, (RESAMPLED, *ADDITIVE, "kaplan-joint")),
        Choice("device", "Device", "H100-SXM", DEVICES),
        Slider("devices", "Devices side by side", 1024, 1, 100_000, "whole"),
        Slider("mfu", "MFU, % of the dense bf16 peak", 100 * sum(MFU_SEEN) / 2, 1, 100, step=1),
        Slider("price", "Money per device-hour (0: not known)", 0, 0, 20, step=0.05),
        Day("priceDate", "The day of that price"),
        Slider("power", "Power, % of the rating", 100 * power_range(1).middle, 10, 100, step=1),
        Slider("pue", "PUE of the data centre", pue_range().middle, 1, 2.5, step=0.01),
        Slider("grid", "Grid, g CO2e per kWh", grid_range().middle, 0, 1000, step=1),
        Slider("factor", "Off by k: size over the best size", 2, 0.1, 10, "log10"),
    ),
    "memory": (
        Choice("model", "Model", "llama-3-8b", MODELS),
        Choice("device", "Device", "H100-SXM", DEVICES),
        Slider("batch", "Sequences of a micro-batch", 1, 1, 64, "whole"),
        Slider("passes", "Micro-batches of a step", 8, 1, 256, "log2"),
        Slider("context", "Tokens of a sequence", 8192, 512, 131_072, "log2"),
        Choice("zero", "Stage of ZeRO", "1", ("0", "1", "2", "3")),
        Choice("recompute", "Recomputation", "none", RECOMPUTE),
        Slider("data", "Data-parallel devices", 8, 1, 1024, "log2"),
        Slider("tensor", "Tensor-parallel devices", 1, 1, 8, "log2"),
        Slider("pipeline", "Stages of the pipeline", 1, 1, 16, "log2"),
        Slider("contextParallel", "Context-parallel devices", 1, 1, 16, "log2"),
        Slider("expert", "Expert-parallel devices", 1, 1, 64, "log2"),
        Choice("convention", "Bytes a parameter, as in", "zero", tuple(CONVENTIONS)),
    ),
    "valley": (
        BUDGET,
        Choice("law", "Law that is true", "chinchilla", ADDITIVE),
        Slider("width", "Largest size over smallest", 100, 3, 10_000, "log10"),
        Slider("centre", "Middle of the grid over the best size", 0.15, 0.05, 20, "log10"),
        Slider("points", "Sizes", 9, 3, 25, "count"),
    ),
}


def first(page: str) -> dict:
    """Return the state in which a page begins."""
    return {one.name: one.first for one in CONTROLS[page]}
