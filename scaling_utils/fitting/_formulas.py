"""Laws of many resamples at once: each form's formula over arrays of constants.

Constants have the shape (draws, constants), points the shape (points,), values (draws, points).
What has no law there, such as a power of a negative number, is NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scaling_utils.fitting.broken import BrokenFit
from scaling_utils.fitting.coupled import CoupledFit
from scaling_utils.fitting.fit import Fit
from scaling_utils.fitting.parametric import ParametricFit
from scaling_utils.fitting.power import PowerLawFit
from scaling_utils.fitting.product import ProductFit
from scaling_utils.fitting.valleys import ValleysFit
from scaling_utils.units import TRAINING_FLOPS


@dataclass(frozen=True)
class Formula:
    """A form of law: its formula in words, its constants, and how it is computed."""

    words: str
    constants: tuple[str, ...]
    at: Callable
    pair: bool = False  # whether it takes N and D and has an optimum


def _column(constants: np.ndarray, place: int) -> np.ndarray:
    return constants[:, place][:, None]


def _additive(c, N, D):
    E, A, B, alpha, beta = (_column(c, k) for k in range(5))
    return E + A * N**-alpha + B * D**-beta


def _coupled(c, N, D):
    E, A, B, alpha, beta, q = (_column(c, k) for k in range(6))
    one, two = np.log(A) - alpha * np.log(N), np.log(B) - beta * np.log(D)
    return E + np.exp(np.logaddexp(q * one, q * two) / q)


def _power(c, x):
    offset, a, b = (_column(c, k) for k in range(3))
    return offset + a * x**-b


def _broken(c, x):
    a, b, c0, slope, d, f = (_column(c, k) for k in range(6))
    bend = np.logaddexp(0, (np.log(x) - np.log(d)) / f)
    return a + np.exp(np.log(b) - c0 * np.log(x) - slope * f * bend)


def _product(c, *x):
    logs = sum(_column(c, k) * np.log(v) for k, v in enumerate(x, start=1))
    return np.exp(np.log(_column(c, 0)) + logs)


def _size(c, C):
    return _column(c, 0) * C ** _column(c, 1)


FORMULAS = {
    "additive": Formula(
        "L(N, D) = E + A/N^alpha + B/D^beta", ("E", "A", "B", "alpha", "beta"), _additive, True
    ),
    "coupled": Formula(
        "L(N, D) = E + [(A/N^alpha)^q + (B/D^beta)^q]^(1/q)",
        ("E", "A", "B", "alpha", "beta", "q"),
        _coupled,
        True,
    ),
    "power": Formula("y = c + a x^-b", ("c", "a", "b"), _power),
    "broken": Formula(
        "y = a + b x^-c0 (1 + (x/d)^(1/f))^(-c f)", ("a", "b", "c0", "c", "d", "f"), _broken
    ),
    "product": Formula("y = k times a power of each variable", ("k",), _product),
    "isoflop": Formula("N = G C^a, D = H C^b", ("G", "a", "H", "b"), _size),
}
_FORM_OF = {
    ParametricFit: "additive",
    CoupledFit: "coupled",
    PowerLawFit: "power",
    BrokenFit: "broken",
    ProductFit: "product",
    ValleysFit: "isoflop",
}


def form_of(fit: Fit) -> str:
    """Return the name of a fit's form; TypeError where it has none here."""
    for kind, name in _FORM_OF.items():
        if isinstance(fit, kind):
            return name
    raise TypeError(f"fit must be of one of {', '.join(FORMULAS)}, got {type(fit).__name__}")


def constants_of(form: str, x: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of a form's constants; a product has an exponent for each variable."""
    more = tuple(f"{name}_exponent" for name in x) if form == "product" else ()
    return FORMULAS[form].constants + more


def values(form: str, constants: np.ndarray, *x) -> np.ndarray:
    """Return the law of each row of constants at the points, (draws, points)."""
    with np.errstate(all="ignore"):
        out = FORMULAS[form].at(constants, *(np.atleast_1d(np.asarray(v, float)) for v in x))
    return np.where(np.isfinite(out), out, np.nan)


def optimum(form: str, constants: np.ndarray, C) -> tuple[np.ndarray, np.ndarray]:
    """Return the best N and D at budgets of C FLOPs under each row of constants.

    At the optimum alpha (A/N^alpha)^q = beta (B/D^beta)^q, with q = 1 in the additive law.
    """
    C = np.atleast_1d(np.asarray(C, dtype=float))
    with np.errstate(all="ignore"):
        if form == "isoflop":
            N, D = _size(constants, C), _size(constants[:, 2:], C)
        else:
            A, B, alpha, beta = (_column(constants, k) for k in (1, 2, 3, 4))
            q = _column(constants, 5) if form == "coupled" else 1.0
            ratio = (np.log(alpha / beta) + q * np.log(A / B)) / q
            log = (ratio + beta * np.log(C / TRAINING_FLOPS)) / (alpha + beta)
            N = np.exp(log)
            D = C / (TRAINING_FLOPS * N)
    lawful = np.isfinite(N) & np.isfinite(D) & (N > 0) & (D > 0)
    return np.where(lawful, N, np.nan), np.where(lawful, D, np.nan)
