"""Figures that several chapters draw: a valley, a signed map, residuals."""

from __future__ import annotations

import numpy as np

from scaling_utils._check import finite_array, positive_array, same_length, whole
from scaling_utils.notebook._axes import SMALL
from scaling_utils.notebook._colours import contrast
from scaling_utils.notebook._shown import text_of


def valley(ax, N, loss, *, around: int = 3, error=None, colour=None, label=None, dashed=False):
    """Draw the losses of one budget against size, the parabola near the lowest, and its bottom.

    Points that the parabola goes through are filled, those further out are hollow. A triangle
    marks the bottom where it lies between the points that were fitted.

    Parameters
    ----------
    ax : matplotlib Axes
        Its x axis is taken to be logarithmic.
    N : array, shape (sizes,)
        Parameters, above 0, in any order, three different ones or more.
    loss : array, shape (sizes,)
        Loss or excess, in any unit.
    around : int
        Sizes on each side of the lowest that the parabola goes through, at least 1.
    error : float or array, shape (sizes,), optional
        Half the length of the bars, in the unit of ``loss``.
    colour : matplotlib colour, optional
        Of the points and the parabola; the next one of the axes if left out.
    label : str, optional
        For ``end_labels``.
    dashed : bool
        Draw the parabola dashed and the points white, as for a second set of runs.

    Returns
    -------
    (float, float)
        N and loss at the bottom; (nan, nan) where the parabola has none between the points.

    Raises
    ------
    TypeError, ValueError
        If numbers are out of range, lengths differ, or fewer than three sizes are given.
    """
    N, loss = positive_array("N", N, ndim=1), finite_array("loss", loss, ndim=1)
    same_length(N=N, loss=loss)
    around = whole("around", around)
    sizes = len(np.unique(N))
    if sizes < 3:
        raise ValueError(f"N must hold 3 different sizes or more, got {sizes}")
    order = np.argsort(N)
    N, loss = N[order], loss[order]
    bars = np.broadcast_to(finite_array("error", 0.0 if error is None else error), loss.shape)
    bars = bars[order]
    near = np.abs(np.arange(len(N)) - loss.argmin()) <= around
    u = np.log(N[near])
    bend = np.polyfit(u - u.mean(), loss[near], min(2, near.sum() - 1))
    dense = np.linspace(u[0], u[-1], 60)
    (line,) = ax.plot(
        np.exp(dense),
        np.polyval(bend, dense - u.mean()),
        "--" if dashed else "-",
        lw=1.3,
        color=colour,
        label=label,
    )
    colour = line.get_color()
    for part, fill in ((near, "white" if dashed else colour), (~near, "white")):
        if part.any():
            ax.errorbar(
                N[part], loss[part], bars[part], fmt="o", ms=4.5, lw=1, color=colour, mfc=fill
            )
    if len(bend) < 3 or bend[0] <= 0:
        return np.nan, np.nan
    lowest = -bend[1] / (2 * bend[0]) + u.mean()
    if not u[0] < lowest < u[-1]:
        return np.nan, np.nan
    bottom = float(np.exp(lowest)), float(np.polyval(bend, lowest - u.mean()))
    ax.plot(*bottom, "v", ms=7, color="k", mfc="white" if dashed else "k", zorder=4)
    return bottom


def signed_map(ax, values, *, rows, columns, unit: str, digits: int = 0):
    """Draw a map of numbers with a sign: one colour above zero, another below, white at zero.

    Each cell carries its number, black or white, whichever is read better on its colour.

    Parameters
    ----------
    ax : matplotlib Axes
        It gets a bar of colours beside it.
    values : array, shape (rows, columns)
        NaN leaves a cell empty.
    rows, columns : sequence of str
        Texts of the ticks, one for each.
    unit : str
        Of the values, for the bar of colours.
    digits : int
        Of the numbers in the cells, after the point; 0 or more.

    Returns
    -------
    matplotlib AxesImage
        Its scale is symmetric about zero.

    Raises
    ------
    TypeError, ValueError
        If ``values`` have another shape, or no finite number other than 0, or an infinite one;
        ``digits`` are out of range; or ``unit`` is empty.
    """
    values = np.asarray(values, dtype=float)
    wanted = (len(rows), len(columns))
    if values.shape != wanted:
        raise ValueError(
            f"values must have shape {wanted} like rows and columns, got {values.shape}"
        )
    digits = whole("digits", digits, at_least=0)
    if np.isinf(values).any():
        raise ValueError("values must be finite, or NaN where there is none; got an infinite one")
    most = np.nanmax(np.abs(values)) if np.isfinite(values).any() else 0
    if most == 0:
        raise ValueError("values must hold a finite number other than 0, got none")
    image = ax.imshow(values, cmap="PuOr", vmin=-most, vmax=most, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            ground = image.cmap(image.norm(value))
            best = max(("black", "white"), key=lambda colour: contrast(colour, ground))
            text = f"{value:+.{digits}f}".replace("-", "−")
            ax.text(j, i, text, ha="center", va="center", color=best, fontsize=SMALL)
    ax.set_xticks(range(wanted[1]), labels=[*map(str, columns)])
    ax.set_yticks(range(wanted[0]), labels=[*map(str, rows)])
    ax.grid(False)
    ax.get_figure().colorbar(image, ax=ax, label=text_of("unit", unit))
    return image


def residuals(ax, x, left, *, unit: str, bins: int = 6, colour="C0", label=None) -> np.ndarray:
    """Draw what a fit leaves over, with the median of each part of the range and a line at zero.

    Medians that keep to one side of zero over several parts show what a form cannot follow.

    Parameters
    ----------
    ax : matplotlib Axes
        Its y axis gets a label.
    x : array, shape (rows,)
        Above zero: parts are equally filled, in the order of x.
    left : array, shape (rows,)
        Measured less predicted, in ``unit``.
    unit : str
        Of ``left``, for the label.
    bins : int
        Parts, at least 1; at most one for two rows.
    colour : matplotlib colour
        Of the points and the medians.
    label : str, optional
        Of the medians, for the legend or ``end_labels``.

    Returns
    -------
    array, shape (bins,)
        The medians, in ``unit``.

    Raises
    ------
    TypeError, ValueError
        If numbers are out of range, lengths differ, parts are too many, or ``unit`` is empty.
    """
    x, left = positive_array("x", x, ndim=1), finite_array("left", left, ndim=1)
    same_length(x=x, left=left)
    bins = whole("bins", bins)
    if 2 * bins > len(x):
        raise ValueError(f"bins must be at most half of the {len(x)} rows, got {bins}")
    parts = np.array_split(np.argsort(x, kind="stable"), bins)
    middle = np.array([np.median(left[part]) for part in parts])
    places = [np.exp(np.log(x[part]).mean()) for part in parts]
    ax.axhline(0, color="0.4", lw=1)
    ax.plot(x, left, "o", ms=3.5, alpha=0.35, mec="none", color=colour)
    ax.plot(places, middle, "o-", ms=6, color=colour, label=label)
    ax.set_ylabel(f"measured less predicted ({text_of('unit', unit)})")
    return middle
