"""Resamples of whole groups of rows, for runs that are not independent."""

from __future__ import annotations

import numpy as np

from scaling_utils._check import labels, whole


def draw_groups(groups, n: int = 1000, seed: int = 0, least: int = 3) -> list[np.ndarray]:
    """Draw ``n`` resamples of whole groups, for the ``indices`` of ``bootstrap``.

    Runs of several lengths that branch off one trunk share most of their training, and their
    errors. A bootstrap that draws them one by one takes each for new evidence; one that draws
    all runs of a size together does not. Davison and Hinkley (1997), Bootstrap Methods and
    their Application, Sec. 3.8, https://doi.org/10.1017/CBO9780511802843.

    Parameters
    ----------
    groups : array, shape (rows,)
        The group of each row: its number of parameters, say.
    n : int
        Resamples. In each, as many groups are drawn, with repeats, as there are.
    seed : int
        Of numpy's default generator.
    least : int
        Resamples with fewer distinct groups are drawn again. A law of size needs three.

    Returns
    -------
    list of arrays
        The rows of each resample, by place. They differ in length where groups do.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range, or there are fewer groups than ``least``.
    """
    _, group_of = np.unique(labels("groups", groups), return_inverse=True)
    rows = [np.flatnonzero(group_of == k) for k in range(group_of.max() + 1)]
    n, least = whole("n", n), whole("least", least)
    if len(rows) < least:
        raise ValueError(f"groups must take at least {least} values, got {len(rows)}")
    rng = np.random.default_rng(whole("seed", seed, at_least=0))
    drawn = []
    while len(drawn) < n:
        chosen = rng.integers(0, len(rows), len(rows))
        if len(np.unique(chosen)) >= least:
            drawn.append(np.concatenate([rows[k] for k in chosen]))
    return drawn
