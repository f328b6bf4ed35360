"""A power law in several variables, y = k N^a D^b: a learning rate in size and data, say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from scaling_utils._check import number, positive_array, same_length
from scaling_utils.fitting._evidence import Evidence, deviations, robust_scale
from scaling_utils.fitting._held import Scale, hold
from scaling_utils.fitting._joint import Joint
from scaling_utils.fitting._other_reports import exponent_tolerance
from scaling_utils.fitting._search import search
from scaling_utils.fitting.errors import FitError
from scaling_utils.fitting.fit import Fit, check_delta, check_weights, parts_of, say

SUFFIX = "_exponent"


@dataclass(frozen=True)
class Product:
    """The law y = k times the powers of several variables.

    Parameters
    ----------
    k : float
        The value where all variables are 1. Above zero.
    exponents : dict of float
        The power of each variable, by its name, in the order of the arguments of ``at``.

    Raises
    ------
    TypeError, ValueError
        If a number is not finite, k not above zero, or no variable is named.
    """

    k: float
    exponents: dict[str, float]

    def __post_init__(self):
        number("k", self.k, above=0)
        if not self.exponents:
            raise ValueError("exponents must name at least one variable, got none")
        for name, value in self.exponents.items():
            number(f"exponents[{name!r}]", value)

    def at(self, *x):
        """Return the value of the law.

        Parameters
        ----------
        *x : float or array
            The variables in the order of ``exponents``; they broadcast. Above zero.

        Returns
        -------
        float or array
            In the unit of ``k``.

        Raises
        ------
        TypeError, ValueError
            If there are more or fewer than the law has variables, or one is not numeric, finite
            and above zero.
        """
        names = list(self.exponents)
        if len(x) != len(names):
            raise TypeError(f"at takes {', '.join(names)}, got {len(x)} arguments")
        values = [positive_array(name, value) for name, value in zip(names, x, strict=True)]
        logs = [p * np.log(v) for p, v in zip(self.exponents.values(), values, strict=True)]
        return np.exp(np.log(self.k) + sum(logs))[()]


@dataclass(frozen=True, kw_only=True)
class LogLinear(Joint):
    """Rows for the solver: log y = theta_0 + theta_1 u_1 + ...

    ``design``: a column of ones and one for the logarithm of each variable less its mean,
    (rows, 1 + variables). ``middle``: those means.
    """

    offset: bool = False

    design: np.ndarray
    middle: np.ndarray
    parameters: tuple[str, ...] = ()

    def joint(self, theta: np.ndarray):
        """Return the log value, its slopes and its curvature, which is none."""
        count = theta.shape[1]
        inner = np.broadcast_to(self.design.T, (len(theta), *self.design.T.shape))
        return theta @ self.design.T, inner, lambda pull: np.zeros((len(theta), count, count))

    def columns(self, theta: np.ndarray) -> np.ndarray:
        """Return k and the exponents of each member, shape (members, 1 + variables)."""
        with np.errstate(over="ignore"):
            k = np.exp(theta[:, 0] - theta[:, 1:] @ self.middle)
        return np.column_stack([k, theta[:, 1:]])

    def starts(self, delta: float, keep: int) -> np.ndarray:
        """Return least squares, with the rows' own weights where all members share them."""
        root = np.ones(len(self.design))
        if self.weights is not None and self.weights.ndim == 1:
            root = np.sqrt(self.weights)
        design, target = self.design * root[:, None], self.target * root
        return np.linalg.lstsq(design, target, rcond=None)[0][None]

    def inner_starts(self, delta: float, top: float) -> np.ndarray:
        """Return the same: nothing has an edge."""
        return self.starts(delta, 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class ProductFit(Fit):
    """A fit of ``Product``: k, and an exponent ``NAME_exponent`` for each variable NAME.

    ``predict`` takes the variables in the order in which they were given.

    Attributes
    ----------
    variables : tuple of str
        Their names.
    """

    variables: tuple[str, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """k and the exponents."""
        return ("k", *(name + SUFFIX for name in self.variables))

    @property
    def k(self) -> float:
        """Coefficient, the value where all variables are 1."""
        return float(self._columns[0])

    @property
    def exponents(self) -> dict[str, float]:
        """The power of each variable, by its name."""
        return dict(zip(self.variables, map(float, self._columns[1:]), strict=True))

    def predict(self, *x):
        """Return the law at the variables, as ``Product.at``."""
        return self.law.at(*x)

    def _law(self, columns: np.ndarray) -> Product:
        powers = map(float, columns[1:])
        return Product(float(columns[0]), dict(zip(self.variables, powers, strict=True)))

    def _again(self, kept: np.ndarray, **other) -> Fit:
        weights = None if self.weights is None else self.weights[kept]
        x = {name: self.data[name][kept] for name in self.variables}
        return fit_product(x, self.data["y"][kept], weights=weights, **self.settings | other)

    def _evidence(self) -> Evidence:
        model, target = self.found.model, self.found.model.target
        names, slopes = self.names, model.slopes(self.found.theta[None])[1][0]
        if model.held is not None:
            slopes, names = model.basis.T @ slopes, model.held.names
        values = self.quantities
        columns = {}
        for name, slope in zip(names, slopes, strict=True):
            first = name.split(" = ")[0]
            columns[name] = slope if first == "k" else slope * values[first]
        design = model.design if model.held is None else model.design @ model.basis
        moved = (
            target
            if model.held is None
            else target - model.design @ model.put(np.zeros((1, model.design.shape[1])))[0]
        )

        def without(mask):
            other = self._again(mask)
            return other, np.log(other.predict(*map(self.data.get, self.variables))) - target

        return Evidence(
            residuals=self.residuals,
            free=self.found.free,
            names=tuple(columns),
            slopes=np.stack(list(columns.values()), axis=1),
            weights=self.weights,
            robust=self.delta < robust_scale(self.residuals, self.found.free),
            tolerated={n: exponent_tolerance(v) for n, v in values.items() if n != "k"},
            warned=() if self.converged else (self.message,),
            refit=without,
            steady=lambda mask: deviations(design, moved, mask),
            compare=lambda other: (
                "without them "
                + ", ".join(
                    f"{n} is {other.quantities[n]:.3g}, not {v:.3g}" for n, v in values.items()
                )
            ),
        )


def fit_product(
    x: Mapping,
    y,
    delta: float = np.inf,
    *,
    weights=None,
    fixed: dict[str, float] | None = None,
    tie: tuple[str, ...] = (),
) -> Fit:
    """Fit y = k N^a D^b, or with other variables and any number of them.

    Published rules of this form: the learning rate in N and D of Li et al. (2025),
    https://arxiv.org/abs/2503.04715, and, with both exponents tied, the rules in C = M D of
    DeepSeek-AI (2024), https://arxiv.org/abs/2401.02954, Eqs. 1 and 4. In logarithms the law is
    a plane, so that its optimum is the only one.

    Parameters
    ----------
    x : mapping of str to array, shape (rows,)
        The variables by name, ``{"N": N, "D": D}``, in any units. Above zero.
    y : array, shape (rows,)
        What follows the law: a learning rate, a batch, a size. Above zero.
    delta : float
        Log residuals within delta are squared, those beyond count by size. 0 is least absolute
        deviations, infinity (the default) least squares.
    weights : array, shape (rows,), optional
        How much each row counts, above zero: a row of weight 2 counts as two like it.
    fixed : dict of float, optional
        "k" (above zero), or "N_exponent", held at a value.
    tie : tuple of str, optional
        Exponents that are equal: ``("N_exponent", "D_exponent")`` makes it a law of N D.

    Returns
    -------
    Fit
        Of a ``Product``, with ``k`` and ``exponents`` as attributes; in resamples the exponents
        are called "N_exponent" and so on. With a FitWarning where it cannot be relied on.

    Raises
    ------
    TypeError
        If ``x`` is no mapping of names to numbers.
    ValueError
        For a value that is not positive and finite, lengths that differ, no variable or one
        called "y", or a constant in ``fixed`` or ``tie`` that the law does not have.
    FitError
        Where the rows cannot tell the exponents apart.
    """
    x, y = _variables(x, y)
    weights, delta = check_weights(weights, len(y)), check_delta(delta)
    fixed, tie = dict(fixed or {}), tuple(tie)
    logs = np.column_stack([np.log(values) for values in x.values()])
    middle = logs.mean(axis=0)
    design = np.column_stack([np.ones(len(y)), logs - middle])
    names = ("k", *(name + SUFFIX for name in x))
    rows = {0: 1.0, **{p: -float(m) for p, m in enumerate(middle, start=1)}}
    scales = {"k": Scale(0, True, rows)}
    scales |= {name: Scale(p, False, {p: 1.0}) for p, name in enumerate(names[1:], start=1)}
    held = hold(scales, fixed, tie)
    free = design if held is None else design @ held.basis
    if np.linalg.matrix_rank(free) < free.shape[1]:
        values = ", ".join(f"{len(np.unique(v))} of {n}" for n, v in x.items())
        raise FitError(
            f"{len(y)} rows with {values} values cannot fix {', '.join(names)}: some variable "
            "does not vary, or moves with the others",
            {},
        )
    model = LogLinear(
        design=design, middle=middle, target=np.log(y), weights=weights, held=held, parameters=names
    )
    found = search(model, delta)
    say("fit_product", found)
    return ProductFit(
        data={**x, "y": y},
        weights=weights,
        settings={"delta": delta, "fixed": fixed, "tie": tie},
        variables=tuple(x),
        **parts_of(found, delta),
    )


def _variables(x, y) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the variables by name, and y, as positive arrays of one length."""
    if not isinstance(x, Mapping):
        raise TypeError(f"x must map names to columns, {{'N': N, 'D': D}}; got {type(x).__name__}")
    if not x or "y" in x or not all(isinstance(name, str) and name for name in x):
        raise ValueError(
            f"x must name one variable or more by text, none of them 'y'; got {list(x)}"
        )
    columns = {name: positive_array(name, value, ndim=1) for name, value in x.items()}
    y = positive_array("y", y, ndim=1)
    same_length(**columns, y=y)
    return columns, y
