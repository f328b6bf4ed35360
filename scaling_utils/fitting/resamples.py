"""What resampling found: the refitted laws, intervals of anything computed from them, and notes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from scaling_utils._check import member
from scaling_utils.fitting._evidence import plain_numbers
from scaling_utils.fitting._intervals import METHODS, interval_of

if TYPE_CHECKING:
    from scaling_utils.fitting.fit import Fit

NOTED = 0.025  # share of the resamples at an edge that is worth a word


@dataclass(frozen=True, eq=False)
class Resamples:
    """The refitted resamples of a fit.

    Attributes
    ----------
    fit : Fit
        The fit of all rows.
    names : tuple of str
        What can be asked for by name: the constants of the law, and what the fit adds (``a``,
        the exponent of the optimal size, for the laws of size and data).
    samples : array, shape (resamples, names)
        Their values in each resample.
    columns : array, shape (resamples, constants)
        The constants of the law in each resample.
    objective : array, shape (resamples,)
        The objective that each resample reached.
    converged : array of bool, shape (resamples,)
        Whether each resample reached an optimum.
    at_edge : array of bool, shape (resamples,)
        Whether the offset or a term is zero in a resample's fit.
    kind : str
        How rows were drawn: "case", "stratified", "groups" or "given".
    seed : int or None
        Of the draws; None where the rows were given.
    checked : int
        Resamples also fitted from scratch.
    missed : int
        How many of these then ended lower by more than a millionth. (The lower fit is kept.)
    redrawn : int
        Draws with too few distinct rows or groups, which were drawn again.
    group_of : array, shape (rows,), or None
        The group of each row, where whole groups were drawn.
    """

    fit: Fit
    names: tuple[str, ...]
    samples: np.ndarray = field(repr=False)
    columns: np.ndarray = field(repr=False)
    objective: np.ndarray = field(repr=False)
    converged: np.ndarray = field(repr=False)
    at_edge: np.ndarray = field(repr=False)
    kind: str
    seed: int | None
    checked: int
    missed: int
    redrawn: int
    group_of: np.ndarray | None = field(default=None, repr=False)

    @property
    def n(self) -> int:
        """How many resamples there are."""
        return len(self.samples)

    @cached_property
    def laws(self) -> list:
        """The law of each resample; None where its constants make none."""
        return [self._law(row) for row in self.columns]

    @property
    def lawful(self) -> np.ndarray:
        """Whether each resample has a law, shape (resamples,)."""
        return np.array([law is not None for law in self.laws])

    def values(self, what: str | Callable) -> np.ndarray:
        """Return a quantity in each resample.

        Parameters
        ----------
        what : str or callable
            One of ``names``, or a function of the law that returns a number or an array:
            ``lambda law: law.optimal(1e21).N``.

        Returns
        -------
        array, shape (resamples, ...)
            In the unit of the quantity; NaN where a resample has no law, or the function no number.

        Raises
        ------
        ValueError
            For a name that the fit does not know.
        """
        if isinstance(what, str):
            return self.samples[:, self.names.index(member("what", what, self.names))]
        return _values(what, self.laws)

    def se(self, what: str | Callable) -> float | np.ndarray:
        """Return the standard deviation over resamples (n - 1 in the denominator).

        Parameters
        ----------
        what : str or callable
            As for :meth:`values`.

        Returns
        -------
        float or array
            In the unit of the quantity; NaN where a resample has no law.

        Raises
        ------
        ValueError
            For a name that the fit does not know.
        """
        return self.values(what).std(axis=0, ddof=1)[()]

    def interval(
        self, what: str | Callable, level: float = 0.95, method: str = "percentile"
    ) -> tuple | None:
        """Return the interval of a quantity, low and high.

        On synthetic tables of 60 and 240 runs, nominal 95 % intervals covered the truth in 95 to
        99 % of tables ("percentile"), 93 to 97 % ("bca") and 80 to 94 % ("basic", which takes no
        account of how lopsided the prefactors are). On 400 tables as IsoFLOP studies have them, six
        budgets of ten sizes with 2 % of noise, "percentile" covered in 96 to 98 %, "bca" in 93 to
        95 %, so short of its promise for some quantities, and "basic" in 70 to 91 %, each known to
        about 1 %. benchmarks/coverage.py prints both tables.

        A resample without a value, because it has no law or its constants are beyond all
        numbers, could lie anywhere, and counts against both bounds.

        Rows that were drawn one by one count as independent. Where they are not, as with
        checkpoints of one run, the intervals are too narrow: draw whole groups, ``by=``.

        Parameters
        ----------
        what : str or callable
            As for :meth:`values`.
        level : float
            Nominal coverage, between 0 and 1; it needs 2 / (1 - level) resamples or more, 40 for
            95 %.
        method : {"percentile", "bca", "basic"}
            "percentile" takes quantiles of the resamples, "bca" corrects them for bias and for an
            error that changes with the estimate, and "basic" mirrors them at the estimate.

        Returns
        -------
        tuple of (low, high), or None
            In the unit of the quantity. None where resamples without a value leave a bound without
            a number; ``notes`` says how many there are. Where ``what`` gives arrays, low and high
            are arrays, NaN where there is no interval.

        Raises
        ------
        TypeError, ValueError
            If a name or the method is unknown, or the level out of range or too near 1.
        """
        member("method", method, METHODS)
        values = self.values(what)
        flat = values.reshape(self.n, -1)
        point = np.full(flat.shape[1], np.nan) if method == "percentile" else self._point(what)
        bounds = interval_of(flat, point, lambda: self._left_out(what), level, method)
        if values.ndim == 1:
            return bounds[0]
        filled = np.array([(np.nan, np.nan) if pair is None else pair for pair in bounds])
        return tuple(filled.T.reshape(2, *values.shape[1:]))

    def _law(self, row: np.ndarray):
        try:
            return self.fit._law(row)
        except (ValueError, ArithmeticError):
            return None

    def _point(self, what) -> np.ndarray:
        """Return the quantity of the fit itself, flat."""
        value = self.fit.quantities[what] if isinstance(what, str) else what(self.fit.law)
        return np.ravel(np.asarray(value, dtype=float))

    @cached_property
    def _jackknife(self) -> np.ndarray:
        """The constants with each row (or group, where those were drawn) left out.

        They are as many fits as there are rows, made when they are first asked for.
        """
        rng = np.random.default_rng([0 if self.seed is None else self.seed, 1])
        return self.fit._left_out(self.group_of, rng)

    def _left_out(self, what) -> np.ndarray:
        """Return the quantity with each row left out, flat, (rows, values)."""
        if isinstance(what, str):
            return self.fit._quantities(self._jackknife)[:, [self.names.index(what)]]
        values = _values(what, [self._law(row) for row in self._jackknife])
        return values.reshape(len(values), -1)

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know before the intervals are relied on, one sentence each."""
        counts = (
            (self.missed, self.checked, "checked from scratch had a lower optimum", 0),
            (int((~self.converged).sum()), self.n, "did not converge", 0),
            (
                int(self.at_edge.sum()),
                self.n,
                self.fit.edge,
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
        """Return the intervals and how they were reached, ready for JSON.

        Parameters
        ----------
        level : float
            Nominal coverage, as for :meth:`interval`.
        method : {"percentile", "bca", "basic"}
            As for :meth:`interval`.

        Returns
        -------
        dict
            Intervals of all ``names``, shares and counts of resamples, and ``notes``; what is not
            finite is None.

        Raises
        ------
        TypeError, ValueError
            As :meth:`interval`.
        """
        return plain_numbers(
            {
                "n": self.n,
                "seed": self.seed,
                "kind": self.kind,
                "level": level,
                "method": method,
                "intervals": {x: self.interval(x, level, method) for x in self.names},
                "at_edge": self.at_edge.mean(),
                "without_law": (~self.lawful).mean(),
                "not_converged": (~self.converged).sum(),
                "checked": self.checked,
                "missed": self.missed,
                "redrawn": self.redrawn,
                "notes": self.notes,
            }
        )


def _values(what: Callable, laws: list) -> np.ndarray:
    """Return the values of a function of each law, (laws, ...); NaN where there is none.

    A resample may have a law of absurd constants, with which the function leaves all numbers. It
    could lie anywhere, like one without a law. What fails for every law is the function's fault.
    """
    found, error = [], None
    for law in laws:
        try:
            found.append(None if law is None else np.asarray(what(law), dtype=float))
        except (ValueError, OverflowError) as caught:
            found.append(None)
            error = caught
    if error is not None and all(value is None for value in found):
        raise error
    shape = next((value.shape for value in found if value is not None), ())
    nothing = np.full(shape, np.nan)
    return np.array([nothing if value is None else value for value in found])
