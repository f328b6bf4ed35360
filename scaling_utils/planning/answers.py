"""A plan: answers with ranges, what makes them uncertain, and what was assumed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from scaling_utils._remarks import Remark

SCHEMA = 1  # of ``Plan.as_dict``


@dataclass(frozen=True)
class Answer:
    """One quantity of a plan: its 10, 50 and 90 %.

    ``low`` or ``high`` is None where so many draws cannot do what was asked that the quantile is
    beyond all numbers.
    """

    low: float | None
    middle: float | None
    high: float | None
    unit: str = ""

    @classmethod
    def of(cls, values: np.ndarray, unit: str) -> Answer:
        """Return the quantiles of draws; a draw without a value lies above all others."""
        values = np.where(np.isnan(values), np.inf, values)
        # Without interpolation, which has no meaning next to a draw without a value.
        quantiles = np.quantile(values, (0.1, 0.5, 0.9), method="inverted_cdf")
        return cls(*(float(q) if np.isfinite(q) else None for q in quantiles), unit)

    @property
    def fixed(self) -> bool:
        """Whether it has no range."""
        if self.low is None or self.high is None:
            return self.low is self.high
        return math.isclose(self.low, self.high, rel_tol=1e-9)

    def as_dict(self) -> dict:
        """Return it for JSON."""
        return {"low": self.low, "middle": self.middle, "high": self.high, "unit": self.unit}


@dataclass(frozen=True)
class Plan:
    """A plan of a training run.

    Attributes
    ----------
    answers : dict of Answer
        By quantity: parameters, tokens, flops, hours, cost, kwh, kg_co2e, loss, ...
    shares : dict of dict of float
        Share of each answer's variance that each input has by itself (first-order Sobol indices
        of the logarithm).
    tornado : dict of dict of (low, high)
        Each answer at the 10 and the 90 % of each input alone.
    extrapolation : dict of float or None
        Powers of ten by which N, D and C lie beyond the law's runs; None where nobody says which
        runs these were.
    conventions : dict of str
        How things are counted.
    inputs : dict
        The range and the source of each input.
    remarks : list of Remark
        What to know before the plan is relied on.
    law : str
        Which law the answers are of.
    by_law : dict of dict of Answer
        Where several laws were asked: the answers of each. They are never mixed.
    between : dict of (low, high)
        Least and largest middle of each answer over the laws.
    layout : object or None
        A search of layouts on the devices, where an architecture and devices were given.
    """

    answers: dict[str, Answer]
    shares: dict[str, dict[str, float]]
    tornado: dict[str, dict[str, tuple[float, float]]]
    extrapolation: dict[str, float | None]
    conventions: dict[str, str]
    inputs: dict[str, dict]
    remarks: list[Remark]
    law: str
    by_law: dict[str, dict[str, Answer]] = field(default_factory=dict)
    between: dict[str, tuple[float, float]] = field(default_factory=dict)
    layout: object = None

    def as_dict(self) -> dict:
        """Return the plan for JSON: plain numbers, text, lists and dicts; None, never NaN."""
        layout = self.layout
        return plain(
            {
                "schema": SCHEMA,
                "law": self.law,
                "answers": {name: a.as_dict() for name, a in self.answers.items()},
                "shares": self.shares,
                "tornado": self.tornado,
                "extrapolation_decades": self.extrapolation,
                "by_law": {
                    law: {name: a.as_dict() for name, a in found.items()}
                    for law, found in self.by_law.items()
                },
                "between_laws": self.between,
                "inputs": self.inputs,
                "conventions": self.conventions,
                "layout": layout.as_dict() if hasattr(layout, "as_dict") else layout,
                "remarks": [{"code": r.code, "sentence": r.sentence} for r in self.remarks],
            }
        )

    def __str__(self) -> str:
        from scaling_utils.planning.text import text_of

        return text_of(self)


def plain(value):
    """Return a value as JSON knows it; what is not finite is None."""
    if isinstance(value, dict):
        return {str(key): plain(x) for key, x in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(x) for x in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value if value is None else str(value)
