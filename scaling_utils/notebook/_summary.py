"""What a reader takes away: three numbers and one thing to do, and a line after each section."""

from __future__ import annotations

import re

from scaling_utils.notebook._shown import say, text_of

IN_SHORT = "> **In short**"
TAKEAWAY = "> **Takeaway.**"
_ONE_LINE = re.compile(r"\s*\n\s*")


def in_short(*numbers: tuple[str, str], do: str) -> None:
    """Show the box *In short*: three numbers that a reader takes away, and the one thing to do.

    Call it where all numbers are known. ``tools/execute.py`` copies the box into the Markdown
    cell tagged ``in-short`` below the question, where a reader meets it first.

    Parameters
    ----------
    *numbers : (str, str)
        Three pairs: the number with its unit, from the code, as in ``f"{x:.0f} %"``; and the
        words that follow it.
    do : str
        What the reader should do; one sentence.

    Raises
    ------
    ValueError
        If there are not three pairs, the first of a pair has no digit, or a text is empty.
    """
    if len(numbers) != 3:
        raise ValueError(f"numbers must be 3 pairs, got {len(numbers)}")
    lines = [IN_SHORT, ">"]
    for pair in numbers:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise ValueError(f"each of numbers must be a pair (number, words), got {pair!r}")
        shown, words = (text_of("numbers", text) for text in pair)
        if not re.search(r"\d", shown):
            raise ValueError(f"numbers must start with a number, got {shown!r}")
        lines.append(f"> - **{_one_line(shown)}** {_one_line(words)}")
    lines += [">", f"> **Do this:** {_one_line(text_of('do', do))}"]
    say("\n".join(lines))


def takeaway(text: str) -> None:
    """Show what was learned, at the end of a section: one or two sentences.

    Where it needs no number, a Markdown cell that starts with ``> **Takeaway.**`` does the same.

    Parameters
    ----------
    text : str
        What was learned.

    Raises
    ------
    ValueError
        If there is no text, or it is empty.
    """
    say(f"{TAKEAWAY} {_one_line(text_of('text', text))}")


def _one_line(text: str) -> str:
    return _ONE_LINE.sub(" ", text.strip())
