"""Predictions that were committed before their runs, and what came of them.

``results/registered.toml`` holds each prediction of ``results/PREREGISTRATION.md``, or of a study's
own file of that name, once, with its bound and words. A chapter types no bound: ``registered``
gives it to ``notebook.claim``, and ``verdict`` shows any prediction, a failed one too.
"""

from __future__ import annotations

import functools
import html
import tomllib
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from scaling_utils._check import number

VERDICT_MIME = "application/vnd.scaling-utils.verdict+json"
FILE = "registered.toml"
TEXT = "results/PREREGISTRATION.md"
HELD, FAILED, NEITHER, AGAINST = "held", "failed", "neither", "against us"
_MISSED = ("✗", "#D55E00")
MARKS = {HELD: ("✓", "#009E73"), FAILED: _MISSED, NEITHER: ("~", "#E69F00"), AGAINST: _MISSED}


@dataclass(frozen=True)
class Prediction:
    """One registered prediction; ``results/registered.toml`` explains the fields.

    Raises
    ------
    TypeError, ValueError
        If a field is of another type, or the prediction cannot be judged as it is written.
    """

    id: str
    sentence: str
    measure: str
    section: str
    registered: date
    commit: str
    quotes: tuple[str, ...]
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""
    implied: bool = False
    against_above: float | None = None
    against_below: float | None = None
    failing_counts_against: bool = False
    against_quotes: tuple[str, ...] = ()
    text: str = TEXT

    def __post_init__(self):
        for name in ("id", "sentence", "measure", "section", "commit", "text"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise ValueError(f"{name} must be a non-empty string, got {value!r} in {self.id!r}")
        if type(self.registered) is not date:
            raise TypeError(f"registered must be a date, got {self.registered!r} in {self.id!r}")
        for name in ("at_least", "at_most", "against_above", "against_below"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, number(name, getattr(self, name)))
        for name in ("quotes", "against_quotes"):
            value = getattr(self, name)
            if isinstance(value, str) or not all(isinstance(one, str) for one in value):
                raise TypeError(f"{name} must be a list of strings, got {value!r} in {self.id!r}")
            object.__setattr__(self, name, tuple(value))
        self._check_bounds()

    def _check_bounds(self) -> None:
        """A bound, quoted; what counts against us lies outside it, and is quoted too."""
        low, high = self.at_least, self.at_most
        if low is None and high is None:
            raise ValueError(f"{self.id!r} must have at_least or at_most, got neither")
        if low is not None and high is not None and low > high:
            raise ValueError(f"at_least must not exceed at_most, got {low:g} and {high:g}")
        if not self.quotes:
            raise ValueError(f"quotes must hold the registered words, got none in {self.id!r}")
        above, below = self.against_above, self.against_below
        if above is not None and (high is None or above < high):
            raise ValueError(f"against_above must not be below at_most, got {above:g} and {high}")
        if below is not None and (low is None or below > low):
            raise ValueError(f"against_below must not exceed at_least, got {below:g} and {low}")
        if (self.failing_counts_against or self.reserved) != bool(self.against_quotes):
            raise ValueError(f"against_quotes must say what counts against us in {self.id!r}")

    @property
    def reserved(self) -> bool:
        """Whether only a part of the failures counts against us."""
        return self.against_above is not None or self.against_below is not None

    @property
    def source(self) -> str:
        """Where the prediction stands."""
        return f"{self.text}, {self.section}"

    @property
    def bound(self) -> str:
        """The bound in words."""
        words = {"at least": self.at_least, "at most": self.at_most}
        return " and ".join(f"{w} {v:.5g}" for w, v in words.items() if v is not None)

    def outcome(self, measured: float) -> str:
        """Return what came of the prediction.

        Parameters
        ----------
        measured : float
            In the prediction's unit.

        Returns
        -------
        {"held", "failed", "neither", "against us"}
            "neither" is a failure that does not reach the bound beyond which it counts against us.

        Raises
        ------
        TypeError, ValueError
            If ``measured`` is no finite number.
        """
        measured = number("measured", measured)
        if _inside(measured, self.at_least, self.at_most):
            return HELD
        if self.failing_counts_against:
            return AGAINST
        if not self.reserved:
            return FAILED
        return NEITHER if _inside(measured, self.against_below, self.against_above) else AGAINST


def _inside(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


@dataclass(frozen=True)
class Verdict:
    """A registered prediction and what came of it (``verdict``), as it is stored in a notebook."""

    id: str
    sentence: str
    measured: float
    bound: str
    unit: str
    verdict: str
    source: str
    registered: str
    commit: str


def registered_file() -> Path:
    """Return ``results/registered.toml``: beside the package in a checkout, inside it installed.

    Raises
    ------
    FileNotFoundError : neither place has it.
    """
    package = Path(__file__).parents[1]
    for place in (package.parent, package):
        if (file := place / "results" / FILE).is_file():
            return file
    raise FileNotFoundError(f"no results/{FILE} in {package.parent} or {package}")


def read_predictions(file: str | Path) -> dict[str, Prediction]:
    """Return the predictions of a file by id.

    Raises
    ------
    OSError : the file cannot be read.
    ValueError : it is no TOML, an id comes twice, or a prediction cannot be judged; the message
        names the file. TypeError : a key that is unknown or missing, or a wrong type.
    """
    found: dict[str, Prediction] = {}
    try:
        for entry in tomllib.loads(Path(file).read_text(encoding="utf-8"))["prediction"]:
            one = Prediction(**entry)
            if one.id in found:
                raise ValueError(f"id must be unique, got {one.id!r} twice")
            found[one.id] = one
    except KeyError:
        raise ValueError(f"{file}: there must be at least one [[prediction]], got none") from None
    except ValueError as reason:
        raise ValueError(f"{file}: {reason}") from reason
    except TypeError as reason:
        raise TypeError(f"{file}: {reason}") from reason
    return found


@functools.cache
def _book() -> dict[str, Prediction]:
    return read_predictions(registered_file())


def prediction(id: str) -> Prediction:
    """Return a registered prediction of this book.

    Raises
    ------
    ValueError : there is none of that id; the message lists those of its study, or all studies.
    """
    book = _book()
    if id in book:
        return book[id]
    study = id.split(".")[0] if isinstance(id, str) else ""
    near = [one for one in book if one.split(".")[0] == study]
    near = near or sorted({one.split(".")[0] + ".*" for one in book})
    raise ValueError(f"id must be a registered prediction ({', '.join(near)}), got {id!r}")


def registered(id: str) -> dict:
    """Return the bound of a registered prediction as keyword arguments of ``notebook.claim``.

    ``claim(sentence, measured, **registered("text.q"))`` takes bound, unit and source from
    ``results/registered.toml``; what ``measured`` has to be is said there under ``measure``.

    Parameters
    ----------
    id : str
        ``study.name``, as in that file.

    Returns
    -------
    dict
        ``at_least`` or ``at_most`` or both, ``unit`` and ``source``.

    Raises
    ------
    ValueError
        If there is no such prediction.
    """
    one = prediction(id)
    bounds = {"at_least": one.at_least, "at_most": one.at_most}
    given = {name: value for name, value in bounds.items() if value is not None}
    return {**given, "unit": one.unit, "source": one.source}


def verdict(id: str, measured: float) -> None:
    """Show a registered prediction with its outcome, whatever that is.

    The outcome is "held"; "failed"; "against us", if it failed in a way that was registered as
    counting against us; or "neither", if it failed, but not beyond such a bound.

    Parameters
    ----------
    id : str
        ``study.name``, as in ``results/registered.toml``.
    measured : float
        The number that this notebook computed, in the unit given there.

    Raises
    ------
    TypeError, ValueError
        If ``measured`` is no single finite number, or there is no such prediction.
    """
    from IPython.display import display

    one = prediction(id)
    measured = float(f"{number('measured', measured):.10g}")
    made = Verdict(
        one.id,
        one.sentence,
        float(f"{measured:.5g}"),
        one.bound,
        one.unit,
        one.outcome(measured),
        one.source,
        one.registered.isoformat(),
        one.commit,
    )
    display(
        {"text/plain": _plain(made), "text/html": _html(made), VERDICT_MIME: asdict(made)},
        raw=True,
    )


def _measured(made: Verdict) -> str:
    return f"{made.measured:.5g} {made.unit}".strip()


def _plain(made: Verdict) -> str:
    mark, _ = MARKS[made.verdict]
    return (
        f"{mark} Registered: {made.sentence} Measured {_measured(made)}, wanted {made.bound}: "
        f"{made.verdict}. [{made.source}]"
    )


def _html(made: Verdict) -> str:
    mark, colour = MARKS[made.verdict]
    sentence, measured, bound, source = (
        html.escape(text) for text in (made.sentence, _measured(made), made.bound, made.source)
    )
    return (
        f'<div class="verdict" style="border-left:4px solid {colour};padding:.3em .8em;'
        f'margin:.5em 0"><span role="img" aria-label="{made.verdict}">{mark}</span> '
        f"Registered: {sentence} <b>{made.verdict}</b>"
        f"<br><small>measured <b>{measured}</b>, wanted {bound} · {source}</small></div>"
    )
