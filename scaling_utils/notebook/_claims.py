"""Claims: what a chapter has shown, with the numbers that it rests on, checked as it is said."""

from __future__ import annotations

import html
import math
from dataclasses import asdict, dataclass

import numpy as np

from scaling_utils._check import number
from scaling_utils.notebook._shown import text_of

CLAIM_MIME = "application/vnd.scaling-utils.claim+json"
SEEN_FIRST = "seen first: the bound was set after the result"


class ClaimError(AssertionError):
    """A claim of a chapter that its own numbers do not support."""


@dataclass(frozen=True)
class Claim:
    """One statement with the numbers that it rests on, as a notebook stores it.

    Attributes
    ----------
    sentence : str
        What the chapter says it has shown.
    measured : float
        The number that was measured, with five significant digits.
    relation : str
        What was expected of it, in words.
    expected : float or (float, float)
        The expected value or the bound; two bounds from the lower to the upper.
    unit : str
        Of ``measured`` and ``expected``; empty for a ratio.
    source : str
        Where the expectation comes from.
    holds : bool
        Whether ``measured`` is as expected.
    seen_first : bool
        Whether the bound was chosen after the result had been seen.
    """

    sentence: str
    measured: float
    relation: str
    expected: float | tuple[float, float]
    unit: str
    source: str
    holds: bool
    seen_first: bool = False


def claim(
    sentence: str,
    measured: float,
    expected: float | None = None,
    *,
    rel: float | None = None,
    abs: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    unit: str = "",
    source: str,
    seen_first: bool = False,
) -> None:
    """State ``sentence``, check it against numbers, and show a tick; raise where it fails.

    Give either ``expected`` with a tolerance, or one or both of the bounds.

    Parameters
    ----------
    sentence : str
        What the chapter says it has shown; one sentence.
    measured : float
        The number that this notebook computed or measured.
    expected : float, optional
        What it should be. It needs ``rel`` or ``abs``, or both, of which the wider counts.
    rel : float, optional
        Tolerance as a fraction of ``expected``, 0 or more; 0 asks for equality.
    abs : float, optional
        Tolerance in the unit of ``expected``, 0 or more; 0 asks for equality.
    at_least : float, optional
        Lower bound; ``measured`` may be equal to it.
    at_most : float, optional
        Upper bound; ``measured`` may be equal to it.
    unit : str
        Of ``measured`` and of what is expected; none for a ratio.
    source : str
        Where the expectation comes from: a paper's equation, a theory, a table, or
        "this chapter" for a comparison inside it.
    seen_first : bool
        The bound was chosen after the result had been seen. Such a claim guards the result
        against later changes and proves nothing; the page and the scoreboard say so.

    Raises
    ------
    ClaimError
        If the claim does not hold, or ``measured`` is NaN or infinite; the message carries the
        numbers.
    TypeError
        If ``measured``, a bound or a tolerance is no single number (a truth value is none), or
        ``seen_first`` no truth value.
    ValueError
        If the claim cannot be checked as it is stated, or a text is empty.
    """
    from IPython.display import display

    text_of("sentence", sentence)
    text_of("source", source)
    if isinstance(measured, bool | np.bool_ | str) or getattr(measured, "shape", ()) != ():
        raise TypeError(f"measured must be a single number, got {measured!r}")
    try:
        measured = float(measured)
    except (TypeError, ValueError):
        raise TypeError(f"measured must be a single number, got {measured!r}") from None
    relation, target, inside = _relation(measured, expected, rel, abs, at_least, at_most)
    holds = inside and math.isfinite(measured)  # infinity is above every bound
    target = tuple(map(_rounded, target)) if isinstance(target, tuple) else _rounded(target)
    if not isinstance(seen_first, bool):
        raise TypeError(f"seen_first must be True or False, got {seen_first!r}")
    made = Claim(
        sentence.strip(),
        _rounded(measured),
        relation,
        target,
        unit,
        source.strip(),
        holds,
        seen_first,
    )
    if not holds:
        raise ClaimError(_plain(made))
    display({**claim_texts(made), CLAIM_MIME: asdict(made)}, raw=True)


def claim_texts(made: Claim) -> dict[str, str]:
    """Return what a reader sees of a claim that holds.

    It follows from the claim alone, so a stored text can be held to the stored numbers.

    Parameters
    ----------
    made : Claim
        What ``claim`` made.

    Returns
    -------
    dict of str to str
        Text by MIME type: "text/plain" and "text/html".
    """
    return {"text/plain": f"✓ {_plain(made)}", "text/html": _claim_html(made)}


def _plain(made: Claim) -> str:
    mark = f" ({SEEN_FIRST})" if made.seen_first else ""
    measured = _show(made.measured, made.unit)
    return f"{made.sentence} Measured {measured}, {made.relation}{mark}. [{made.source}]"


def _relation(measured, expected, rel, abs_, at_least, at_most):
    """Return the relation in words, its target, and whether ``measured`` satisfies it."""
    bounds = {"at_least": at_least, "at_most": at_most}
    given = {name: number(name, value) for name, value in bounds.items() if value is not None}
    if (expected is None) == (not given):
        raise ValueError(
            "a claim needs either expected, or at_least and/or at_most; got "
            + ("both" if given else "neither")
        )
    if given:
        if rel is not None or abs_ is not None:
            raise ValueError("rel and abs go with expected, not with at_least or at_most")
        low, high = given.get("at_least", -math.inf), given.get("at_most", math.inf)
        if low > high:
            raise ValueError(f"at_least must not exceed at_most, got {low:g} and {high:g}")
        words = " and ".join(f"{name.replace('_', ' ')} {_digits(v)}" for name, v in given.items())
        target = tuple(given.values()) if len(given) == 2 else next(iter(given.values()))
        return f"expected {words}", target, low <= measured <= high
    if rel is None and abs_ is None:
        raise ValueError("expected needs a tolerance: rel, abs or both (0 asks for equality)")
    expected = number("expected", expected)
    margins, words = [], []
    if rel is not None:
        margins.append(number("rel", rel, at_least=0) * math.fabs(expected))
        words.append(f"{100 * rel:g} %")
    if abs_ is not None:
        margins.append(number("abs", abs_, at_least=0))
        words.append(f"{abs_:g}")
    holds = math.fabs(measured - expected) <= max(margins)
    return f"expected {_digits(expected)} ± {' or '.join(words)}", expected, holds


def _rounded(value: float) -> float:
    """Round to what is shown and stored: the last bits differ from machine to machine."""
    if not math.isfinite(value):
        return value
    near = float(f"{value:.10g}")
    return near if near == int(near) and math.fabs(near) < 1e7 else float(f"{value:.5g}")


def _digits(value: float) -> str:
    """Write a number with at most five significant digits, whole numbers in full."""
    value = _rounded(value)
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and math.fabs(value) < 1e7:
        return f"{int(value):,}"
    return f"{value:.5g}"


def _show(value: float, unit: str) -> str:
    return f"{_digits(value)} {unit}".strip()


def _claim_html(made: Claim) -> str:
    sentence, unit, relation, source = (
        html.escape(text) for text in (made.sentence, made.unit, made.relation, made.source)
    )
    mark = f" · <i>{SEEN_FIRST}</i>" if made.seen_first else ""
    return (
        '<div class="claim" style="border-left:4px solid #009E73;padding:.3em .8em;margin:.5em 0">'
        f'<span role="img" aria-label="holds">✓</span> {sentence} '
        f"<br><small>measured <b>{_show(made.measured, unit)}</b>, {relation}{mark} "
        f"· {source}</small>"
        "</div>"
    )
