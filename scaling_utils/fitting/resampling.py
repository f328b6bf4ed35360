"""Bootstrap intervals of the parametric law: refit many resamples of the runs at once.

A resample is the same table with its rows counted 0, 1, 2, ... times, so all resamples
share one design and are minimised together. Efron and Tibshirani (1993), An Introduction
to the Bootstrap, chapters 6 and 13, https://doi.org/10.1201/9780429246593.
"""

from __future__ import annotations

import warnings

import numpy as np

from scaling_utils._check import whole
from scaling_utils.fitting._draws import Draws, Given, batches
from scaling_utils.fitting._edges import at_edge
from scaling_utils.fitting._rounds import recheck, resample_fits
from scaling_utils.fitting._solver import Outcome
from scaling_utils.fitting.errors import FitWarning
from scaling_utils.fitting.parametric import ParametricFit
from scaling_utils.fitting.power import PowerLawFit
from scaling_utils.fitting.resamples import Bootstrap

SPARE = 2  # rows beyond the number of parameters, below which resamples are all alike


def bootstrap(
    fit: ParametricFit | PowerLawFit,
    n: int = 4000,
    seed: int = 0,
    *,
    kind: str = "case",
    strata=None,
    indices=None,
    check: int = 8,
) -> Bootstrap:
    """Refit ``n`` resamples of the fitted rows.

    Parameters
    ----------
    fit : ParametricFit or PowerLawFit
        From ``fit_parametric`` or ``fit_power_law``; its rows and settings are used again.
    n : int
        Resamples.
    seed : int
        Of numpy's default generator. The same seed gives the same result.
    kind : {"case", "stratified"}
        Draw among all rows, or within each stratum (of equal model size, say) so that
        every resample keeps the design. A resample with fewer distinct rows than
        parameters would determine nothing and is drawn again.
        Either takes the rows for independent; where they are not, see ``draw_groups``.
    strata : array, shape (rows,), optional
        Label of each row; for "stratified" only.
    indices : sequence of whole-number arrays, optional
        The rows of each resample, by place, in place of drawing them here. They may differ
        in length: see ``draw_groups``.
    check : int
        Resamples, drawn at random, that are also fitted from scratch.

    Returns
    -------
    Bootstrap

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the rows are too few to resample.

    A FitWarning says how many resamples did not converge or ended above the fit from
    scratch, where any did.
    """
    if not isinstance(fit, (ParametricFit, PowerLawFit)):
        raise TypeError(f"fit must be a ParametricFit or a PowerLawFit, got {type(fit).__name__}")
    check = whole("check", check, at_least=0)
    seed = whole("seed", seed, at_least=0)
    rng = np.random.default_rng(seed)
    table, delta = fit.found.table, fit.found.delta
    rows, parameters = table.target.size, fit.found.theta.size
    if rows < parameters + SPARE:
        raise ValueError(
            f"fit must have at least {parameters + SPARE} rows to resample {parameters} "
            f"parameters, got {rows}"
        )
    if indices is None:
        draws = Draws(rng, whole("n", n, at_least=2), rows, parameters, kind, strata)
    else:
        draws = Given(indices, rows, parameters)
    outcome, checked, missed = _refit(fit, draws, rng, check)
    _warn(int((~outcome.converged).sum()), draws.count, missed, checked)
    return Bootstrap(
        fit=fit,
        names=fit.names,
        samples=fit.quantities(table.columns(outcome.theta)),
        objective=outcome.objective * (delta if np.isfinite(delta) else 1.0),
        converged=outcome.converged,
        at_edge=at_edge(outcome.theta, table),
        kind=draws.kind,
        seed=seed if indices is None else None,
        checked=checked,
        missed=missed,
        redrawn=draws.redrawn,
    )


def _refit(fit, draws, rng, check: int) -> tuple[Outcome, int, int]:
    """Fit all resamples, batch by batch; return also how many were checked and missed."""
    found, parts, checked, missed = fit.found, [], 0, 0
    for part in batches(draws.count, draws.rows):
        weights = draws.weights(part)
        outcome = resample_fits(found.table, weights, found.theta, found.delta, rng)
        # The resamples are in no order, so that those of the first batches are as good as any.
        size = min(check - checked, len(weights))
        chosen = rng.choice(len(weights), size=size, replace=False)
        missed += recheck(outcome, found.table, weights, chosen, found.delta)
        checked += size
        parts.append(outcome)
    names = ("theta", "objective", "converged", "iterations")
    joined = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
    return Outcome(*joined), checked, missed


def _warn(failed: int, resamples: int, missed: int, checked: int) -> None:
    if failed:
        warnings.warn(
            f"bootstrap: {failed} of {resamples} resamples did not converge; "
            "they are kept where they stopped",
            FitWarning,
            stacklevel=3,
        )
    if missed:
        warnings.warn(
            f"bootstrap: {missed} of {checked} resamples checked from scratch had a lower "
            "optimum than the one first found; the rows hardly determine the law",
            FitWarning,
            stacklevel=3,
        )
