"""Which code an experiment is: a digest of what each of its modules says.

The modules of an experiment are its own, and those that it imports, directly or through another
one, anywhere in them; of these, the ones that belong to this package or are the user's own.
Python's library and other installed packages do not count.

A module's digest is taken from its syntax tree without docstrings, so that a comment, a
docstring or the layout changes nothing.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator
from pathlib import Path

from scaling_utils._syntax import canonical, listed

PACKAGE = __name__.partition(".")[0]
_LIBRARY = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")}
_INSTALLED = {"site-packages", "dist-packages"}  # folders that pip and Debian install to
_DIGITS = 16  # hexadecimal, of a module's digest


@functools.cache
def source_digest(source: bytes) -> str:
    """Return the digest of a module's source; of its bytes where it is no valid Python."""
    try:
        text = canonical(ast.parse(source)).encode()
    except (SyntaxError, ValueError, RecursionError):
        text = source
    return hashlib.sha256(text).hexdigest()[:_DIGITS]


def combined(modules: dict[str, str]) -> str:
    """Return one digest for the digests of some modules."""
    text = "".join(f"{name} {digest}\n" for name, digest in sorted(modules.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def on_disk(name: str) -> bytes | None:
    """Return the source of a module as it is on the disk now; None where there is none."""
    file = module_file(name)
    try:
        return None if file is None else file.read_bytes()
    except OSError:
        return None


def module_file(name: str) -> Path | None:
    """Return the source file of a module, without importing anything; None where it has none."""
    top, *rest = name.split(".")
    if top == "__main__":
        file = getattr(sys.modules[top], "__file__", None)
        return Path(file) if file and file.endswith(".py") else None
    try:  # where the package is loaded, its place is known; else Python looks for it
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations is None:
        files = [Path(spec.origin or "")] if not rest else []
    else:
        bases = [Path(place).joinpath(*rest) for place in spec.submodule_search_locations]
        files = [file for base in bases for file in (base / "__init__.py", base.with_suffix(".py"))]
    return next((file for file in files if file.suffix == ".py" and file.is_file()), None)


def _installed(name: str) -> bool:
    file = module_file(name)
    parents = [] if file is None else file.resolve().parents
    return any(place in _LIBRARY or place.name in _INSTALLED for place in parents)


def modules_of(name: str) -> dict[str, str]:
    """Return the digest of each module of the experiment in the module ``name``, by its name.

    The files are read as they are now. The result is empty where the module has no file.
    """
    own = {PACKAGE, name.partition(".")[0]}  # these count even where they are installed
    found: dict[str, str] = {}
    seen, waiting = {name}, [name]
    while waiting:
        module = waiting.pop()
        source = on_disk(module)
        if source is None or (module.partition(".")[0] not in own and _installed(module)):
            continue
        found[module] = source_digest(source)
        new = _imports(source, module) - seen
        seen |= new
        waiting += new
    return found


def function_digest(function: Callable) -> str:
    """Return the digest of a function that has no file, as one typed at a prompt."""
    return hashlib.sha256(_instructions(function.__code__).encode()).hexdigest()[:_DIGITS]


def _instructions(part: types.CodeType) -> str:
    inner = [_constant(value) for value in part.co_consts]
    return repr((part.co_code.hex(), part.co_names, part.co_varnames, inner))


def _constant(value) -> str:
    if isinstance(value, types.CodeType):
        return _instructions(value)
    if isinstance(value, frozenset):  # its order differs from process to process
        return repr(sorted(map(repr, value)))
    return repr(value)


@functools.cache
def _imports(source: bytes, module: str) -> frozenset[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()
    return frozenset(name for node in ast.walk(tree) for name in _named(node, module))


def _named(node: ast.AST, module: str) -> Iterator[str]:
    """Yield the modules that a node may import.

    Of this package, a room counts only where it is named: its parents do no more than to
    gather names. A name that a room loads when it is used counts as the module that it is
    taken from; a room that is imported as a whole, as all that it lists. A user's package runs
    from its top.
    """
    base = ""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            base = _absolute(node, module)
        names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
    else:
        return
    for name in names:
        parts = name.split(".")
        if parts[0] == PACKAGE:
            if name != PACKAGE:  # holds the version and the list of rooms
                yield name
                yield from _taken_from(name, whole=name != base)
        else:
            yield from (".".join(parts[: end + 1]) for end in range(len(parts)))


def _taken_from(name: str, whole: bool) -> Iterator[str]:
    """Yield the modules of a name in a room's list, or of the whole list of the room itself."""
    room, _, last = name.rpartition(".")
    if last == "*":
        yield from _room(on_disk(room), room).values()
    elif last in (names := _room(on_disk(room), room)):
        yield names[last]
    elif whole:
        yield from _room(on_disk(name), name).values()


@functools.cache
def _room(source: bytes | None, room: str) -> dict[str, str]:
    """Return what a room's `__init__` lists, by name; nothing where it lists nothing."""
    tables = (listed(node, room) for node in ast.parse(source or b"").body)
    return next((table for table in tables if table is not None), {})


def _absolute(node: ast.ImportFrom, module: str) -> str:
    file = module_file(module)
    inside = file is not None and file.name == "__init__.py"
    package = module if inside else module.rpartition(".")[0]
    try:
        return importlib.util.resolve_name("." * node.level + (node.module or ""), package)
    except ImportError:
        return node.module or ""
