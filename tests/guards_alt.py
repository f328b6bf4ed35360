"""A figure's description takes its numbers from the code, as every sentence does.

What a reader who cannot see a figure is told must change with what the figure shows. So no
number may stand in the constant parts of ``notebook.figure(fig, alt=...)``. See guards.py.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from guards_code import argument, shown, trees

# A number, and not part of a name or of notation: GPT-3, log10, 2D, x^2 are let through.
TYPED_NUMBER = re.compile(r"(?<![\w.^-])\d[\d,.]*(?![\w])")


def alt_numbers(book) -> list[str]:
    """No number is typed into a figure's description: numbers come from the code."""
    problems = []
    for number, parsed in trees(book):
        for node in ast.walk(parsed):
            alt = argument(node, "alt", 1) if shown(node) == "figure" else None
            for text in _constant_parts(alt, parsed, set()) if alt is not None else ():
                found = TYPED_NUMBER.findall(text)
                if found:
                    problems.append(
                        f"cell {number} types {', '.join(found)} into an alt text ({text.strip()!r}"
                        "): take each number from the code, as in {value:.2f}"
                    )
    return problems


def _constant_parts(node: ast.AST, cell: ast.Module, seen: set[str]) -> Iterator[str]:
    """Yield what a description says whatever the code computes.

    A name stands for all that the cell assigns to it. What a call returns, or an index picks,
    is computed; what stands as a constant between braces is typed all the same.
    """
    match node:
        case ast.Constant():
            yield str(node.value)
        case ast.JoinedStr():
            for part in node.values:
                yield from _constant_parts(part, cell, seen)
        case ast.FormattedValue() | ast.NamedExpr():
            yield from _constant_parts(node.value, cell, seen)
        case ast.BinOp(op=ast.Add() | ast.Mod()):
            yield from _constant_parts(node.left, cell, seen)
            yield from _constant_parts(node.right, cell, seen)
        case ast.IfExp():
            yield from _constant_parts(node.body, cell, seen)
            yield from _constant_parts(node.orelse, cell, seen)
        case ast.Call(func=ast.Attribute(value=text)):  # "...".format(x), "".join([...])
            if isinstance(text, ast.Constant | ast.JoinedStr | ast.Name):
                yield from _constant_parts(text, cell, seen)
            if node.func.attr in ("format", "join"):
                for given in [*node.args, *(keyword.value for keyword in node.keywords)]:
                    yield from _constant_parts(given, cell, seen)
        case ast.List() | ast.Tuple():
            for part in node.elts:
                yield from _constant_parts(part, cell, seen)
        case ast.Name() if node.id not in seen:
            for value in _assigned(node.id, cell):
                if not isinstance(value, ast.Constant) or isinstance(value.value, str):
                    yield from _constant_parts(value, cell, seen | {node.id})


def _assigned(name: str, cell: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(cell):
        match node:
            case ast.Assign(targets=targets, value=value):
                if any(getattr(target, "id", None) == name for target in targets):
                    yield value
            case ast.AnnAssign(target=ast.Name(id=found), value=value) if value:
                if found == name:
                    yield value
            case ast.AugAssign(target=ast.Name(id=found), value=value) if found == name:
                yield value
            case ast.NamedExpr(target=ast.Name(id=found), value=value) if found == name:
                yield value
