"""One dialect for all docstrings: numpy's, with every parameter, what comes back, what is raised.

Read from the names that each room lists. What still departs is counted, and the count may only
fall: lower DEBT when you have mended some.
"""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap

import apipages

DEBT = 0
SECTION = re.compile(r"^(?P<name>[A-Z][A-Za-z ]+)\n-{3,}$", flags=re.M)
CHECKS = re.compile(r"\braise\b|\b(?:whole|number|member|finite_array|positive_array|labels)\(")


def sections(docstring: str) -> dict[str, str]:
    """Split a docstring in numpy's style into its sections, by their headings."""
    parts = SECTION.split(docstring)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def departures(function) -> list[str]:
    """Say what a function's docstring lacks."""
    text = inspect.getdoc(function) or ""
    if not text:
        return ["no docstring"]
    found = sections(text)
    signature = inspect.signature(function)
    named = re.findall(r"^(\*{0,2}\w[\w, *]*?) ?(?::|$)", found.get("Parameters", ""), flags=re.M)
    described = {part.strip(" *") for names in named for part in names.split(",")}
    missing = [name for name in signature.parameters if name not in described]
    problems = [f"parameter {name}" for name in missing]
    source = textwrap.dedent(inspect.getsource(function))
    nothing = (None, "None", inspect.Signature.empty)
    returns = signature.return_annotation not in nothing and "return " in source
    if returns and not {"Returns", "Yields"} & found.keys():
        problems.append("what it returns")
    if CHECKS.search(source.partition('"""')[2].rpartition('"""')[2]) and "Raises" not in found:
        problems.append("what it raises")
    return problems


def functions() -> dict[str, object]:
    """Return the public functions of all rooms by their full names."""
    found = {}
    for room in apipages.room_names():
        module = importlib.import_module(f"scaling_utils.{room}")
        for name in apipages.public(module):
            if inspect.isfunction(getattr(module, name)):
                found[f"{room}.{name}"] = getattr(module, name)
    return found


def test_every_public_function_documents_parameters_returns_and_errors():
    lacking = {name: departures(function) for name, function in functions().items()}
    lacking = {name: problems for name, problems in lacking.items() if problems}
    told = "\n".join(f"{name}: {', '.join(problems)}" for name, problems in lacking.items())
    assert len(lacking) <= DEBT, told


def complete(a: int, *rest: int) -> int:
    """Add.

    Parameters
    ----------
    a, *rest : numbers.

    Returns
    -------
    The sum.

    Raises
    ------
    ValueError : never positive.
    """
    if a < 0:
        raise ValueError(a)
    return a + sum(rest)


def bare(a: int) -> int:
    """Add one."""
    if a < 0:
        raise ValueError(a)
    return a + 1


def test_the_rule_sees_what_is_missing():
    assert departures(complete) == []
    assert departures(bare) == ["parameter a", "what it returns", "what it raises"]
    assert len(functions()) > 50
