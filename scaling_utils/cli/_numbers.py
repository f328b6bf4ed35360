"""Numbers as people type them: 1e24, 70B, 15T, 2.5k, 73,824,672, 30d, 0.3:0.4:0.5."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from difflib import get_close_matches

import click

from scaling_utils.units import PF_DAY

COUNTS = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}
_PREFIXES = {"": 0, "g": 9, "t": 12, "p": 15, "e": 18, "z": 21, "y": 24}
_FLOPS = {f"{prefix}flop{s}": 10.0**power for prefix, power in _PREFIXES.items() for s in ("", "s")}
_DAYS = dict.fromkeys(("pf-day", "pf-days", "pfday", "pfdays"), PF_DAY)
_BINARY = {"kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30, "tib": 2.0**40}
# Nothing that is counted here lies outside, and products of a few such numbers stay finite.
LEAST, MOST = 1e-40, 1e40
# A suffix is read without its case, as is the custom: 70b and 70B are the same size.
SUFFIXES = {
    "count": COUNTS,
    "work": COUNTS | _FLOPS | _DAYS,
    "bytes": {"": 1.0, "b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12} | _BINARY,
    "money": COUNTS,
    "hours": COUNTS | {"h": 1.0, "kh": 1e3, "mh": 1e6},
    "mass": {"": 1.0, "kg": 1.0, "k": 1e3, "m": 1e6, "tonne": 1e3, "tonnes": 1e3},
    "energy": {"": 1.0, "kwh": 1.0, "mwh": 1e3, "gwh": 1e6, "k": 1e3, "m": 1e6},
    "share": {"": 1.0, "%": 1e-2},
    "plain": {"": 1.0},
}
# A month has 30.4 days, a year 365.25.
HOURS = {
    unit: hours
    for units, hours in {
        ("s", "sec"): 1 / 3600,
        ("min", "minutes"): 1 / 60,
        ("h", "hour", "hours"): 1.0,
        ("d", "day", "days"): 24.0,
        ("w", "week", "weeks"): 168.0,
        ("month", "months"): 730.5,
        ("y", "year", "years"): 8766.0,
    }.items()
    for unit in units
}
_MANTISSA = r"[+-]?(?:\d+(?:,\d{3})+(?:\.\d*)?|[\d_]+(?:\.[\d_]*)?|\.\d+)(?:e[+-]?\d+)?"
_NUMBER = re.compile(
    rf"\s*[$€£]?\s*(?:(?P<mantissa>{_MANTISSA})(?:\s*[*x×·]\s*10\^?(?P<power>[+-]?\d+))?"
    r"|10\^(?P<alone>[+-]?\d+))\s*(?P<suffix>[a-z%-]*)\s*",
    re.IGNORECASE,
)
EXAMPLES = {
    "count": "3e9, 70B or 1.5T",
    "work": "1e24, 3640 PF-days or 5 ZFLOP",
    "bytes": "80GB or 74.5GiB",
    "money": "2.5k, 3.5M or 250,000",
    "hours": "5000 or 1.3M",
    "mass": "25000 or 25 tonnes",
    "energy": "1e6 or 450 MWh",
    "share": "0.4 or 40%",
    "plain": "1.1",
}


def read(text: str, kind: str = "count") -> float:
    """Return the positive finite number that a text writes.

    Parameters
    ----------
    text : str
        Such as "1e24", "3.8x10^25", "70B", "73,824,672".
    kind : str
        One of ``SUFFIXES``: which suffixes it may have.

    Returns
    -------
    float
        In the base unit of the kind: FLOPs, bytes, hours, kg, kWh.

    Raises
    ------
    ValueError
        If the text is no such number, or not above zero and finite.
    """
    suffixes = SUFFIXES[kind]
    found = _NUMBER.fullmatch(text)
    if found is None or found["suffix"].lower() not in suffixes:
        hint = ""
        if re.fullmatch(r"\s*\d+,\d+\s*", text):
            hint = "; a comma stands between thousands, a point before decimals"
        raise ValueError(f"must be a positive number such as {EXAMPLES[kind]}, got {text!r}{hint}")
    try:
        number = float((found["mantissa"] or "1").replace(",", ""))
        number *= 10.0 ** int(found["power"] or found["alone"] or 0)
    except (OverflowError, ValueError):
        number = math.inf
    number *= suffixes[found["suffix"].lower()]
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"must be a positive number such as {EXAMPLES[kind]}, got {text!r}")
    if not LEAST <= number <= MOST:
        raise ValueError(
            f"must be a positive number such as {EXAMPLES[kind]}, between {LEAST:g} and {MOST:g}, "
            f"got {text!r}"
        )
    return number


class Number(click.ParamType):
    """A positive number with the suffixes of its kind.

    ``whole`` takes no fractions, ``zero`` takes 0 too, and ``most`` is the largest allowed.
    """

    def __init__(
        self,
        suffixes: str = "count",
        *,
        whole: bool = False,
        zero: bool = False,
        most: float = math.inf,
    ):
        self.suffixes, self.whole, self.zero, self.most = suffixes, whole, zero, most
        self.name = "n" if whole else "x"

    def convert(self, value, param, ctx):
        """Read a text; a number is passed on."""
        if not isinstance(value, str):
            return value
        if self.zero and re.fullmatch(r"\s*\+?0+(\.0*)?\s*", value):
            return 0 if self.whole else 0.0
        try:
            number = read(value, self.suffixes)
            if self.whole and number != int(number):
                raise ValueError(f"must be a whole number, got {value!r}")
            if number > self.most:
                raise ValueError(f"must be at most {self.most:,.0f}, got {value!r}")
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return int(number) if self.whole else number


class Ranged(click.ParamType):
    """A number, or a range low:high or low:middle:high, as the 10, (50) and 90 %."""

    name = "x or low:middle:high"

    def __init__(self, suffixes: str = "count"):
        self.suffixes = suffixes

    def convert(self, value, param, ctx):
        """Return a number, or a tuple of two or three in ascending order."""
        if not isinstance(value, str):
            return value
        try:
            numbers = tuple(read(part, self.suffixes) for part in value.split(":"))
            if len(numbers) > 3:
                raise ValueError(f"must be x, low:high or low:middle:high, got {value!r}")
            if list(numbers) != sorted(numbers):
                raise ValueError(f"must ascend, low:middle:high, got {value!r}")
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return numbers[0] if len(numbers) == 1 else numbers


class Duration(click.ParamType):
    """A time on the clock, in hours: 30d, 12h, 2 weeks, 1d12h. A number needs its unit."""

    name = "duration"

    def convert(self, value, param, ctx):
        """Return hours."""
        if not isinstance(value, str):
            return value
        text = value.strip().lower()
        pieces = re.findall(r"\s*([\d.,]+)\s*([a-z]+)", text)
        said = "".join(f"{number}{unit}" for number, unit in pieces)
        if not pieces or said != re.sub(r"\s", "", text):
            hint = ": say its unit" if re.fullmatch(r"[\d.,e+]+", text) else ""
            self.fail(f"must be a time such as 30d, 12h or 1d12h, got {value!r}{hint}", param, ctx)
        hours = 0.0
        for number, unit in pieces:
            if unit not in HOURS:
                self.fail(
                    f"has units s, min, h, d, weeks, months and years, got {value!r}", param, ctx
                )
            try:
                hours += read(number, "plain") * HOURS[unit]
            except ValueError as error:
                self.fail(str(error), param, ctx)
        return hours


class Word(click.Choice):
    """One of some words; the nearest is named for another."""

    def __init__(self, words: Iterable[str]):
        super().__init__(list(words))

    def convert(self, value, param, ctx):
        """Return the word, as it is written in the list."""
        if value not in self.choices:
            near = get_close_matches(str(value), self.choices, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            self.fail(f"must be one of {', '.join(self.choices)}; got {value!r}{hint}", param, ctx)
        return value


def shown(number: float, digits: int = 4) -> str:
    """Return a number for people: 1,234 or 40.4 or 1.31e+08."""
    if number and not 1e-4 <= abs(number) < 1e7:
        return f"{number:.{digits}g}"
    text = f"{number:,.0f}" if abs(number) >= 10**digits else f"{number:.{digits}g}"
    return text
