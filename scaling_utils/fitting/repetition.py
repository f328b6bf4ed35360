"""Fit how fast repeated data wears out, on top of a known law for fresh data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils._check import number
from scaling_utils.fitting._held import Scale, hold
from scaling_utils.fitting._joint import Joint
from scaling_utils.fitting._other_reports import repetition_evidence
from scaling_utils.fitting._penalty import huber
from scaling_utils.fitting._search import search
from scaling_utils.fitting.fit import Fit, check_delta, check_rows, check_weights, parts_of
from scaling_utils.laws import DataConstrainedLaw, ParametricLaw

LOWEST, HIGHEST = 0.02, 2000.0  # of R*: repeats are worthless, or as good as fresh
GRID = np.log(np.geomspace(LOWEST, HIGHEST, 33))[1:-1]
PARAMETERS = ("R_D_star", "R_N_star")


@dataclass(frozen=True, kw_only=True)
class Repetition(Joint):
    """The rows, for the solver; its parameters are log R_D* and log R_N*.

    ``law``: for fresh data. ``size``, ``data``: for N and for D, what of it is unique and how
    often that is repeated, arrays of shape (rows,).
    """

    parameters = PARAMETERS
    offset: bool = False

    law: ParametricLaw
    size: tuple[np.ndarray, np.ndarray]
    data: tuple[np.ndarray, np.ndarray]

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The ends of the search."""
        return np.full(2, np.log(LOWEST)), np.full(2, np.log(HIGHEST))

    def joint(self, theta: np.ndarray):
        """Return the log loss, its slopes and its curvature."""
        law = self.law
        data = _worn(theta[:, :1], *self.data, law.B, law.beta)
        size = _worn(theta[:, 1:], *self.size, law.A, law.alpha)
        total = law.E + data[0] + size[0]
        inner = np.stack([data[1], size[1]], axis=1) / total[:, None]

        def curve(pull):
            out = -(inner * pull[:, None]) @ inner.transpose(0, 2, 1)
            for k, part in enumerate((data, size)):
                out[:, k, k] += (pull * part[2] / total).sum(axis=1)
            return out

        return np.log(total), inner, curve

    def columns(self, theta: np.ndarray) -> np.ndarray:
        """Return R_D* and R_N* of each member, shape (members, 2)."""
        return np.exp(theta)

    def starts(self, delta: float, keep: int) -> np.ndarray:
        """Return the best places of a grid over both."""
        grid = np.stack([part.ravel() for part in np.meshgrid(GRID, GRID)], axis=1)
        values = huber(self.residuals(grid), delta)
        score = values.sum(axis=1) if self.weights is None else values @ self.weights
        return grid[np.argsort(score, kind="stable")[:keep]]

    def at_edge(self, theta: np.ndarray) -> np.ndarray:
        """Return whether a free constant is at the end of the search, (members,)."""
        lower, upper = self.bounds
        close = (theta < lower + np.log(1.1)) | (theta > upper - np.log(1.1))
        free = np.ones(2, dtype=bool) if self.basis is None else self.basis.any(axis=1)
        return (close & free).any(axis=1)

    def inner_starts(self, delta: float, top: float) -> np.ndarray:
        """Return four places well inside."""
        return np.log([[1.0, 1.0], [1.0, 100.0], [100.0, 1.0], [30.0, 30.0]])

    def doubt(self, theta: np.ndarray) -> str:
        """Return nothing: a constant that the runs do not bound ends at a limit, which the
        report says."""
        return ""


def _worn(log_scale, unique, repeats, coefficient: float, exponent: float):
    """Return coefficient * worth^-exponent, and its first and second slope by log R*.

    ``worth``: unique (1 + R* (1 - exp(-repeats / R*))), Eq. 5.
    """
    scale = np.exp(log_scale)
    x = repeats / scale
    kept = np.exp(-x)
    worth = unique * (1 + scale * -np.expm1(-x))
    first = scale * (-np.expm1(-x) - x * kept)
    second = first - scale * x**2 * kept
    first, second = unique * first / worth, unique * second / worth
    term = coefficient * worth**-exponent
    return (
        term,
        -exponent * term * first,
        exponent * term * ((exponent + 1) * first**2 - second),
    )


class RepetitionFit(Fit):
    """A fit of R_D* and R_N* of ``DataConstrainedLaw``."""

    constants = PARAMETERS

    @property
    def at_limit(self) -> tuple[str, ...]:
        """Those of the constants that ended at a limit of the search."""
        held = self.settings["fixed"]
        reached = self.quantities.items()
        return tuple(
            n for n, v in reached if n not in held and not LOWEST * 1.1 < v < HIGHEST / 1.1
        )

    def _law(self, columns: np.ndarray) -> DataConstrainedLaw:
        return DataConstrainedLaw(self.settings["law"], *map(float, columns))

    def _fitter(self):
        return fit_repetition

    def _evidence(self):
        return repetition_evidence(self)


def fit_repetition(
    law: ParametricLaw,
    N,
    D,
    U,
    loss,
    delta: float = 1e-3,
    *,
    weights=None,
    fixed: dict[str, float] | None = None,
    tie: tuple[str, ...] = (),
) -> Fit:
    """Fit R_D* and R_N* with the law for fresh data held fixed.

    Source: Muennighoff et al. (2023), https://arxiv.org/abs/2305.16264, Eqs. 5 and 6, App. A. Both
    constants are sought from a grid over [0.02, 2000].

    Parameters
    ----------
    law : ParametricLaw
        Of the same models on data seen once.
    N, D, U : arrays, shape (runs,)
        Parameters, training tokens, and unique tokens of each run; D is at least U.
    loss : array, shape (runs,)
        Final loss of each run, nats per token.
    delta : float
        Log residuals within delta are squared, those beyond count by size.
    weights : array, shape (runs,), optional
        How much each run counts, above zero: a run of weight 2 counts as two like it.
    fixed : dict of float, optional
        "R_D_star" or "R_N_star" held at a value, 0.02 to 2000.
    tie : tuple of str, optional
        ``("R_D_star", "R_N_star")`` makes them equal.

    Returns
    -------
    Fit
        Of a ``DataConstrainedLaw`` over the given law; ``at_limit`` names those of R_D_star and
        R_N_star that ended at a limit of the search, 0.02 or 2000: the runs do not bound them on
        that side.

    Raises
    ------
    TypeError
        If law is no ParametricLaw, or an argument is not numeric.
    ValueError
        If an argument is out of range, or no run repeats its data.
    """
    if not isinstance(law, ParametricLaw):
        raise TypeError(f"law must be a ParametricLaw, got {type(law).__name__}")
    N, D, U, loss = check_rows(N=N, D=D, U=U, loss=loss)
    weights = check_weights(weights, len(loss))
    delta = check_delta(delta)
    if (D < U).any():
        raise ValueError("D must be at least U: a run cannot hold more unique tokens than tokens")
    if (D == U).all():
        raise ValueError("D must exceed U in some run, or nothing is repeated")
    fixed, tie = dict(fixed or {}), tuple(tie)
    for name in set(fixed) & set(PARAMETERS):
        number(f"fixed[{name!r}]", fixed[name], at_least=LOWEST, at_most=HIGHEST)
    usable = np.minimum(N, law.optimal_for_tokens(U).N)
    scales = {name: Scale(k, True, {k: 1.0}) for k, name in enumerate(PARAMETERS)}
    model = Repetition(
        law=law,
        size=(usable, N / usable - 1),
        data=(U, D / U - 1),
        target=np.log(loss),
        weights=weights,
        held=hold(scales, fixed, tie),
    )
    found = search(model, delta)
    return RepetitionFit(
        data={"N": N, "D": D, "U": U, "loss": loss},
        weights=weights,
        settings={"law": law, "delta": delta, "fixed": fixed, "tie": tie},
        **parts_of(found, delta),
    )
