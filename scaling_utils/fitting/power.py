"""A power law in one variable, y = c + a x^-b, with or without its offset c."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from scaling_utils._check import member, number, positive_array, same_length
from scaling_utils.fitting._additive_report import additive_evidence
from scaling_utils.fitting._search import Found, search
from scaling_utils.fitting._table import make_table
from scaling_utils.fitting.errors import FitWarning
from scaling_utils.fitting.report import Report, make_report
from scaling_utils.laws import PowerLaw

METHODS = ("log", "nls", "huber")


@dataclass(frozen=True)
class PowerLawFit:
    """A fitted power law y = c + a x^-b and how it was reached.

    Attributes
    ----------
    a : float
        Prefactor: the power term at x = 1, in the unit of y.
    b : float
        Exponent; negative where y grows with x.
    c : float
        Offset, in the unit of y: fitted, or as it was given.
    offset_fitted : bool
        Whether c was fitted.
    method : str
        "log", "nls" or "huber".
    objective : float
        Half the sum of squared residuals, or for "huber" the sum of Huber losses.
    converged : bool
        Whether the optimum was reached and the rows determine all parameters.
    message : str
        Why, in words.
    x, y : arrays, shape (rows,)
        The rows.
    residuals : array, shape (rows,)
        Predicted less observed: log y for "log" and "huber", y for "nls".
    """

    a: float
    b: float
    c: float
    offset_fitted: bool
    method: str
    objective: float
    converged: bool
    message: str
    x: np.ndarray = field(repr=False)
    y: np.ndarray = field(repr=False)
    residuals: np.ndarray = field(repr=False)
    found: Found = field(repr=False, compare=False)

    @property
    def law(self) -> PowerLaw:
        """The law as an object of ``laws``; raises ValueError where y does not fall."""
        return PowerLaw.from_coefficient(self.a, self.b, self.c)

    def predict(self, x):
        """Return c + a x^-b at ``x`` (positive, any shape), in the unit of y."""
        return (self.c + self.a * positive_array("x", x) ** -self.b)[()]

    @property
    def names(self) -> tuple[str, ...]:
        """What a bootstrap of this fit reports."""
        return ("c", "a", "b") if self.offset_fitted else ("a", "b")

    def quantities(self, columns: np.ndarray) -> np.ndarray:
        """Return those of each row of c, a, b."""
        return columns if self.offset_fitted else columns[:, 1:]

    @cached_property
    def report(self) -> Report:
        """How well the rows bear out the law: see ``Report``."""
        settings = {"offset": self.offset_fitted or self.c, "method": self.method}
        if self.method == "huber":
            settings["delta"] = self.found.delta

        def refit(kept):
            return fit_power_law(self.x[kept], self.y[kept], **settings)

        def compare(fit) -> str:
            return (
                f"without them b is {fit.b:.4g} and c is {fit.c:.4g}, "
                f"not {self.b:.4g} and {self.c:.4g}"
            )

        return make_report(
            additive_evidence(
                self.found, ("c", "a", "b"), self.y, self.found.delta, refit, compare=compare
            )
        )


def fit_power_law(
    x, y, offset: bool | float = True, method: str = "log", *, delta: float = 1e-3
) -> PowerLawFit:
    """Fit y = c + a x^-b; no start is needed.

    Parameters
    ----------
    x : array, shape (rows,)
        Scale: parameters, tokens or FLOPs, in any unit.
    y : array, shape (rows,)
        What follows the law: a loss in nats per token, an error rate, an optimal size.
    offset : bool or float
        True fits c, which is then zero or above; False holds it at 0; a number holds it there.
    method : {"log", "nls", "huber"}
        Least squares of log y; least squares of y; or the sum of Huber losses of log y, which
        a few wrong rows cannot pull away. "log" without an offset is the straight line
        through (log x, log y).
    delta : float
        For "huber" only: log residuals beyond delta count by size, not squared.

    Returns
    -------
    PowerLawFit
        Not converged, and with a FitWarning, where it cannot be relied on.

    Raises
    ------
    TypeError, ValueError
        If the rows cannot determine the law, or an argument is out of range.
    """
    x, y = positive_array("x", x, ndim=1), positive_array("y", y, ndim=1)
    same_length(x=x, y=y)
    member("method", method, METHODS)
    delta = number("delta", delta, at_least=0) if method == "huber" else np.inf
    fitted, held = _offset(offset, y)
    parameters = 3 if fitted else 2
    distinct = len(np.unique(x))
    if distinct < parameters:
        raise ValueError(
            f"x must take at least {parameters} distinct values to fit {parameters} parameters, "
            f"got {distinct}"
        )
    if np.ptp(y) == 0:
        raise ValueError(f"y must vary between rows, got {y[0]:g} everywhere")
    table = make_table((x,), y, log=method != "nls", offset=None if fitted else held)
    found = search(table, delta, ("a x^-b",))
    if found.doubt:
        warnings.warn(f"fit_power_law: {found.doubt}", FitWarning, stacklevel=2)
    c, a, b = map(float, found.columns)
    return PowerLawFit(
        a=a,
        b=b,
        c=c,
        offset_fitted=fitted,
        method=method,
        objective=found.objective,
        converged=not found.doubt,
        message=found.message,
        x=x,
        y=y,
        residuals=found.residuals,
        found=found,
    )


def _offset(offset, y: np.ndarray) -> tuple[bool, float]:
    """Return whether the offset is fitted, and the value it is held at where it is not."""
    if isinstance(offset, (bool, np.bool_)):
        return bool(offset), 0.0
    held = number("offset", offset, at_least=0)
    if held >= y.max():
        raise ValueError(f"offset must be below the largest y, {y.max():g}, got {held:g}")
    return False, held
