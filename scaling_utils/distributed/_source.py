"""A worker's source as a module of its own, for processes that do not share our memory."""

from __future__ import annotations

import ast
import inspect
import linecache
import symtable
import sys
import textwrap
import types
from collections.abc import Callable


def written(worker: Callable) -> str:
    """Return a module that defines ``worker``, and everything of the notebook that it uses.

    Of the names that the worker uses, modules and what they define are imported; functions and
    classes of the notebook come with their source, and what these use; constants as text.

    Raises
    ------
    TypeError : the worker is no plain function, or uses a name that cannot be written down.
    """
    if not inspect.isfunction(worker) or worker.__name__ == "<lambda>":
        raise TypeError(f"worker must be a function made by def, got {worker!r}")
    parts: dict[str, str] = {}
    _add(worker.__name__, worker, worker.__globals__, parts)
    return "\n\n".join([*parts.values(), f"WORKER = {worker.__name__}"]) + "\n"


def _add(name: str, value, known: dict, parts: dict[str, str]) -> None:
    """Add what defines a name, after what that in turn needs."""
    if name in parts:
        return
    parts[name] = ""  # so that two functions may call each other
    first = "WORKER" if len(parts) == 1 else ""
    text = _imported(name, value, known) if not first else ""
    if not text and isinstance(value, types.FunctionType | type):
        text = _definition(value)
        for used in _names(text):
            if used in known and used != name:
                _add(used, known[used], known, parts)
    elif not text:
        text = _constant(name, value)
    del parts[name]  # to the end, after its needs
    parts[name] = text


def _imported(name: str, value, known: dict) -> str:
    """Return the import of a module, or of what another module defines; else nothing."""
    if inspect.ismodule(value):
        return f"import {value.__name__} as {name}"
    home, inner = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
    module = sys.modules.get(home) if isinstance(home, str) else None
    if home in ("__main__", known.get("__name__")) or getattr(module, inner, None) is not value:
        return ""
    return f"from {home} import {inner} as {name}"


def _definition(value) -> str:
    """Return the source of a function or class."""
    if inspect.isfunction(value):
        if value.__closure__:
            raise TypeError(
                f"{value.__name__} must not use names of a function around it, got "
                f"{', '.join(value.__code__.co_freevars)}: pass them to launch as arguments"
            )
        return textwrap.dedent(inspect.getsource(value)).rstrip()
    # inspect does not find the classes of a notebook, but it does find their methods
    methods = [entry for entry in vars(value).values() if inspect.isfunction(entry)]
    for method in methods:
        source = "".join(linecache.getlines(method.__code__.co_filename))
        for node in ast.walk(ast.parse(source)) if source else ():
            if isinstance(node, ast.ClassDef) and node.name == value.__name__:
                return ast.get_source_segment(source, node)
    raise TypeError(f"the source of {value.__name__} cannot be found: it has no method of its own")


def _names(source: str) -> list[str]:
    """Return the names that a definition takes from outside: its own variables hide theirs."""
    tables, names = [symtable.symtable(source, "worker", "exec")], set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        names |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    return sorted(names)


def _constant(name: str, value) -> str:
    try:
        same = ast.literal_eval(repr(value)) == value
    except (ValueError, SyntaxError, TypeError, MemoryError):
        same = False
    if same is not True:
        raise TypeError(
            f"the worker uses {name}, which is neither imported, nor defined in a cell, nor a "
            f"plain constant, and so cannot reach a fresh process; got {type(value).__name__}. "
            "Make it in the worker, or pass it to launch as an argument"
        )
    return f"{name} = {value!r}"
