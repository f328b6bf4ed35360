"""What is left of a context after its visits, and of a whole source after D examples.

A context that shares no weight with the others is learned by its own examples alone. How much of
its excess is left depends on how often it came and on how the rate fell meanwhile: that is one
curve f of the expected number of visits, and it has no exponent of the source in it. The source
adds up such curves: context r comes D P(r) times.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scaling_utils._check import number, positive_array, same_length
from scaling_utils.corpora.associations import OUTPUTS, PERPLEXITY, Associations

EXACT = 2**14  # contexts that are added up one by one


def alone(
    source: Associations, visits: float, step: float, power: float, contexts: int, seed: int = 0
) -> np.ndarray:
    """Return the excess of contexts that learn on their own, shape (contexts,), in nats.

    Each is visited a Poisson number of times at uniform moments t in 0 to 1, and each visit adds
    step (1 - t)^power (y - softmax(z)) to its logits z, which start at zero.

    Parameters
    ----------
    source : Associations
        For its pool of distributions.
    visits : float
        Expected number of visits.
    step : float
        What the rate of a network comes to for the logits of one context.
    power : float
        Of the schedule; 1 is a linear decay.
    contexts : int
        How many are followed, each with a row of the pool of its own; at most 4,096.
    seed : int
        Of visits and outputs.

    Returns
    -------
    array
        KL(p, softmax(z)) of each.
    """
    rng = np.random.default_rng([seed, 0xA10E])
    p = source.pool[rng.permutation(len(source.pool))[:contexts]]  # (contexts, V)
    counts = rng.poisson(number("visits", visits, above=0), contexts)
    z, stairs = np.zeros(p.shape, np.float32), np.cumsum(p, 1)
    moments = rng.random((contexts, counts.max(initial=0)))
    moments[np.arange(moments.shape[1]) >= counts[:, None]] = 2  # never
    moments.sort(1)
    for t in moments.T:
        here = np.flatnonzero(t <= 1)
        s = np.exp(z[here] - z[here].max(1, keepdims=True))
        moved = step * (1 - t[here]) ** power
        z[here] -= (moved / s.sum(1))[:, None].astype(np.float32) * s
        y = (rng.random(len(here))[:, None] > stairs[here]).sum(1).clip(max=OUTPUTS - 1)
        z[here, y] += moved
    top = z.max(1, keepdims=True)
    logs = z - top - np.log(np.exp(z - top).sum(1, keepdims=True))
    return (p * (np.log(p) - logs)).sum(1)


@dataclass(frozen=True)
class DataCurve:
    """The excess of an endless memory after D examples: sum over r of P(r) f(D P(r)).

    Parameters
    ----------
    visits : array, shape (points,)
        Expected visits, rising, above zero.
    left : array, shape (points,)
        f there, in nats. Between points ln f is linear in ln(visits); beyond the last one it goes
        on with the power ``slope``, below the first one it is linear in the visits.
    start : float
        f(0), in nats.
    slope : float
        f ~ visits^-slope in the end: p / (1 + p) where the rate falls as (1 - t)^p.
    """

    visits: np.ndarray
    left: np.ndarray
    start: float
    slope: float

    def __post_init__(self):
        positive_array("visits", self.visits, ndim=1)
        positive_array("left", self.left, ndim=1)
        same_length(visits=self.visits, left=self.left)

    def after(self, visits) -> np.ndarray:
        """Return f at these expected numbers of visits."""
        v = np.asarray(visits, float)
        known = np.exp(np.interp(np.log(v), np.log(self.visits), np.log(self.left)))
        far = self.left[-1] * (v / self.visits[-1]) ** -self.slope
        near = self.start - (self.start - self.left[0]) * v / self.visits[0]
        return np.where(v > self.visits[-1], far, np.where(v < self.visits[0], near, known))

    def excess(self, g: float, tokens) -> np.ndarray:
        """Return the excess after D examples of a source of exponent g, in nats."""
        source = Associations(g)
        near = source.probability(np.arange(1, EXACT + 1))
        edges = np.geomspace(EXACT + 1, 1e30, 4000).round()
        mass = np.array([source.mass(a) for a in edges])
        middle = source.probability(np.sqrt(edges[:-1] * edges[1:]))
        return np.array(
            [
                near @ self.after(D * near)
                + (mass[:-1] - mass[1:]) @ self.after(D * middle)
                + mass[-1] * self.start
                for D in np.atleast_1d(np.asarray(tokens, float))
            ]
        )


@dataclass(frozen=True)
class DataCurves:
    """Data curves of several steps, of which a tuned memory takes the best at each D.

    Parameters
    ----------
    steps : sequence of float
        Rising; three or more.
    curves : sequence of DataCurve
        One for each step.
    """

    steps: Sequence[float]
    curves: Sequence[DataCurve]

    @classmethod
    def read(cls, file: str | Path, power: float = 1.0) -> DataCurves:
        """Return the curves of a schedule from a table of ``alone``.

        Its columns are power, step, visits and left, and its rows are in the order of the visits.
        """
        with Path(file).open(newline="", encoding="utf-8") as table:
            rows = [row for row in csv.DictReader(table) if float(row["power"]) == power]
        steps = sorted({float(row["step"]) for row in rows})
        curves = []
        for step in steps:
            mine = [row for row in rows if float(row["step"]) == step]
            visits, left = (np.array([float(r[name]) for r in mine]) for name in ("visits", "left"))
            start = math.log(OUTPUTS / PERPLEXITY)  # of a network that says nothing
            curves.append(DataCurve(visits, left, start, power / (1 + power)))
        return cls(steps, curves)

    def least(self, g: float, tokens) -> np.ndarray:
        """Return the least excess over the steps after D examples, by a parabola in ln(step)."""
        table = np.array([curve.excess(g, tokens) for curve in self.curves])  # (steps, D)
        x, least = np.log(self.steps), []
        for column in table.T:
            i = int(np.clip(column.argmin(), 1, len(x) - 2))
            c = np.polyfit(x[i - 1 : i + 2], column[i - 1 : i + 2], 2)
            least.append(np.polyval(c, np.clip(-c[1] / (2 * c[0]), x[0], x[-1])))
        return np.array(least)
