"""Names as people type them: any case, and the nearest ones for a slip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches


def known(what: str, name: str, names: Iterable[str], listing: str) -> str:
    """Return the name as the table spells it; case does not matter.

    Parameters
    ----------
    what : str
        What it names, such as "device".
    name : str
        What was typed.
    names : iterable of str
        Those that there are.
    listing : str
        The command that lists them.

    Raises
    ------
    ValueError
        For another name, with the nearest ones. None is taken for it.
    """
    folded = {each.casefold(): each for each in names}
    key = name.casefold().strip()
    if key in folded:
        return folded[key]
    starting = [each for each in folded if key and each.startswith(key)]
    near = starting or get_close_matches(key, folded, n=3, cutoff=0.6)
    words = " or ".join(repr(folded[each]) for each in near[:3])
    hint = f"; did you mean {words}?" if words else ";"
    raise ValueError(f"{what} {name!r} is not known{hint} {listing} lists all")


def matching(what: str, word: str, described: Mapping[str, str]) -> list[str]:
    """Return the names whose description has a word in it, in any case.

    Raises
    ------
    ValueError
        If there is none.
    """
    found = [name for name, text in described.items() if word.casefold() in text.casefold()]
    if not found:
        raise ValueError(f"--find: no {what} has {word!r} in its name or source")
    return found
