"""A module of the package as its top-level statements, and what its syntax says.

Nothing is imported or run: a room's list of names is read from its `__init__` as it is written.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import effects

from scaling_utils._syntax import canonical, listed

PACKAGE = "scaling_utils"
Name = tuple[str, str]


def absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    """Return the module that a `from` import names, in full."""
    if not node.level:
        return node.module or ""
    parts = module.split(".") if is_package else module.split(".")[:-1]
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, *([node.module] if node.module else [])])


def bound(
    node: ast.Import | ast.ImportFrom, module: str, is_package: bool
) -> Iterator[tuple[str, Name]]:
    """Yield the names that an import binds, each with the module or the name that it is."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.split(".")[0]
            yield (alias.asname, (alias.name, "")) if alias.asname else (top, (top, ""))
    else:
        base = absolute(node, module, is_package)
        for alias in node.names:
            yield alias.asname or alias.name, (base, alias.name)


def pattern(node: ast.AST) -> str:
    """Return a regular expression for the values of a string in code; nothing for other code."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(pattern(part) or ".*" for part in node.values)
    return ""


def strings(tree: ast.AST) -> Iterator[str]:
    """Yield the strings in some code as patterns of their values, docstrings left out."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if text := pattern(node):
            yield text
        for child in ast.iter_child_nodes(node):
            if not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
                waiting.append(child)


def ours(module: str) -> bool:
    return module.split(".")[0] == PACKAGE


def one_by_one(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module without its docstring, each imported name by itself."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                fields = {name: getattr(node, name) for name in node._fields} | {"names": [alias]}
                yield type(node)(**fields)
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            yield node


class Module:
    """A module of the package: its top-level statements and the names that they bind."""

    def __init__(self, name: str, file: Path):
        self.name, self.file, self.is_package = name, file, file.name == "__init__.py"
        self.statements = list(one_by_one(ast.parse(file.read_text(encoding="utf-8")).body))
        tables = [(n, listed(node, name)) for n, node in enumerate(self.statements)]
        self.canonical = functools.cache(lambda number: canonical(self.statements[number]))
        self.said = functools.cache(lambda number: frozenset(strings(self.statements[number])))
        self.tables = {n for n, table in tables if table is not None}
        self.table = {k: v for _, table in tables for k, v in (table or {}).items()}
        self.definitions: dict[str, set[int]] = {}
        self.imports: dict[str, set[Name]] = {}
        for number, node in enumerate(self.statements):
            for bind in effects.names_bound(node):
                self.definitions.setdefault(bind, set()).add(number)
        for node in effects.run_at_once(self.statements):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for bind, use in bound(node, name, self.is_package):
                    self.imports.setdefault(bind, set()).add(use)

    def loads(self) -> Iterator[str]:
        """Yield the modules of the package that are loaded when this one is."""
        for node in effects.run_at_once(self.statements):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names if ours(alias.name))
            elif isinstance(node, ast.ImportFrom):
                base = absolute(node, self.name, self.is_package)
                if ours(base):
                    yield base
                    yield from (f"{base}.{alias.name}" for alias in node.names)

    def digested(self, numbers: set[int]) -> str:
        """Write some of the statements, in their order, in the same way for the same meaning."""
        return "\n".join(self.canonical(number) for number in sorted(numbers))
