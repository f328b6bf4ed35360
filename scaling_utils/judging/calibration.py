"""Calibration: how often is a model right where it says 80 %, and how much of a gap is chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils._check import finite_array, member, same_length, whole
from scaling_utils.judging.intervals import _right

BINS = ("width", "mass")
STREAM = 1706  # tells these draws from others of the same seed


@dataclass(frozen=True, eq=False)
class Calibration:
    """A calibration error and the one that chance alone makes.

    Attributes
    ----------
    ece : float
        The expected calibration error, a share.
    chance : float
        Its mean for a perfectly calibrated model of the same confidences and number of items.
    p_value : float
        Share of perfectly calibrated models that show at least this error, counting this one.
    confidence, accuracy : array, shape (bins,)
        Means of each bin; NaN where a bin is empty.
    items : array of int, shape (bins,)
    """

    ece: float
    chance: float
    p_value: float
    confidence: np.ndarray
    accuracy: np.ndarray
    items: np.ndarray


def ece(confidence, right, bins: int = 10, by: str = "width") -> float:
    """Return the expected calibration error: sum over bins of n_k / n |accuracy - confidence|.

    A bin holds what is above its lower edge and up to its upper edge; the first holds 0 too. It
    is biased upwards: an absolute value does not average out (:func:`calibrated_ece`).

    Source: Guo et al. (2017), arXiv:1706.04599, Eq. 3.

    Parameters
    ----------
    confidence : array, shape (items,)
        Probability that the model gives to its own answer, 0 to 1.
    right : array of 0 and 1, shape (items,)
        Whether the answer is right.
    bins : int
        At least 1.
    by : {"width", "mass"}
        Bins of equal width, or of (nearly) equal numbers of items.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    TypeError, ValueError
        If a confidence is outside 0 to 1, a score neither 0 nor 1, or an argument out of range.
    """
    confidence, place, bins = _binned(confidence, bins, by)
    right = _right("right", right)
    same_length(confidence=confidence, right=right)
    return float(_gaps(confidence[None], right[None], place, bins)[0])


def calibrated_ece(
    confidence, bins: int = 10, by: str = "width", draws: int = 1000, seed: int = 0
) -> np.ndarray:
    """Return the calibration errors that a perfectly calibrated model shows by chance.

    Each item is right with exactly the probability that the model gives it, drawn anew each time,
    independently of the others.

    Source: consistency resampling, Broecker and Smith (2007), https://doi.org/10.1175/WAF993.1.

    Parameters
    ----------
    confidence, bins, by
        As for :func:`ece`.
    draws, seed : int
        How many such models, and the seed they are drawn from.

    Returns
    -------
    array, shape (draws,)

    Raises
    ------
    TypeError, ValueError
        As for :func:`ece`.
    """
    confidence, place, bins = _binned(confidence, bins, by)
    # A stream of its own: with the caller's own seed the draws would be the caller's numbers.
    rng = np.random.default_rng([whole("seed", seed, at_least=0), STREAM])
    draws, at_once = whole("draws", draws), max(1, 1_000_000 // len(confidence))
    found = []
    for first in range(0, draws, at_once):
        shape = (min(at_once, draws - first), len(confidence))
        found.append(_gaps(confidence[None], rng.random(shape) < confidence, place, bins))
    return np.concatenate(found)


def measure_calibration(
    confidence, right, bins: int = 10, by: str = "width", draws: int = 1000, seed: int = 0
) -> Calibration:
    """Measure calibration, beside what chance alone makes of it.

    Parameters
    ----------
    confidence, right, bins, by
        As for :func:`ece`.
    draws, seed
        As for :func:`calibrated_ece`.

    Returns
    -------
    Calibration

    Raises
    ------
    TypeError, ValueError
        As for :func:`ece`.
    """
    found = ece(confidence, right, bins, by)
    chance = calibrated_ece(confidence, bins, by, draws, seed)
    confidence, place, bins = _binned(confidence, bins, by)
    items = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        said = np.bincount(place, confidence, minlength=bins) / items
        was = np.bincount(place, _right("right", right), minlength=bins) / items
    p_value = (1 + np.sum(chance >= found)) / (1 + len(chance))
    return Calibration(found, float(chance.mean()), float(p_value), said, was, items)


def _binned(confidence, bins: int, by: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the confidences, the bin of each, and the number of bins."""
    confidence = finite_array("confidence", confidence, ndim=1)
    bins = whole("bins", bins)
    member("by", by, BINS)
    outside = (confidence < 0) | (confidence > 1)
    if outside.any():
        raise ValueError(f"confidence must be from 0 to 1, got {confidence[outside][0]:g}")
    if by == "width":
        edges = np.arange(1, bins) / bins  # inner ones; one that is hit belongs to the bin below
        return confidence, np.searchsorted(edges, confidence, side="left"), bins
    place = np.empty(len(confidence), dtype=np.int64)
    order = np.argsort(confidence, kind="stable")
    place[order] = np.arange(len(confidence)) * bins // len(confidence)
    return confidence, place, bins


def _gaps(confidence: np.ndarray, right: np.ndarray, place: np.ndarray, bins: int) -> np.ndarray:
    """Return the calibration error of each row of ``right`` (draws, items)."""
    off = right - confidence  # (draws, items)
    sums = np.stack([off[:, place == k].sum(1) for k in range(bins)], axis=1)  # (draws, bins)
    return np.abs(sums).sum(1) / off.shape[1]
