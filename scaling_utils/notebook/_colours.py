"""Colours that keep apart for all eyes, and inks that can be read.

Contrast is that of the Web Content Accessibility Guidelines 2.2, success criteria 1.4.3 (text,
4.5 to 1) and 1.4.11 (marks, 3 to 1): https://www.w3.org/TR/WCAG22/.
"""

from __future__ import annotations

import numpy as np

from scaling_utils._check import number, whole

# A palette that keeps its contrast on white and for the common colour-vision deficiencies
# (Okabe and Ito, 2008, without the yellow).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")

TEXT_CONTRAST = 4.5
MARK_CONTRAST = 3.0
# viridis up to where a line on white keeps MARK_CONTRAST; it is read by lightness alone, too.
_LIGHTEST = 0.59


def _rgb(name: str, colour) -> np.ndarray:
    from matplotlib.colors import to_rgb

    try:
        return np.array(to_rgb(colour))
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a colour that matplotlib knows, got {colour!r}") from None


def _luminance(rgb: np.ndarray) -> float:
    """Relative luminance of an sRGB colour, as WCAG 2.2 defines it."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(colour, ground="white") -> float:
    """Return the contrast of two colours.

    Source: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio.

    Parameters
    ----------
    colour, ground : matplotlib colour
        Their order does not matter.

    Returns
    -------
    float
        From 1 (equal) to 21 (black on white).

    Raises
    ------
    ValueError
        If one of them is no colour that matplotlib knows.
    """
    pair = _luminance(_rgb("colour", colour)), _luminance(_rgb("ground", ground))
    return (max(pair) + 0.05) / (min(pair) + 0.05)


def ink(colour, ground="white", least: float = TEXT_CONTRAST) -> str:
    """Return the colour, darkened or lightened only as far as text in it can be read.

    On a light ground the ink gets darker, on a dark one lighter; the hue stays.

    Parameters
    ----------
    colour : matplotlib colour
        The colour to start from.
    ground : matplotlib colour
        What the text stands on.
    least : float
        The contrast that it must have, 1 to 21: see ``contrast``.

    Returns
    -------
    str
        The ink as ``#rrggbb``. Black or white where no shade of the colour reaches ``least``.

    Raises
    ------
    TypeError, ValueError
        If a colour is unknown to matplotlib, or ``least`` out of range.
    """
    from matplotlib.colors import to_hex

    least = number("least", least, at_least=1, at_most=21)
    start = _rgb("colour", colour)
    end = np.zeros(3) if _luminance(_rgb("ground", ground)) > 0.18 else np.ones(3)
    for share in np.linspace(0, 1, 101):
        shade = to_hex((1 - share) * start + share * end)
        if contrast(shade, ground) >= least:
            return shade
    return to_hex(end)


def shades(n: int) -> list[str]:
    """Return colours for ordered curves, dark to light, each 3 to 1 or more on white.

    Parameters
    ----------
    n : int
        How many, at least 1; 2 or more are told apart by lightness as well as by hue.

    Returns
    -------
    list of str
        Each as ``#rrggbb``, from viridis.

    Raises
    ------
    TypeError, ValueError
        If ``n`` is not a whole number from 1.
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    n = whole("n", n)
    return [to_hex(shade) for shade in colormaps["viridis"](np.linspace(0, _LIGHTEST, n))]
