"""Which well-known slip a wrong figure looks like."""

from __future__ import annotations

from scaling_utils._check import number


def slip(printed, computed, pue: float = 1.0, rel: float = 0.02) -> str:
    """Return, in words, what would explain the ratio of a printed figure to a computed one.

    Parameters
    ----------
    printed, computed : float
        The same quantity in the same unit, energy or emissions, by the same convention.
    pue : float
        The PUE of that computation.
    rel : float
        How close a ratio must come to that of a slip, relative to it.

    Returns
    -------
    str
        "agrees", the slip, or "not explained". It names what fits and proves nothing: other
        causes can make the same ratio.

    Raises
    ------
    TypeError, ValueError
        For a figure that is not positive, or a PUE below 1.
    """
    ratio = number("printed", printed, above=0) / number("computed", computed, above=0)
    pue, rel = number("pue", pue, at_least=1), number("rel", rel, above=0, below=0.5)
    causes = {
        "agrees": 1.0,
        "one PUE too few": 1 / pue,
        "one PUE too many": pue,
        "a factor of 1,000 too high: kilo or mega": 1000.0,
        "a factor of 1,000 too low: kilo or mega": 1 / 1000,
        "half: a peak with sparsity": 0.5,
        "a factor of 8 too low: one device of a server of 8": 1 / 8,
    }
    fits = {name: abs(ratio / factor - 1) for name, factor in causes.items()}
    best = min(fits, key=fits.get)  # the first of equals: "agrees" where the PUE is 1
    return best if fits[best] <= rel else "not explained"
