"""What code says, read from its syntax tree without running it."""

from __future__ import annotations

import ast


def canonical(node: object) -> str:
    """Write a syntax tree the same way on every Python version, docstrings left out.

    `ast.dump` prints empty fields or not depending on the version; here they are never
    printed, so a field that a later version adds changes nothing while it is unused.
    """
    if isinstance(node, list):
        return "[" + ",".join(canonical(item) for item in node) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = []
    for name, value in ast.iter_fields(node):
        if name == "body" and has_docstring(node):
            value = value[1:]
        if isinstance(node, ast.JoinedStr):  # Python 3.12 adds empty strings to nested ones
            value = [part for part in value if getattr(part, "value", None) != ""]
        if value not in (None, []) and name not in ("kind", "type_comment"):
            fields.append(f"{name}={canonical(value)}")
    if isinstance(node, ast.Constant) and node.value is None:
        fields.append("value=None")
    return f"{type(node).__name__}({','.join(fields)})"


def has_docstring(node: ast.AST) -> bool:
    """Say whether a node is one that takes a docstring, and has it."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None


def listed(node: ast.stmt, room: str) -> dict[str, str] | None:
    """Return the names that a room's `attach` lists, each with its module; else None.

    A module that is public as a module stands for itself. See `scaling_utils/_lazy.py`.

    Raises
    ------
    ValueError : the table is not written as a literal.
    """
    call = node.value if isinstance(node, ast.Assign) else None
    if not isinstance(call, ast.Call) or getattr(call.func, "id", None) != "attach":
        return None
    given = {word.arg: word.value for word in call.keywords}
    given |= dict(zip(("room", "table", "submodules"), call.args, strict=False))
    table = ast.literal_eval(given["table"])
    modules = ast.literal_eval(given["submodules"]) if "submodules" in given else ()
    homes = {name: module for module, names in table.items() for name in names}
    homes |= {name: name for name in modules}
    return {name: home if "." in home else f"{room}.{home}" for name, home in homes.items()}
