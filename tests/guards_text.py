"""Checks of a chapter's text: its order, its exercises, its Markdown. See guards.py."""

from __future__ import annotations

import re
from itertools import pairwise

FEWEST_EXERCISES = 3
SHORTEST_SOLUTION = {"prose": 25, "code": 3}  # words, lines of code: an answer, not its last line
MYST = {
    "a directive": re.compile(r"^\s*(`{3,}|~{3,}|:{3,})\s*\{", re.M),
    "a role": re.compile(r"\{[a-zA-Z][\w:+-]*\}`"),
    "a target": re.compile(r"^\([\w-]+\)=\s*$", re.M),
    "a substitution": re.compile(r"\{\{.+?\}\}"),
    "a block break": re.compile(r"^\+\+\+", re.M),
}
QUESTION = ("the question in one bold sentence", re.compile(r"^\*\*[^*]+\?\*\*", re.M))
SECTIONS = (
    QUESTION,
    ("What you will be able to do", re.compile(r"what you will be able to do", re.I)),
    ("## The theory", re.compile(r"^## The theory", re.M)),
    ("## The experiment", re.compile(r"^## The experiment", re.M)),
    ("## Where this fails", re.compile(r"^## Where this fails", re.M)),
    ("## Exercises", re.compile(r"^## Exercises", re.M)),
    ("## Further reading", re.compile(r"^## Further reading", re.M)),
)
STUDY_SECTIONS = (
    QUESTION,
    ("## What was registered", re.compile(r"^## What was registered", re.M)),
    ("## What came", re.compile(r"^## What came", re.M)),
    ("## What was found afterwards", re.compile(r"^## What was found afterwards", re.M)),
    ("## What will be registered next", re.compile(r"^## What will be registered next", re.M)),
    ("## Where this fails", re.compile(r"^## Where this fails", re.M)),
    ("## Further reading", re.compile(r"^## Further reading", re.M)),
)


def tags(cell) -> set[str]:
    """Return the tags of a cell."""
    return set(cell.metadata.get("tags", ()))


def sections(book) -> list[str]:
    """Title, line of run times, question, aims, setup, theory, experiment, limits, exercises."""
    return _in_order(book, SECTIONS)


def study_sections(book) -> list[str]:
    """Title, line of run times, question, setup, what was registered before what came of it."""
    problems = _in_order(book, STUDY_SECTIONS)
    listed = _calls(book, "predictions")
    scored = _calls(book, "verdict")
    if not listed or not scored or listed[0] > scored[0]:
        problems.append("the registered predictions are listed before the first is scored")
    return problems


def _calls(book, name: str) -> list[int]:
    """Return the numbers of the code cells that call a function of ``scaling_utils.notebook``."""
    call = re.compile(rf"\b{name}\(")
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    return [number for number, cell in enumerate(code) if call.search(cell.source)]


def _in_order(book, sections) -> list[str]:
    cells = book.cells
    if len(cells) < 3 or cells[0].cell_type != "markdown":
        return ["a chapter starts with a title in a markdown cell"]
    problems = []
    title = cells[0].source.splitlines()[0] if cells[0].source else ""
    if not re.match(r"# \S", title) or re.match(r"# (chapter\s*)?\d+[\s.:]", title, re.I):
        problems.append(f"the title is {title!r}: one '# ' and no chapter number")
    if "runs-on" not in tags(cells[1]):
        problems.append("the second cell must carry the tag runs-on")
    elif "not yet run" in cells[1].source.lower():
        problems.append("the line under the title says that the chapter was not yet run")
    places = [(name, _first(cells, pattern)) for name, pattern in sections]
    opening = sum(not name.startswith("##") for name, _ in sections)
    setup = ("the setup cell", _where(cells, lambda cell: "setup" in tags(cell)))
    places.insert(opening, setup)
    missing = [name for name, place in places if place is None]
    if missing:
        return problems + [f"missing: {name}" for name in missing]
    for (before, start), (after, end) in pairwise(places):
        if end < start:
            problems.append(f"{after} comes before {before}")
    return problems


def _where(cells, holds) -> tuple[int, int] | None:
    return next(((n, 0) for n, cell in enumerate(cells) if holds(cell)), None)


def _first(cells, pattern) -> tuple[int, int] | None:
    """Return the place of a pattern: number of the markdown cell and offset in it."""
    for number, cell in enumerate(cells):
        found = pattern.search(cell.source) if cell.cell_type == "markdown" else None
        if found:
            return number, found.start()
    return None


def exercises(book) -> list[str]:
    """Three exercises or more, numbered from 1, each with its hidden solution, one in code."""
    asked: list[int] = []
    solved: dict[int, str] = {}
    lengths: dict[int, int] = {}
    problems = []
    for cell in book.cells:
        if cell.cell_type == "markdown":
            asked += map(int, re.findall(r"^### Exercise (\d+)\b", cell.source, re.M))
            if "<details><summary>Solution" in cell.source and asked:
                solved.setdefault(asked[-1], "prose")
                lengths.setdefault(asked[-1], len(re.sub(r"<[^>]+>", " ", cell.source).split()))
        elif "solution" in tags(cell) and asked:
            solved[asked[-1]] = "code"
            lengths[asked[-1]] = len(re.findall(r"^\s*[^#\s]", cell.source, re.M))
            opening = cell.source.splitlines()[:2]  # a marker for nbval may come first
            if not any(line.startswith(f"# Solution to exercise {asked[-1]}") for line in opening):
                problems.append(
                    f"the code solution of exercise {asked[-1]} does not say so: start it with "
                    f"'# Solution to exercise {asked[-1]}'"
                )
            hidden = cell.metadata.get("jupyter", {}).get("source_hidden")
            if "hide-cell" not in tags(cell) or not hidden:
                problems.append(
                    f"the code solution of exercise {asked[-1]} is not hidden: tag it hide-cell, "
                    'with "jupyter": {"source_hidden": true} in its metadata'
                )
    if len(asked) < FEWEST_EXERCISES or asked != list(range(1, len(asked) + 1)):
        problems.append(f"exercises are numbered {asked}: want 1 to {FEWEST_EXERCISES} or more")
    problems += [f"exercise {n} has no solution" for n in asked if n not in solved]
    problems += [
        f"the solution of exercise {number} is too short to be one: {lengths[number]}"
        for number, kind in solved.items()
        if lengths[number] < SHORTEST_SOLUTION[kind]
    ]
    if "code" not in solved.values():
        problems.append("no exercise has a solution in code")
    return problems


def portable_markdown(book) -> list[str]:
    """Markdown reads well in JupyterLab, Colab, GitHub and the book; no invented example."""
    problems = []
    for number, cell in enumerate(book.cells):
        if "hypothetical" in cell.source.lower():
            problems.append(f"cell {number} of the file says 'hypothetical'")
        if cell.cell_type == "markdown":
            plain = re.sub(r"\$\$.+?\$\$|\$[^$\n]+\$", "", cell.source, flags=re.S)
            problems += [
                f"cell {number} of the file has {name} of MyST"
                for name, pattern in MYST.items()
                if pattern.search(plain)
            ]
    return problems


def equation_numbers(book) -> list[str]:
    """Numbered equations count from 1, "Equation (3)" names one of them, and browsers show each.

    Sphinx wraps an equation with a double backslash in \\begin{split}, where MathJax allows no
    \\tag. Rows of cases can end in \\cr instead.
    """
    text = "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    given = re.findall(r"\\tag\{([^}]*)\}", text)
    problems = [
        f"an equation has a \\tag beside a double backslash: {equation.strip()[:60]}"
        for equation in re.findall(r"\$\$(.+?)\$\$", text, re.S)
        if r"\tag" in equation and r"\\" in equation
    ]
    if given != [str(number) for number in range(1, len(given) + 1)]:
        problems.append(f"the equations are numbered {', '.join(given)}")
    named = re.findall(r"\b[Ee](?:quations?|qs?\.)\s\((\d+)\)", text)
    return problems + [f"there is no equation ({n})" for n in sorted(set(named) - set(given))]


TEXT_GUARDS = (sections, exercises, equation_numbers, portable_markdown)
STUDY_TEXT_GUARDS = (study_sections, equation_numbers, portable_markdown)
