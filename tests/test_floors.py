"""The package's architecture: who may import whom, what loads what, how long, how documented."""

import ast
import subprocess
import sys
from pathlib import Path

import freshness
import nbformat
import pytest

import scaling_utils

PACKAGE = Path(scaling_utils.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 300  # lines

# A room may import rooms of lower floors, and the checks of arguments. What a room needs of
# its own floor belongs further down.
FLOORS = {
    "units": 0,
    "laws": 1,
    "hardware": 1,
    "shapes": 1,
    "counting": 2,
    "fitting": 2,
    "memory": 2,
    "tables": 2,
    "architectures": 3,
    "carbon": 3,
    "corpora": 3,
    "models": 3,
    "training": 3,
    "planning": 4,
    "tasks": 4,
    "distributed": 4,
    "judging": 4,
    "studies": 5,
    "sweeps": 5,
    "experiments": 6,
    "contest": 6,
    "notebook": 7,
    "cli": 7,
}
FREE = {"_check", "_lazy", "_remarks", "_syntax", "__init__"}
HEAVY = {
    "torch",
    "scipy",
    "matplotlib",
    "pandas",
    "sklearn",
    "IPython",
    "pooch",
    "dask",
    "distributed",
}
# What importing a room may load besides numpy.
ALLOWED = {
    "scaling_utils": set(),
    "scaling_utils.laws": {"scipy"},
    "scaling_utils.hardware": {"scipy"},
    "scaling_utils.fitting": {"scipy"},
    "scaling_utils.counting": {"scipy"},
    "scaling_utils.memory": set(),
    "scaling_utils.tables": set(),
    "scaling_utils.planning": set(),
    "scaling_utils.architectures": {"scipy"},
    "scaling_utils.carbon": set(),
    "scaling_utils.corpora": {"scipy"},
    "scaling_utils.distributed": set(),
    "scaling_utils.judging": set(),
    "scaling_utils.units": set(),
    "scaling_utils.studies": set(),
    "scaling_utils.sweeps": set(),
    "scaling_utils.experiments": set(),
    "scaling_utils.contest": set(),
    "scaling_utils.notebook": set(),
}


def room_of(path: Path) -> str:
    """Return the room that a module belongs to: the first part of its path in the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def rooms_imported(source: str, path: tuple[str, ...]) -> set[str]:
    """Return the rooms that a module imports, at its top or inside a function.

    ``path`` is the module's dotted place below ``scaling_utils``, for relative imports.
    """
    rooms = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = ["scaling_utils", *path][: -node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        parts = [name.split(".") for name in names]
        rooms |= {p[1] for p in parts if p[0] == "scaling_utils" and len(p) > 1}
    return rooms


def dotted(path: Path) -> tuple[str, ...]:
    return path.relative_to(PACKAGE).with_suffix("").parts


@pytest.mark.parametrize(
    ("source", "rooms"),
    [
        ("from scaling_utils.laws import CHINCHILLA", {"laws"}),
        ("from scaling_utils import laws, corpora", {"laws", "corpora"}),
        ("import scaling_utils.notebook as n", {"notebook"}),
        ("def f():\n    from scaling_utils import cli", {"cli"}),
        ("from .starts import x", {"fitting"}),
        ("from . import starts", {"fitting"}),
        ("from ..laws import x", {"laws"}),
        ("from .. import laws", {"laws"}),
        ("import numpy, scaling_utils_extra", set()),
    ],
)
def test_imports_are_found(source, rooms):
    assert rooms_imported(source, ("fitting", "solver")) == rooms


@pytest.mark.parametrize("path", MODULES, ids=lambda path: "/".join(dotted(path)))
def test_a_room_imports_only_from_lower_floors(path):
    room = room_of(path)
    if room in FREE:
        allowed = set(FREE)
    else:
        assert room in FLOORS, f"give {room} a floor"
        allowed = FREE | {room} | {other for other in FLOORS if FLOORS[other] < FLOORS[room]}
    imported = {r for r in rooms_imported(path.read_text(), dotted(path)) if r in {*FLOORS, *FREE}}
    assert imported <= allowed


def test_rooms_of_the_package_exist_and_have_a_floor():
    present = {room_of(path) for path in MODULES} - FREE
    assert present <= set(FLOORS)
    assert set(scaling_utils.__all__) - {"__version__"} == present


@pytest.mark.parametrize("room", ALLOWED)
def test_importing_a_room_loads_only_what_it_needs(room):
    code = f"import sys, {room}; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(out.stdout.split())
    assert "scaling_utils" in loaded
    assert loaded & HEAVY <= ALLOWED[room]


def test_an_unknown_room_is_named_with_the_known_ones():
    with pytest.raises(AttributeError, match=r"'law'.*rooms: units, laws"):
        scaling_utils.law  # noqa: B018
    assert "laws" in dir(scaling_utils)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: "/".join(dotted(path)))
def test_modules_are_short(path):
    assert len(path.read_text().splitlines()) < LONGEST


def undocumented(source: str) -> list[str]:
    """Return the module, and the public classes, functions and methods, without a docstring."""
    module = ast.parse(source)
    missing = [] if ast.get_docstring(module) else ["the module"]
    for node in module.body:
        missing += _undocumented(node)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            missing += [f"{node.name}.{m}" for part in node.body for m in _undocumented(part)]
    return missing


def _undocumented(node: ast.stmt) -> list[str]:
    named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    if not named or node.name.startswith("_") or ast.get_docstring(node):
        return []
    return [node.name]


def test_missing_docstrings_are_found():
    source = '"""Doc."""\ndef f(): 1\nclass A:\n    "Doc."\n    def g(self): 1\n    def _h(self): 1'
    assert undocumented(source) == ["f", "A.g"]
    assert undocumented("x = 1") == ["the module"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: "/".join(dotted(path)))
def test_what_is_public_has_a_docstring(path):
    assert undocumented(path.read_text()) == []


def test_no_chapter_imports_the_engine_of_sweeps():
    chapters = sorted((PACKAGE.parent / "notebooks").glob("*.ipynb"))
    assert chapters
    for chapter in chapters:
        cells = nbformat.read(chapter, as_version=4).cells
        code = [freshness.parse_cell(cell.source) for cell in cells if cell.cell_type == "code"]
        rooms = {room for tree in code for room in rooms_imported(ast.unparse(tree), ())}
        assert "notebook" in rooms  # so imports are seen
        assert "sweeps" not in rooms, chapter.name
