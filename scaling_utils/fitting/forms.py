"""Which form of law predicts runs that it has not seen, and whether the rows can tell."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from scaling_utils._check import number, positive_array, same_length, whole
from scaling_utils.fitting._comparison import Comparison, FormScore
from scaling_utils.fitting._draws import draws_of
from scaling_utils.fitting._intervals import enough, interval_of
from scaling_utils.fitting.coupled import fit_coupled
from scaling_utils.fitting.errors import FitError, FitWarning
from scaling_utils.fitting.fit import SPARE, Fit
from scaling_utils.fitting.parametric import fit_parametric
from scaling_utils.fitting.power import fit_power_law
from scaling_utils.units import TRAINING_FLOPS

NO_CHANGE = "no change"
FEW = 5  # held-out rows, or groups of them, below which their resamples say little


@dataclass(frozen=True)
class Form:
    """A form of law for ``compare_forms``.

    Parameters
    ----------
    fit : callable
        From N, D and loss, each of shape (runs,), to a ``Fit``.
    at : callable, optional
        From a law of that fit, N and D to losses. By default ``law.loss(N, D)``.
    """

    fit: Callable[..., Fit]
    at: Callable = lambda law, N, D: law.loss(N, D)


FORMS: Mapping[str, Form] = {
    "power law in C": Form(
        lambda N, D, loss: fit_power_law(TRAINING_FLOPS * N * D, loss),
        lambda law, N, D: law.loss(TRAINING_FLOPS * N * D),
    ),
    "additive, alpha = beta": Form(
        lambda N, D, loss: fit_parametric(N, D, loss, tie=("alpha", "beta"))
    ),
    "additive": Form(fit_parametric),
    "coupled": Form(fit_coupled),
}


def compare_forms(
    N,
    D,
    loss,
    *,
    hold_out=0.2,
    forms: Mapping[str, Form] | None = None,
    floor: float | None = None,
    by=None,
    n: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> Comparison:
    """Fit several forms to the kept runs and score them on the held-out ones.

    "No change", the lowest loss of the kept runs, is always scored beside them: a form that does
    not beat it predicts nothing. Forms are told apart by a paired bootstrap: each resample draws
    kept rows, refits every form to the same ones, and draws the held-out rows that they are
    scored on (Efron and Tibshirani 1993, https://doi.org/10.1201/9780429246593, chapter 17 on
    errors of prediction).

    Parameters
    ----------
    N, D, loss : arrays, shape (runs,)
        Parameters, tokens, and final loss in nats per token. Above zero.
    hold_out : float or array of bool, shape (runs,)
        The rows to hold out, or the share of the rows with the largest N D. Chosen before you
        look at the result.
    forms : mapping of str to Form, optional
        By name; the simplest first, by default a power law in C = 6 N D, the additive law with
        alpha = beta, the additive law and the coupled one.
    floor : float, optional
        The loss that no model can go below, where it is known (the entropy of a source).
    by : array, shape (runs,), optional
        The group of each row. Whole groups are drawn, as for ``Fit.resample``.
    n, seed : int
        Resamples, and the seed of their draws.
    level : float
        Nominal coverage of the gaps; it needs 2 / (1 - level) resamples or more.

    Returns
    -------
    Comparison
        Scores by form, the best first, and which forms these rows cannot tell from the best.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, no row is held out, a held-out run lies at or below
        ``floor``, too few rows are kept to refit a form, or ``forms`` is no mapping to ``Form``.
    FitError
        If no form could be fitted to the kept rows; ``partial`` says why, by form.
    """
    columns = {"N": N, "D": D, "loss": loss}
    N, D, loss = (positive_array(name, value, ndim=1) for name, value in columns.items())
    same_length(N=N, D=D, loss=loss)
    held = _held(hold_out, N * D)
    forms = _forms(FORMS if forms is None else forms)
    if floor is not None:
        floor = number("floor", floor, at_least=0, below=float(loss[held].min()))
    n, seed = whole("n", n, at_least=2), whole("seed", seed, at_least=0)
    level = enough(level, n)
    by = None if by is None else np.asarray(by)
    if by is not None and by.shape != loss.shape:
        raise ValueError(f"by must hold one label per row, shape {loss.shape}, got {by.shape}")
    kept = ~held
    fits, failed = _fitted(forms, N[kept], D[kept], loss[kept])
    if not fits:
        raise FitError("no form could be fitted to the kept rows", failed)
    points = {name: forms[name].at(fit.law, N, D) for name, fit in fits.items()}
    points[NO_CHANGE] = np.full(loss.size, loss[kept].min())
    scores = {name: _score(values / loss - 1, held, loss, floor) for name, values in points.items()}
    scores = dict(sorted(scores.items(), key=lambda pair: pair[1].error))
    best = next(iter(scores))
    errors = _resampled(forms, fits, N, D, loss, held, by, n, seed)
    gaps = {name: _gap(errors[name] - errors[best], level) for name in scores if name != best}
    return Comparison(
        scores=scores,
        best=best,
        gaps=gaps,
        ties=tuple(name for name, gap in gaps.items() if gap is None or not gap[0] > 0),
        fits=fits,
        failed=failed,
        held=np.flatnonzero(held),
        notes=_notes(fits, failed, held, by, best),
    )


def _held(hold_out, work: np.ndarray) -> np.ndarray:
    """Return which rows are held out."""
    if np.ndim(hold_out) == 0:
        share = number("hold_out", hold_out, above=0, below=1)
        count = max(1, round(share * work.size))
        held = work >= np.sort(work)[-count]
    else:
        held = np.asarray(hold_out)
        if held.dtype != bool or held.shape != work.shape:
            raise ValueError(
                f"hold_out must be a share or one truth value per row, shape {work.shape}; "
                f"got {held.dtype} of shape {held.shape}"
            )
    if not held.any() or held.all():
        raise ValueError(
            f"hold_out must leave out some rows and keep others, got {held.sum()} "
            f"of {held.size} held out"
        )
    return held


def _forms(forms) -> dict[str, Form]:
    right = isinstance(forms, Mapping) and forms and NO_CHANGE not in forms
    if not right or not all(isinstance(form, Form) for form in forms.values()):
        raise TypeError(f"forms must map names, {NO_CHANGE!r} aside, to Form; got {forms!r}")
    return dict(forms)


def _fitted(forms, N, D, loss) -> tuple[dict[str, Fit], dict[str, str]]:
    """Return the fits that have a law, and why the others have none."""
    fits, failed = {}, {}
    for name, form in forms.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FitWarning)
                fit = form.fit(N, D, loss)
            _ = fit.law
            fits[name] = fit
        except (FitError, ValueError) as error:
            failed[name] = str(error)
    return fits, failed


def _score(error, held, loss, floor) -> FormScore:
    size, out = np.abs(error), error[held]
    over = np.nan if floor is None else np.abs(out) * loss[held] / (loss[held] - floor)
    return FormScore(
        error=float(size[held].mean()),
        bias=float(out.mean()),
        largest=float(size[held].max()),
        excess=float(np.mean(over)),
        kept=float(size[~held].mean()),
    )


def _resampled(forms, fits, N, D, loss, held, by, n: int, seed: int) -> dict[str, np.ndarray]:
    """Return the error of each form in each resample, (n,); NaN where it has no law."""
    rng, kept = np.random.default_rng(seed), np.flatnonzero(~held)
    least = max(fit._free for fit in fits.values())
    if kept.size < least + SPARE:
        raise ValueError(
            f"hold_out must keep at least {least + SPARE} rows to refit {least} constants, "
            f"got {kept.size}"
        )
    groups = None if by is None else by[kept]
    chosen = draws_of(rng, n, kept.size, least, by=groups, strata=None, draws=None, seed=seed)
    counts = chosen.weights(slice(0, n)).astype(int)
    draws = [np.repeat(np.arange(kept.size), row) for row in counts]
    scored = _weights(rng, n, None if by is None else by[held], int(held.sum()))
    out = {}
    for name, fit in fits.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            laws = fit.resample(draws=draws, check=0).values(
                lambda law, at=forms[name].at: at(law, N[held], D[held])
            )
        out[name] = (scored * np.abs(laws / loss[held] - 1)).sum(axis=1)
    lowest = np.array([loss[kept[draw]].min() for draw in draws])
    out[NO_CHANGE] = (scored * np.abs(lowest[:, None] / loss[held] - 1)).sum(axis=1)
    return out


def _weights(rng, n: int, groups, rows: int) -> np.ndarray:
    """Return the share of each held-out row in each resample's mean, (n, rows)."""
    of = np.arange(rows) if groups is None else np.unique(groups, return_inverse=True)[1]
    count = int(of.max()) + 1
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=n)[:, of].astype(float)
    return drawn / drawn.sum(axis=1, keepdims=True)


def _gap(difference: np.ndarray, level: float):
    return interval_of(difference[:, None], [np.nan], lambda: None, level, "percentile")[0]


def _notes(fits, failed, held, by, best: str) -> tuple[str, ...]:
    said = [f"{name} could not be fitted: {why}" for name, why in failed.items()]
    said += [f"{name}: {doubt}" for name, fit in fits.items() for doubt in fit.report.doubts]
    count = len(np.unique(by[held])) if by is not None else int(held.sum())
    if count < FEW:
        unit = "row" if by is None else "group"
        said.append(
            f"{count} held-out {unit}{'s' if count > 1 else ''}: their resamples say little of "
            "other runs, so that gaps are too narrow"
        )
    if best == NO_CHANGE:
        said.append("no form beats the lowest loss of the kept runs")
    return tuple(said)
