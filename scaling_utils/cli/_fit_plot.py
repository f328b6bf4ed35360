"""The fit as a picture: by matplotlib into a file, by uniplot into the terminal."""

from __future__ import annotations

import numpy as np

MOST_CURVES = 8
POINTS = 200


def draw(drawn, path: str) -> None:
    """Draw the rows with the law, and the residuals below, into a file.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    series = _series(drawn)
    figure = Figure(figsize=(7, 6), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    for k, one in enumerate(series["groups"]):
        color = f"C{k}"
        above.plot(one["x"], one["y"], "o", ms=4, color=color, label=one["label"])
        if one["curve"] is not None:
            above.plot(*one["curve"], "-", lw=1.2, color=color)
        below.plot(one["x"], one["residual"], "o", ms=3, color=color)
    above.set(xscale="log", ylabel=series["y"], title=drawn.saved.words)
    if (np.concatenate([one["y"] for one in series["groups"]]) > 0).all():
        above.set_yscale("log")
    if len(series["groups"]) > 1:
        above.legend(fontsize=8)
    below.axhline(0, color="0.6", lw=0.8)
    below.set(xlabel=series["x"], ylabel="residual")
    figure.savefig(path, dpi=150, metadata={"Software": None} if path.endswith("png") else None)


def in_terminal(drawn) -> str:
    """Return the rows and the law as text; ValueError where uniplot is not installed."""
    try:
        from uniplot import plot_to_string
    except ImportError as error:
        raise ValueError(
            "--plot -: needs uniplot: install the extra terminal, or name a file such as fit.png"
        ) from error
    series = _series(drawn)
    xs, ys = [], []
    for one in series["groups"]:
        xs.append(one["x"])
        ys.append(one["y"])
    for one in series["groups"]:
        if one["curve"] is not None:
            xs.append(one["curve"][0])
            ys.append(one["curve"][1])
    title = f"{series['y']} against {series['x']}"
    drawn_text = plot_to_string(
        xs=xs, ys=ys, x_as_log=True, width=70, height=18, title=title, color=False, lines=False
    )
    return drawn_text if isinstance(drawn_text, str) else "\n".join(drawn_text)


def _series(drawn) -> dict:
    """Return the rows in groups, each with the law's curve through it."""
    form, runs, fit, saved = drawn.wanted.form, drawn.runs, drawn.fit, drawn.saved
    if form == "isoflop":
        return _valleys(fit)
    if form in ("additive", "coupled"):
        return _by_size(runs, fit, saved)
    if len(saved.x) > 1:
        predicted = saved.predict(*(runs[name] for name in saved.x))["value"]
        ends = np.array([predicted.min(), predicted.max()])
        group = {"x": predicted, "y": runs[saved.y], "residual": fit.residuals, "label": "rows",
                 "curve": (ends, ends)}  # fmt: skip
        return {"x": f"predicted {saved.y}", "y": saved.y, "groups": [group]}
    x = runs[saved.x[0]]
    grid = np.geomspace(x.min(), x.max(), POINTS)
    group = {"x": x, "y": runs[saved.y], "residual": fit.residuals, "label": "rows",
             "curve": (grid, saved.predict(grid)["value"])}  # fmt: skip
    return {"x": saved.x[0], "y": f"{saved.y}, {saved.unit}", "groups": [group]}


def _by_size(runs, fit, saved) -> dict:
    """Return the loss against the work, in up to eight groups of equal or near sizes."""
    N, work = runs["N"], runs["C"]
    sizes = np.unique(N)
    if len(sizes) > MOST_CURVES:
        edges = np.geomspace(sizes[0], sizes[-1] * (1 + 1e-9), MOST_CURVES + 1)
        of = np.clip(np.searchsorted(edges, N, side="right") - 1, 0, MOST_CURVES - 1)
    else:
        of = np.searchsorted(sizes, N)
    groups = []
    for k in np.unique(of):
        rows = of == k
        middle = float(np.exp(np.log(N[rows]).mean()))
        grid = np.geomspace(work[rows].min(), work[rows].max() * (1 + 1e-9), POINTS)
        curve = (grid, saved.predict(np.full(POINTS, middle), grid / (6 * middle))["value"])
        groups.append(
            {"x": work[rows], "y": runs["loss"][rows], "residual": fit.residuals[rows],
             "label": f"N {middle:.2g}", "curve": curve}
        )  # fmt: skip
    return {"x": "C = 6 N D, FLOPs", "y": "loss, nats per token", "groups": groups}


def _valleys(fit) -> dict:
    groups = []
    N, loss = fit.data["N"], fit.data["loss"]
    for k, rows in enumerate(fit.groups):
        order = rows[np.argsort(N[rows])]
        groups.append(
            {"x": N[order], "y": loss[order], "residual": fit.residuals[order],
             "label": f"C {fit.C[k]:.2g}",
             "curve": (N[order], loss[order] + fit.residuals[order])}
        )  # fmt: skip
    return {"x": "N, parameters", "y": "loss, nats per token", "groups": groups}
