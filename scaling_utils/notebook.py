"""What a chapter calls from its cells: the setup, claims, sentences with numbers, figures.

A chapter prints no number by hand. ``say`` puts computed values into a sentence,
``claim`` states what the chapter has shown and raises when it does not hold, and
``figure`` shows a matplotlib figure together with a description for readers who
cannot see it. All three need only IPython and matplotlib, and work the same in
JupyterLab, in Colab and in the rendered book.
"""

from __future__ import annotations

import html
import io
import math
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from scaling_utils._check import number, whole
from scaling_utils._registered import VERDICT_MIME, registered, verdict  # noqa: F401

# The book's future public address. Everything else derives from this constant;
# a test holds _config.yml and the setup cells to it.
REPOSITORY = "OWNER/REPO"

CLAIM_MIME = "application/vnd.scaling-utils.claim+json"
SEEN_FIRST = "seen first: the bound was set after the result"

# A palette that keeps its contrast on white and for the common colour-vision deficiencies
# (Okabe and Ito, 2008, without the yellow).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")

_STYLE = {
    "figure.figsize": (6.4, 4.0),
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "axes.titlelocation": "left",
    "grid.alpha": 0.3,
    "font.size": 10.5,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.hashsalt": "scaling-utils",
}


class ClaimError(AssertionError):
    """A claim of a chapter that its own numbers do not support."""


@dataclass(frozen=True)
class Claim:
    """One statement with the numbers that it rests on."""

    sentence: str
    measured: float
    relation: str
    expected: float | tuple[float, float]
    unit: str
    source: str
    holds: bool
    seen_first: bool = False


def setup(seed: int = 0, threads: int | None = None) -> None:
    """Make a notebook repeatable: figure style, and torch's seed and threads if torch is there.

    Parameters
    ----------
    seed : whole number, at least 0; seeds torch where it is already imported.
    threads : torch's number of threads; the book's small models train faster on one.
    """
    import sys

    import matplotlib as mpl

    seed = whole("seed", seed, at_least=0)
    threads = None if threads is None else whole("threads", threads)
    mpl.rcParams.update(_STYLE)
    mpl.rcParams["axes.prop_cycle"] = mpl.cycler(color=COLOURS)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)
        if threads is not None:
            torch.set_num_threads(threads)


def say(text: str) -> None:
    """Show ``text`` as Markdown. Use an f-string, so that the numbers come from the code."""
    from IPython.display import Markdown, display

    _text("text", text)
    display(Markdown(text))


def figure(fig, alt: str) -> None:
    """Show a matplotlib figure once, with a description of what it shows, and close it.

    Parameters
    ----------
    fig : matplotlib Figure
    alt : what a reader who cannot see the figure should know: the axes, the trend,
        the conclusion. At least 30 characters; a bare "plot" helps nobody.
    """
    import matplotlib.pyplot as plt
    from IPython.display import display
    from matplotlib.figure import Figure

    if not isinstance(fig, Figure):
        raise TypeError(f"fig must be a matplotlib Figure, got {fig!r}")
    if not isinstance(alt, str) or len(alt.strip()) < 30:
        raise ValueError(f"alt must describe the figure in at least 30 characters, got {alt!r}")
    png = io.BytesIO()
    fig.savefig(png, format="png", dpi=150, facecolor="white", metadata={"Software": None})
    plt.close(fig)
    # As raw data, because the Image class takes no alt text before IPython 8, and Colab has 7.
    shown = {"alt": alt.strip(), "width": round(fig.get_figwidth() * 110)}
    data = {"image/png": b64encode(png.getvalue()).decode(), "text/plain": alt.strip()}
    display(data, metadata={"image/png": shown}, raw=True)


def table(header: Sequence[str], rows: Iterable[Sequence], caption: str = "") -> None:
    """Show a Markdown table, with an optional sentence above it.

    Parameters
    ----------
    header : one heading per column.
    rows : one sequence of cells per row; a cell is shown as ``str`` gives it, so format
        numbers with as many digits as they deserve.
    caption : a sentence that says what the numbers are, with their unit.
    """
    header = [str(cell) for cell in header]
    body = [[str(cell) for cell in row] for row in rows]
    if not header or not body:
        raise ValueError(f"header and rows must not be empty, got {len(header)} and {len(body)}")
    for row in body:
        if len(row) != len(header):
            raise ValueError(
                f"each row must have {len(header)} cells like the header, got {len(row)}: {row}"
            )
    lines = [header, ["---"] * len(header), *body]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    say(f"{caption}\n\n{text}" if caption else text)


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

    Give either ``expected`` with a tolerance (``rel`` as a fraction of it, ``abs`` in its
    unit, or both, of which the wider counts; 0 asks for equality), or one or both of the
    bounds ``at_least`` and ``at_most``.

    Parameters
    ----------
    sentence : what the chapter says it has shown; one sentence.
    measured : the number that this notebook computed or measured.
    source : where the expectation comes from: a paper's equation, a theory, a table, or
        "this chapter" for a comparison inside it.
    seen_first : the bound was chosen after the result had been seen. Such a claim guards the
        result against later changes and proves nothing; the page and the scoreboard say so.

    Raises
    ------
    ClaimError : the claim does not hold, or ``measured`` is NaN or infinite; the message
        carries the numbers.
    TypeError : ``measured`` is no single number (a truth value is none).
    ValueError : the claim cannot be checked as it is stated.
    """
    from IPython.display import display

    _text("sentence", sentence)
    _text("source", source)
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
    mark = f" ({SEEN_FIRST})" if seen_first else ""
    plain = f"{made.sentence} Measured {_show(measured, unit)}, {relation}{mark}. [{source}]"
    if not holds:
        raise ClaimError(plain)
    bundle = {
        "text/plain": f"✓ {plain}",
        "text/html": _claim_html(made),
        CLAIM_MIME: asdict(made),
    }
    display(bundle, raw=True)


def _text(name: str, text: str) -> None:
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{name} must be a non-empty string, got {text!r}")


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


def write_setup_cell() -> str:
    """Return the setup cell that every chapter starts with, from ``REPOSITORY``."""
    return (
        "# Setup: the same cell on your machine, in Colab, on Kaggle and on Binder.\n"
        "try:\n"
        "    import scaling_utils\n"
        "except ImportError:  # a hosted notebook: install the book's package first\n"
        f"    %pip install -q git+https://github.com/{REPOSITORY}\n"
        "from scaling_utils import notebook\n"
        "\n"
        "notebook.setup()"
    )
