"""How far one constant can go while the others follow: the interval of its profile.

Resamples of a flat ridge pile up where the search ends, and the interval then ends there too. The
profile says instead that the rows do not bound the constant on that side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtrit

from scaling_utils._check import member, number
from scaling_utils.fitting.errors import FitError
from scaling_utils.fitting.fit import Fit

STEP = 1.25  # factor of the first step away from the estimate; each next one is larger
FARTHEST = 1e6  # factor beyond which a constant counts as unbounded


@dataclass(frozen=True)
class Profile:
    """How far a constant can go.

    Attributes
    ----------
    name : str
        The constant.
    value : float
        Its value in the fit.
    low, high : float or None
        Bounds of the interval; None where the rows do not bound it on that side.
    reached_low, reached_high : float
        How far was looked: the bound, or where the search or the law ends.
    level : float
        Nominal coverage.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    reached_low: float
    reached_high: float
    level: float

    @property
    def bounded(self) -> bool:
        """Whether the rows bound the constant on both sides."""
        return self.low is not None and self.high is not None


def profile(fit: Fit, name: str, *, level: float = 0.95) -> Profile:
    """Return the interval of a constant by its profile: the rest is fitted again at each value.

    For least squares, S(value) - S <= s^2 t^2 with s^2 = S / (rows - constants) and t the quantile
    of Student's distribution; exact for a law that is linear in its constants (Bates and Watts
    1988, https://doi.org/10.1002/9780470316757, Sec. 6.1). It is sought on the constant's own side
    of zero.

    Parameters
    ----------
    fit : Fit
        By least squares (``delta=numpy.inf``, or the methods "log" and "nls" of
        ``fit_power_law``), from a fit that takes ``fixed``.
    name : str
        A constant that ``fixed`` takes and that is free.
    level : float
        Nominal coverage, between 0 and 1.

    Returns
    -------
    Profile
        With None for a bound that the rows do not give.

    Raises
    ------
    TypeError
        If ``fit`` is no Fit.
    ValueError
        If it is not by least squares or takes no ``fixed``, the constant is unknown, held, tied,
        or zero, or no degree of freedom is left.
    """
    if not isinstance(fit, Fit):
        raise TypeError(f"fit must be a Fit, got {type(fit).__name__}")
    if "fixed" not in fit.settings or np.isfinite(fit.delta):
        raise ValueError(
            "fit must be of least squares (delta=inf), by a fit that takes fixed; got "
            f"{type(fit).__name__} with delta {fit.delta:g}"
        )
    level = number("level", level, above=0, below=1)
    held = {*fit.settings["fixed"], *fit.settings.get("tie", ())}
    member("name", name, [n for n in fit.names if n not in held])
    value, spare = fit.quantities[name], len(fit.residuals) - fit._free
    if spare < 1 or value == 0:
        raise ValueError(
            f"{name} must be above or below zero and leave a degree of freedom, got {value:g} with "
            f"{spare} of them"
        )
    allowed = fit.objective / spare * float(stdtrit(spare, (1 + level) / 2)) ** 2
    rise = _rise(fit, name, allowed)
    sides = [_bound(rise, value, way) for way in ((-1, 1) if value > 0 else (1, -1))]
    (low, reached_low), (high, reached_high) = sides
    return Profile(name, value, low, high, reached_low, reached_high, level)


def _rise(fit: Fit, name: str, allowed: float) -> Callable[[float], float]:
    """Return how much too high the objective is at a value; ValueError where there is no law."""
    everything = np.ones(len(fit.residuals), dtype=bool)
    fixed = fit.settings["fixed"]

    def rise(value: float) -> float:
        again = fit._again(everything, fixed=fixed | {name: value})
        return again.objective - fit.objective - allowed

    return rise


def _bound(rise, value: float, way: int) -> tuple[float | None, float]:
    """Return the value at which the rise is used up, or None, and how far was looked."""
    inside, factor = value, STEP
    while factor < FARTHEST:
        there = value * factor**way
        try:
            above = rise(there) > 0
        except (ValueError, FitError):  # the search or the law ends before
            return None, inside
        if above:
            found = brentq(rise, *sorted((inside, there)), rtol=1e-8)
            return found, found
        inside, factor = there, factor**1.5
    return None, inside
