"""A room's `__init__` loads a module when a name is first used, and not before."""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import scaling_utils
from scaling_utils import fitting, laws
from scaling_utils._lazy import attach

PACKAGE = Path(scaling_utils.__file__).parent
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
LAZY = [r for r in ROOMS if "attach(" in (PACKAGE / r / "__init__.py").read_text("utf-8")]


def run(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_every_room_is_lazy():
    assert LAZY == ROOMS


def test_importing_all_rooms_loads_no_module_of_any_and_no_library():
    imports = "; ".join(f"import scaling_utils.{room}" for room in ROOMS)
    loaded = run(f"import sys; {imports}; print(*sys.modules)")
    inside = {name for name in loaded if name.startswith("scaling_utils.")}
    assert inside == {f"scaling_utils.{room}" for room in ROOMS} | {"scaling_utils._lazy"}
    assert not {"numpy", "scipy", "torch"} & set(loaded)


def test_using_a_name_loads_its_module_alone():
    loaded = run("import sys; from scaling_utils.laws import PowerLaw; print(*sys.modules)")
    assert "scaling_utils.laws.power" in loaded
    assert "scaling_utils.laws.kaplan" not in loaded


@pytest.mark.parametrize("room", ROOMS)
def test_every_listed_name_is_there_and_none_is_that_of_a_module(room):
    module = importlib.import_module(f"scaling_utils.{room}")
    assert len(set(module.__all__)) == len(module.__all__) > 0
    for name in module.__all__:
        value = getattr(module, name)
        is_file = (PACKAGE / room / f"{name}.py").exists()
        assert is_file == (getattr(value, "__name__", "") == f"scaling_utils.{room}.{name}")
        assert name in dir(module)


def test_a_star_import_gives_every_name():
    names = run("from scaling_utils.laws import *; print(*dir())")
    assert set(laws.__all__) <= set(names)


def test_a_law_survives_pickling_and_a_module_can_be_imported_by_its_place():
    assert pickle.loads(pickle.dumps(laws.CHINCHILLA)) == laws.CHINCHILLA
    assert importlib.import_module("scaling_utils.laws.parametric").ParametricLaw is (
        laws.ParametricLaw
    )


def test_an_unknown_name_is_refused_with_the_nearest_first():
    with pytest.raises(AttributeError, match=r"'fit_parametrik'; it has: fit_parametric, .*Report"):
        fitting.fit_parametrik  # noqa: B018
    assert not hasattr(fitting, "nothing")


@pytest.mark.parametrize(
    ("table", "submodules"),
    [
        ({"power": ("Law",), "other": ("Law",)}, ()),
        ({"interaction": ("interaction",)}, ()),
        ({"power": ("facts",)}, ("facts",)),
    ],
)
def test_a_name_that_stands_for_two_things_is_refused(table, submodules):
    with pytest.raises(ValueError, match="listed twice, or is a listed module's name"):
        attach("scaling_utils.laws", table, submodules)
