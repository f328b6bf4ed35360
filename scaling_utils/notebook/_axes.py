"""Axes that a reader can read: plain ticks, labels at the ends of lines, bars of error."""

from __future__ import annotations

import numpy as np

from scaling_utils._check import finite_array, member, number, positive_array, same_length, whole
from scaling_utils.notebook._colours import ink
from scaling_utils.notebook._shown import text_of

WIDTH = 5.2  # inches, so that text of 10 points keeps 9.6 pixels on a phone
SMALL = 9.5  # points: the smallest text that is still read on a phone
LINE = 1.25  # height of a line of text over its size


def axes(rows: int = 1, columns: int = 1, *, height: float = 3.4, **options):
    """Return a figure that is legible on a phone, and its axes, as ``plt.subplots`` does.

    Parameters
    ----------
    rows, columns : int
        Panels, at least 1. On a phone those below each other are larger than side by side.
    height : float
        Of one row, in inches, above 0. The width is 5.2 inches.
    options
        Whatever ``plt.subplots`` takes, such as ``sharex=True``.

    Returns
    -------
    (Figure, Axes or array of Axes)

    Raises
    ------
    TypeError, ValueError
        If ``rows``, ``columns`` or ``height`` is out of range.
    """
    import matplotlib.pyplot as plt

    rows, columns = whole("rows", rows), whole("columns", columns)
    height = number("height", height, above=0)
    return plt.subplots(rows, columns, figsize=(WIDTH, height * rows), **options)


def plain(value: float) -> str:
    """Write a number as a tick says it: 0.05, 1,500, 200k, 4M, and powers of ten beyond.

    Parameters
    ----------
    value : finite float, of which four significant digits are kept

    Returns
    -------
    str

    Raises
    ------
    TypeError, ValueError
        If the value is no finite number.
    """
    value = number("value", value)
    size = abs(value)
    if size == 0 or 1e-3 <= size < 1e4:
        return f"{value:,.4g}" if size < 1e3 else f"{value:,.0f}"
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if unit <= size < 1e3 * unit:
            return f"{value / unit:.4g}{name}"
    mantissa, exponent = f"{value:.3e}".split("e")
    power = f"10^{{{int(exponent)}}}"
    return f"${power}$" if float(mantissa) == 1 else rf"${float(mantissa):g}\times{power}$"


def _tick_texts(ticks: np.ndarray, base: int) -> list[str]:
    powers = np.log(ticks) / np.log(base)
    whole_powers = np.allclose(powers, powers.round(), atol=1e-9)
    if whole_powers and (base != 10 or ticks.max() >= 1e4 or ticks.min() <= 1e-4):
        return [f"${base}^{{{power:.0f}}}$" for power in powers]
    return [plain(tick) for tick in ticks]


def _own_ticks(low: float, high: float, base: int) -> np.ndarray:
    """Powers of the base where three or more lie inside; otherwise finer steps of a decade."""
    powers = np.arange(np.ceil(np.log(low) / np.log(base)), np.log(high) / np.log(base) + 1e-9)
    if len(powers) >= 3 or base != 10:
        every = max(1, round(len(powers) / 6))
        return float(base) ** powers[::every]
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for steps in ((1, 3), (1, 2, 5)):
        ticks = np.unique(np.outer(decades, steps))
        ticks = ticks[(ticks >= low) & (ticks <= high)]
        if len(ticks) >= 3:
            return ticks
    from matplotlib.ticker import MaxNLocator  # so short a range is nearly linear

    ticks = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high)
    return ticks[(ticks >= low) & (ticks <= high)]


def log_axis(ax, which: str, label: str, *, unit: str = "", ticks=None, base: int = 10) -> None:
    """Make an axis logarithmic, with plain numbers at its ticks, a label and a unit.

    Parameters
    ----------
    ax : matplotlib Axes
    which : {"x", "y"}
    label, unit : str
        ``label`` says what the axis shows, ``"compute C"``; ``unit`` is ``"FLOPs"``, or none.
    ticks : array or mapping, optional
        Where to put a tick, above zero, or a mapping from there to the text. Without it, from the
        data drawn so far: powers of ``base``, or 1, 2, 5 where fewer than three are inside.
    base : int
        10, or 2 for powers of two.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or no data lie above zero and no ticks are given.
    """
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        raise TypeError(f"ax must be a matplotlib Axes, got {ax!r}")
    member("which", which, ("x", "y"))
    base = whole("base", base, at_least=2)
    axis = getattr(ax, f"{which}axis")
    getattr(ax, f"set_{which}scale")("log", base=base)
    text = text_of("label", label)
    axis.set_label_text(f"{text} ({unit})" if unit else text)
    if isinstance(ticks, dict):
        places, texts = positive_array("ticks", list(ticks), ndim=1), [*map(str, ticks.values())]
    else:
        if ticks is None:
            low, high = getattr(ax, f"get_{which}lim")()
            ticks = _own_ticks(min(low, high), max(low, high), base)
        places = positive_array("ticks", ticks, ndim=1)
        texts = _tick_texts(places, base)
    axis.set_ticks(places, labels=texts)
    axis.minorticks_off()


def error_bars(ax, x, y, error=None, *, label=None, colour=None, join=False, hollow=False):
    """Draw points with their errors.

    Parameters
    ----------
    ax : matplotlib Axes
    x : array, shape (points,)
    y : array, shape (points,) or (points, seeds)
        Of seeds, two or more, the mean is drawn, with two standard errors of it on each side.
    error : float or array, shape (points,), optional
        Half the length of a bar, 0 or more, with a ``y`` of one dimension.
    label, colour : str, optional
        ``label`` for the legend or ``end_labels``; ``colour`` as matplotlib knows it.
    join, hollow : bool
        ``join`` connects the points with a line, ``hollow`` leaves them white inside.

    Returns
    -------
    (array, array), shape (points,) each
        The mean of each point and half the length of its bar, in the unit of ``y``.

    Raises
    ------
    TypeError, ValueError
        If numbers are not finite, shapes do not fit, ``error`` is negative or stands beside seeds.
    """
    x, y = finite_array("x", x, ndim=1), finite_array("y", y)
    if y.ndim == 2:
        if error is not None:
            raise ValueError("error must not be given with seeds in y: it is computed from them")
        if y.shape[1] < 2:
            raise ValueError(f"y must hold 2 or more seeds for an error, got {y.shape[1]}")
        error = 2 * y.std(axis=1, ddof=1) / np.sqrt(y.shape[1])
        y = y.mean(axis=1)
    elif y.ndim != 1:
        raise ValueError(f"y must have 1 or 2 dimensions, got shape {y.shape}")
    same_length(x=x, y=y)
    error = np.broadcast_to(finite_array("error", 0.0 if error is None else error), y.shape)
    if (error < 0).any():
        raise ValueError(f"error must not be negative, got {error.min():g}")
    ax.errorbar(
        x,
        y,
        error,
        fmt="o-" if join else "o",
        ms=4.5,
        lw=1.3,
        capsize=2,
        color=colour,
        mfc="white" if hollow else None,
        label=label,
    )
    return y, np.array(error)


def note(ax, text: str, at, *, colour="0.25", shift=(6, 0)):
    """Write a few words beside a point of the data, in an ink that can be read.

    Parameters
    ----------
    ax : matplotlib Axes
    text : str
    at : (float, float)
        x and y in the units of the data.
    colour : matplotlib colour, which is darkened as far as it has to be
    shift : (float, float)
        Right and up, in points. The text starts on the side that it is shifted to.

    Returns
    -------
    matplotlib Annotation

    Raises
    ------
    TypeError, ValueError
        If the text is empty, ``at`` or ``shift`` not two numbers, or the colour unknown.
    """
    if np.shape(at) != (2,) or np.shape(shift) != (2,):
        raise ValueError(f"at and shift must be two numbers each, got {at!r} and {shift!r}")
    x, y = (number("at", one) for one in at)
    right, up = (number("shift", one) for one in shift)
    return ax.annotate(
        text_of("text", text),
        (x, y),
        xytext=(right, up),
        textcoords="offset points",
        ha="left" if right > 0 else "right" if right < 0 else "center",
        va="bottom" if up > 3 else "top" if up < -3 else "center",
        color=ink(colour),
        fontsize=SMALL,
    )


def end_labels(ax, *, side: str = "right", gap: float = 6.0) -> list:
    """Write the label of each line (``ax.plot(..., label="law")``) at its end, and no legend.

    Labels that would overlap are pushed apart by as little as possible. Call it last: the
    places depend on the limits of the axes.

    Parameters
    ----------
    ax : matplotlib Axes
    side : {"right", "left"}
    gap : float
        From the end of the line to the text, in points, 0 or more.

    Returns
    -------
    list of matplotlib Annotation

    Raises
    ------
    TypeError, ValueError
        If no line has a label, or an argument is out of range.
    """
    member("side", side, ("left", "right"))
    gap = number("gap", gap, at_least=0)
    handles, names = ax.get_legend_handles_labels()
    if not names:
        raise ValueError("ax must have lines with labels, got none")
    fig = ax.get_figure()
    fig.draw_without_rendering()  # limits and layout are known only now
    ends = []
    for handle, name in zip(handles, names, strict=True):
        line = handle[0] if isinstance(handle, tuple) else handle
        x, y = (np.ma.filled(np.ma.asarray(d, float), np.nan) for d in line.get_data())
        seen = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        at = seen[x[seen].argmax() if side == "right" else x[seen].argmin()]
        ends.append((x[at], y[at], line.get_color(), name))
    ends.sort(key=lambda end: end[1])
    points = 72 / fig.dpi  # from pixels
    heights = np.array([ax.transData.transform(end[:2])[1] for end in ends]) * points
    lines = np.array([1 + end[3].count("\n") for end in ends]) * SMALL * LINE
    places = _apart(heights, lines)
    return [
        ax.annotate(
            name,
            (x, y),
            xytext=(gap if side == "right" else -gap, place - height),
            textcoords="offset points",
            ha="left" if side == "right" else "right",
            va="center",
            color=ink(colour),
            fontsize=SMALL,
        )
        for (x, y, colour, name), place, height in zip(ends, places, heights, strict=True)
    ]


def _apart(places: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Move rising places apart by half the sum of two heights, by least squares."""
    needed = np.concatenate([[0.0], np.cumsum((heights[1:] + heights[:-1]) / 2)])
    blocks: list[list[float]] = []  # mean and number: pool what would overlap
    for value in places - needed:
        blocks.append([value, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, n), (b, m) = blocks[-2:]
            blocks[-2:] = [[(a * n + b * m) / (n + m), n + m]]
    return np.repeat([mean for mean, _ in blocks], [int(n) for _, n in blocks]) + needed
