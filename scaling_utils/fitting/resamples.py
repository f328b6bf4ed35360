"""What a bootstrap found: the refitted resamples, their intervals, and what to know of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from scaling_utils._check import member
from scaling_utils.fitting._draws import LeftOut, batches
from scaling_utils.fitting._evidence import plain_numbers
from scaling_utils.fitting._intervals import METHODS, interval_of
from scaling_utils.fitting._rounds import resample_fits
from scaling_utils.fitting.errors import FitError
from scaling_utils.fitting.parametric import ParametricFit
from scaling_utils.fitting.power import PowerLawFit
from scaling_utils.laws import ParametricLaw

NOTED = 0.025  # share of the resamples at an edge that is worth a word


@dataclass(frozen=True)
class Bootstrap:
    """The refitted resamples of a fit.

    Attributes
    ----------
    fit : ParametricFit or PowerLawFit
        The fit of all rows.
    names : tuple of str
        The quantities: E, A, B, alpha, beta and a = beta / (alpha + beta), the exponent of
        the optimal size, for a parametric law; c (where fitted), a, b for a power law.
    samples : array, shape (resamples, quantities)
        Their values in each resample.
    objective : array, shape (resamples,)
        The objective that each resample reached.
    converged : array of bool, shape (resamples,)
        Whether each resample reached an optimum.
    at_edge : array of bool, shape (resamples,)
        Whether the offset or a term is zero in a resample's fit.
    kind : str
        How rows were drawn: "case", "stratified" or "indices".
    seed : int or None
        Of the draws; None where the rows were given.
    checked, missed : int
        Resamples also fitted from scratch, and how many of these then ended lower by more
        than a millionth. (The lower fit is kept.)
    redrawn : int
        Draws with fewer distinct rows than constants, which were drawn again.
    """

    fit: ParametricFit | PowerLawFit
    names: tuple[str, ...]
    samples: np.ndarray = field(repr=False)
    objective: np.ndarray = field(repr=False)
    converged: np.ndarray = field(repr=False)
    at_edge: np.ndarray = field(repr=False)
    kind: str
    seed: int | None
    checked: int
    missed: int
    redrawn: int

    @property
    def n(self) -> int:
        """How many resamples there are."""
        return len(self.samples)

    @property
    def lawful(self) -> np.ndarray:
        """Whether each resample has a law that falls, with finite constants, shape (resamples,)."""
        rows = self.samples[:, :5] if isinstance(self.fit, ParametricFit) else self.samples
        positive = rows[:, 1:] if self.names[0] in ("E", "c") else rows  # an offset may be zero
        return np.isfinite(rows).all(axis=1) & (rows >= 0).all(axis=1) & (positive > 0).all(axis=1)

    @property
    def standard_errors(self) -> dict[str, float]:
        """Standard deviation over resamples (n - 1 in the denominator), by name."""
        return dict(zip(self.names, self.samples.std(axis=0, ddof=1).tolist(), strict=True))

    @property
    def intervals(self) -> dict[str, tuple[float, float] | None]:
        """95 % percentile intervals, by name."""
        return self.interval()

    @cached_property
    def jackknife(self) -> np.ndarray:
        """The quantities with each row left out once, shape (rows, quantities), for "bca".

        They are as many fits as there are rows, made when they are first asked for.
        """
        found = self.fit.found
        rng = np.random.default_rng([0 if self.seed is None else self.seed, 1])
        left_out = LeftOut(found.table.target.size)
        parts = [
            resample_fits(found.table, left_out.weights(part), found.theta, found.delta, rng).theta
            for part in batches(left_out.count, left_out.rows)
        ]
        return self.fit.quantities(found.table.columns(np.concatenate(parts)))

    def interval(
        self, level: float = 0.95, method: str = "percentile"
    ) -> dict[str, tuple[float, float] | None]:
        """Return the interval of each quantity, by name.

        ``level`` is the nominal coverage, between 0 and 1; it needs 2 / (1 - level) resamples or
        more, 40 for 95 %, and ValueError says so. "percentile" takes quantiles of
        the resamples, "bca" corrects them for bias and for an error that changes with the
        estimate, and "basic" mirrors them at the estimate. On synthetic tables of 60 and 240
        runs, nominal 95 % intervals covered the truth in 95 to 99 % of tables ("percentile"), 93
        to 97 % ("bca") and 80 to 94 % ("basic", which takes no account of how lopsided the
        prefactors are). On 400 tables as IsoFLOP studies have them, six budgets of ten sizes
        with 2 % of noise, "percentile" covered in 96 to 98 %, "bca" in 93 to 95 %, so short of
        its promise for some quantities, and "basic" in 70 to 91 %, each known to about 1 %.
        benchmarks/coverage.py prints both tables.

        A resample without a value, because its constants are beyond all numbers, could lie
        anywhere, and counts against both bounds. Where that leaves a bound without a number the
        interval is None; ``notes`` says how many there are.

        All rows count as independent. Where they are not, as with checkpoints of one run, the
        intervals are too narrow: draw whole groups with ``draw_groups``.
        """
        member("method", method, METHODS)
        found = self.fit.found
        point = self.fit.quantities(found.columns[None])[0]
        bounds = interval_of(self.samples, point, lambda: self.jackknife, level, method)
        return dict(zip(self.names, bounds, strict=True))

    def interval_of(
        self, quantity: Callable[[ParametricLaw], float], level: float = 0.95
    ) -> tuple[float, float] | None:
        """Return the percentile interval of a number computed from the law, such as an optimum.

        A resample that has no law could give anything, and counts against both bounds; None
        where too many have none.
        """
        good = self.lawful
        values = np.full((self.n, 1), np.nan)
        values[good, 0] = [quantity(law) for law in self._laws(good)]
        return interval_of(values, [np.nan], lambda: None, level, "percentile")[0]

    def laws(self) -> list[ParametricLaw]:
        """Return the law of each resample, to carry the uncertainty into a plan.

        Raises
        ------
        FitError
            If the fit is not parametric, or a resample has no law that falls with N and D. Its
            ``fit`` is the fit of all rows.
        """
        bad = ~self.lawful
        if bad.any() and isinstance(self.fit, ParametricFit):
            raise FitError(
                f"{bad.sum()} of {self.n} resamples have no law that falls with N and D: "
                "the runs hardly determine it",
                {"resamples": np.flatnonzero(bad).tolist()},
                fit=self.fit,
            )
        return self._laws(~bad)

    def _laws(self, chosen: np.ndarray) -> list[ParametricLaw]:
        if not isinstance(self.fit, ParametricFit):
            raise FitError("laws() is for parametric fits; read samples instead", {}, fit=self.fit)
        return [ParametricLaw(*map(float, row)) for row in self.samples[chosen, :5]]

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know before the intervals are relied on, one sentence each."""
        counts = (
            (self.missed, self.checked, "checked from scratch had a lower optimum", 0),
            (int((~self.converged).sum()), self.n, "did not converge", 0),
            (
                int(self.at_edge.sum()),
                self.n,
                "lie at the edge, an offset or a term of zero",
                NOTED,
            ),
            (int((~self.lawful).sum()), self.n, "have no law that falls, with finite constants", 0),
        )
        said = [
            f"{count} of {all_} resamples {words}"
            for count, all_, words, share in counts
            if count > share * all_
        ]
        if self.redrawn:
            said.append(f"{self.redrawn} draws held too few distinct rows and were drawn again")
        return tuple(said)

    def as_dict(self, level: float = 0.95, method: str = "percentile") -> dict:
        """Return the intervals and how they were reached, ready for JSON."""
        return plain_numbers(
            {
                "n": self.n,
                "seed": self.seed,
                "kind": self.kind,
                "level": level,
                "method": method,
                "intervals": self.interval(level, method),
                "at_edge": self.at_edge.mean(),
                "without_law": (~self.lawful).mean(),
                "not_converged": (~self.converged).sum(),
                "checked": self.checked,
                "missed": self.missed,
                "redrawn": self.redrawn,
                "notes": self.notes,
            }
        )
