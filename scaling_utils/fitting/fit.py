"""One kind of fit for every law: what it found, whether to trust it, and its resamples."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np

from scaling_utils._check import number, positive_array, same_length, whole
from scaling_utils.fitting._draws import Draws, LeftOut, Refits, draws_of
from scaling_utils.fitting._rounds import left_out, refit
from scaling_utils.fitting._search import Found
from scaling_utils.fitting.errors import FitWarning
from scaling_utils.fitting.report import Report, make_report
from scaling_utils.fitting.resamples import Resamples

SPARE = 2  # rows beyond the number of parameters, below which resamples are all alike


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """A fitted law and how it was reached. Every ``fit_*`` returns one.

    Attributes
    ----------
    data : dict of arrays, shape (rows,)
        What was fitted, by the names of the arguments.
    weights : array, shape (rows,), or None
        How much each row counted.
    objective : float
        Sum over rows of the Huber loss; of |r| where delta is 0, of r^2/2 where infinite.
    residuals : array, shape (rows,)
        Predicted less observed, of the logarithm unless the fit says otherwise.
    delta : float
        Where the Huber loss turns from squared to absolute.
    converged : bool
        Whether the optimum was reached and the rows determine all constants.
    message : str
        Why, in words.
    agreement : float
        Share of the starts that ended at this optimum (within 1e-6 of its objective).
    iterations : int
        Newton steps of the last stage, from the start that won.
    settings : dict
        The other arguments of the fit, with which the report fits again.
    found : object or None
        What the solver holds; not for users.
    """

    constants: ClassVar[tuple[str, ...]] = ()  # of the law, in the order of the solver's columns
    edge: ClassVar[str] = "lie at the edge, an offset or a term of zero"  # what Resamples notes

    data: dict[str, np.ndarray] = field(repr=False)
    weights: np.ndarray | None = field(default=None, repr=False)
    objective: float
    residuals: np.ndarray = field(repr=False)
    delta: float = np.inf
    converged: bool = True
    message: str = ""
    agreement: float = 1.0
    iterations: int = 0
    settings: dict = field(default_factory=dict, repr=False)
    found: Found | None = field(default=None, repr=False)

    # ---- what every fit offers -----------------------------------------------------------

    @cached_property
    def law(self):
        """The law at the optimum, an object of ``laws``; ValueError where it is none."""
        return self._law(self._columns)

    @property
    def names(self) -> tuple[str, ...]:
        """The numbers that ``Resamples`` knows by name, the constants and what follows."""
        return self.constants

    @property
    def quantities(self) -> dict[str, float]:
        """Those numbers of this fit, by name."""
        values = self._quantities(self._columns[None])[0]
        return dict(zip(self.names, map(float, values), strict=True))

    def predict(self, *x):
        """Return the law at ``x``, given as in the fit, without the last; any shapes.

        In the unit of what was fitted. TypeError or ValueError where an ``x`` is not above zero,
        or the constants make no law.
        """
        return self.law.loss(*x)

    @cached_property
    def report(self) -> Report:
        """How well the rows bear out the law; see ``Report``."""
        return make_report(self._evidence())

    def resample(
        self, by=None, n: int = 1000, seed: int = 0, *, strata=None, draws=None, check: int = 8
    ) -> Resamples:
        """Refit ``n`` resamples of the rows.

        Parameters
        ----------
        by : array, shape (rows,), optional
            The group of each row: its number of parameters, say. Whole groups are drawn. Runs
            of several lengths that branch off one trunk share most of their training, and their
            errors; drawn one by one, each would count as new evidence. Resamples with fewer
            than three distinct groups are drawn again.
        n : int
            Resamples, at least 2.
        seed : int
            Of numpy's default generator. The same seed gives the same result.
        strata : array, shape (rows,), optional
            Label of each row (equal model size, say). Rows are drawn within each stratum, so
            that every resample keeps the design.
        draws : sequence of whole-number arrays, optional
            The rows of each resample, by place, in place of drawing them here. They may differ
            in length.
        check : int
            Resamples, drawn at random, that are also fitted from scratch.

        Returns
        -------
        Resamples

        Raises
        ------
        TypeError, ValueError
            If an argument is out of range, two of ``by``, ``strata`` and ``draws`` are given, or
            the rows are too few to resample.

        Warns
        -----
        FitWarning
            Says how many resamples did not converge or ended above the fit from scratch, where
            any did.
        """
        check, seed = whole("check", check, at_least=0), whole("seed", seed, at_least=0)
        rng = np.random.default_rng(seed)
        rows, free = self._rows, self._free
        if rows < free + SPARE:
            raise ValueError(
                f"fit must have at least {free + SPARE} rows to resample {free} "
                f"parameters, got {rows}"
            )
        chosen = draws_of(rng, n, rows, free, by=by, strata=strata, draws=draws, seed=seed)
        refits = self._refit(chosen, rng, check)
        _warn(int((~refits.converged).sum()), chosen.count, refits.missed, refits.checked)
        return Resamples(
            fit=self,
            names=self.names,
            samples=self._quantities(refits.columns),
            columns=refits.columns,
            objective=refits.objective,
            converged=refits.converged,
            at_edge=refits.at_edge,
            kind=chosen.kind,
            seed=seed if draws is None else None,
            checked=refits.checked,
            missed=refits.missed,
            redrawn=chosen.redrawn,
            group_of=getattr(chosen, "group_of", None),
        )

    # ---- what each law says for itself ---------------------------------------------------

    def _law(self, columns: np.ndarray):
        """Return the law of one row of constants; ValueError where there is none."""
        raise NotImplementedError

    def _quantities(self, columns: np.ndarray) -> np.ndarray:
        """Return the named numbers of each row of constants, (resamples, names)."""
        return columns

    def _evidence(self):
        """Return what the report is made of."""
        raise NotImplementedError

    def _fitter(self):
        """Return the function that made this fit."""
        raise NotImplementedError

    # ---- fits of the solver ----------------------------------------------------------------

    @property
    def _rows(self) -> int:
        return len(next(iter(self.data.values())))

    @property
    def _columns(self) -> np.ndarray:
        return self.found.columns

    @property
    def _free(self) -> int:
        return self.found.free

    def _refit(self, draws: Draws, rng, check: int) -> Refits:
        return refit(self.found, draws, rng, check)

    def _left_out(self, group_of, rng) -> np.ndarray:
        """Return the constants with each row or group left out, for "bca"."""
        return left_out(self.found, LeftOut(self._rows, group_of), rng)

    def _again(self, kept: np.ndarray, **other) -> Fit:
        """Return the fit of some of the rows, without its warnings."""
        rows = {name: values[kept] for name, values in self.data.items()}
        if self.weights is not None:
            rows["weights"] = self.weights[kept]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            return self._fitter()(**rows, **self.settings | other)


def bootstrap(fit: Fit, n: int = 4000, seed: int = 0, **how) -> Resamples:
    """Refit ``n`` resamples of the fitted rows: ``fit.resample``, as a function.

    Parameters
    ----------
    fit : Fit
        From any of the ``fit_*``.
    n, seed : int
        Resamples, at least 2, and the seed of their draws.
    **how
        ``by``, ``strata``, ``draws`` or ``check``, as ``Fit.resample`` takes them.

    Returns
    -------
    Resamples

    Raises
    ------
    TypeError, ValueError
        If ``fit`` is no Fit, or as ``Fit.resample``.
    """
    if not isinstance(fit, Fit):
        raise TypeError(f"fit must be a Fit, got {type(fit).__name__}")
    return fit.resample(n=n, seed=seed, **how)


def parts_of(found: Found, delta: float) -> dict:
    """Return what a fit takes over from the solver."""
    return {
        "objective": found.objective,
        "residuals": found.residuals,
        "delta": float(delta),
        "converged": not found.doubt,
        "message": found.message,
        "agreement": found.agreement,
        "iterations": found.iterations,
        "found": found,
    }


def check_rows(**columns) -> tuple[np.ndarray, ...]:
    """Return the columns as positive arrays of one length."""
    arrays = {name: positive_array(name, value, ndim=1) for name, value in columns.items()}
    same_length(**arrays)
    return tuple(arrays.values())


def check_weights(weights, rows: int) -> np.ndarray | None:
    """Return the weights of the rows, above zero, or None where all count the same."""
    if weights is None:
        return None
    weights = positive_array("weights", weights, ndim=1)
    if len(weights) != rows:
        raise ValueError(f"weights must hold one number per row, {rows}, got {len(weights)}")
    return weights


def check_delta(delta) -> float:
    """Return where the Huber loss turns: zero, a number above it, or infinity."""
    infinite = isinstance(delta, (float, np.floating)) and delta == np.inf
    return np.inf if infinite else number("delta", delta, at_least=0)


def say(name: str, found: Found) -> None:
    """Warn of the doubt about a fit, where there is one."""
    if found.doubt:
        warnings.warn(f"{name}: {found.doubt}", FitWarning, stacklevel=3)


def _warn(failed: int, resamples: int, missed: int, checked: int) -> None:
    if failed:
        warnings.warn(
            f"resample: {failed} of {resamples} resamples did not converge; "
            "they are kept where they stopped",
            FitWarning,
            stacklevel=3,
        )
    if missed:
        warnings.warn(
            f"resample: {missed} of {checked} resamples checked from scratch had a lower "
            "optimum than the one first found; the rows hardly determine the law",
            FitWarning,
            stacklevel=3,
        )
