"""From size and data to a loss, and from the loss to accuracy: two fits in a chain."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scaling_utils._check import member, whole
from scaling_utils.fitting._draws import draws_of
from scaling_utils.fitting._intervals import interval_of
from scaling_utils.fitting.fit import Fit
from scaling_utils.fitting.resamples import Resamples


@dataclass(frozen=True)
class Chain:
    """Two steps: ``first`` gives the loss of (N, D) or of C, ``second`` what follows from it.

    Bhagia et al. (2024), https://arxiv.org/abs/2412.04403, who take the loss on the task itself;
    Gadre et al. (2024), https://arxiv.org/abs/2403.08540, who take that on text.

    Parameters
    ----------
    first : Fit
        Whose ``law.loss`` gives the loss: of ``fit_parametric``, ``fit_coupled``, or
        ``fit_power_law`` in C.
    second : Fit
        Of ``fit_accuracy`` or ``fit_error``, on the same loss in the same unit.

    Raises
    ------
    TypeError
        If one is no such fit.
    """

    first: Fit
    second: Fit

    def __post_init__(self):
        for name, fit, method in (("first", self.first, "loss"), ("second", self.second, "at")):
            if not isinstance(fit, Fit) or not hasattr(fit.law, method):
                raise TypeError(
                    f"{name} must be a Fit whose law has {method!r}, got {type(fit).__name__}"
                )

    def predict(self, *x):
        """Return what the second step gives at the loss that the first one predicts.

        Parameters
        ----------
        *x : float or array
            N and D, or C, as the law of the first step takes them.

        Returns
        -------
        float or array
            In the unit of the second fit.
        """
        return self.second.law.at(self.first.law.loss(*x))

    def outside(self, *x) -> np.ndarray:
        """Return whether the predicted loss lies outside those that the second step was fitted on.

        Parameters
        ----------
        *x : float or array
            As for :meth:`predict`.

        Returns
        -------
        array of bool
            There, the second step extrapolates too.
        """
        loss, seen = self.first.law.loss(*x), self.second.data["loss"]
        return (loss < seen.min()) | (loss > seen.max())

    def resample(
        self, n: int = 1000, seed: int = 0, *, by=None, by_second=None, paired: bool = False
    ) -> ChainResamples:
        """Refit both steps to ``n`` resamples of their rows.

        Parameters
        ----------
        n, seed : int
            Resamples, at least 2, and the seed of their draws.
        by, by_second : array, optional
            Groups of the rows of the first and of the second fit, as ``Fit.resample`` takes them:
            the checkpoints of one run are one group.
        paired : bool
            Whether both fits have the same rows in the same order. One draw then serves both, so
            that a run with an unlucky loss is in both or in neither.

        Returns
        -------
        ChainResamples

        Raises
        ------
        TypeError, ValueError
            As ``Fit.resample``, or if paired fits have different numbers of rows.
        """
        n, seed = whole("n", n, at_least=2), whole("seed", seed, at_least=0)
        if not paired:
            first = self.first.resample(by, n, seed)
            return ChainResamples(self, first, self.second.resample(by_second, n, seed + 1))
        rows = len(self.first.residuals)
        if rows != len(self.second.residuals):
            raise ValueError(
                f"paired fits must have the same rows, got {rows} and {len(self.second.residuals)}"
            )
        if by_second is not None:
            raise ValueError("by_second must not be given with paired: one draw serves both")
        widest = max(self.first, self.second, key=lambda fit: fit._free)
        draws = _draws(widest, by, n, seed)
        return ChainResamples(
            self, self.first.resample(draws=draws), self.second.resample(draws=draws)
        )


@dataclass(frozen=True, eq=False)
class ChainResamples:
    """The refitted resamples of both steps.

    Attributes
    ----------
    chain : Chain
        The fits of all rows.
    first, second : Resamples
        Of each step; the k-th of both belong together.
    """

    chain: Chain
    first: Resamples = field(repr=False)
    second: Resamples = field(repr=False)

    def values(self, *x, vary: str = "both") -> np.ndarray:
        """Return the prediction in each resample.

        Parameters
        ----------
        *x : float or array
            As for ``Chain.predict``.
        vary : {"both", "first", "second"}
            Which step's resamples are used; the other step is that of all rows.

        Returns
        -------
        array, shape (resamples, ...)
            NaN where a resample has no law.

        Raises
        ------
        TypeError, ValueError
            If ``x`` is out of the law's range, or ``vary`` unknown.
        """
        member("vary", vary, ("both", "first", "second"))
        point = self.chain.first.law.loss(*x)
        if vary == "second":
            loss = np.broadcast_to(point, (self.second.n, *np.shape(point)))
        else:
            loss = self.first.values(lambda law: law.loss(*x))
        laws = self.second.laws if vary != "first" else [self.chain.second.law] * self.first.n
        out = np.full(loss.shape, np.nan)
        for k, law in enumerate(laws):
            if law is not None and np.isfinite(loss[k]).all():
                out[k] = law.at(loss[k])
        return out

    def interval(self, *x, level: float = 0.95) -> tuple | None:
        """Return low and high of the prediction, by percentiles, with both steps' uncertainty.

        It is the interval of the curve, not of one more run: see ``prediction_interval``.

        Parameters
        ----------
        *x : float or array
            As for ``Chain.predict``.
        level : float
            Nominal coverage; it needs 2 / (1 - level) resamples or more.

        Returns
        -------
        tuple of (low, high), or None
            In the unit of the second fit; None, or NaN in arrays, where resamples without a law
            leave a bound open.

        Raises
        ------
        TypeError, ValueError
            If the level is out of range or too near 1.
        """
        values = self.values(*x)
        flat = values.reshape(len(values), -1)
        point = np.full(flat.shape[1], np.nan)
        found = interval_of(flat, point, lambda: None, level, "percentile")
        if values.ndim == 1:
            return found[0]
        filled = np.array([(np.nan, np.nan) if pair is None else pair for pair in found])
        return tuple(filled.T.reshape(2, *values.shape[1:]))

    def shares(self, *x) -> dict[str, np.ndarray]:
        """Return the part of the variance that each step has alone, and what they have together.

        Parameters
        ----------
        *x : float or array
            As for ``Chain.predict``.

        Returns
        -------
        dict of float or array
            "first" and "second": variance with only that step resampled, over the variance with
            both; "together": the rest, below zero where the two steps' errors cancel.
        """
        both, one, two = (
            np.nanvar(self.values(*x, vary=vary), axis=0) for vary in ("both", "first", "second")
        )
        with np.errstate(all="ignore"):
            first, second = one / both, two / both
        return {"first": first[()], "second": second[()], "together": (1 - first - second)[()]}

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know before the intervals are relied on, one sentence each."""
        steps = (("first", self.first), ("second", self.second))
        return tuple(f"{name} step: {words}" for name, part in steps for words in part.notes)


def _draws(fit: Fit, by, n: int, seed: int) -> list[np.ndarray]:
    """Return the rows of each resample, enough distinct ones for the fit with most constants."""
    rng, rows = np.random.default_rng(seed), len(fit.residuals)
    chosen = draws_of(rng, n, rows, fit._free, by=by, strata=None, draws=None, seed=seed)
    counts = chosen.weights(slice(0, n)).astype(int)
    return [np.repeat(np.arange(rows), row) for row in counts]
