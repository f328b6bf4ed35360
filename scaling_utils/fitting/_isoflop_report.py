"""What an IsoFLOP fit hands over for its report: the valleys, and the line through them."""

from __future__ import annotations

import numpy as np

from scaling_utils.fitting._evidence import FACTOR, Evidence, deviations


def isoflop_evidence(fit, valleys) -> Evidence:
    """Return the evidence of the runs about the parabola of each budget.

    ``valleys``: for each budget its rows and, about the mean of log N there, the bend, slope and
    level of its parabola.
    """
    _, N, loss = fit.data.values()
    parabola = fit.minimum == "parabola"
    columns, loose, outside = {}, {}, fit.C[~fit.bracketed]
    for budget, (rows, (bend, slope, level)) in zip(fit.C, valleys, strict=True):
        name = _name(budget)
        u = np.log(N[rows]) - np.log(N[rows]).mean()
        away = u + slope / (2 * bend) if bend > 0 else u  # from the bottom, where there is one
        # The bottom in log N, the bend in logarithm, and the level.
        for key, slopes in (
            (name, -2 * bend * away),
            (f"bend {name}", bend * away**2),
            (f"level {name}", np.full(rows.size, level)),
        ):
            columns[key] = np.zeros(loss.size)
            columns[key][rows] = slopes
            loose[key] = FACTOR if key == name and bend > 0 else np.inf

    def without(kept: np.ndarray):
        return fit._again(kept), None

    def steady(kept: np.ndarray) -> np.ndarray:
        left = np.empty(loss.size)
        for rows, _ in valleys:
            u = np.log(N[rows]) - np.log(N[rows]).mean()
            left[rows] = deviations(np.vander(u, 3), loss[rows], kept[rows])
        return left

    return Evidence(
        residuals=fit.residuals,
        free=3 * len(valleys),
        weights=fit.weights,
        names=tuple(columns),
        slopes=np.stack(list(columns.values()), axis=1),
        scale="value",
        size=float(np.median(loss)),
        tolerated=loose,
        at_bound={_name(budget): "" for budget in outside},
        warned=(not_bracketed(outside),) if outside.size else (),
        contradictions=_contradictions(fit, parabola),
        refit=without,
        steady=steady,
        law=lambda other: other.size,
        compare=lambda other: (
            f"without them the exponent a is {other.exponent:.4g}, not {fit.exponent:.4g}"
        ),
    )


def _name(budget: float) -> str:
    return f"N at C = {budget:.3g}"


def not_bracketed(budgets: np.ndarray) -> str:
    """Return what is said of budgets whose best size was not run."""
    loose = ", ".join(f"{budget:.3g}" for budget in budgets)
    return (
        f"the best size is not bracketed by the runs at C = {loose}; "
        "these budgets are left out of the power laws"
    )


def _contradictions(fit, parabola: bool) -> tuple[str, ...]:
    said = []
    if fit.bracketed.sum() == 2:
        said.append("a line through two budgets meets both: nothing is left to judge it by")
    if not 0 < fit.exponent < 1:
        falling = "N" if fit.exponent <= 0 else "D"
        said.append(f"the exponent a is {fit.exponent:.3g}: {falling} would fall as C grows")
    if fit.bracketed.sum() > 2 and fit.standard_error > FACTOR * abs(fit.exponent):
        said.append(
            f"the budgets do not determine the exponent: a is {fit.exponent:.2g} with a "
            f"standard error of {fit.standard_error:.2g}"
        )
    if not parabola:
        said_of_grid = np.sqrt(_ratio_of_sizes(fit))
        if said_of_grid > 2:
            said.append(
                "the best size is the best of those that were run, known to half a step of the "
                f"grid: up to a factor {said_of_grid:.2g}"
            )
    return tuple(said)


def _ratio_of_sizes(fit) -> float:
    """Return the largest ratio of two neighbouring sizes of a budget's runs."""
    _, N, _ = fit.data.values()
    ratios = []
    for rows in fit.groups:
        sizes = np.unique(N[rows])
        ratios.append((sizes[1:] / sizes[:-1]).max())
    return max(ratios)
