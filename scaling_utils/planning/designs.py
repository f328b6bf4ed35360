"""Which runs to make next: those that narrow what a plan rests on the most.

The method is Bayesian c-optimal design (Chaloner and Verdinelli, 1995, Statistical Science 10,
273, Sec. 3), linear about the fit: the resamples of the fit are the prior. A run at (N, D) tells
the logarithm of its loss with the fit's residual noise; with k the covariances between what is
wanted and the log losses of the runs, and K those among the runs, its variance falls by
k' (K + noise^2)^-1 k. Runs are added one by one, then exchanged as long as that helps (Fedorov).
What is expected so is the best case: the law holds, and is linear over the resamples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils._check import member, number, positive_array, whole
from scaling_utils.planning.families import Family, family_of
from scaling_utils.units import TRAINING_FLOPS

WANTED = ("size", "loss")
RESAMPLES = 400  # of a Fit that comes without
_SIZES, _RATIOS = 28, 16
_EXCHANGES = 10


@dataclass(frozen=True)
class NextRuns:
    """Runs to make next.

    Attributes
    ----------
    N, D, C : array, shape (runs,)
        Parameters, tokens and FLOPs of each, the most informative first.
    wanted : str
        "size": the logarithm of the best size at ``target`` FLOPs; "loss": of the loss there.
    target, budget : float
        FLOPs of the plan, and what the runs may cost together.
    before, after : float
        Standard deviation of what is wanted, over the resamples and as expected with the runs.
    noise : float
        Standard deviation of a run's log loss, from the residuals of the fit.
    method : str
        In words.
    """

    N: np.ndarray
    D: np.ndarray
    C: np.ndarray
    wanted: str
    target: float
    budget: float
    before: float
    after: float
    noise: float
    method: str = (
        "Bayesian c-optimal design, linear about the fit, the resamples as prior "
        "(Chaloner and Verdinelli, 1995), greedy with exchanges"
    )

    def as_dict(self) -> dict:
        """Return it for JSON."""
        arrays = {name: getattr(self, name).tolist() for name in ("N", "D", "C")}
        names = ("wanted", "target", "budget", "before", "after", "noise", "method")
        return {**arrays, **{name: getattr(self, name) for name in names}}


def next_runs(
    fit,
    budget: float,
    *,
    target: float,
    wanted: str = "size",
    runs: int = 3,
    sizes=None,
    ratios=None,
    seed: int = 0,
) -> NextRuns:
    """Return the runs within a budget that narrow a plan most.

    Parameters
    ----------
    fit : Resamples or Fit
        Of a law of size and data. A Fit is resampled here, 400 times.
    budget : float
        FLOPs of all runs together.
    target : float
        FLOPs of the plan.
    wanted : {"size", "loss"}
        Whether the best size at ``target`` or the loss there is to be narrowed.
    runs : int
        How many.
    sizes, ratios : array, optional
        Parameters, and tokens per parameter, that a run may have. Left out: sizes from the
        smallest of the fit to the largest that the budget pays for, ratios from 1 to 1,000.
    seed : int
        Of the resamples, where they are made here.

    Returns
    -------
    NextRuns

    Raises
    ------
    TypeError, ValueError
        If the budget does not pay for so many of the smallest runs, or an argument is out of range.
    """
    budget, target = number("budget", budget, above=0), number("target", target, above=0)
    runs = whole("runs", runs)
    member("wanted", wanted, WANTED)
    resamples = fit if hasattr(fit, "columns") else _resampled(fit, seed)
    family = family_of(resamples)
    noise = _noise(resamples.fit)
    N, D = _candidates(family, budget, sizes, ratios)
    C = TRAINING_FLOPS * N * D
    if runs * C.min() > budget:
        raise ValueError(
            f"budget = {budget:g} FLOPs must pay for {runs} runs of the smallest, {C.min():.3g} "
            f"FLOPs each: give {runs * C.min():.3g} or more, fewer runs, or smaller sizes"
        )
    goal = _goal(family, target, wanted)
    logs = np.log(family.loss(N[:, None], D[:, None]))  # (candidates, draws)
    chosen = _choose(logs, goal, noise, C, budget, runs)
    drop = _gain(logs, goal, noise, chosen)
    spread = float(goal.var(ddof=1))
    return NextRuns(
        N[chosen],
        D[chosen],
        C[chosen],
        wanted,
        target,
        budget,
        spread**0.5,
        float(np.sqrt(max(spread - drop, 0.0))),
        noise,
    )


def _resampled(fit, seed: int):
    if not hasattr(fit, "resample"):
        raise TypeError(f"fit must be a Fit or its Resamples, got {fit!r}")
    return fit.resample(n=RESAMPLES, seed=seed)


def _noise(fit) -> float:
    """Standard deviation of a log loss about the law, as the residuals show it."""
    residuals = np.asarray(fit.residuals, dtype=float)
    free = max(len(residuals) - len(fit.constants), 1)
    return float(np.sqrt((residuals**2).sum() / free))


def _candidates(family: Family, budget: float, sizes, ratios):
    seen = family.seen
    if ratios is None:
        ratios = np.geomspace(1.0, 1000.0, _RATIOS)
    ratios = positive_array("ratios", ratios, ndim=1)
    if sizes is None:
        low = seen.N[0] if seen.N[0] else 1e7
        high = np.sqrt(budget / (TRAINING_FLOPS * ratios.min()))
        sizes = np.geomspace(min(low, high), max(low, high), _SIZES)
    sizes = positive_array("sizes", sizes, ndim=1)
    N, ratio = (grid.ravel() for grid in np.meshgrid(sizes, ratios))
    D = N * ratio
    affordable = budget >= TRAINING_FLOPS * N * D
    if not affordable.any():
        least = (TRAINING_FLOPS * N * D).min()
        raise ValueError(
            f"budget = {budget:g} FLOPs must pay for a run; the smallest takes {least:.3g}"
        )
    return N[affordable], D[affordable]


def _goal(family: Family, target: float, wanted: str) -> np.ndarray:
    N, D = family.optimal(target)
    return np.log(N if wanted == "size" else family.loss(N, D))


def _gain(logs, goal, noise: float, chosen: list[int]) -> float:
    """Variance that the chosen runs take from the goal."""
    return float(_gains(logs, goal, noise, chosen[:-1], np.array(chosen[-1:]))[0])


def _gains(logs, goal, noise: float, kept: list[int], tried: np.ndarray) -> np.ndarray:
    """Variance that the kept runs and each one of the tried take from the goal, (tried,)."""
    rows = np.concatenate([np.tile(kept, (len(tried), 1)), tried[:, None]], axis=1).astype(int)
    draws = logs.shape[1]
    centred = logs - logs.mean(axis=1, keepdims=True)
    towards = centred @ (goal - goal.mean()) / (draws - 1)
    among = np.einsum("tid,tjd->tij", centred[rows], centred[rows]) / (draws - 1)
    among += noise**2 * np.eye(rows.shape[1])
    k = towards[rows]
    return np.einsum("ti,ti->t", k, np.linalg.solve(among, k[..., None])[..., 0])


def _choose(logs, goal, noise: float, C, budget: float, runs: int) -> list[int]:
    """Return the best runs of two greedy starts: one that shares the budget equally, one not."""
    best: tuple[float, list[int]] = (-1.0, [])
    for equal in (True, False):
        chosen: list[int] = []
        for i in range(runs):
            left = runs - i - 1
            most = budget / runs if equal else budget - C[chosen].sum() - left * C.min()
            tried = np.flatnonzero(max(most, C.min()) >= C)
            gains = _gains(logs, goal, noise, chosen, tried)
            chosen.append(int(tried[gains.argmax()]))
        chosen = _exchange(logs, goal, noise, C, budget, chosen)
        gain = _gain(logs, goal, noise, chosen)
        if gain > best[0]:
            best = (gain, chosen)
    return best[1]


def _exchange(logs, goal, noise: float, C, budget: float, chosen: list[int]) -> list[int]:
    """Return the runs after exchanging one at a time as long as that helps."""
    for _ in range(_EXCHANGES):
        before = list(chosen)
        for i in range(len(chosen)):
            kept = chosen[:i] + chosen[i + 1 :]
            tried = np.flatnonzero(budget - C[kept].sum() >= C)
            gains = _gains(logs, goal, noise, kept, tried)
            chosen = [*kept, int(tried[gains.argmax()])]
        if sorted(chosen) == sorted(before):
            break
    return chosen
