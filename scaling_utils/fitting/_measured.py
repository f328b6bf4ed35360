"""Valleys of measured rows, many resamples at once, and the two lines through their bottoms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils._check import positive_array, same_length
from scaling_utils.fitting._cubic import FEWEST_SIZES, bottoms_of
from scaling_utils.fitting.isoflop import _budgets
from scaling_utils.units import TRAINING_FLOPS

FEWEST = 2  # budgets that a line takes


@dataclass(frozen=True)
class Bottoms:
    """The bottoms of the valleys of each member.

    ``x``, ``size``, ``tokens``: log C, log N and log D there, (members, budgets). ``drawn``: how
    often each budget counts, 0 where its best size is not bracketed. ``edge``: whether a budget
    that was drawn is not, (members,). ``objective``: half the sum of squares, (members,).
    ``least``: the loss there, of the first member. ``missed``: for each budget, what the parabola
    misses each run by, (members, runs).
    """

    x: np.ndarray
    size: np.ndarray
    tokens: np.ndarray
    drawn: np.ndarray
    edge: np.ndarray
    objective: np.ndarray
    least: np.ndarray
    missed: list[np.ndarray]


def measured_rows(**columns) -> tuple[list, np.ndarray]:
    """Return the columns as arrays, None where there is none, and which rows have a NaN."""
    arrays, gone = {}, {}
    for name, value in columns.items():
        if value is None:
            continue
        array = value if isinstance(value, np.ma.MaskedArray) else np.asarray(value)
        gone[name] = np.isnan(array) if array.dtype.kind == "f" else np.zeros(array.shape, bool)
        filled = np.where(gone[name], 1.0, array) if gone[name].any() else value
        arrays[name] = positive_array(name, filled, ndim=1)
    same_length(**arrays)
    return [arrays.get(name) for name in columns], np.any(list(gone.values()), axis=0)


def budgets_of(C, there: np.ndarray, budget, tolerance: float) -> list[np.ndarray]:
    """Return the rows of each budget, by rising budget."""
    if budget is None:
        return [there[rows] for rows in _budgets(C[there], tolerance)] if there.size else []
    groups = [there[budget[there] == label] for label in np.unique(budget[there])]
    return sorted(groups, key=lambda rows: np.log(C[rows]).mean())


def fault(rows, group, weights, minimum: str) -> str:
    """Return why a budget makes no valley, or an empty string."""
    _, N, loss, _ = rows
    sizes = len(np.unique(N[group]))
    if sizes < FEWEST_SIZES[minimum]:
        return f"{sizes} size{'s' if sizes > 1 else ''} of at least {FEWEST_SIZES[minimum]}"
    if np.ptp(loss[group]) == 0:
        return "all its runs have one loss"
    weight = np.ones((1, group.size)) if weights is None else weights[None, group]
    best, _, inside, _ = bottoms_of(np.log(N[group]), loss[group], weight, minimum)
    if np.isnan(best[0]):
        return f"its {'cubic' if minimum == 'cubic' else 'parabola'} has no bottom"
    return "" if inside[0] else "its best size is not bracketed by the runs"


def valleys(rows, counts, weights, groups, minimum: str) -> Bottoms:
    """Return the bottoms of the valleys; ``rows``: C, N, loss and D or None, each (runs,).

    ``counts``: how often each row was drawn, (members, runs). ``weights``: of the rows, or None.
    """
    own = counts if weights is None else counts * weights
    parts = [_valley(rows, counts, own, group, minimum) for group in groups]
    x, size, tokens, times, inside, least, missed = zip(*parts, strict=True)
    times, inside = np.stack(times, axis=1), np.stack(inside, axis=1)
    sums = [np.nansum(own[:, g] * m**2, axis=1) for g, m in zip(groups, missed, strict=True)]
    return Bottoms(
        x=np.stack(x, axis=1),
        size=np.stack(size, axis=1),
        tokens=np.stack(tokens, axis=1),
        drawn=np.where(inside, times, 0.0),
        edge=((times > 0) & ~inside).any(axis=1),
        objective=sum(sums) / 2,
        least=np.array(least),
        missed=list(missed),
    )


def _valley(rows, counts, own, group, minimum: str):
    """Return log C, log N, log D, times drawn and whether bracketed, each (members,), the least
    loss of the first member, and the misses."""
    C, N, loss, D = rows
    u, weights = np.log(N[group]), own[:, group]
    best, least, inside, missed = bottoms_of(u, loss[group], weights, minimum)
    with np.errstate(all="ignore"):
        middle = weights @ np.log(C[group]) / weights.sum(axis=1)
        size = np.log(best)
        if D is None:
            tokens = middle - np.log(TRAINING_FLOPS) - size
        else:
            tokens = _read_off(u, np.log(D[group]), weights, size)
    times = counts[:, group].sum(axis=1) / group.size
    return middle, size, tokens, times, inside & np.isfinite(tokens), least[0], missed


def _read_off(u, v, weights, at):
    """Return the straight line of v against u, weighted, at one place of each member."""
    total = weights.sum(axis=1)
    mean_u, mean_v = weights @ u / total, weights @ v / total
    away = u - mean_u[:, None]
    slope = (weights * away * (v - mean_v[:, None])).sum(axis=1) / (weights * away**2).sum(axis=1)
    return mean_v + slope * (at - mean_u)


def lines(found: Bottoms) -> np.ndarray:
    """Return G, a, H, b of each member, (members, 4); NaN with fewer than two budgets.

    A budget counts in the lines as often as it was drawn.
    """
    drawn = found.drawn
    kept = drawn > 0
    with np.errstate(all="ignore"):
        total = drawn.sum(axis=1)
        x = np.where(kept, found.x, 0.0)
        middle = (drawn * x).sum(axis=1) / total
        away = np.where(kept, x - middle[:, None], 0.0)
        columns = []
        for values in (found.size, found.tokens):
            y = np.where(kept, values, 0.0)
            slope = (drawn * away * y).sum(axis=1) / (drawn * away**2).sum(axis=1)
            level = (drawn * y).sum(axis=1) / total
            columns += [np.exp(level - slope * middle), slope]
    out = np.column_stack(columns)
    out[kept.sum(axis=1) < FEWEST] = np.nan
    return out


def said_of(left_out: dict[float, str]) -> str:
    """Return which budgets are in no law, and why."""
    return "; ".join(f"C = {budget:.3g}: {why}" for budget, why in left_out.items())


def message_of(left_out: dict[float, str], missing: np.ndarray) -> str:
    """Return what is said of budgets in no law and of rows with a NaN, or an empty string."""
    said = []
    if missing.size:
        named = ", ".join(map(str, missing[:8])) + (" and more" if missing.size > 8 else "")
        said.append(f"{missing.size} rows with a NaN are left out ({named}, counted from 0)")
    if left_out:
        said.append(f"budgets in no law: {said_of(left_out)}")
    return "; ".join(said)
