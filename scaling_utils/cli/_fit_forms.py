"""The forms of law that ``fit`` knows: what each reads, and how it is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from scaling_utils.tables import Runs

FORMS = {
    "additive": "L = E + A/N^alpha + B/D^beta, Approach 3 of Hoffmann et al. (2022); the default",
    "coupled": "the same with the terms joined by a power mean of exponent q",
    "power": "y = c + a x^-b; with --x N,D: y = k N^a D^b, a learning rate, say",
    "broken": "a power law with one smooth break",
    "isoflop": "best N and D at each budget, from parabolas; C and D as measured",
}
ROBUST = 1e-3  # delta of Hoffmann et al.


@dataclass(frozen=True)
class Wanted:
    """What was asked for: a form, its variables, and what is held.

    Attributes
    ----------
    form : str
        One of ``FORMS``.
    x : tuple of str
        The variables of a power law, by the names they are read with.
    y : str
        What is fitted.
    delta : float or None
        Of the Huber loss; None: that of the form.
    fixed, tie : what is held.
    """

    form: str
    x: tuple[str, ...]
    y: str
    delta: float | None = None
    fixed: Mapping[str, float] = field(default_factory=dict)
    tie: tuple[str, ...] = ()

    @property
    def roles(self) -> tuple[str, ...] | None:
        """What must be read; None: loss and two sizes."""
        if self.form in ("additive", "coupled"):
            return None
        if self.form == "isoflop":
            return ("C", "N", "loss")
        return (*self.x, self.y)

    @property
    def used_delta(self) -> float:
        """The delta that is used."""
        if self.delta is not None:
            return self.delta
        return ROBUST if self.form in ("additive", "coupled") else np.inf


def wanted(form: str, x: str | None, y: str | None, delta, fix: Sequence, tie: Sequence) -> Wanted:
    """Return what was asked for; ValueError where it does not go together."""
    if x and form not in ("power", "broken"):
        raise ValueError(f"--x belongs to --form power or broken, got --form {form}")
    if y and form not in ("power", "broken"):
        raise ValueError(f"--y belongs to --form power or broken; --loss names the loss of {form}")
    names = tuple(part.strip() for part in (x or "C").split(",") if part.strip())
    if form == "broken" and len(names) > 1:
        raise ValueError("a broken power law has one variable; name one with --x")
    if len(set(names)) < len(names) or (y or "loss") in names:
        raise ValueError(f"--x must name different columns, other than --y, got {x!r}")
    if form == "isoflop" and (fix or tie or delta is not None):
        raise ValueError("--fix, --tie and --delta do not belong to --form isoflop")
    if tie and form not in ("additive", "coupled") and len(names) < 2:
        raise ValueError(f"--tie belongs to a law of two variables, got --form {form}")
    return Wanted(form, names, y or "loss", delta, dict(fix), tuple(tie))


def fit_of(wanted: Wanted, runs: Runs):
    """Fit the form to the runs."""
    from scaling_utils import fitting

    weights, fixed, tie = runs.weights, dict(wanted.fixed), wanted.tie
    if wanted.form in ("additive", "coupled"):
        function = {"additive": fitting.fit_parametric, "coupled": fitting.fit_coupled}
        return function[wanted.form](
            runs["N"], runs["D"], runs["loss"], delta=wanted.used_delta, weights=weights,
            fixed=fixed, tie=tie,
        )  # fmt: skip
    if wanted.form == "isoflop":
        D = runs.columns.get("D")
        return fitting.fit_valleys(runs["C"], runs["N"], runs["loss"], D=D, weights=weights)
    y, delta = runs[wanted.y], wanted.used_delta
    if wanted.form == "broken":
        return fitting.fit_broken_power_law(
            runs[wanted.x[0]], y, delta=delta, weights=weights, fixed=fixed
        )
    if len(wanted.x) > 1:
        x = {name: runs[name] for name in wanted.x}
        return fitting.fit_product(x, y, delta=delta, weights=weights, fixed=fixed, tie=tie)
    offset = fixed.pop("c", True)
    robust = np.isfinite(delta)
    return fitting.fit_power_law(
        runs[wanted.x[0]], y, offset=offset, method="huber" if robust else "log",
        delta=delta if robust else ROBUST, weights=weights, fixed=fixed,
    )  # fmt: skip


def unit_of(wanted: Wanted) -> str:
    """Return the unit of what the law gives."""
    if wanted.form == "isoflop":
        return "parameters"
    return "nats per token" if wanted.y == "loss" else f"the unit of {wanted.y}"


def ends_of(wanted: Wanted, runs: Runs) -> dict[str, tuple[float, float]]:
    """Return the least and the largest of each column that the law takes."""
    names = ("N", "D", "C") if wanted.roles is None else wanted.x
    names = ("C", "N") if wanted.form == "isoflop" else names
    return {
        name: (float(runs[name].min()), float(runs[name].max()))
        for name in names
        if name in runs.columns
    }
