"""A power law in one variable, y = c + a x^-b, with or without its offset c."""

from __future__ import annotations

import numpy as np

from scaling_utils._check import member, number, positive_array
from scaling_utils.fitting._additive import additive
from scaling_utils.fitting._additive_report import additive_evidence
from scaling_utils.fitting._held import Scale, hold
from scaling_utils.fitting._search import search
from scaling_utils.fitting.fit import Fit, check_rows, check_weights, parts_of, say
from scaling_utils.laws import PowerLaw

METHODS = ("log", "nls", "huber")


class PowerLawFit(Fit):
    """A fit of y = c + a x^-b; b is negative where y grows with x."""

    constants = ("c", "a", "b")

    @property
    def a(self) -> float:
        """Prefactor, the power term at x = 1, in the unit of y."""
        return float(self._columns[1])

    @property
    def b(self) -> float:
        """Exponent."""
        return float(self._columns[2])

    @property
    def c(self) -> float:
        """Offset, in the unit of y, fitted or as it was given."""
        return float(self._columns[0])

    @property
    def offset_fitted(self) -> bool:
        """Whether c was fitted."""
        return self.found.model.offset is None

    def predict(self, x):
        """Return c + a x^-b.

        Parameters
        ----------
        x : float or array
            Any shape, in the unit of the fit. Above zero.

        Returns
        -------
        float or array
            In the unit of y.

        Raises
        ------
        TypeError, ValueError
            If x is not numeric, finite and above zero.
        """
        return (self.c + self.a * positive_array("x", x) ** -self.b)[()]

    @property
    def names(self) -> tuple[str, ...]:
        """The constants that were not held by ``offset``."""
        return ("c", "a", "b") if self.offset_fitted else ("a", "b")

    def _quantities(self, columns: np.ndarray) -> np.ndarray:
        return columns if self.offset_fitted else columns[:, 1:]

    def _law(self, columns: np.ndarray) -> PowerLaw:
        c, a, b = map(float, columns)
        return PowerLaw.from_coefficient(a, b, c)

    def _fitter(self):
        return fit_power_law

    def _evidence(self):
        def compare(fit) -> str:
            return (
                f"without them b is {fit.b:.4g} and c is {fit.c:.4g}, "
                f"not {self.b:.4g} and {self.c:.4g}"
            )

        return additive_evidence(self, self.data["y"], None, compare)


def fit_power_law(
    x,
    y,
    offset: bool | float = True,
    method: str = "log",
    *,
    delta: float = 1e-3,
    weights=None,
    fixed: dict[str, float] | None = None,
) -> Fit:
    """Fit y = c + a x^-b; no start is needed.

    Parameters
    ----------
    x : array, shape (rows,)
        Scale: parameters, tokens or FLOPs, in any unit.
    y : array, shape (rows,)
        What follows the law, above zero: a loss in nats per token, an error rate, an optimal size.
    offset : bool or float
        True fits c, which is then zero or above; False holds it at 0; a number holds it there.
    method : {"log", "nls", "huber"}
        Least squares of log y; least squares of y; or the sum of Huber losses of log y, which
        a few wrong rows cannot pull away. "log" without an offset is the straight line
        through (log x, log y).
    delta : float
        For "huber" only: log residuals beyond delta count by size, not squared.
    weights : array, shape (rows,), optional
        How much each row counts, above zero: a row of weight 2 counts as two like it.
    fixed : dict of float, optional
        "a" (above zero) or "b" held at a value; ``offset`` holds c.

    Returns
    -------
    Fit
        With the constants as attributes ``a``, ``b`` and ``c``, and residuals of y for "nls",
        of log y for the others. ``law`` raises ValueError where y does not fall; ``predict``
        works there too. Not converged, and with a FitWarning, where it cannot be relied on.

    Raises
    ------
    TypeError, ValueError
        If the rows cannot determine the law, or an argument is out of range.
    """
    x, y = check_rows(x=x, y=y)
    weights = check_weights(weights, len(y))
    member("method", method, METHODS)
    used = number("delta", delta, at_least=0) if method == "huber" else np.inf
    free, held = _offset(offset, y)
    fixed = dict(fixed or {})
    parameters = (3 if free else 2) - len(fixed)
    distinct = len(np.unique(x))
    if distinct < parameters:
        raise ValueError(
            f"x must take at least {parameters} distinct values to fit {parameters} parameters, "
            f"got {distinct}"
        )
    if np.ptp(y) == 0:
        raise ValueError(f"y must vary between rows, got {y[0]:g} everywhere")
    model = additive(
        (x,),
        y,
        ("a x^-b",),
        log=method != "nls",
        offset=None if free else held,
        weights=weights,
        held=lambda first, middle: hold(_scales(first, *middle), fixed, ()),
    )
    found = search(model, used)
    say("fit_power_law", found)
    return PowerLawFit(
        data={"x": x, "y": y},
        weights=weights,
        settings={"offset": offset, "method": method, "delta": delta, "fixed": fixed},
        **parts_of(found, used),
    )


def _scales(first: int, middle: float) -> dict[str, Scale]:
    """Return how a and b follow from the solver's parameters, (log c,) log a mid-design, b."""
    return {
        **({"c": Scale(0, True, {0: 1.0})} if first else {}),
        "a": Scale(first, True, {first: 1.0, first + 1: middle}),
        "b": Scale(first + 1, False, {first + 1: 1.0}),
    }


def _offset(offset, y: np.ndarray) -> tuple[bool, float]:
    """Return whether the offset is fitted, and the value it is held at where it is not."""
    if isinstance(offset, (bool, np.bool_)):
        return bool(offset), 0.0
    held = number("offset", offset, at_least=0)
    if held >= y.max():
        raise ValueError(f"offset must be below the largest y, {y.max():g}, got {held:g}")
    return False, held
