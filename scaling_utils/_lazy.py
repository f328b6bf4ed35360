"""A room's list of names, each loaded when it is first used (PEP 562).

>>> from scaling_utils._lazy import attach
>>> getter, names, exported = attach("scaling_utils.laws", {"parametric": ("ParametricLaw",)})
>>> exported, getter("ParametricLaw").__name__
(['ParametricLaw'], 'ParametricLaw')
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

DATA = Path(__file__).parent / "data"


def stems(folder: str) -> list[str]:
    """Names of the files in a folder of ``scaling_utils/data``, without their endings."""
    # Not importlib.resources, which takes longer to import than most rooms.
    return sorted(file.stem for file in (DATA / folder).glob("[!.]*.*"))


def attach(
    room: str,
    table: Mapping[str, Sequence[str]],
    submodules: Sequence[str] = (),
    made: tuple[str, str] | None = None,
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` for the ``__init__`` of a room.

    Parameters
    ----------
    room : the room's ``__name__``.
    table : the room's public names by the module that they are taken from. Write it as a
        literal: tools read it without running it. A module of the same room is named by its
        last part (``"parametric"``), one of another room in full (``"scaling_utils.shapes"``).
    submodules : modules of the room that are public as modules.
    made : a function of the room, as ``"module.function"``, and a folder of ``scaling_utils/data``.
        Each file there is a public name, ``KAPLAN_SIZE`` for ``kaplan-size.toml``; the function
        makes it from the file's name without the ending. A literal too.

    Raises
    ------
    ValueError : a name is listed twice, or is that of a listed module. Python sets a module on
        its room when the module is loaded, and would so replace the name.
    """
    homes: dict[str, str] = {}
    maker, folder = made or ("", "")
    arguments = {name.upper().replace("-", "_"): name for name in stems(folder)} if made else {}
    for module, names in table.items():
        for name in names:
            if name in homes or name in submodules or name in table or name in arguments:
                raise ValueError(f"{room}: {name!r} is listed twice, or is a listed module's name")
            homes[name] = module if "." in module else f"{room}.{module}"
    exported = sorted([*homes, *arguments, *submodules])

    def load(name: str) -> object:
        if name in submodules:
            return import_module(f"{room}.{name}")
        if name not in homes and name not in arguments:
            near = get_close_matches(name, exported, n=len(exported), cutoff=0.5)
            listed = [*near, *(other for other in exported if other not in near)]
            raise AttributeError(
                f"module {room!r} has no attribute {name!r}; it has: {', '.join(listed)}",
                name=name,
                obj=sys.modules.get(room),
            )
        if name in arguments:
            module, _, function = maker.rpartition(".")
            value = getattr(import_module(f"{room}.{module}"), function)(arguments[name])
        else:
            value = getattr(import_module(homes[name]), name)
        setattr(sys.modules[room], name, value)  # the next use does not come here
        return value

    def names() -> list[str]:
        return sorted({*exported, *vars(sys.modules[room])})

    return load, names, exported
