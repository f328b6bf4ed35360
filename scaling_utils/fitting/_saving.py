"""Writing a saved fit, and reading one that anybody may have written."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np

from scaling_utils.fitting._evidence import plain_numbers
from scaling_utils.fitting._formulas import FORMULAS, constants_of
from scaling_utils.fitting.keeping import MOST_DRAWS
from scaling_utils.fitting.kept import MOST_RESIDUALS, Accuracy, RunNoise
from scaling_utils.fitting.saved import SavedFit

SCHEMA = "scaling-utils/saved-fit/1"
LARGEST = 1 << 26  # bytes
_STEP = ("low", "high", "slope", "middle")


def save(fit: SavedFit, path: str | os.PathLike) -> None:
    """Write a saved fit as JSON.

    Parameters
    ----------
    fit : SavedFit
    path : str or path
        It is replaced where it exists.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    noise, step = fit.noise, fit.accuracy
    whole = {
        "schema": SCHEMA,
        "form": fit.form,
        "formula": fit.words,
        "x": list(fit.x),
        "y": fit.y,
        "unit": fit.unit,
        "constants": fit.constants,
        "draws": {name: values.tolist() for name, values in fit.draws.items()},
        "ranges": {name: list(pair) for name, pair in fit.ranges.items()},
        "noise": noise
        and {"scale": noise.scale, "sd": noise.sd, "residuals": noise.residuals.tolist()},
        "rows": fit.rows,
        "accuracy": step
        and {
            "constants": step.constants,
            "draws": dict(zip(_STEP, step.draws.T.tolist(), strict=True)),
            "range": list(step.range),
        },
        "source": fit.source,
    }
    Path(path).write_text(json.dumps(plain_numbers(whole), allow_nan=False) + "\n")


def load(path: str | os.PathLike) -> SavedFit:
    """Read a saved fit.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    SavedFit

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no saved fit; the message says what is wrong with it.
    """
    name = os.fspath(path)
    with Path(path).open("rb") as file:
        text = file.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise ValueError(f"{name}: is no saved fit: it is larger than {LARGEST >> 20} MiB")
    try:
        whole = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else error
        raise ValueError(f"{name}: is no saved fit: {str(what)[:120]}") from None
    try:
        return _fit_of(whole)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        words = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{name}: is no saved fit: {words[:160]}") from None


def _no_constant(word: str):
    raise ValueError(f"{word} is no number")


def _fit_of(whole) -> SavedFit:
    if not isinstance(whole, dict) or whole.get("schema") != SCHEMA:
        found = whole.get("schema") if isinstance(whole, dict) else type(whole).__name__
        raise ValueError(f"its schema must be {SCHEMA}, got {str(found)[:60]!r}")
    form, x = whole["form"], tuple(whole["x"])
    if form not in FORMULAS:
        raise ValueError(f"form must be one of {', '.join(FORMULAS)}, got {str(form)[:60]!r}")
    if not x or not all(isinstance(part, str) and part for part in x):
        raise ValueError(f"x must name what the law takes, got {str(x)[:60]}")
    if form != "product" and len(x) != (2 if FORMULAS[form].pair else 1):
        raise ValueError(f"x must name what a law of the form {form} takes, got {str(x)[:60]}")
    names = constants_of(form, x)
    constants = _numbers("constants", whole["constants"], names)
    draws = _columns("draws", whole["draws"], names) if whole["draws"] else {}
    ranges = {name: _range(f"ranges of {name}", pair) for name, pair in whole["ranges"].items()}
    lacking = [name for name in x if name not in ranges]
    if lacking:
        raise ValueError(f"ranges must have {lacking[0]}")
    step = whole.get("accuracy")
    return SavedFit(
        form=form,
        x=x,
        y=_text("y", whole["y"]),
        unit=_text("unit", whole["unit"]),
        constants=constants,
        draws=draws,
        ranges=ranges,
        noise=_noise(whole["noise"]),
        rows=_whole("rows", whole["rows"]),
        accuracy=None if step is None else _step(step, len(next(iter(draws.values()), ()))),
        source=whole.get("source") if isinstance(whole.get("source"), dict) else {},
    )


def _number(name: str, value) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name} must be a number, got {str(value)[:60]!r}")
    try:
        value = float(value)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite")
    return value


def _numbers(what: str, given, names) -> dict[str, float]:
    if not isinstance(given, dict) or set(given) != set(names):
        raise ValueError(f"{what} must be {', '.join(names)}")
    return {name: _number(f"{what}: {name}", given[name]) for name in names}


def _column(what: str, values, most: int) -> np.ndarray:
    if not isinstance(values, list) or len(values) > most:
        raise ValueError(f"{what} must be a list of at most {most:,} numbers")
    if not all(v is None or (type(v) in (int, float) and abs(v) < 1e308) for v in values):
        raise ValueError(f"{what} must hold numbers")
    return np.array([math.nan if v is None else v for v in values], dtype=float)


def _columns(what: str, given, names) -> dict[str, np.ndarray]:
    if not isinstance(given, dict) or set(given) != set(names):
        raise ValueError(f"{what} must be of {', '.join(names)}")
    out = {name: _column(f"{what} of {name}", given[name], MOST_DRAWS) for name in names}
    if len({len(column) for column in out.values()}) > 1:
        raise ValueError(f"{what} must have one length")
    return out


def _range(name: str, pair) -> tuple[float, float]:
    if not isinstance(pair, list) or len(pair) != 2:
        raise ValueError(f"{name} must be two numbers")
    low, high = (_number(name, value) for value in pair)
    if not 0 < low <= high:
        raise ValueError(f"{name} must be above zero and rise, got {low:g} to {high:g}")
    return low, high


def _noise(given) -> RunNoise | None:
    if given is None:
        return None
    if given["scale"] not in ("log", "value"):
        raise ValueError(f"noise: scale must be log or value, got {str(given['scale'])[:60]!r}")
    sd = math.nan if given["sd"] is None else _number("noise: sd", given["sd"])
    residuals = _column("noise: residuals", given["residuals"], MOST_RESIDUALS)
    if np.isnan(residuals).any():
        raise ValueError("noise: residuals must hold numbers")
    return RunNoise(given["scale"], sd, residuals)


def _step(given, n: int) -> Accuracy:
    draws = _columns("accuracy: draws", given["draws"], _STEP)
    if len(draws["low"]) != n:
        raise ValueError("accuracy: draws must be as many as those of the first step")
    return Accuracy(
        _numbers("accuracy: constants", given["constants"], _STEP),
        np.column_stack([draws[name] for name in _STEP]),
        _range("accuracy: range", given["range"]),
    )


def _text(name: str, value) -> str:
    if not isinstance(value, str) or len(value) > 200:
        raise ValueError(f"{name} must be a short text")
    return value


def _whole(name: str, value) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"{name} must be a whole number above zero, got {str(value)[:60]!r}")
    return value
