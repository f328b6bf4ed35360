"""What a chapter calls from its cells: the setup, claims, sentences with numbers, figures.

A chapter prints no number by hand. ``say`` puts computed values into a sentence,
``claim`` states what the chapter has shown and raises when it does not hold, and
``figure`` shows a matplotlib figure together with a description for readers who
cannot see it. All three need only IPython and matplotlib, and work the same in
JupyterLab, in Colab and in the rendered book.
"""

from __future__ import annotations

from scaling_utils._check import whole
from scaling_utils.notebook._axes import axes, end_labels, error_bars, log_axis, note, plain
from scaling_utils.notebook._claims import (
    CLAIM_MIME,
    SEEN_FIRST,
    Claim,
    ClaimError,
    claim,
    claim_texts,
)
from scaling_utils.notebook._colours import COLOURS, contrast, ink, shades
from scaling_utils.notebook._drawing import Drawing, drawing
from scaling_utils.notebook._plots import residuals, signed_map, valley
from scaling_utils.notebook._registered import (
    VERDICT_MIME,
    Prediction,
    Verdict,
    registered,
    verdict,
)
from scaling_utils.notebook._shown import figure, say, table
from scaling_utils.notebook._summary import IN_SHORT, TAKEAWAY, in_short, takeaway

__all__ = [
    "CLAIM_MIME",
    "COLOURS",
    "IN_SHORT",
    "REPOSITORY",
    "SEEN_FIRST",
    "TAKEAWAY",
    "VERDICT_MIME",
    "Claim",
    "ClaimError",
    "Drawing",
    "Prediction",
    "Verdict",
    "axes",
    "claim",
    "claim_texts",
    "contrast",
    "drawing",
    "end_labels",
    "error_bars",
    "figure",
    "in_short",
    "ink",
    "log_axis",
    "note",
    "plain",
    "registered",
    "residuals",
    "say",
    "setup",
    "shades",
    "signed_map",
    "table",
    "takeaway",
    "valley",
    "verdict",
    "write_setup_cell",
]

# The book's future public address. Everything else derives from this constant;
# a test holds _config.yml and the setup cells to it.
REPOSITORY = "OWNER/REPO"

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
