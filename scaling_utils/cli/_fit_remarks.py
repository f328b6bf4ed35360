"""What speaks against relying on a fit, as coded remarks."""

from __future__ import annotations

import numpy as np

from scaling_utils._remarks import Remark

CLOSE = 0.05  # spread across the line of log D against log N, over that along it
BEYOND = 1.0  # decades beyond the runs that are worth a remark
NARROW = 10.0  # factor between the largest and the least of N or D, below which a term hides
LEAST_REPLICATES = 4  # degrees of freedom of the noise between runs of one configuration
UNLIKELY = 0.01  # share of the tables without lack of fit that show so much

_CODES = (
    ("the fit warned", "fit-warned"),
    ("leave no degree of freedom", "underdetermined"),
    ("the rows do not determine", "weakly-identified"),
    ("far off", "rows-far-off"),
    ("ended at", "at-a-bound"),
    ("no run could go below", "contradicts-rows"),
    ("falls so steeply", "implausible-exponent"),
    ("hardly better than one constant", "no-trend"),
    ("budgets in no law", "budgets-left-out"),
    ("with a NaN", "rows-left-out"),
    ("did not converge", "not-converged"),
)


def coded(sentence: str) -> Remark:
    """Return a doubt of the library as a remark."""
    code = next((code for words, code in _CODES if words in sentence), "fit-doubtful")
    return Remark(code, sentence)


def about_fit(fit) -> list[Remark]:
    """Return what the fit says of itself."""
    said = [*([] if fit.converged else [Remark("not-converged", fit.message)])]
    said += [coded(words) for words in fit.report.doubts]
    seen, out = set(), []
    for remark in said:
        if remark.sentence not in seen:
            out.append(remark)
        seen.add(remark.sentence)
    return out


def about_intervals(drawn, why_not: str | None) -> list[Remark]:
    """Return what to know of the intervals."""
    if why_not:
        return [Remark("no-intervals", f"no intervals: {why_not}")]
    if drawn is None:
        return []
    return [Remark("interval-notes", f"of the intervals: {note}") for note in drawn.notes]


def about_design(runs, fit) -> tuple[list[Remark], list[Remark]]:
    """Return remarks and milder notes on the rows of a law of N and D."""
    remarks, notes = _few(fit), []
    N, D = np.log(runs["N"]), np.log(runs["D"])
    narrow = [
        f"{name} spans a factor of {np.exp(np.ptp(logs)):.3g}"
        for name, logs in (("N", N), ("D", D))
        if np.exp(np.ptp(logs)) < NARROW * (1 - 1e-9)
    ]
    if narrow:
        remarks.append(
            Remark(
                "narrow-range",
                f"{' and '.join(narrow)}: over less than {NARROW:g} a power law and a straight "
                "line look alike. Runs further apart would help",
            )
        )
    along, across = np.linalg.svd(np.column_stack([N - N.mean(), D - D.mean()]), compute_uv=False)
    if across < CLOSE * along:
        remarks.append(
            Remark(
                "collinear-predictors",
                f"N and D move together: their spread across the line is {across / along:.2g} of "
                "that along it, so that their terms are told apart badly. Runs of one size on "
                "several lengths would help",
            )
        )
    _, place, counts = np.unique(
        np.column_stack([N, D]), axis=0, return_inverse=True, return_counts=True
    )
    repeats = int((counts - 1).sum())
    if repeats == 0:
        notes.append(
            Remark(
                "one-run-per-configuration",
                "no size and length was run twice: what differs from seed to seed and what the "
                "form misses cannot be told apart",
            )
        )
    elif repeats >= LEAST_REPLICATES and len(counts) > fit._free and fit.report.scale == "log":
        remarks += _lack_of_fit(fit.residuals, place.ravel(), counts, fit._free)
    return remarks, notes


def _few(fit) -> list[Remark]:
    rows, free = fit.report.rows, fit.report.free
    if not 0 < rows - free < free:
        return []
    return [
        Remark(
            "few-rows",
            f"{rows} rows leave {rows - free} degrees of freedom for {free} constants: the noise "
            "is hardly known, and intervals are too narrow. More runs, or --fix, would help",
        )
    ]


def _lack_of_fit(residuals, place, counts, free: int) -> list[Remark]:
    """Compare what the law misses with what runs of one configuration differ by.

    The F test for lack of fit: Draper and Smith (1998), Applied Regression Analysis, section 2.1,
    https://doi.org/10.1002/9781118625590.
    """
    from scipy.stats import f

    means = np.bincount(place, residuals) / counts
    pure = float(((residuals - means[place]) ** 2).sum())
    between, within = len(counts) - free, int((counts - 1).sum())
    missed = float((counts * means**2).sum())
    if pure <= 0:
        return []
    ratio = (missed / between) / (pure / within)
    chance = float(f.sf(ratio, between, within))
    if chance >= UNLIKELY:
        return []
    return [
        Remark(
            "lack-of-fit",
            f"the law misses the means of repeated configurations by {np.sqrt(ratio):.3g} times "
            f"what their runs differ by (F test, p = {chance:.2g}): another form, or a narrower "
            "range, would fit better",
        )
    ]


def about_reach(decades: dict[str, float], what: str) -> list[Remark]:
    """Return a remark where a prediction lies far outside the rows."""
    far = {name: value for name, value in decades.items() if abs(value) >= BEYOND}
    if not far:
        return []
    words = ", ".join(f"{abs(value):.2g} decades of {name}" for name, value in far.items())
    return [
        Remark(
            "extrapolation",
            f"{what} lies {words} outside the rows: the interval covers the rows' noise, not that "
            "the form may change on the way",
        )
    ]
