"""What is known of an input: three quantiles, a unit and a source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from scaling_utils._check import member, number

KINDS = ("lognormal", "uniform", "triangular")
LEVELS = (0.1, 0.5, 0.9)  # what low, middle and high stand for
_TAIL = NormalDist().inv_cdf(0.9)


@dataclass(frozen=True)
class Range:
    """An uncertain input by its 10, 50 and 90 % quantiles.

    The quantiles are met exactly whatever the kind: the two halves have a scale of their own.

    Parameters
    ----------
    low, middle, high : float
        10, 50 and 90 %; they may be equal, and are then a number without a range.
    unit, source : str
        Of the input, and where its range comes from.
    kind : {"lognormal", "uniform", "triangular"}
        How it is spread: the distance of the logarithm from the middle (above ``above``) is
        half normal; or that of the value is uniform, or falls linearly, on either side.
    above, at_most : float
        No value lies at or below the one, or beyond the other: 1 for the PUE, 1 for the MFU.

    Raises
    ------
    TypeError, ValueError
        If the quantiles are not finite, not in order or not inside their bounds.
    """

    low: float
    middle: float
    high: float
    unit: str = ""
    source: str = ""
    kind: str = "lognormal"
    above: float = 0.0
    at_most: float = float("inf")

    def __post_init__(self):
        low, middle, high = (number(q, getattr(self, q)) for q in ("low", "middle", "high"))
        member("kind", self.kind, KINDS)
        if not low <= middle <= high:
            raise ValueError(
                f"low, middle and high must rise, got {low:g}, {middle:g} and {high:g}"
            )
        if high > self.at_most or (not self.fixed and low <= self.above):
            raise ValueError(
                f"a range must lie above {self.above:g} and at most at {self.at_most:g}, "
                f"got {low:g} to {high:g}"
            )

    @classmethod
    def of(cls, value: float, unit: str = "", source: str = "given") -> Range:
        """Return a number that is taken as known."""
        return cls(value, value, value, unit, source)

    @property
    def fixed(self) -> bool:
        """Whether it is a number without a range."""
        return self.low == self.high

    def scaled(self, factor: float, unit: str, source: str = "") -> Range:
        """Return the range times a factor: a share of the rated power, in watts."""
        values = {q: getattr(self, q) * factor for q in ("low", "middle", "high", "above")}
        at_most = self.at_most * factor
        return replace(self, **values, at_most=at_most, unit=unit, source=source or self.source)

    def quantile(self, u) -> np.ndarray:
        """Return the quantiles at ``u``, an array of shares between 0 and 1."""
        u = np.asarray(u, dtype=float)
        if self.fixed:
            return np.full(u.shape, self.middle)
        side = _standard(self.kind, u)  # 0 at the middle, -1 and 1 at the 10 and 90 %
        ends = np.array([self.low, self.middle, self.high])
        if self.kind == "lognormal":
            ends = np.log(ends - self.above)
        low, middle, high = ends
        moved = middle + side * np.where(side < 0, middle - low, high - middle)
        values = np.exp(moved) + self.above if self.kind == "lognormal" else moved
        floor = np.nextafter(self.above, np.inf)
        return np.clip(values, floor, self.at_most)

    def as_dict(self) -> dict:
        """Return it for JSON."""
        names = ("low", "middle", "high", "unit", "source", "kind")
        return {name: getattr(self, name) for name in names}


def _standard(kind: str, u: np.ndarray) -> np.ndarray:
    """Quantiles of a symmetric distribution with -1 and 1 at 10 and 90 %."""
    if kind == "lognormal":
        inverse = NormalDist().inv_cdf  # scipy's takes a second to import
        return np.array([inverse(x) for x in u.ravel().tolist()]).reshape(u.shape) / _TAIL
    away = np.abs(u - 0.5)
    if kind == "triangular":
        away = 1 - np.sqrt(np.maximum(1 - 2 * away, 0))
        return np.sign(u - 0.5) * away / (1 - np.sqrt(0.2))
    return np.sign(u - 0.5) * away / 0.4


def as_range(name: str, value, unit: str, *, above: float = 0.0, at_most: float = float("inf")):
    """Return what a caller gave for an input as a range, checked against its bounds.

    A number is taken as known; three numbers are the 10, 50 and 90 %; two are the 10 and 90 %
    with the geometric mean between them.

    Raises
    ------
    TypeError, ValueError
        If it is none of these or out of bounds; the message names the input.
    """
    if isinstance(value, Range):
        found = replace(value, unit=value.unit or unit, above=above, at_most=at_most)
    elif isinstance(value, (tuple, list)) and len(value) in (2, 3):
        ends = [number(name, x) for x in value]
        if min(ends) <= above:
            raise ValueError(f"{name} must be above {above:g} {unit}, got {min(ends):g}".strip())
        if len(ends) == 2:
            ends.insert(1, above + float(np.sqrt((ends[0] - above) * (ends[1] - above))))
        try:
            found = Range(*ends, unit, "given", above=above, at_most=at_most)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    elif value is not None and np.ndim(value) == 0 and not isinstance(value, str):
        found = Range.of(number(name, value), unit)
    else:
        raise TypeError(
            f"{name} must be a number, (10 %, 90 %), (10 %, 50 %, 90 %) or a Range, got {value!r}"
        )
    least = found.low
    if least < above or (least == above == 0.0) or found.high > at_most:
        bound = "" if at_most == float("inf") else f" and at most {at_most:g}"
        what = "above 0" if above == 0 else f"{above:g} or above"
        raise ValueError(
            f"{name} must be {what}{bound} {unit}".rstrip()
            + f", got {found.low:g}"
            + ("" if found.fixed else f" to {found.high:g}")
        )
    return found
