"""What a chapter depends on is found from its syntax: all that can change it, and little else."""

from __future__ import annotations

from pathlib import Path

import freshness
import pytest
from nbformat.v4 import new_code_cell, new_notebook

ATTACH = (
    "from scaling_utils._lazy import attach\n"
    "__getattr__, __dir__, __all__ = attach(__name__, {table}, submodules={modules})\n"
)
FILES = {
    "scaling_utils/__init__.py": "__version__ = '1'\n",
    "scaling_utils/laws/__init__.py": ATTACH.format(
        table={"power": ("Law", "LAW", "fit"), "other": ("OTHER",), "state": ("find",)},
        modules=("facts",),
    ),
    "scaling_utils/laws/power.py": (
        "from functools import cache\n"
        "from scaling_utils.laws._base import Base\n"
        "from scaling_utils.laws._deep import helper as deep\n"
        "FACTOR = 2\nWRAPPED = 20\nDEFAULT = 30\nUNUSED = 3\n"
        "def wrap(function):\n    return WRAPPED and function\n"
        "class Law(Base):\n    scale = FACTOR\n    def loss(self, x):\n        return deep(x)\n"
        "LAW = Law()\n"
        "@wrap\ndef fit(x, start=DEFAULT):\n    from scaling_utils import hardware\n"
        "    return f'{hardware.get(x)}'\n"
        "def unused():\n    return UNUSED\n"
    ),
    "scaling_utils/laws/_base.py": "class Base:\n    slope = 1\n    def __init_subclass__(cls):\n"
    "        cls.seen = 40\nBESIDE = 41\n",
    "scaling_utils/laws/_deep.py": "from scaling_utils.laws._deeper import *\nimport math as m\n"
    "def helper(x):\n    return m.sqrt(x) * CONSTANT\n",
    "scaling_utils/laws/_deeper.py": "CONSTANT = 5\n",
    "scaling_utils/laws/other.py": "OTHER = 6\n",
    "scaling_utils/laws/facts.py": "PI = 7\nE = 8\n",
    "scaling_utils/laws/state.py": (
        "KNOWN = {}\ndef note(f):\n    KNOWN[f.__name__] = f\n    return f\n"
        "@note\ndef first():\n    return 9\ndef find(name):\n    return KNOWN[name]\n"
    ),
    "scaling_utils/hardware.py": (
        "import csv\nimport scaling_utils.loud\n"
        "def table():\n    return list(csv.DictReader(open('accelerators.csv')))\n"
        "def get(name):\n    return [row for row in table() if row['device'] == name]\n"
    ),
    "scaling_utils/loud.py": "import warnings as w\nw.filterwarnings('ignore', 'x')\nQUIET = 10\n",
    "scaling_utils/tasks.py": "ADDRESS = 'scaling_utils.laws.other:OTHER'\ndef task():\n"
    "    return ADDRESS\ndef recorded(name):\n    return name\n",
    "scaling_utils/data/accelerators.csv": "device,aliases,peak\nA,a;b,1\nB,,2\n",
    "results/text/runs.csv": "N\n1\n",
    "results/text/jobs.csv": "N\n2\n",
    "results/text_long/runs.csv": "N\n3\n",
}


@pytest.fixture
def root(tmp_path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def changed(root: Path, cells: str | list[str], name: str, old: str, new: str) -> bool:
    """Say whether a change in a file makes a notebook of these cells stale."""
    sources = [cells] if isinstance(cells, str) else cells
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    before, file = freshness.digests(notebook, root), root / name
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    return freshness.digests(notebook, root) != before


L = "scaling_utils/laws/"
OTHER = ("scaling_utils/laws/other.py", "6", "7")
FROM = "from scaling_utils.laws import "
ROOM = "from scaling_utils import laws\n"
DEVICES = "scaling_utils/data/accelerators.csv"


@pytest.mark.parametrize(
    ("cells", "name", "old", "new"),
    [
        (FROM + "LAW\nLAW.loss(1)", L + "_deeper.py", "5", "6"),  # two imports away, by a star
        (FROM + "LAW\nLAW.loss(1)", L + "_deep.py", "m.sqrt(x)", "m.exp(x)"),
        (FROM + "LAW\nLAW.loss(1)", L + "_deep.py", "math", "cmath"),  # what a name stands for
        (FROM + "LAW\nLAW.loss(1)", L + "_base.py", "slope = 1", "slope = 2"),  # a base class
        (FROM + "LAW\nLAW.loss(1)", L + "_base.py", "40", "41"),
        (FROM + "Law as Mine\nMine()", L + "power.py", "FACTOR = 2", "FACTOR = 3"),  # class body
        (FROM + "fit\nfit(1)", L + "power.py", "WRAPPED = 20", "WRAPPED = 0"),  # a decorator
        (FROM + "fit\nfit(1)", L + "power.py", "DEFAULT = 30", "DEFAULT = 31"),  # a default
        (FROM + "fit\nfit(1)", "scaling_utils/hardware.py", "==", "!="),  # late, in an f-string
        (FROM + "fit\nfit(1)", DEVICES, "B,,2", "B,,3"),  # a row that any name may pick
        ("import scaling_utils as su\nf'{su.laws.OTHER}'", *OTHER),
        ("import scaling_utils.laws.other\nscaling_utils.laws.other.OTHER", *OTHER),
        ([ROOM, "def f():\n    return [laws.OTHER]", "f()"], *OTHER),
        ("def f():\n    from scaling_utils.laws import OTHER\n    return OTHER", *OTHER),
        (FROM + "*", *OTHER),
        (ROOM + "getattr(laws, name)", *OTHER),
        (ROOM + "mine = laws\nmine.OTHER", *OTHER),
        (ROOM + "laws.facts.PI", L + "facts.py", "7", "3"),
        (FROM + "facts\nshow(facts)", L + "facts.py", "8", "3"),
        (FROM + "find\nfind('first')", L + "state.py", "9", "90"),  # noted by a decorator
        ("from scaling_utils import tasks\ntasks.task()", *OTHER),  # an address
        ("__import__('scaling_utils.laws.other')", *OTHER),
        ("from scaling_utils.hardware import get\nget('A')", "scaling_utils/loud.py", "'x'", "'y'"),
        ("from scaling_utils.hardware import get\nget('A')", DEVICES, "A,a;b,1", "A,a;b,9"),
        ("from scaling_utils.hardware import get\nget('b')", DEVICES, "A,a;b,1", "A,a;b,9"),
        ("from scaling_utils.hardware import get\nget(f'{x}')", DEVICES, "B,,2", "B,,3"),
        ("from scaling_utils.hardware import get\nmap(get, x)", DEVICES, "B,,2", "B,,3"),
        ("from scaling_utils.hardware import *\nget('A')", DEVICES, "B,,2", "B,,3"),
        ("from scaling_utils.tasks import recorded\nrecorded('text') / 'runs.csv'",
         "results/text/runs.csv", "1", "9"),
        ("from scaling_utils.tasks import recorded\nrecorded(f'text{x}') / 'runs.csv'",
         "results/text_long/runs.csv", "3", "9"),
        ("f = recorded('text')\nf / 'jobs.csv'", "results/text/jobs.csv", "2", "9"),
        ("f = recorded('text')\nf / f'{x}.csv'", "results/text/jobs.csv", "2", "9"),
    ],
)  # fmt: skip
def test_what_can_change_an_output_makes_stale(root, cells, name, old, new):
    assert changed(root, cells, name, old, new)


@pytest.mark.parametrize(
    ("cells", "name", "old", "new"),
    [
        (FROM + "LAW\nLAW.loss(1)", L + "power.py", "UNUSED = 3", "UNUSED = 4"),
        (FROM + "LAW\nLAW.loss(1)", *OTHER),
        (FROM + "LAW\nLAW.loss(1)", L + "__init__.py", "'OTHER'", "'OTHER', 'MORE'"),
        (FROM + "LAW\nLAW.loss(1)", "scaling_utils/hardware.py", "==", "!="),
        (ROOM + "laws.facts.PI", L + "facts.py", "8", "3"),
        (ROOM + "laws.OTHER", L + "facts.py", "8", "3"),
        ("from scaling_utils.hardware import get\nget('A')", "scaling_utils/loud.py", "10", "11"),
        ("from scaling_utils.hardware import get\nget('A')", DEVICES, "B,,2", "B,,2\nC,,4"),
        ("from scaling_utils.tasks import recorded\nrecorded('text') / 'runs.csv'\n'jobs.csv'",
         "results/text/jobs.csv", "2", "9"),
        ("f = recorded('text')\nf / 'runs.csv'", "results/text_long/runs.csv", "3", "9"),
    ],
)  # fmt: skip
def test_what_cannot_change_an_output_does_not(root, cells, name, old, new):
    assert not changed(root, cells, name, old, new)


def test_of_the_registered_predictions_those_count_that_are_asked_for(root):
    file = root / "results" / "registered.toml"
    entry = '[[prediction]]\nid = "{}"\nat_most = {}\n'
    file.write_text(entry.format("text.q", 1) + entry.format("text.p", 22))
    room = root / "scaling_utils" / "notebook"
    room.mkdir()
    (room / "__init__.py").write_text(
        ATTACH.format(table={"_registered": ("registered", "FILE")}, modules=())
    )
    (room / "_registered.py").write_text(
        "FILE = 'registered.toml'\ndef registered(id):\n    return FILE, id\n"
    )
    ask, toml = "from scaling_utils.notebook import registered\n", "results/registered.toml"
    assert changed(root, ask + "registered('text.q')", toml, "= 1\n", "= 3\n")
    assert not changed(root, ask + "registered('text.q')", toml, "22", "23")
    assert changed(root, ask + "registered(f'text.{x}')", toml, "23", "24")
    assert changed(root, ask + "registered(x)", toml, "24", "25")


def test_of_the_predictions_of_a_study_no_others_count(root):
    file = root / "results" / "registered.toml"
    entry = '[[prediction]]\nid = "{}"\nat_most = {}\n'
    file.write_text(entry.format("text.q", 1) + entry.format("text.p", 22) + entry.format("a.q", 5))
    room = root / "scaling_utils" / "notebook"
    room.mkdir()
    (room / "__init__.py").write_text(
        ATTACH.format(table={"_predictions": ("predictions", "FILE")}, modules=())
    )
    (room / "_predictions.py").write_text(
        "FILE = 'registered.toml'\ndef predictions(study):\n    return FILE, study\n"
    )
    ask, toml = "from scaling_utils.notebook import predictions\n", "results/registered.toml"
    assert changed(root, ask + "predictions('text')", toml, "= 1\n", "= 3\n")
    assert changed(root, ask + "predictions('text')", toml, "22", "23")
    assert not changed(root, ask + "predictions('text')", toml, "= 5", "= 6")
    assert changed(root, ask + "predictions(x)", toml, "= 6", "= 7")


def test_a_name_that_moves_to_another_module_is_named(root):
    notebook = new_notebook(cells=[new_code_cell(FROM + "OTHER\nOTHER")])
    assert freshness.digests(notebook, root)["inputs"].keys() == {L + "other.py"}
    table = root / L / "__init__.py"
    table.write_text(table.read_text().replace("'other'", "'facts'"))
    (root / L / "facts.py").write_text("OTHER = 6\n")
    table.write_text(table.read_text().replace("submodules=('facts',)", "submodules=()"))
    assert freshness.digests(notebook, root)["inputs"].keys() == {L + "facts.py"}
