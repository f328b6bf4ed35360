"""What a fit says about itself: residuals, rows far off, bounds reached, constants not determined.

Every fit has ``fit.report``, computed when it is first asked for. ``report.doubts`` says in
words why the fit should not be relied on; it is empty where nothing speaks against it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from scaling_utils.fitting._evidence import (
    Evidence,
    find_far,
    find_loose,
    plain_numbers,
    relative_errors,
)

NAMED = 8  # rows named one by one in a sentence


@dataclass(frozen=True)
class Report:
    """How well the rows bear out a fit.

    Attributes
    ----------
    rows : int
        Rows that were fitted.
    free : int
        Constants fitted to them.
    degrees_of_freedom : int
        The difference.
    residual_rms : float
        Root mean square of the sizes of the residuals.
    residual_median : float
        Their median.
    residual_max : float
        The largest of them.
    scale : str
        "log": residuals are of the logarithm, so that 0.01 is one per cent. "value": in the
        unit of what was fitted.
    far : tuple of int
        Rows, counted from 0, whose residual is above 11 times the robust scale of all and
        above 2 % in size. The scale is 1.4826 times the median size of the residuals, less the
        smallest ones, as many as constants were fitted: a robust fit runs through about that
        many rows (Maronna, Martin and Yohai 2006, https://doi.org/10.1002/0470010940,
        section 4.4.2). Under normal noise fewer than 1 table of 1,000 names a row. Tables read
        off figures have long tails: one of the 240 rows of the best-known refit lies at 10.
    without_far : object or None
        The law fitted without those rows; None where there are none, or no law is left.
    at_bound : tuple of str
        Constants that ended at the edge of what is allowed.
    unidentified : tuple of str
        Constants with a standard error above a factor of two, or that can change together with
        others while no prediction moves. Errors are those of the linearised fit; prefactors
        are judged by their term in the middle of the rows, and with their exponent.
    warned : tuple of str
        What the fit warned of.
    doubts : tuple of str
        Why the fit should not be relied on, one sentence each.
    """

    rows: int
    free: int
    degrees_of_freedom: int
    residual_rms: float
    residual_median: float
    residual_max: float
    scale: str
    far: tuple[int, ...]
    without_far: object | None
    at_bound: tuple[str, ...]
    unidentified: tuple[str, ...]
    warned: tuple[str, ...]
    doubts: tuple[str, ...]

    @property
    def trusted(self) -> bool:
        """Whether there are no doubts."""
        return not self.doubts

    def as_dict(self) -> dict:
        """Return the report ready for JSON.

        Returns
        -------
        dict
            The attributes by name, and ``trusted``; what is not finite becomes None.
        """
        law = self.without_far
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain["without_far"] = None if law is None else constants_of(law)
        return plain_numbers({**plain, "trusted": self.trusted})


def make_report(evidence: Evidence) -> Report:
    """Return the report of a fit."""
    size = np.abs(evidence.residuals)
    spare = size.size - evidence.free
    far, fit = find_far(evidence)
    errors = relative_errors(evidence)
    loose = find_loose(evidence, errors)
    doubts = [f"the fit warned: {words}" for words in evidence.warned]
    if spare <= 0:
        doubts.append(
            f"{size.size} rows leave no degree of freedom for {evidence.free} constants: the law "
            "meets them whatever they are"
        )
    doubts += [words for words in evidence.at_bound.values() if words]
    if loose:
        doubts.append(_say_loose(loose, errors))
    if far:
        doubts.append(_say_far(evidence, far, fit))
    doubts += evidence.contradictions
    return Report(
        rows=size.size,
        free=evidence.free,
        degrees_of_freedom=spare,
        residual_rms=float(np.sqrt(np.mean(size**2))),
        residual_median=float(np.median(size)),
        residual_max=float(size.max()),
        scale=evidence.scale,
        far=far,
        without_far=None if fit is None else evidence.law(fit),
        at_bound=tuple(evidence.at_bound),
        unidentified=tuple(loose),
        warned=evidence.warned,
        doubts=tuple(doubts),
    )


def _say_loose(loose: list[str], errors: dict[str, float]) -> str:
    parts = []
    for name in loose:
        factor = math.exp(min(errors[name], 700.0))
        known = f"known to a factor {float(f'{factor:.2g}'):,g}"
        parts.append(f"{name} ({'not at all' if factor > 1e6 else known})")
    return f"the rows do not determine {', '.join(parts)}; a factor is one standard error"


def _say_far(evidence: Evidence, far: tuple[int, ...], fit) -> str:
    size = np.abs(evidence.residuals)
    named = ", ".join(map(str, far[:NAMED]))
    more = f" and {len(far) - NAMED} more" if len(far) > NAMED else ""
    rows = (
        f"row {named} (counted from 0) lies"
        if len(far) == 1
        else (f"rows {named}{more} (counted from 0) lie")
    )
    unit = " in log" if evidence.scale == "log" else ""
    largest, usual = size[list(far)].max(), np.median(size)
    sentence = f"{rows} far off: by up to {largest:.2g}{unit}, where half of all rows lie within "
    sentence += f"{usual:.2g}"
    if fit is None:
        return f"{sentence}; without them no law is left"
    return f"{sentence}; {evidence.compare(fit)}" if evidence.compare else sentence


def constants_of(law) -> dict:
    """Return the constants of a law by name."""
    values = {k: v for k, v in vars(law).items() if k != "about"}
    return {k: constants_of(v) if hasattr(v, "__dict__") else v for k, v in values.items()}
