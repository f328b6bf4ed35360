"""A fit that outlives its table: constants, resamples, ranges and noise, as plain JSON.

What is saved is enough to predict with intervals and to say how far a prediction lies beyond the
runs. Nothing in the file is run when it is read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from scaling_utils._check import member, positive_array
from scaling_utils.fitting._formulas import FORMULAS, optimum, values
from scaling_utils.fitting._intervals import interval_of
from scaling_utils.fitting.kept import Accuracy, RunNoise

KINDS = ("mean", "new-run")


@dataclass(frozen=True, eq=False)
class SavedFit:
    """What is kept of a fit.

    Attributes
    ----------
    form : str
        additive, coupled, power, broken, product or isoflop.
    x : tuple of str
        What the law takes, in order, such as ("N", "D").
    y, unit : str
        What it gives, and in which unit.
    constants : dict of float
        Of the fit of all rows.
    draws : dict of array, shape (draws,)
        The same in each resample; empty where there are none.
    ranges : dict of (float, float)
        Least and largest of each column that was fitted, C among them where N and D were.
    noise : RunNoise or None
        None where single runs have none, as with an IsoFLOP study.
    rows : int
    accuracy : Accuracy or None
    source : dict
        The file, its columns, the seed and the like; for people.
    """

    form: str
    x: tuple[str, ...]
    y: str
    unit: str
    constants: dict[str, float]
    draws: dict[str, np.ndarray] = field(repr=False)
    ranges: dict[str, tuple[float, float]]
    noise: RunNoise | None
    rows: int
    accuracy: Accuracy | None = None
    source: dict = field(default_factory=dict, repr=False)

    @property
    def n(self) -> int:
        """How many resamples there are."""
        return len(next(iter(self.draws.values()), ()))

    @property
    def words(self) -> str:
        """The formula."""
        if self.form != "product":
            return (
                FORMULAS[self.form]
                .words.replace("y =", f"{self.y} =")
                .replace("x", self.x[0] if self.form in ("power", "broken") else "x")
            )
        return f"{self.y} = k " + " ".join(f"{name}^{name}_exponent" for name in self.x)

    @cached_property
    def law(self):
        """The law of all rows, an object of ``laws`` where there is one; else its fit's own."""
        from scaling_utils import laws
        from scaling_utils.fitting.product import Product
        from scaling_utils.fitting.valleys import Frontier

        c = self.constants
        if self.form == "additive":
            return laws.ParametricLaw(**c)
        if self.form == "coupled":
            return laws.CoupledLaw(**c)
        if self.form == "power":
            return laws.PowerLaw.from_coefficient(c["a"], c["b"], c["c"])
        if self.form == "broken":
            breaks = (laws.Break(c["c"], c["d"], c["f"]),)
            return laws.BrokenPowerLaw(a=c["a"], b=c["b"], c0=c["c0"], breaks=breaks)
        if self.form == "product":
            return Product(c["k"], {name: c[f"{name}_exponent"] for name in self.x})
        return Frontier(laws.Trend(c["G"], c["a"]), laws.Trend(c["H"], c["b"]))

    # ---- predictions -------------------------------------------------------------------

    def predict(self, *x, kind: str = "mean", level: float = 0.95, seed: int = 0) -> dict:
        """Return the law at points, with intervals.

        Parameters
        ----------
        *x : float or array
            What the law takes, in the order of ``self.x``; they broadcast. Above zero.
        kind : {"mean", "new-run"}
            The interval of the law, or that of one more run: the residuals of the fitted rows are
            drawn on top of the resampled law.
        level : float
            Nominal coverage, above 0 and below 1.
        seed : int
            Of the residuals that are drawn.

        Returns
        -------
        dict
            ``value``, ``low`` and ``high``, arrays of shape (points,), NaN where there is none;
            with a second step also ``accuracy``, ``accuracy_low``, ``accuracy_high``.

        Raises
        ------
        TypeError, ValueError
            If an argument is out of range, or single runs have no noise.
        """
        points = self._points(x)
        member("kind", kind, KINDS)
        point = values(self.form, self._row, *points)[0]
        out = {"value": point}
        drawn = self._drawn(points)
        if drawn is not None:
            rng = np.random.default_rng(seed)
            clean = drawn
            if kind == "new-run":
                drawn = self._with_noise(drawn, rng)
            out["low"], out["high"] = _bounds(drawn, level)
            if self.accuracy is not None:
                step = _sigmoid(self.accuracy.draws, clean)
                out["accuracy_low"], out["accuracy_high"] = _bounds(step, level)
        if self.accuracy is not None:
            row = np.array([list(self.accuracy.constants.values())])
            out["accuracy"] = _sigmoid(row, point[None])[0]
        return out

    def optimum(self, C, *, kind: str = "mean", level: float = 0.95, seed: int = 0) -> dict:
        """Return the best size and tokens at budgets of ``C`` FLOPs, with intervals.

        Parameters
        ----------
        C : float or array, shape (budgets,)
            Above zero.
        kind, level, seed
            As for :meth:`predict`; of the loss.

        Returns
        -------
        dict
            For each of N, D and loss (an IsoFLOP study has no loss) a dict with ``value``, ``low``
            and ``high``, arrays of shape (budgets,).

        Raises
        ------
        TypeError, ValueError
            If the form has no optimum, or an argument is out of range.
        """
        if not (FORMULAS[self.form].pair or self.form == "isoflop"):
            raise ValueError(f"a fit of the form {self.form} has no optimum of a budget")
        C = np.atleast_1d(positive_array("C", C))
        member("kind", kind, KINDS)
        N, D = optimum(self.form, self._row, C)
        out = {"N": {"value": N[0]}, "D": {"value": D[0]}}
        with_loss = FORMULAS[self.form].pair
        if with_loss:
            out["loss"] = {"value": np.diag(values(self.form, self._row, N[0], D[0])[[0] * len(C)])}
        if not self.n:
            return out
        best = optimum(self.form, self._columns, C)
        drawn = dict(zip(("N", "D"), best, strict=True))
        if with_loss:
            loss = np.stack(
                [
                    _each(self.form, self._columns, best[0][:, k], best[1][:, k])
                    for k in range(len(C))
                ],
                axis=1,
            )
            rng = np.random.default_rng(seed)
            drawn["loss"] = self._with_noise(loss, rng) if kind == "new-run" else loss
        for name, part in drawn.items():
            out[name]["low"], out[name]["high"] = _bounds(part, level)
        return out

    def decades_outside(self, **x) -> dict[str, np.ndarray]:
        """Return how far points lie outside the ranges of the fitted rows, in decades.

        Parameters
        ----------
        **x : float or array
            Any of the columns of ``ranges``, by name.

        Returns
        -------
        dict of array
            Zero inside; above zero beyond the largest, below it under the least.
        """
        out = {}
        for name, value in x.items():
            low, high = self.ranges[name]
            log = np.log10(np.atleast_1d(positive_array(name, value)))
            out[name] = np.maximum(log - math.log10(high), 0) - np.maximum(math.log10(low) - log, 0)
        return out

    # ---- inside ------------------------------------------------------------------------

    @property
    def _row(self) -> np.ndarray:
        return np.array([list(self.constants.values())])

    @property
    def _columns(self) -> np.ndarray:
        return np.column_stack([self.draws[name] for name in self.constants])

    def _points(self, x) -> list[np.ndarray]:
        if len(x) != len(self.x):
            raise TypeError(f"the law takes {', '.join(self.x)}, got {len(x)} arguments")
        arrays = [positive_array(name, v) for name, v in zip(self.x, x, strict=True)]
        return [np.ravel(part) for part in np.broadcast_arrays(*arrays)]

    def _drawn(self, points) -> np.ndarray | None:
        return values(self.form, self._columns, *points) if self.n else None

    def _with_noise(self, drawn: np.ndarray, rng) -> np.ndarray:
        if self.noise is None or not len(self.noise.residuals):
            raise ValueError("new-run needs residuals with degrees of freedom; kind mean has none")
        extra = rng.choice(self.noise.residuals, size=drawn.shape)
        return drawn * np.exp(extra) if self.noise.scale == "log" else drawn + extra


def _bounds(drawn: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    point = np.full(drawn.shape[1], np.nan)
    found = interval_of(drawn, point, lambda: None, level, "percentile")
    filled = [(np.nan, np.nan) if pair is None else pair for pair in found]
    low, high = np.array(filled).T
    return low, high


def _each(form: str, columns: np.ndarray, *x: np.ndarray) -> np.ndarray:
    """Return the law of each row of constants at a point of its own, (draws,)."""
    with np.errstate(all="ignore"):
        out = FORMULAS[form].at(columns, *(v[:, None] for v in x))[:, 0]
    return np.where(np.isfinite(out), out, np.nan)


def _sigmoid(constants: np.ndarray, loss: np.ndarray) -> np.ndarray:
    low, high, slope, middle = (constants[:, k][:, None] for k in range(4))
    with np.errstate(all="ignore"):
        return low + (high - low) / (1 + np.exp(-slope * (middle - loss)))
