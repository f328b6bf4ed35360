"""Which input makes a plan uncertain: shares of variance, and the swing of each input alone.

First-order Sobol indices are estimated as in Saltelli et al. (2010),
https://doi.org/10.1016/j.cpc.2009.09.018, Table 2 (b): two independent samples A and B, and for
each input a third, A with that input's column from B. Both samples are Latin hypercubes, which
for outcomes that are products leaves little noise. ``scipy.stats.sobol_indices`` is the same
estimator; it takes two seconds to import, twice what a whole plan may take.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def hypercube(rng: np.random.Generator, draws: int, inputs: int) -> np.ndarray:
    """Return a Latin hypercube, shape (draws, inputs), each column evenly spread over (0, 1)."""
    strata = rng.permuted(np.tile(np.arange(draws), (inputs, 1)), axis=1).T
    return (strata + rng.uniform(1e-9, 1 - 1e-9, (draws, inputs))) / draws


def first_order(
    evaluate: Callable[[np.ndarray], dict[str, np.ndarray]],
    inputs: list[str],
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """Return the share of each outcome's variance that each input has by itself.

    Outcomes above zero count by their logarithm, because they are mostly products.

    Parameters
    ----------
    evaluate : callable
        From quantile levels, shape (rows, inputs), to outcomes, each of shape (rows,).
    inputs : list of str
        Names of the columns.
    draws, seed : int
        Rows of a sample, and the seed of numpy's default generator.

    Returns
    -------
    dict of dict of float
        By outcome and input; outcomes that do not vary are left out. Each lies in 0 to 1; what
        their sum lacks to 1 is interaction, and noise of about 1 / sqrt(draws).
    """
    if not inputs:
        return {}
    rng = np.random.default_rng([seed, 1])
    A, B = hypercube(rng, draws, len(inputs)), hypercube(rng, draws, len(inputs))
    mixed = [np.where(np.arange(len(inputs)) == i, B, A) for i in range(len(inputs))]
    found = evaluate(np.concatenate([A, B, *mixed]))
    shares = {}
    for name, values in found.items():
        indices = _indices(np.asarray(values, dtype=float).reshape(-1, draws))
        if indices is not None:
            shares[name] = dict(zip(inputs, map(float, indices), strict=True))
    return shares


def _indices(values: np.ndarray) -> np.ndarray | None:
    """First-order indices from the values at A, B and the mixed samples; None if none vary."""
    kept = np.isfinite(values).all(axis=0)
    values = values[:, kept]
    if kept.sum() < 10:
        return None
    if (values > 0).all():
        values = np.log(values)
    a, b, mixed = values[0], values[1], values[2:]
    both = np.concatenate([a, b])
    variance = both.var()
    if variance <= 1e-18 * (1 + both.mean() ** 2):
        return None
    centred = b - both.mean()  # the mean is no part of a variance, and only adds noise
    return np.clip((centred * (mixed - a)).mean(axis=1) / variance, 0.0, 1.0)


def tornado(
    evaluate: Callable[[np.ndarray], dict[str, np.ndarray]], inputs: list[str]
) -> dict[str, dict[str, tuple[float, float]]]:
    """Return each outcome at the 10 and the 90 % of each input, all others at their middle.

    Parameters
    ----------
    evaluate : callable
        From quantile levels, shape (rows, inputs), to outcomes, each of shape (rows,).
    inputs : list of str
        Names of the columns.

    Returns
    -------
    dict of dict of (low, high)
        By outcome and input; outcomes that an input does not move are left out for it.
    """
    if not inputs:
        return {}
    count = len(inputs)
    levels = np.full((2 * count, count), 0.5)
    for i in range(count):
        levels[[2 * i, 2 * i + 1], i] = 0.1, 0.9
    found = evaluate(levels)
    swings: dict[str, dict[str, tuple[float, float]]] = {}
    for name, values in found.items():
        for i, which in enumerate(inputs):
            low, high = (float(values[2 * i + k]) for k in (0, 1))
            if np.isfinite([low, high]).all() and not np.isclose(low, high, rtol=1e-9, atol=0):
                swings.setdefault(name, {})[which] = (low, high)
    return swings
