"""What a fit hands over for its report, and what is computed from it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.special import stdtrit

from scaling_utils.fitting.errors import FitError

FAR = 11.0  # times the robust scale of the residuals
MATERIAL = 0.02  # and at least this share of the value
PASSES = 20  # rows far off can hide others: look again without them, so many times at most
FACTOR = math.log(2)  # a constant with a standard error beyond a factor of two is not determined
SINGULAR = 1e-6  # least singular value of the slopes at unit length, 1 where all are independent
NORMAL = 1.4826  # standard deviation of a normal over the median of its size


@dataclass(frozen=True)
class Evidence:
    """What a kind of fit hands over for its report.

    Attributes
    ----------
    residuals : array, shape (rows,)
    free : int
        Constants fitted.
    names : tuple of str
        The constants away from a bound.
    slopes : array, shape (rows, names)
        Of the residuals by the logarithm of each of them.
    weights : array, shape (rows,), optional
        How much each row counts.
    scale, size : str, float
        "log" and 1, or "value" and the usual size of the value.
    robust : bool
        Whether large residuals count by size, not squared.
    tolerated : dict of float
        Standard errors of the logarithm below which a constant passes, where that is not a
        factor of two.
    tied : dict of str
        The exponent of each prefactor.
    at_bound : dict of str
        What to say of each constant at a bound; empty where a warning says it.
    warned : tuple of str
    contradictions : tuple of str
        Sentences on what the rows speak against.
    refit : callable
        From the rows to keep, bool of shape (rows,), to the fit of them and the residuals of
        all rows under it; raises FitError or ValueError where there is none.
    steady : callable, optional
        From the rows to keep to the residuals of all rows under a robust fit of them, for fits
        of least squares, which wrong rows pull towards themselves.
    law, compare : callable
        From the fit without the rows far off to its law, and to a sentence on what it changes.
    """

    residuals: np.ndarray
    free: int
    names: tuple[str, ...]
    slopes: np.ndarray
    weights: np.ndarray | None = None
    scale: str = "log"
    size: float = 1.0
    robust: bool = False
    tolerated: dict[str, float] = field(default_factory=dict)
    tied: dict[str, str] = field(default_factory=dict)
    at_bound: dict[str, str] = field(default_factory=dict)
    warned: tuple[str, ...] = ()
    contradictions: tuple[str, ...] = ()
    refit: Callable | None = None
    steady: Callable | None = None
    law: Callable = lambda fit: fit.law
    compare: Callable | None = None


def robust_scale(residuals: np.ndarray, free: int) -> float:
    """Return the standard deviation of normal noise that would give the middle residuals."""
    size = np.sort(np.abs(residuals))
    return NORMAL * float(np.median(size[min(free, size.size - 1) :]))


def rows_far(residuals: np.ndarray, kept: np.ndarray, free: int, size: float) -> np.ndarray:
    """Return which rows lie far off, bool of shape (rows,), by the scale of the kept ones."""
    scale = robust_scale(residuals[kept], free)
    return np.abs(residuals) > max(FAR * scale, MATERIAL * size)


def find_far(evidence: Evidence) -> tuple[tuple[int, ...], object | None]:
    """Return the rows far off and the fit without them."""
    kept = np.ones(evidence.residuals.size, dtype=bool)
    if kept.size <= evidence.free:
        return (), None  # no scale to judge by
    steady = evidence.steady
    try:
        residuals = evidence.residuals if steady is None else steady(kept)
        for _ in range(min(PASSES, kept.size // 4)):
            out = rows_far(residuals, kept, evidence.free, evidence.size) & kept
            if not out.any():
                break
            if steady is None and not evidence.robust:  # the worst row pulls others along
                out &= np.abs(residuals) == np.abs(residuals[out]).max()
            kept &= ~out
            residuals = evidence.refit(kept)[1] if steady is None else steady(kept)
        fit = None if kept.all() else evidence.refit(kept)[0]
    except (FitError, ValueError):
        fit = None
    return tuple(np.flatnonzero(~kept).tolist()), fit


def deviations(design: np.ndarray, y: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return ``design @ c - y`` of all rows, at the least absolute deviations of the kept ones.

    By reweighted least squares: each row weighs one over the size of its residual.
    """
    weight = np.ones(kept.sum())
    tiny = np.finfo(float).eps * np.abs(y).max()
    for _ in range(100):
        root = np.sqrt(weight)
        found = np.linalg.lstsq(design[kept] * root[:, None], y[kept] * root, rcond=None)[0]
        weight = 1 / np.maximum(np.abs(design[kept] @ found - y[kept]), tiny)
        weight /= weight.max()
    return design @ found - y


def relative_errors(evidence: Evidence) -> dict[str, float]:
    """Return the standard error of the logarithm of each constant, by the linearised fit.

    With one row per constant or fewer the noise is not known: what the rows determine at all
    has error 0. Infinity where some change of the constants moves no prediction.
    """
    slopes, root = evidence.slopes, _root(evidence)
    slopes = slopes * root[:, None]
    length = np.linalg.norm(slopes, axis=0)
    seen = length > 0
    errors = np.full(len(evidence.names), np.inf)
    _, values, axes = np.linalg.svd(slopes[:, seen] / length[seen], full_matrices=False)
    strong = values > SINGULAR
    # A null direction moves each constant by its entry there: those that move are not determined.
    missing = 1 - (axes[strong] ** 2).sum(axis=0)
    spread = np.sqrt(((axes[strong] / values[strong, None]) ** 2).sum(axis=0)) / length[seen]
    errors[seen] = np.where(missing > SINGULAR, np.inf, _noise(evidence) * spread)
    return dict(zip(evidence.names, errors.tolist(), strict=True))


def _root(evidence: Evidence) -> np.ndarray:
    """Return the root of the weight of each row over their mean, shape (rows,)."""
    if evidence.weights is None:
        return np.ones(evidence.residuals.size)
    return np.sqrt(evidence.weights / evidence.weights.mean())


def _noise(evidence: Evidence) -> float:
    """Return the standard deviation of the noise as it reaches the constants.

    Absolute deviations lose a factor sqrt(pi/2) against squares under normal noise, and the
    noise itself is known the worse the fewer rows are left over (Student's t).
    """
    residuals = evidence.residuals * _root(evidence)
    spare = residuals.size - evidence.free
    if spare <= 0:
        return 0.0
    if evidence.robust:
        noise = math.sqrt(math.pi / 2) * robust_scale(residuals, evidence.free)
    else:
        noise = math.sqrt(float(residuals @ residuals) / spare)
    return noise * float(stdtrit(spare, 0.8413447))  # one standard deviation of a normal


def find_loose(evidence: Evidence, errors: dict[str, float]) -> list[str]:
    """Return the constants whose standard error is too large, and prefactors of such exponents."""
    loose = {name for name, error in errors.items() if error > evidence.tolerated.get(name, FACTOR)}
    tied = {name for name, exponent in evidence.tied.items() if exponent in loose}
    return [name for name in evidence.names if name in loose | tied]


def plain_numbers(value):
    """Return nested tuples, lists and dictionaries with plain numbers; not finite becomes None."""
    if isinstance(value, dict):
        return {str(key): plain_numbers(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain_numbers(part) for part in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value
