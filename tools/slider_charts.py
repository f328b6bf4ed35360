"""The first drawing of each page with sliders, for readers without JavaScript.

It is what book/sliders/*.js draw of the first state, and a test compares the two. The numbers are
the package's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from html import escape

import numpy as np
from slider_answers import layout_of, text

from scaling_utils import planning
from scaling_utils.fitting import isoflop_bias
from scaling_utils.laws import get as law_of
from scaling_utils.memory.instants import PARTS
from scaling_utils.planning.reserves import room
from scaling_utils.units import GIB, TRAINING_FLOPS

LEFT, RIGHT, TOP, BOTTOM = 52, 348, 12, 256
POINTS = 61  # of a line


@dataclass
class Axis:
    """A range of numbers and where its ends lie in the drawing."""

    low: float
    high: float
    start: float
    end: float
    log: bool = True

    def __call__(self, value):
        """Return where a value lies."""
        f = np.log if self.log else np.asarray
        share = (f(value) - f(self.low)) / (f(self.high) - f(self.low))
        return self.start + share * (self.end - self.start)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Places and texts of the ticks."""
        if self.log:
            ends = math.log10(self.low), math.log10(self.high)
            step = max(1, math.ceil((ends[1] - ends[0]) / 4))
            span = ends[1] - ends[0]
            between = (1, 2, 5) if span < 1.5 else (1, 3) if span < 3 else None
            powers = range(math.floor(ends[0]), math.floor(ends[1]) + 1)
            digits = {e: between or (() if e % step else (1,)) for e in powers}
            found = [float(f"{k}e{e}") for e in powers for k in digits[e]]
            return [(x, _power(x)) for x in found if self.low <= x <= self.high]
        raw = (self.high - self.low) / 4
        size = 10 ** math.floor(math.log10(raw))
        step = next(k * size for k in (1, 2, 5, 10) if k * size >= raw)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [(k * step, f"{k * step:.6g}") for k in range(first, last + 1)]


def _power(x: float) -> str:
    digit, power = f"{x:.0e}".split("e")
    return f"{digit}e{int(power)}"


@dataclass
class Plot:
    """A drawing with two axes, as the function `chart` of controls.js makes it."""

    x: Axis
    y: Axis
    names: tuple[str, str]
    paths: list[str] = field(default_factory=list)
    dots: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def line(self, kind: str, x, y) -> None:
        there = np.isfinite(y)
        places = zip(self.x(x[there]), np.clip(self.y(y[there]), -999, 999), strict=True)
        joined = "L".join(f"{u:.1f} {v:.1f}" for u, v in places)
        self.paths.append(f'<path class="{kind}" d="M{joined}"/>')

    def dot(self, kind: str, x: float, y: float) -> None:
        place = f'cx="{self.x(x):.1f}" cy="{self.y(y):.1f}"'
        self.dots.append(f'<circle class="{kind}" r="5" {place}/>')

    def label(self, x: float, y: float, words: str) -> None:
        u, v = self.x(x), self.y(y)
        if LEFT < u < RIGHT - 30 and TOP + 8 < v < BOTTOM:
            self.words.append(f'<text x="{u + 4:.1f}" y="{v - 4:.1f}">{words}</text>')

    @property
    def svg(self) -> str:
        across, down = RIGHT - LEFT, BOTTOM - TOP
        parts = [
            f'<clipPath id="inside"><rect x="{LEFT}" y="{TOP}" width="{across}" height="{down}"/>'
            "</clipPath>"
        ]
        for value, words in self.x.ticks:
            u = self.x(value)
            parts.append(
                f'<path class="tick" d="M{u:.1f} {TOP}V{BOTTOM}"/>'
                f'<text x="{u:.1f}" y="{BOTTOM + 15}" text-anchor="middle">{words}</text>'
            )
        for value, words in self.y.ticks:
            v = self.y(value)
            parts.append(
                f'<path class="tick" d="M{LEFT} {v:.1f}H{RIGHT}"/>'
                f'<text x="{LEFT - 5}" y="{v + 4:.1f}" text-anchor="end">{words}</text>'
            )
        middle = (LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2
        parts.append(
            f'<text x="{middle[0]:g}" y="{BOTTOM + 34}" text-anchor="middle">{self.names[0]}</text>'
            f'<text transform="translate(12 {middle[1]:g}) rotate(-90)" text-anchor="middle">'
            f"{self.names[1]}</text>"
        )
        inside = "".join(self.paths + self.dots)
        return "".join([*parts, f'<g clip-path="url(#inside)">{inside}</g>', *self.words])


def planner(state: dict) -> str:
    """Return the lines of equal loss around the budget."""
    family, C, k = planning.family_of(state["law"]), state["flops"], state["factor"]
    one = family.middle()
    N, D = (float(np.squeeze(each)) for each in one.optimal(C))
    x, y = Axis(N / 100, N * 100, LEFT, RIGHT), Axis(D / 100, D * 100, BOTTOM, TOP)
    plot = Plot(x, y, ("Parameters N", "Tokens D"))
    sizes = N * 10 ** np.linspace(-2, 2, POINTS)
    for decade in (-2, -1, 0, 1, 2):
        best = one.optimal(C * 10.0**decade)
        level = one.loss(*best)
        plot.line("level" if decade else "level main", sizes, one.tokens_for(sizes, level))
        plot.label(*map(float, map(np.squeeze, best)), text(float(np.squeeze(level))))
    ends = sizes[[0, -1]]
    plot.line("budget", ends, C / (TRAINING_FLOPS * ends))
    if len(family) > 1:
        best = planning.wrong_size(family, C, k).best
        ends = np.array([best.low, best.high])
        plot.line("interval", ends, C / (TRAINING_FLOPS * ends))
    plot.dot("other", k * N, C / (TRAINING_FLOPS * k * N))
    plot.dot("best", N, D)
    return plot.svg


def memory(state: dict) -> str:
    """Return a bar for each instant, its parts side by side, and a line where the card is full."""
    layout = layout_of(state)
    found = planning.footprint(
        state["model"], layout, context=state["context"], device=state["device"]
    )
    full, instants = room(found.device), found.ledger.instants
    most = 1.05 * max(full, *map(float, found.ledger.totals))
    left, step = 92, (BOTTOM - TOP) / len(instants)
    scale = (RIGHT - left) / most
    drawn = []
    for row, instant in enumerate(instants):
        x, y = left, TOP + row * step + step * 0.15
        drawn.append(
            f'<text x="{left - 6}" y="{y + step * 0.35 + 4:.1f}" text-anchor="end">'
            f"{escape(instant)}</text>"
        )
        parts = found.ledger.at(instant)
        for column, part in enumerate(PARTS):
            width = float(parts[part]) * scale
            if width:
                drawn.append(
                    f'<rect class="part{column}" x="{x:.1f}" y="{y:.1f}" width="{width:.2f}" '
                    f'height="{step * 0.7:.1f}"/>'
                )
            x += width
    end = left + full * scale
    return "".join(drawn) + (
        f'<path class="budget" d="M{end:.1f} {TOP}V{BOTTOM}"/><text x="{end:.1f}" '
        f'y="{BOTTOM + 15}" text-anchor="end">the card: {text(full / GIB)} GiB</text>'
    )


def valley(state: dict) -> str:
    """Return the valley of a budget, its grid, and the parabola through it."""
    law, C = law_of(state["law"]), state["flops"]
    N = float(law.optimal(C).N)
    given = {name: state[name] for name in ("width", "centre", "points")}
    bottom = N * float(isoflop_bias(law, [C, 10 * C], **given).size_ratio[0])
    share = np.linspace(-0.5, 0.5, state["points"])
    sizes = N * state["centre"] * state["width"] ** share

    def along(n):
        return law.loss(n, C / (TRAINING_FLOPS * n))

    curve = np.polynomial.Polynomial.fit(np.log(sizes), along(sizes), 2)
    low, high = min(sizes[0], N) / 1.3, max(sizes[-1], N) * 1.3
    fine = low * (high / low) ** np.linspace(0, 1, POINTS)
    best = float(along(N))
    top = max(*along(sizes), best + 0.01)
    floor = max(min(best, *curve(np.log(fine))), best - 0.5 * (top - best))
    margin = 0.08 * (top - floor)
    plot = Plot(
        Axis(low, high, LEFT, RIGHT),
        Axis(floor - margin, top + margin, BOTTOM, TOP, log=False),
        ("Parameters N", "Loss, nats a token"),
    )
    plot.line("level main", fine, along(fine))
    plot.line("budget", fine, curve(np.log(fine)))
    for n in sizes:
        plot.dot("run", n, along(n))
    plot.dot("other", bottom, curve(np.log(bottom)))
    plot.dot("best", N, best)
    return plot.svg
