"""Intervals of a prediction: of the law, or of one more run about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils._check import member, number, whole
from scaling_utils.fitting._intervals import enough
from scaling_utils.fitting.chain import ChainResamples
from scaling_utils.fitting.fit import Fit
from scaling_utils.fitting.resamples import Resamples

KINDS = ("mean", "new run")
SOURCES = ("residuals", "replicates")


@dataclass(frozen=True)
class Prediction:
    """A prediction and its interval.

    Attributes
    ----------
    value : float or array
        Of the fit of all rows, in the unit of what was fitted.
    low, high : float or array
        Bounds of the interval; infinite where resamples without a law leave one open.
    kind : str
        "mean", of the law itself, or "new run".
    level : float
        Nominal coverage.
    noise : float or None
        Standard deviation of a run about the law, in log where the fit is of logarithms; None for
        "mean". For a chain, that of the second step.
    source : str
        Where the noise comes from: "residuals", "replicates", "given", or "" for "mean".
    degrees_of_freedom : int or None
        That the noise was estimated with; None where it was given or is not used.
    """

    value: float | np.ndarray
    low: float | np.ndarray
    high: float | np.ndarray
    kind: str
    level: float
    noise: float | None
    source: str
    degrees_of_freedom: int | None


@dataclass(frozen=True)
class Noise:
    """How runs scatter about a law.

    Attributes
    ----------
    sd : float
        Standard deviation, in log where the fit is of logarithms.
    pool : array or None
        Deviations to draw from, observed less predicted, scaled to that deviation; None where
        normal noise is assumed.
    source : str
        "residuals", "replicates" or "given".
    degrees_of_freedom : int or None
        Of the estimate.
    """

    sd: float
    pool: np.ndarray | None
    source: str
    degrees_of_freedom: int | None

    def draw(self, rng, shape) -> np.ndarray:
        """Return deviations of ``shape``."""
        if self.pool is None:
            return rng.normal(scale=self.sd, size=shape)
        return rng.choice(self.pool, size=shape)


def noise_of(fit: Fit, noise="residuals") -> Noise:
    """Return how runs scatter about the law of a fit.

    Parameters
    ----------
    fit : Fit
        From any of the ``fit_*`` whose residuals are of its last column.
    noise : {"residuals", "replicates"} or float
        From the residuals, which also hold what the law gets wrong; from rows that repeat all
        columns but the last, which hold what a seed changes and nothing else; or a standard
        deviation, of the logarithm where the fit is of logarithms.

    Returns
    -------
    Noise
        For a run of weight 1: a row of weight w scatters by 1/sqrt(w) of it.

    Raises
    ------
    TypeError, ValueError
        If ``fit`` is no Fit, no degree of freedom is left, no row is repeated, or ``noise`` is
        unknown or below zero.
    """
    if not isinstance(fit, Fit):
        raise TypeError(f"fit must be a Fit, got {type(fit).__name__}")
    if not isinstance(noise, str):
        return Noise(number("noise", noise, at_least=0), None, "given", None)
    member("noise", noise, SOURCES)
    root = 1.0 if fit.weights is None else np.sqrt(fit.weights)
    if noise == "residuals":
        spare = len(fit.residuals) - fit._free
        if spare < 1:
            raise ValueError(
                f"noise from residuals needs more rows than constants, got {len(fit.residuals)} "
                f"rows for {fit._free} constants"
            )
        pool = -fit.residuals * root * np.sqrt(len(fit.residuals) / spare)
        return Noise(float(np.sqrt(np.mean(pool**2))), pool, noise, spare)
    deviations, spare = _replicates(fit)
    if spare < 1:
        raise ValueError("noise from replicates needs rows that repeat all columns but the last")
    pool = deviations * root
    pool = pool[deviations != 0] if (deviations != 0).any() else pool[:1]
    return Noise(float(np.sqrt(np.mean(pool**2))), pool, noise, spare)


def _replicates(fit: Fit) -> tuple[np.ndarray, int]:
    """Return how far each row lies from the mean of its replicates, scaled up for the mean's own
    scatter, zero for a row without one, and the degrees of freedom."""
    *x, _ = fit.data.values()
    # Replicates have one prediction, so that their residuals differ as they do.
    of = np.unique(np.stack(x, axis=1), axis=0, return_inverse=True)[1].ravel()
    count = np.bincount(of)
    mean = np.bincount(of, weights=fit.residuals) / count
    many = count[of]
    scale = np.sqrt(many / np.maximum(many - 1, 1))
    return np.where(many > 1, (mean[of] - fit.residuals) * scale, 0.0), int((count - 1).sum())


def prediction_interval(
    resamples: Resamples | ChainResamples,
    *x,
    kind: str = "mean",
    level: float = 0.95,
    noise="residuals",
    draws: int = 20,
    seed: int = 0,
) -> Prediction:
    """Return a prediction with the interval of the law, or of one more run.

    That of the law is the spread of the resampled laws. One more run also scatters about its law:
    to each resampled law noise is added, drawn from the residuals, from replicates, or normal
    with a given standard deviation (Davison and Hinkley 1997,
    https://doi.org/10.1017/CBO9780511802843, Sec. 6.3.3). For a chain the noise of the first step
    goes through the second one.

    Parameters
    ----------
    resamples : Resamples or ChainResamples
        From ``fit.resample()`` or ``Chain.resample()``.
    *x : float or array
        Where to predict, as the law takes it: N and D, or C.
    kind : {"mean", "new run"}
        Of the law, or of one more run like those that were fitted.
    level : float
        Nominal coverage; it needs 2 / (1 - level) resamples or more.
    noise : {"residuals", "replicates"} or float
        For "new run": see ``noise_of``. A chain takes "residuals" or "replicates".
    draws, seed : int
        Noise drawn for each resample, and the seed.

    Returns
    -------
    Prediction
        ``value``, ``low`` and ``high`` have the shape of the prediction.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind or out of range, or the noise cannot be estimated.
    """
    if not isinstance(resamples, (Resamples, ChainResamples)):
        raise TypeError(f"resamples must be Resamples, got {type(resamples).__name__}")
    member("kind", kind, KINDS)
    draws, seed = whole("draws", draws), whole("seed", seed, at_least=0)
    chained = isinstance(resamples, ChainResamples)
    count = resamples.first.n if chained else resamples.n
    level, used = enough(level, count), None
    if kind == "mean":
        value, values = _curves(resamples, x)
    elif chained:
        value, values, used = _chained_runs(resamples, x, noise, draws, seed)
    else:
        value, values = _curves(resamples, x)
        used = noise_of(resamples.fit, noise)
        values = _scattered(resamples.fit, values, used, draws, np.random.default_rng(seed))
    low, high = _bounds(values, (1 - level) / 2)
    return Prediction(
        value=value,
        low=low,
        high=high,
        kind=kind,
        level=level,
        noise=None if used is None else used.sd,
        source="" if used is None else used.source,
        degrees_of_freedom=None if used is None else used.degrees_of_freedom,
    )


def _curves(resamples, x):
    """Return the prediction of all rows, and of each resample, (resamples, ...)."""
    if isinstance(resamples, ChainResamples):
        return resamples.chain.predict(*x), resamples.values(*x)
    fit = resamples.fit
    value = fit.predict(*x)
    return value, resamples.values(lambda law: _law_at(law)(*x))


def _law_at(law):
    """Return what gives the value of a law."""
    return law.loss if hasattr(law, "loss") else law.at


def _scattered(fit: Fit, values, noise: Noise, draws: int, rng) -> np.ndarray:
    """Return each resample's value with noise added ``draws`` times, (resamples * draws, ...)."""
    many = np.repeat(values, draws, axis=0)
    away = noise.draw(rng, many.shape)
    return many * np.exp(away) if fit.report.scale == "log" else many + away


def _chained_runs(resamples: ChainResamples, x, noise, draws: int, seed: int):
    chain, rng = resamples.chain, np.random.default_rng(seed)
    if not isinstance(noise, str):
        raise ValueError(f"noise must be one of {', '.join(SOURCES)} for a chain, got {noise!r}")
    one, two = noise_of(chain.first, noise), noise_of(chain.second, noise)
    loss = resamples.first.values(lambda law: law.loss(*x))
    loss = _scattered(chain.first, loss, one, draws, rng)
    laws = [law for law in resamples.second.laws for _ in range(draws)]
    values = np.full(loss.shape, np.nan)
    for k, law in enumerate(laws):
        if law is not None and np.isfinite(loss[k]).all():
            values[k] = law.at(loss[k])
    # One draw of the noise to each: it is as many as there are already.
    return chain.predict(*x), _scattered(chain.second, values, two, 1, rng), two


def _bounds(values: np.ndarray, tail: float):
    """Return low and high; a value that is not a number counts against both bounds."""
    low = np.quantile(np.where(np.isnan(values), -np.inf, values), tail, axis=0, method="lower")
    high = np.quantile(
        np.where(np.isnan(values), np.inf, values), 1 - tail, axis=0, method="higher"
    )
    return low[()], high[()]
