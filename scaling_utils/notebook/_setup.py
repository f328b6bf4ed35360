"""The set-up of a chapter, and the cell that asks for it."""

from __future__ import annotations

from scaling_utils._check import whole
from scaling_utils.notebook._colours import COLOURS

# The book's public address on GitHub, set in this one place: the setup cells, the buttons of the
# pages and the instructions follow it, and a book with mixed addresses is not built.
REPOSITORY = "OWNER/REPO"
# What it is while the book has no public address.
UNSET = "OWNER/REPO"

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
    seed : int
        0 or more; seeds torch where it is already imported.
    threads : int, optional
        Torch's number of threads, at least 1; the book's small models train faster on one. None
        leaves it as it is.

    Raises
    ------
    TypeError, ValueError
        If ``seed`` or ``threads`` is not a whole number in its range.
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
    """Return the setup cell that every chapter starts with, from ``REPOSITORY``.

    The cell differs in the address alone, whether that is set or not: setting it makes no output
    out of date. While it is unset, the cell says so where it would have to install the package.

    Returns
    -------
    str
        The code of the cell.

    Raises
    ------
    ImportError
        From the cell, not from here: where the package is missing and the address is unset.
    """
    return (
        "# Setup: the same cell on your machine, in Colab, on Kaggle and on Binder.\n"
        "try:\n"
        "    import scaling_utils\n"
        "except ImportError:  # a hosted notebook: install the book's package first\n"
        f'    BOOK = "git+https://github.com/{REPOSITORY}"\n'
        f'    if "{UNSET}" in BOOK:\n'
        "        raise ImportError(\n"
        '            "This copy of the book has no public address to install its package from. "\n'
        '            "Bring the book\'s folder here, and run: %pip install PATH_OF_THE_FOLDER"\n'
        "        ) from None\n"
        "    %pip install -q {BOOK}\n"
        "from scaling_utils import notebook\n"
        "\n"
        "notebook.setup()"
    )
