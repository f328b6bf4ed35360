"""Compare printed texts as numbers with the precision that they are printed with.

Two machines differ in the last bits of a sum, a product of matrices or a fit: a printed number
may then differ by one in its last digit, and what is only rounding (1.7e-14 where the exact
result is 0) may be any number of that size. A comparison of characters takes both for faults.
`differences` takes a text apart into numbers and the rest. The rest must be the same, character
for character, and so must whole numbers; other numbers may differ as `why_different` says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest

# What is below this is rounding. A double has eps = 2.2e-16; the book's losses, exponents and
# logarithms are of order 1 to 1e2 and pass through sums of up to some 1e3 terms of that size, so
# that rounding leaves at most about eps x 1e2 x sqrt(1e3) = 7e-13. No chapter computes a
# quantity as small as that, in the units that it prints, which is not meant to be zero.
RESIDUE = Decimal("1e-12")

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
# What holds digits and is no quantity: markup, addresses, versions, and numbers of equations.
_LITERAL = r"""
    </?[A-Za-z][^<>]*>
  | https?://\S+ | arXiv:?\s?[\d.]+
  | (?:Eqs?|Equations?|Sections?|Secs?|Tables?|Figs?|Figures?|Chapters?|Appendix|versions?|§)
    \.?\s?\(?[A-Z]?\d[\d.]*
  | \d+(?:\.\d+){2,}
"""
# A hyphen after a letter, a digit or a bracket joins or subtracts; elsewhere it is a sign.
_NUMBER = r"""
    (?P<sign>(?<![^\W_])(?<![.)\]}])[-−+])?
    (?<![^\W_])(?<!\d\.)
    (?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d]) | \d+\.\d+ | \.\d+ | \d+)
    (?:
        (?P<e>[eE])(?P<exponent>[-−+]?\d+)(?![^\W_])
      | (?P<times>\s?(?:×|·|\\times|\\cdot)\s?10)
        (?: (?P<caret>\^\{?|\*\*)(?P<power>[-−+]?\d+)(?P<close>\}?) | (?P<super>[⁻⁺]?[⁰¹²³⁴-⁹]+) )
    )?
"""
_TOKEN = re.compile(f"(?P<literal>{_LITERAL})|(?P<number>{_NUMBER})", re.X)


@dataclass(frozen=True)
class Number:
    """A number as it was printed."""

    text: str
    value: Decimal
    unit: Decimal  # one unit of the last digit printed
    decimals: int  # digits after the point, before an exponent
    digits: int  # significant ones: without the zeros in front
    exponent: str  # how an exponent is written, without its digits; empty where there is none

    @property
    def whole(self) -> bool:
        return not self.decimals and not self.exponent


def split(text: str) -> tuple[list[str], list[Number]]:
    """Return the pieces of text around the numbers, one more than there are, and the numbers."""
    pieces, numbers, end = [], [], 0
    for found in _TOKEN.finditer(text):
        if found["number"]:
            pieces.append(text[end : found.start()])
            numbers.append(_number(found))
            end = found.end()
    return [*pieces, text[end:]], numbers


def _number(found: re.Match) -> Number:
    plain = found["digits"].replace(",", "")
    power = found["exponent"] or found["power"] or found["super"] or "0"
    scale = Decimal(1).scaleb(int(power.translate(_SUPERSCRIPTS).replace("−", "-")))
    decimals = len(plain.partition(".")[2])
    written = (found["e"], found["times"], found["caret"], found["close"])
    return Number(
        text=found[0],
        value=Decimal(plain) * scale * (-1 if found["sign"] in ("-", "−") else 1),
        unit=Decimal(1).scaleb(-decimals) * scale,
        decimals=decimals,
        digits=len(plain.replace(".", "").lstrip("0")),
        exponent="".join(filter(None, written)),
    )


def why_different(stored: Number, now: Number) -> str:
    """Say why two numbers are not the same result, or return an empty string where they are.

    They are the same where both are rounding (below `RESIDUE`). Otherwise whole numbers must be
    equal, and so must those of a single digit and an exponent, such as 1e-08: one unit more is
    twice as much. Others may differ by one unit of the last digit that either shows. Both must
    be printed in one format: with as many decimals or as many digits, or without the zeros that
    a general format (`:.4g`) drops from the end.
    """
    if stored.text == now.text:
        return ""
    if max(abs(stored.value), abs(now.value)) < RESIDUE:
        return ""
    if stored.whole or now.whole or (now.exponent and max(stored.digits, now.digits) < 2):
        return "they must be equal"
    short, long = sorted((stored, now), key=lambda number: number.digits)
    drops_zeros = short.digits < long.digits and not _ends_in_zero(short)
    alike = short.decimals == long.decimals or short.digits == long.digits or drops_zeros
    if stored.value == now.value or stored.exponent != now.exponent or not alike:
        return "they are printed in different formats"
    off, allowed = abs(now.value - stored.value), min(stored.unit, now.unit)
    if off > allowed:
        return f"they differ by {off.normalize():g}, and {allowed.normalize():g} is allowed"
    return ""


def _ends_in_zero(number: Number) -> bool:
    return bool(number.decimals) and re.match(r"[-−+]?[\d,]*\.\d*0(?!\d)", number.text) is not None


def differences(stored: str, now: str) -> list[str]:
    """Compare two texts: one sentence for each number that differs, or one for other text."""
    if stored == now:
        return []
    (words, numbers), (new_words, new_numbers) = split(stored), split(now)
    if words != new_words:
        pairs = zip_longest(words, new_words, fillvalue="nothing more")
        before, after = next((a, b) for a, b in pairs if a != b)
        return [f"the text {_short(before)} has become {_short(after)}"]
    return [
        f"number {place} of {len(numbers)}, after {_short(words[place - 1][-30:])}: "
        f"stored {old.text}, now {new.text}; {why}"
        for place, (old, new) in enumerate(zip(numbers, new_numbers, strict=True), start=1)
        if (why := why_different(old, new))
    ]


def _short(text: str) -> str:
    return repr(text if len(text) < 90 else text[:40] + " ... " + text[-40:])
