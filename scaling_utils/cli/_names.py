"""Names as people type them: any case, and the nearest ones for a slip."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches

import click
from click.shell_completion import CompletionItem


class Listed(click.ParamType):
    """A name that the shell can complete; whether it is one is found out later."""

    name = "name"

    def __init__(self, names: Callable[[], Iterable[str]]):
        self.names = names

    def shell_complete(self, ctx, param, incomplete: str) -> list[CompletionItem]:
        """Offer the names that begin with what was typed."""
        start = incomplete.casefold()
        return [CompletionItem(each) for each in self.names() if each.casefold().startswith(start)]


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
    raise ValueError(f"{what} {name!r} is not known{hint} `{listing}` lists all")


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


def typed(param: click.Parameter) -> str:
    """Return how a parameter is typed: its longest option, or its argument's name."""
    if isinstance(param, click.Option):
        return max(param.opts, key=len)
    return param.human_readable_name


def with_options(sentence: str, command: click.Command) -> str:
    """Return a sentence of the library with options in place of its arguments' names.

    A name is one where it begins the sentence before "must", stands before an equals sign, follows
    "give", or has an underscore; elsewhere it may be the common word.
    """
    options = {
        param.name: typed(param) for param in command.params if isinstance(param, click.Option)
    }
    underscored = "|".join(sorted((name for name in options if "_" in name), key=len, reverse=True))
    patterns = [r"^(\w+)(?= must\b)", r"\b(\w+)(?= = )", r"(?<=\bgive )(\w+)"]
    patterns += [rf"(?<![\w-])({underscored})\b"] if underscored else []
    for pattern in patterns:
        sentence = re.sub(pattern, lambda found: options.get(found[1], found[1]), sentence)
    return sentence
