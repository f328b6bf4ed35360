"""Docstrings on the pages of the reference: what numpy's style leaves to the reader's eye."""

from __future__ import annotations

import re

LITERAL = re.compile(r"(``.*?``|`.*?`)")


def plain_bars(line: str) -> str:
    """Escape the bars of \\|r\\| outside literals: they would name a substitution."""
    parts = LITERAL.split(line)
    return "".join(
        part if part.startswith("`") else re.sub(r"(?<!\\)\|", r"\\|", part) for part in parts
    )


def mend_docstring(app, what, name, obj, options, lines):
    """Correct the lines of a docstring in place, before napoleon reads its sections."""
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[number] = plain_bars(line)
