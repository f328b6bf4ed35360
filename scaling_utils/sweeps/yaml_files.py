"""YAML read so that a file says the same as its twin in TOML.

PyYAML follows YAML 1.1, in which 1e-3 is text, ``no`` is false and 010 is eight. Here a plain
number, true, false and null mean what YAML 1.2 and TOML both say. What versions of YAML read in
different ways is refused, and so is what a config has no use for: keys given twice, anchors,
tags of types.
"""

from __future__ import annotations

import re

import yaml

_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_DIGITS = r"(?:0|[1-9](?:_?\d)*)"
_INTEGER = re.compile(rf"[-+]?{_DIGITS}|0x[\da-fA-F](?:_?[\da-fA-F])*|0o[0-7]+|0b[01]+", re.ASCII)
_FLOAT = re.compile(rf"[-+]?(?:{_DIGITS}(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_SWITCH = re.compile(r"yes|no|on|off", re.IGNORECASE)
_LIKE_A_NUMBER = re.compile(
    r"[-+]?\d[\d_]*(?:\.[\d_]*)?(?:e[-+]?\d+)?"  # a zero first, or odd underscores
    r"|[-+]?\d+(?::\d+)+(?:\.\d*)?"  # 1:30 is ninety in YAML 1.1
    r"|[-+]?(?:inf|nan|infinity)|0[xob]\w+"
    r"|\d{4}-\d\d?-\d\d?(?:[t\s].*)?",
    re.IGNORECASE,
)


class YamlError(ValueError):
    """A text that is no YAML, or has several meanings; the message names the line."""


def read_yaml(text: str):
    """Return what a YAML text says: tables, lists, text, numbers, true, false and null.

    Raises
    ------
    YamlError
        If the text is no YAML, or holds a plain word or number that can be read in two ways, a
        key that comes twice in a table, an anchor or alias, a tag of a type, or more than one
        document.
    """
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    except yaml.YAMLError as error:
        raise YamlError(f"is not YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise YamlError("is nested too deeply") from error
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """PyYAML's loader in Python: the one in C breaks down where nesting is deep."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's; plain words are read below

    def compose_node(self, parent, index):
        event = self.peek_event()
        if event.anchor is not None:
            raise YamlError(
                f"line {event.start_mark.line + 1}: anchors (&) and aliases (*) are not read; "
                "write the values out"
            )
        if event.tag is not None:
            raise YamlError(f"line {event.start_mark.line + 1}: tags ({event.tag}) are not read")
        return super().compose_node(parent, index)


def _scalar(loader: yaml.SafeLoader, node: yaml.ScalarNode):
    return node.value if node.style else _plain(node.value, node.start_mark.line + 1)


def _plain(text: str, line: int):
    """Return what a word without quotes means."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        try:
            return int(text, 0)
        except ValueError as error:
            raise YamlError(f"line {line}: a number of {len(text)} digits is too long") from error
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", "", 1))
    if _SWITCH.fullmatch(text):
        raise YamlError(
            f'line {line}: {text} can be text or a switch: write true, false or "{text}"'
        )
    if _LIKE_A_NUMBER.fullmatch(text):
        raise YamlError(
            f"line {line}: {text:.40} can be text, a date or a number: put it in quotes, or write "
            "the number as in TOML"
        )
    return text


def _table(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict:
    found: dict = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise YamlError(f"line {line}: a key must be text")
        key = loader.construct_object(key_node)
        if key in found:
            raise YamlError(f"line {line}: the key {key!r} comes twice")
        if key == "<<" and not key_node.style:
            raise YamlError(f"line {line}: merge keys (<<) are not read; write the values out")
        found[key] = loader.construct_object(value_node, deep=True)
    return found


def _list(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> list:
    return [loader.construct_object(inner, deep=True) for inner in node.value]


_Loader.yaml_constructors = {
    "tag:yaml.org,2002:str": _scalar,
    "tag:yaml.org,2002:map": _table,
    "tag:yaml.org,2002:seq": _list,
}
