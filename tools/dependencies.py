"""Which definitions, modules and strings some code uses, found from syntax alone.

A module is its top-level statements. What a chapter uses by name is followed to the statement
that defines it, through a room's list of names and through re-exports, and from there to what
that statement uses in turn: in bodies, defaults, decorators, bases and annotations. Statements
that do something when the module is loaded count wherever the module is loaded (tools/effects.py
tells which do).

Where the syntax does not say what is used, everything that it may be counts: a star import, a
module handed on as a value, `getattr(laws, name)`, a module named in a string, or a name that is
not found all stand for the whole module, and for a room with all modules in it.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

import effects
from modules import PACKAGE, Module, Name, bound, ours, pattern, strings

from scaling_utils._syntax import made

ALL = "*"
ANY = ".*"  # the pattern of an argument that is computed
IN_STRINGS = re.compile(rf"\b{PACKAGE}(?:\.\w+)+")
COMMAND = "scaling-utils"  # in a cell: the command line, which is the room `cli`
SILENT = {"__name__", "__file__", "__path__", "__doc__"}  # what every module has

# A module and one of its names, where ALL stands for all of it; and where the name is called, a
# pattern that its first argument matches.
Use = tuple[str, str, str]


class Package:
    """The modules below a root, read when they are first asked for."""

    def __init__(self, root: Path):
        self.root = root
        self.module = functools.cache(self._module)
        self.uses = functools.cache(self._uses)
        self.always = functools.cache(self._always)
        self.stirs = functools.cache(self._stirs)

    def file(self, name: str) -> Path | None:
        """Return the file of a dotted module name; None where it names no module."""
        base = self.root.joinpath(*name.split("."))
        files = (base / "__init__.py", base.with_suffix(".py"))
        return next((file for file in files if ours(name) and file.is_file()), None)

    def path(self, name: str) -> str:
        """Return the place of a module's file below the root."""
        return self.file(name).relative_to(self.root).as_posix()

    def _module(self, name: str) -> Module | None:
        file = self.file(name)
        return None if file is None else Module(name, file)

    def below(self, name: str) -> list[str]:
        """Return a module's name, and the names of all modules in it where it is a package."""
        module = self.module(name)
        files = sorted(module.file.parent.rglob("*.py")) if module.is_package else [module.file]
        dotted = [file.relative_to(self.root).with_suffix("").parts for file in files]
        return [".".join(p[:-1] if p[-1] == "__init__" else p) for p in dotted]

    def used(self, tree: ast.AST, module: Module | None = None) -> set[Use]:
        """Return what a piece of code uses of the package, at its top or in a function.

        Names count wherever they stand: a local variable that is named like an import uses it.
        """
        imports: dict[str, set[Name]] = dict(module.imports) if module else {}
        place = (module.name, module.is_package) if module else ("", False)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for name, use in bound(node, *place):
                    imports[name] = imports.get(name, set()) | {use}
        found = {(*use, "") for use in imports.get(ALL, ()) if ours(use[0])}
        if module is None and any(COMMAND in text for text in strings(tree)):
            found.add((f"{PACKAGE}.cli", ALL, ""))
        return found | set(self._walk(tree, imports, module))

    def _walk(
        self, node: ast.AST, imports: dict, module: Module | None, asked: str = ""
    ) -> Iterator[Use]:
        name, parts = effects.chain(node)
        if name is not None:
            if isinstance(node, ast.Attribute) or isinstance(node.ctx, ast.Load):
                for target in imports.get(name, ()):
                    if ours(target[0]):
                        yield (*self.along(target, parts), asked)
                if module and name in module.definitions:
                    yield module.name, name, "" if parts else asked
            return
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from ((name, ALL, "") for name in self._in_string(node.value))
        if isinstance(node, ast.Call):
            first = (pattern(node.args[0]) or ANY) if node.args else ""
            yield from self._walk(node.func, imports, module, first)
        for child in ast.iter_child_nodes(node):
            docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            if not docstring and not (isinstance(node, ast.Call) and child is node.func):
                yield from self._walk(child, imports, module)

    def along(self, target: Name, parts: list[str]) -> Name:
        """Follow `a.b.c` through modules to the first name that is none."""
        module, name = target
        for part in ([name] if name else []) + parts:
            if self._listed_elsewhere(module, part) or not self.file(f"{module}.{part}"):
                return module, part
            module = f"{module}.{part}"
        return module, ALL

    def _listed_elsewhere(self, module: str, name: str) -> bool:
        home = self.module(module)
        return home is not None and home.table.get(name, f"{module}.{name}") != f"{module}.{name}"

    def _in_string(self, text: str) -> Iterator[str]:
        """Yield the longest module name in each dotted name in a string."""
        for dotted in IN_STRINGS.findall(text):
            while self.file(dotted) is None:
                dotted = dotted.rpartition(".")[0]
                if dotted == PACKAGE or not dotted:
                    break
            else:
                yield dotted

    def _uses(self, name: str, number: int) -> frozenset[Use]:
        module = self.module(name)
        return frozenset(self.used(module.statements[number], module))

    def resolve(self, use: Use) -> tuple[set[tuple[str, int]], set[Use]]:
        """Return the statements that a use stands for, and the further uses that it does."""
        name, what, asked = use
        module = self.module(name)
        if module is None or what in SILENT:
            return set(), set()
        if what in module.table:
            home = module.table[what]
            return set(), {(home, ALL if home == f"{name}.{what}" else what, asked)}
        if what in module.definitions:
            taken = {self.along(one, []) for one in module.imports.get(what, ()) if ours(one[0])}
            here = {(name, number) for number in module.definitions[what]}
            return here, {(*one, asked) for one in taken}
        if self.file(f"{name}.{what}"):
            return set(), {(f"{name}.{what}", ALL, "")}
        if from_data := self._from_data(module, what):
            return set(), from_data
        inside = self.below(name)
        every = {(m, n) for m in inside for n in range(len(self.module(m).statements))}
        return every, set()

    def _from_data(self, module: Module, what: str) -> set[Use]:
        """Return the uses of a name that stands for a file of data: it, what reads it, its forms.

        The file says in `form = "..."` which names of the room it is made of.
        """
        for number in module.tables:
            if found := made(module.statements[number], module.name):
                maker, function, folder = found
                name = what.lower().replace("_", "-")
                file = self.root / PACKAGE / "data" / folder / f"{name}.toml"
                if what.isupper() and file.is_file():
                    forms = re.findall(r'\bform = "(\w+)', file.read_text(encoding="utf-8"))
                    asked = {(maker, function, re.escape(name)), (maker, "build", "")}
                    return asked | {(module.name, form, "") for form in forms}
        return set()

    def _always(self, name: str) -> frozenset[int]:
        """Return the statements of a module that do something when it is loaded."""
        module = self.module(name)
        return frozenset(
            number
            for number, node in enumerate(module.statements)
            if number not in module.tables and not effects.quiet(node, module, self)
        )

    def _stirs(self, use: Use) -> bool:
        """Say whether using a name can reach code that changes what other names stand for."""
        statements, waiting, seen = set(), [use], set()
        while waiting:
            one = waiting.pop()
            if one in seen:
                continue
            seen.add(one)
            here, further = self.resolve(one)
            waiting += further
            for name, number in here - statements:
                if effects.stirring(self.module(name)):
                    return True
                statements.add((name, number))
                waiting += self.uses(name, number)
        return False


class Reached:
    """The statements of each module that some uses come down to.

    Parameters
    ----------
    lookups : functions, as (module, name), that are not followed where they are called;
        `asked` holds the patterns of their first arguments, `ANY` where it is computed.
    """

    def __init__(self, package: Package, uses: Iterable[Use], lookups: Container[Name] = ()):
        self.package = package
        self.statements: dict[str, set[int]] = {}
        self.asked: dict[Name, set[str]] = {}
        self._loaded: set[str] = set()
        self._waiting, seen = list(uses), set()
        while self._waiting:
            use = self._waiting.pop()
            if use in seen or package.module(use[0]) is None:
                continue
            seen.add(use)
            self._load(use[0])
            if use[2] and use[:2] in lookups:
                self.asked.setdefault(use[:2], set()).add(use[2])
                continue
            statements, further = package.resolve(use)
            self._waiting += further
            for name, number in statements:
                self._add(name, number)

    def _load(self, name: str) -> None:
        """Note a module as loaded, with the packages it is in and what it loads in turn."""
        if name in self._loaded or self.package.module(name) is None:
            return
        self._loaded.add(name)
        if "." in name:
            self._load(name.rpartition(".")[0])
        for number in self.package.always(name):
            self._add(name, number)
        for other in self.package.module(name).loads():
            home, _, last = other.rpartition(".")
            holder = self.package.module(home)
            self._load(holder.table.get(last, other) if holder else other)

    def _add(self, name: str, number: int) -> None:
        if number in self.statements.setdefault(name, set()):
            return
        self.statements[name].add(number)
        self._waiting += self.package.uses(name, number)
        self._load(name)
        module = self.package.module(name)
        if effects.stirring(module):
            for other in set(range(len(module.statements))) - module.tables:
                self._add(name, other)
