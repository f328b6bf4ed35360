"""Which top-level statements of a module do more, when it is loaded, than to define their names.

A definition that nobody uses may change: nothing shows it. A statement that has an effect may
not. It is known to have none where it is a function, a class, an import or an assignment to
plain names, and every call that it makes at once is to something that is known to have none:
what `HARMLESS` lists, or the package's own code, as far as that changes nothing that lives on
in a module (`stirring`). Everything else is taken to have an effect.
"""

from __future__ import annotations

import ast
import builtins
import functools
from collections.abc import Iterable, Iterator

# What may be called while a module is loaded, by the place it is imported from.
HARMLESS = {
    "collections.namedtuple",
    "contextlib.contextmanager",
    "dataclasses",
    "enum",
    "functools",
    "importlib.resources.files",
    "math",
    "numpy",
    "pathlib.Path",
    "re.compile",
    "sysconfig.get_path",
    "threading.Lock",
    "torch.inference_mode",
    "torch.no_grad",
    "types.MappingProxyType",
    "typing",
}
NOT_HARMLESS = {"numpy.seterr", "numpy.random.seed", "numpy.set_printoptions", "functools.reduce"}
BUILTINS = {
    *("abs", "bool", "bytes", "classmethod", "complex", "dict", "enumerate", "float", "frozenset"),
    *("int", "len", "list", "map", "max", "min", "object", "property", "range", "reversed"),
    *("round", "set", "slice", "sorted", "staticmethod", "str", "sum", "tuple", "type", "zip"),
}
ASKING = {
    *("format", "get", "items", "join", "keys", "lower", "partition", "resolve", "split", "strip"),
    *("upper", "values"),
}
SELF = {"__name__", "__file__"}
ACCESSORS = {"setter", "deleter", "getter"}  # of a property
CHANGING = {
    *("add", "append", "clear", "discard", "extend", "insert", "move_to_end", "pop", "popitem"),
    *("register", "remove", "reverse", "setdefault", "sort", "update", "__setitem__"),
}
REWRITING = {"exec", "eval", "globals", "setattr", "delattr", "__import__"}
HOOKS = {"__init_subclass__", "__set_name__", "__prepare__", "__class_getitem__"}
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def names_bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that a top-level statement binds in its module."""
    for inner in run_at_once([node], into_classes=False):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield inner.name
        elif isinstance(inner, ast.Import | ast.ImportFrom):
            for alias in inner.names:
                yield alias.asname or alias.name.split(".")[0]
        elif isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load):
            yield inner.id
        elif isinstance(inner, ast.ExceptHandler) and inner.name:
            yield inner.name


def run_at_once(nodes: Iterable[ast.AST], into_classes: bool = True) -> Iterator[ast.AST]:
    """Yield the nodes that run when the module is loaded: all but the bodies of functions."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += [*node.decorator_list, *node.args.defaults]
            waiting += [default for default in node.args.kw_defaults if default]
        elif isinstance(node, ast.Lambda):
            waiting += [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        elif isinstance(node, ast.ClassDef) and not into_classes:
            waiting += [*node.decorator_list, *node.bases]
        else:
            waiting += ast.iter_child_nodes(node)


def chain(node: ast.AST) -> tuple[str | None, list[str]]:
    """Return the name at the start of `a.b.c`, and the attributes after it; else None."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id if isinstance(node, ast.Name) else None), parts[::-1]


def root(node: ast.AST) -> tuple[str | None, list[str]]:
    """Return the name at the start of `a.b[0].c`, and the attributes after it."""
    parts = []
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
        node = node.value
    return (node.id if isinstance(node, ast.Name) else None), parts[::-1]


@functools.cache
def stirring(module) -> bool:
    """Say whether a module holds code that changes what lives on in a module.

    Such a module is taken as a whole: what one definition is may hang on any other.
    """
    borrowed = {  # modules of others: what is called there is a function, no method
        name
        for name, uses in module.imports.items()
        if all(not what and not base.startswith(module.name.split(".")[0]) for base, what in uses)
    }
    lasting = frozenset(module.definitions)
    return any(_stirs(statement, lasting, borrowed) for statement in module.statements)


def _stirs(node: ast.AST, lasting: frozenset[str], borrowed: set[str]) -> bool:
    """Say whether code changes what one of the lasting names stands for, or may."""
    if isinstance(node, ast.Global):
        return True
    if isinstance(node, FUNCTIONS):
        if getattr(node, "name", "") in HOOKS:
            return True
        lasting = lasting - _local(node)
    place = isinstance(node, ast.Attribute | ast.Subscript)
    if place and not isinstance(node.ctx, ast.Load) and root(node)[0] in lasting:
        return True
    if isinstance(node, ast.Call):
        name, parts = root(node.func)
        if name in REWRITING and not parts:
            return True
        if name == "vars" and all(root(argument)[0] in lasting for argument in node.args):
            return True
        method = len(parts) > 1 or name not in borrowed
        if parts and parts[-1] in CHANGING and name in lasting and method:
            return True
    return any(_stirs(child, lasting, borrowed) for child in ast.iter_child_nodes(node))


def _local(function: FUNCTIONS) -> set[str]:
    """Return the names that are a function's own: its parameters, and what it assigns itself."""
    arguments = function.args
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    names = {one.arg for one in [*given, arguments.vararg, arguments.kwarg] if one}
    if not isinstance(function, ast.Lambda):
        for statement in function.body:
            names.update(names_bound(statement))
    return names


def quiet(statement: ast.stmt, module, package) -> bool:
    """Say whether a top-level statement is known to do no more than to bind its names."""
    if isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass):
        return True
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        plain = ast.Name | ast.Tuple | ast.List
        parts = [inner for target in targets for inner in ast.walk(target)]
        if not all(isinstance(inner, plain | ast.expr_context) for inner in parts):
            return False
    elif isinstance(statement, ast.ClassDef):
        inside = [inner for inner in statement.body if not _is_constant(inner)]
        if statement.keywords or not all(quiet(inner, module, package) for inner in inside):
            return False
        if any(_unknown(base, module, package, called=False) for base in statement.bases):
            return False
    elif isinstance(statement, ast.If) and getattr(statement.test, "id", "") == "TYPE_CHECKING":
        return not statement.orelse
    elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    decorators = getattr(statement, "decorator_list", [])
    if any(_unknown(one, module, package) for one in decorators):
        return False
    return not any(
        _unknown(node.func, module, package)
        for node in run_at_once([statement], into_classes=False)
        if isinstance(node, ast.Call)
    )


def _is_constant(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _unknown(function: ast.AST, module, package, called: bool = True) -> bool:
    """Say whether calling this may have an effect that lasts; of a base, deriving from it."""
    if isinstance(function, ast.Call):
        function = function.func
    name, parts = root(function)
    if parts and name not in module.imports:
        own = name is None or name in module.definitions or name in SELF
        if parts[-1] in ACCESSORS or (own and parts[-1] in ASKING):
            return False
    if name is None:
        return True
    for base, what in module.imports.get(name, ()):
        full = ".".join(filter(None, [base, what, *parts]))
        if base.split(".")[0] == module.name.split(".")[0]:
            if package.stirs((*package.along((base, what), parts), "")):
                return True
        elif called and (not _within(full, HARMLESS) or _within(full, NOT_HARMLESS)):
            return True
    if name in module.imports:
        return False
    if name in module.definitions:
        return package.stirs((module.name, name, ""))
    return name not in BUILTINS and not (not called and hasattr(builtins, name))


def _within(full: str, names: set[str]) -> bool:
    parts = full.split(".")
    return any(".".join(parts[:end]) in names for end in range(1, len(parts) + 1))
