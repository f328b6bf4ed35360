"""A law as plans need it: its constants in arrays, one row per resample, and what it was fitted on.

All laws here are L(N, D) = E + [(A / N^alpha)^q + (B / D^beta)^q]^(1/q): the additive law is q = 1
(Hoffmann et al., 2022, https://arxiv.org/abs/2203.15556, Eq. 2), Kaplan's joint law another q and
no E. Their optimum is a closed form, so that thousands of resamples are a few array operations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from scaling_utils._lazy import DATA
from scaling_utils.laws import CoupledLaw, DataConstrainedLaw, KaplanJoint, ParametricLaw
from scaling_utils.laws import get as published_law
from scaling_utils.planning.seen import Seen, seen_by
from scaling_utils.units import TRAINING_FLOPS

CONSTANTS = ("E", "A", "B", "alpha", "beta")
RESAMPLED = "besiroglu-resamples"
WANTED = (
    "law must be the name of a law of size and data (chinchilla, besiroglu, muennighoff, "
    f"kaplan-joint, {RESAMPLED}, ...), a ParametricLaw, CoupledLaw, KaplanJoint or "
    "DataConstrainedLaw, a Fit of one, or its Resamples"
)


@dataclass(frozen=True, eq=False)
class Family:
    """The constants of a law, each an array of shape (draws,).

    Attributes
    ----------
    name : str
        What the law is called.
    E, A, B, alpha, beta, q : array, shape (draws,)
        Loss in nats per token, N in parameters, D in tokens.
    R_D_star, R_N_star : float
        Repetitions after which another pass, or excess parameters, are worth 1/e of the first.
    seen : Seen
        The runs that it was fitted on.
    resampled : bool
        Whether the draws are resamples of a fit; otherwise the law is one row without a range.
    dropped : int
        Resamples that made no law, and were left out.
    source : str
        Of the constants.
    """

    name: str
    E: np.ndarray
    A: np.ndarray
    B: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    q: np.ndarray
    seen: Seen
    R_D_star: float = 15.387756  # Muennighoff et al. (2023), arXiv:2305.16264, App. A
    R_N_star: float = 5.309743
    resampled: bool = False
    dropped: int = 0
    source: str = ""

    def __len__(self) -> int:
        return len(self.E)

    def take(self, index) -> Family:
        """Return the draws at ``index``, an array of whole numbers."""
        return replace(self, **{c: getattr(self, c)[index] for c in (*CONSTANTS, "q")})

    def middle(self) -> Family:
        """Return one row: the median of each constant."""
        medians = {c: np.median(getattr(self, c), keepdims=True) for c in (*CONSTANTS, "q")}
        return replace(self, **medians)

    def loss(self, N, D):
        """Return the loss in nats per token; N and D broadcast with the draws."""
        size = np.log(self.A) - self.alpha * np.log(N)
        data = np.log(self.B) - self.beta * np.log(D)
        # In logarithms, because a high power of a term may leave the range of floats.
        return self.E + np.exp(np.logaddexp(self.q * size, self.q * data) / self.q)

    def _log_g(self):
        ratio = np.log(self.alpha / self.beta) / self.q + np.log(self.A / self.B)
        return ratio / (self.alpha + self.beta)

    def optimal(self, C):
        """Return N and D that give the lowest loss at C = 6 N D FLOPs."""
        a = self.beta / (self.alpha + self.beta)
        work = np.log(C / TRAINING_FLOPS)
        return np.exp(self._log_g() + a * work), np.exp((1 - a) * work - self._log_g())

    def tokens_best_for(self, N):
        """Return the tokens of the frontier's point with N parameters."""
        share = np.log(self.beta / self.alpha) / self.q + np.log(self.B / self.A)
        return np.exp((share + self.alpha * np.log(N)) / self.beta)

    def size_best_for(self, D):
        """Return the parameters of the frontier's point with D tokens."""
        share = np.log(self.alpha / self.beta) / self.q + np.log(self.A / self.B)
        return np.exp((share + self.beta * np.log(D)) / self.alpha)

    def tokens_for(self, N, loss):
        """Return the tokens with which N parameters reach a loss; NaN where none do."""
        return self._other(loss, self.A, self.alpha, N, self.B, self.beta)

    def size_for(self, D, loss):
        """Return the parameters with which D tokens reach a loss; NaN where none do."""
        return self._other(loss, self.B, self.beta, D, self.A, self.alpha)

    def _other(self, loss, own, exponent, x, other, other_exponent):
        with np.errstate(invalid="ignore", divide="ignore"):
            left = (loss - self.E) ** self.q - (own * x**-exponent) ** self.q
            return (other / left ** (1 / self.q)) ** (1 / other_exponent)

    def on_iso_loss(self, loss, data_share):
        """Return N and D that reach ``loss`` when the data term has a share of (L - E)^q.

        NaN where the loss is not above E.
        """
        with np.errstate(invalid="ignore"):
            log_rest = np.log(np.maximum(loss - self.E, 0) + np.where(loss > self.E, 0, np.nan))
        size = log_rest + np.log1p(-data_share) / self.q
        data = log_rest + np.log(data_share) / self.q
        N = np.exp((np.log(self.A) - size) / self.alpha)
        return N, np.exp((np.log(self.B) - data) / self.beta)

    def cheapest(self, loss):
        """Return N and D that reach ``loss`` with the least 6 N D; NaN where none do."""
        return self.on_iso_loss(loss, self.alpha / (self.alpha + self.beta))


def family_of(law) -> Family:
    """Return the family of a law, a fit, or its resamples.

    Parameters
    ----------
    law : str, law, Fit or Resamples
        A name is one of ``laws.PUBLISHED``, or "besiroglu-resamples": 400 resamples of the 240
        runs that Besiroglu et al. (2024), https://arxiv.org/abs/2404.10102, read off Hoffmann's
        Fig. 4. A Fit is its best law alone; its ``resample()`` has an interval too.

    Returns
    -------
    Family

    Raises
    ------
    TypeError, ValueError
        For an unknown name, and for a law that is none of size and data.
    """
    if isinstance(law, Family):
        return law
    if law == RESAMPLED:
        return _stored()
    if isinstance(law, str):
        found = published_law(law)
        if not _lawlike(found):
            raise ValueError(f"{WANTED}; {law!r} is a {type(found).__name__}")
        return _single(law, found, seen_by(law))
    if _lawlike(law):
        return _single(type(law).__name__, law, Seen())
    if hasattr(law, "columns") and hasattr(law, "fit"):
        return _resampled(law)
    if hasattr(law, "draws") and hasattr(law, "form"):
        from scaling_utils.planning.saved import family_of_saved

        return family_of_saved(law)
    if hasattr(law, "data") and hasattr(law, "law"):
        if not _lawlike(law.law):
            raise TypeError(f"{WANTED}; got a fit of {type(law.law).__name__}")
        return _single("fit", law.law, Seen.of_fit(law))
    raise TypeError(f"{WANTED}; got {law!r}")


def _lawlike(law) -> bool:
    return isinstance(law, (ParametricLaw, CoupledLaw, KaplanJoint, DataConstrainedLaw))


def _parts(law) -> tuple[list[float], dict]:
    """Constants E, A, B, alpha, beta, q of a law, and its repetition constants where it has any."""
    repeats = {}
    if isinstance(law, DataConstrainedLaw):
        repeats = {"R_D_star": law.R_D_star, "R_N_star": law.R_N_star}
        law = law.law
    if isinstance(law, KaplanJoint):
        law = CoupledLaw.from_kaplan(law)
    return [*(getattr(law, c) for c in CONSTANTS), getattr(law, "q", 1.0)], repeats


def _single(name: str, law, seen: Seen) -> Family:
    values, repeats = _parts(law)
    source = law.about.source if getattr(law, "about", None) else "given"
    arrays = [np.array([v]) for v in values]
    return Family(name, *arrays, seen=seen, source=source, **repeats)


def _resampled(resamples) -> Family:
    fit = resamples.fit
    names = list(fit.constants)
    if not set(CONSTANTS) <= set(names):
        raise TypeError(f"{WANTED}; got resamples of a fit with the constants {', '.join(names)}")
    columns = np.asarray(resamples.columns, dtype=float)
    values = [columns[:, names.index(c)] for c in CONSTANTS]
    values.append(columns[:, names.index("q")] if "q" in names else np.ones(len(columns)))
    table = np.stack(values)
    lawful = np.isfinite(table).all(axis=0) & (table[1:] > 0).all(axis=0) & (table[0] >= 0)
    if lawful.sum() < 2:
        raise ValueError("law must have two or more resamples that make a law, got none or one")
    return Family(
        "fit",
        *table[:, lawful],
        seen=Seen.of_fit(fit),
        resampled=True,
        dropped=int((~lawful).sum()),
        source=f"{resamples.n} resamples ({resamples.kind}) of a fit of {len(fit.residuals)} rows",
    )


@cache
def _stored() -> Family:
    """The stored resamples, ``fit_parametric(N, D, loss).resample(n=400, seed=0)``."""
    table = np.loadtxt(DATA / "besiroglu_resamples.csv", delimiter=",", skiprows=1).T
    return Family(
        RESAMPLED,
        *table,
        q=np.ones(table.shape[1]),
        seen=seen_by("besiroglu"),
        resampled=True,
        source="400 resamples of the 240 runs of Besiroglu et al. (2024), arXiv:2404.10102, fitted "
        "here with their loss, Huber at 1e-3",
    )
