"""Checks of a chapter's code: what is claimed and shown comes from what was computed.

A chapter can be wrong although it runs: a claim that an ``except`` swallows or that cannot
fail, a figure that an ``if False`` switches off. See guards.py.
"""

from __future__ import annotations

import ast

from IPython.core.inputtransformer2 import TransformerManager

SHOWN = {"claim", "say", "table", "figure"}  # the functions of `notebook` that show something
NEVER_NEGATIVE = {"abs", "fabs", "len", "std", "var", "norm", "sqrt", "exp", "hypot", "square"}


def code_cells(book) -> list:
    """Return the code cells with nbval's numbers for them."""
    return list(enumerate(cell for cell in book.cells if cell.cell_type == "code"))


def tree(cell) -> ast.Module | None:
    """Parse a code cell, with magics and shell lines turned into calls; None if it is no Python."""
    try:
        return ast.parse(TransformerManager().transform_cell(cell.source))
    except SyntaxError:
        return None


def trees(book) -> list[tuple[int, ast.Module]]:
    """Return the parsed code cells with nbval's numbers; the setup cell is held by its own guard.

    A cell that is no Python is left out here: ``magics`` names it.
    """
    parsed = [(number, tree(cell)) for number, cell in code_cells(book) if number > 0]
    return [(number, found) for number, found in parsed if found is not None]


def called(node: ast.AST) -> str:
    """Return the last part of the name that a call calls, or nothing for any other node."""
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def shown(node: ast.AST) -> str:
    """Return which of ``SHOWN`` a node calls, or nothing."""
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in SHOWN:
            return name
        case ast.Call(func=ast.Attribute(value=ast.Name(id="notebook"), attr=name)):
            return name if name in SHOWN else ""
    return ""


def argument(call: ast.Call, name: str, place: int) -> ast.expr | None:
    """Return the argument that a call gives by this name or at this place."""
    named = (keyword.value for keyword in call.keywords if keyword.arg == name)
    return next(named, call.args[place] if len(call.args) > place else None)


def shown_by_name(book) -> list[str]:
    """What is shown goes through ``claim`` and its like, called by those very names.

    Under another name, as a value handed on, or as a hand-made output, no guard would see it.
    """
    kept = {"notebook", "claim", "say", "figure"} | (SHOWN & _imported(book))
    problems = []
    for number, parsed in trees(book):
        functions = {id(node.func) for node in ast.walk(parsed) if isinstance(node, ast.Call)}
        parameters = {node.arg for node in ast.walk(parsed) if isinstance(node, ast.arg)}
        told = {id(node.value) for node in ast.walk(parsed) if _tells_a_rank(node)}
        for node in ast.walk(parsed):
            match node:
                case ast.Attribute(value=ast.Name(id="notebook"), attr=attr) if attr in SHOWN:
                    if id(node) not in functions:
                        problems.append(f"cell {number} uses notebook.{attr} without calling it")
                case ast.Name(id=name, ctx=ast.Load()) if name in kept - parameters:
                    if name != "notebook" and id(node) not in functions:
                        problems.append(f"cell {number} uses {name} without calling it")
                case ast.Name(id=name) | ast.FunctionDef(name=name) if name in kept:
                    if not isinstance(getattr(node, "ctx", None), ast.Load):
                        problems.append(f"cell {number} gives the name {name} to something else")
                case ast.alias(name=name, asname=str(other)):
                    if name.split(".")[-1] in kept or other in kept:
                        problems.append(f"cell {number} imports {name} as {other}")
                case ast.ImportFrom(module="scaling_utils.notebook", names=[ast.alias(name="*")]):
                    problems.append(f"cell {number} imports everything: name what it needs")
                case ast.Attribute(attr="CLAIM_MIME"):
                    problems.append(f"cell {number} writes a claim by hand")
                case ast.Constant(value=str(text)) if "vnd.scaling-utils.claim" in text:
                    problems.append(f"cell {number} writes a claim by hand")
                case ast.Attribute(attr="environ" | "getenv") if id(node) not in told:
                    problems.append(f"cell {number} reads the environment: all runs do the same")
    return problems


def _tells_a_rank(node: ast.AST) -> bool:
    """Tell whether a rank reads what torchrun's agent has told it, and nothing else."""
    match node:
        case ast.Subscript(value=ast.Attribute(attr="environ"), slice=ast.Constant(value=name)):
            return name in {"RANK", "WORLD_SIZE", "TORCHELASTIC_RESTART_COUNT"}
    return False


def _imported(book) -> set[str]:
    """Return the names that the chapter takes from ``scaling_utils.notebook``."""
    return {
        alias.name
        for _, parsed in trees(book)
        for node in ast.walk(parsed)
        if isinstance(node, ast.ImportFrom) and node.module == "scaling_utils.notebook"
        for alias in node.names
    }


def swallowed(book) -> list[str]:
    """Nothing that is shown stands where an error is caught, or where its output is."""
    showing = _showing(book)
    problems = []
    for number, parsed in trees(book):
        for node in ast.walk(parsed):
            if isinstance(node, ast.Try | ast.TryStar) and any(map(_goes_on, node.handlers)):
                body = [*node.body, *node.orelse]
            elif isinstance(node, ast.With) and any(_hides(item) for item in node.items):
                body = node.body
            else:
                continue
            names = {_shows(part, showing) for child in body for part in ast.walk(child)} - {""}
            problems += [f"cell {number} calls {name} where it may be caught" for name in names]
    return problems


def _goes_on(handler: ast.ExceptHandler) -> bool:
    """Tell whether the chapter goes on after a handler; one that ends in ``raise`` stops it."""
    return not isinstance(handler.body[-1], ast.Raise)


def _hides(item: ast.withitem) -> bool:
    return called(item.context_expr) in {
        "suppress",
        "raises",
        "capture_output",
        "redirect_stdout",
        "redirect_stderr",
    }


def _shows(node: ast.AST, showing: set[str]) -> str:
    """Return what a call shows, itself or through a function of the chapter, or nothing."""
    return shown(node) or (called(node) if called(node) in showing else "")


def _showing(book) -> set[str]:
    """Return the chapter's own functions that show something, directly or through another."""
    functions = {
        node.name: node
        for _, parsed in trees(book)
        for node in ast.walk(parsed)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    found: set[str] = set()
    while True:
        more = {
            name
            for name, node in functions.items()
            if name not in found and any(_shows(part, found) for part in ast.walk(node))
        }
        if not more:
            return found
        found |= more


def dead_code(book) -> list[str]:
    """No code that cannot run, or that always runs although it looks as if it might not."""
    constants, showing = _constants(book), _showing(book)
    problems = []
    for number, parsed in trees(book):
        for node in ast.walk(parsed):
            # A named switch, such as a choice of device, may choose what runs, not what shows.
            known = constants if any(_shows(part, showing) for part in ast.walk(node)) else set()
            match node:
                case ast.If(test=test) | ast.IfExp(test=test) if _fixed(test, known):
                    problems.append(f"cell {number}: the test {ast.unparse(test)!r} is constant")
                case ast.While(test=test) if _fixed(test, known) and not _true(test):
                    problems.append(f"cell {number}: while {ast.unparse(test)} never runs")
                case ast.BoolOp(values=values) if any(_fixed(v, set()) for v in values[:-1]):
                    problems.append(f"cell {number}: {ast.unparse(node)!r} has a constant part")
                case ast.For(iter=ast.List(elts=[]) | ast.Tuple(elts=[])):
                    problems.append(f"cell {number}: a loop over nothing")
                case ast.For(
                    iter=ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=0)])
                ):
                    problems.append(f"cell {number}: a loop over nothing")
            for body in (getattr(node, field, None) for field in ("body", "orelse", "finalbody")):
                ends = (ast.Return, ast.Raise, ast.Continue, ast.Break)
                if isinstance(body, list) and any(isinstance(s, ends) for s in body[:-1]):
                    problems.append(f"cell {number}: code after the end of a block never runs")
    return problems


def _fixed(test: ast.expr, constants: set[str]) -> bool:
    """Tell whether a test holds nothing that could change its outcome."""
    names = [node for node in ast.walk(test) if isinstance(node, ast.Name)]
    if any(isinstance(node, ast.Call | ast.Attribute) for node in ast.walk(test)):
        return False
    return all(name.id in constants for name in names)


def _true(test: ast.expr) -> bool:
    """Tell whether a test is the plain word True, as in a loop that a break ends."""
    return isinstance(test, ast.Constant) and test.value is True


def _constants(book) -> set[str]:
    """Return the names that the chapter sets once and for all to True, False, None or a number."""
    bound: dict[str, list[ast.expr | None]] = {}
    for _, parsed in trees(book):
        plain = {}
        for node in ast.walk(parsed):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                plain |= {id(target): node.value for target in node.targets}
        for node in ast.walk(parsed):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                bound.setdefault(node.id, []).append(plain.get(id(node)))
            elif isinstance(node, ast.arg):
                bound.setdefault(node.arg, []).append(None)
    return {name for name, values in bound.items() if len(values) == 1 and values[0]}


def uncalled(book) -> list[str]:
    """No function that shows something is left without a call, nor is a claim in a lambda."""
    showing = _showing(book)
    used = {
        node.id
        for _, parsed in trees(book)
        for node in ast.walk(parsed)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    problems = [f"{name}() shows something and is never called" for name in showing - used]
    for number, parsed in trees(book):
        for node in ast.walk(parsed):
            if isinstance(node, ast.Lambda) and any(map(shown, ast.walk(node))):
                problems.append(f"cell {number} shows something from a lambda")
    return problems


def idle_claims(book) -> list[str]:
    """Every claim can fail: what it measures is computed, and its bound is none of its own."""
    constants = _constants(book)
    problems = []
    for number, parsed in trees(book):
        for node in ast.walk(parsed):
            if shown(node) == "claim":
                why = _idle(node, constants)
                problems += [f"cell {number} has a claim that cannot fail: {why}"] if why else []
    return problems


def _idle(claim: ast.Call, constants: set[str]) -> str:
    measured = argument(claim, "measured", 1)
    if measured is None or _fixed(measured, constants):
        return "what it measures is typed, not computed"
    bounds = {name: argument(claim, name, 99) for name in ("at_least", "at_most", "rel", "abs")}
    bounds["expected"] = argument(claim, "expected", 2)
    for name, bound in bounds.items():
        if bound is not None and ast.dump(bound) == ast.dump(measured):
            return f"it measures what it takes for {name}"
    typed = {
        name: ast.literal_eval(bound)
        for name, bound in bounds.items()
        if isinstance(bound, ast.Constant | ast.UnaryOp) and _fixed(bound, set())
    }
    if typed.get("at_least", 1) <= 0 and called(measured) in NEVER_NEGATIVE:
        return f"{called(measured)} is never below {typed['at_least']}"
    if typed.get("rel", 0) >= 1:
        return f"its tolerance is {typed['rel']:.0%} of what it expects"
    return ""


CODE_GUARDS = (shown_by_name, swallowed, dead_code, uncalled, idle_claims)
