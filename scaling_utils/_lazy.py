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


def attach(
    room: str, table: Mapping[str, Sequence[str]], submodules: Sequence[str] = ()
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` for the ``__init__`` of a room.

    Parameters
    ----------
    room : the room's ``__name__``.
    table : the room's public names by the module that they are taken from. Write it as a
        literal: tools read it without running it. A module of the same room is named by its
        last part (``"parametric"``), one of another room in full (``"scaling_utils.shapes"``).
    submodules : modules of the room that are public as modules.

    Raises
    ------
    ValueError : a name is listed twice, or is that of a listed module. Python sets a module on
        its room when the module is loaded, and would so replace the name.
    """
    homes: dict[str, str] = {}
    for module, names in table.items():
        for name in names:
            if name in homes or name in submodules or name in table:
                raise ValueError(f"{room}: {name!r} is listed twice, or is a listed module's name")
            homes[name] = module if "." in module else f"{room}.{module}"
    exported = sorted([*homes, *submodules])

    def load(name: str) -> object:
        if name in submodules:
            return import_module(f"{room}.{name}")
        if name not in homes:
            near = get_close_matches(name, exported, n=len(exported), cutoff=0.5)
            listed = [*near, *(other for other in exported if other not in near)]
            raise AttributeError(
                f"module {room!r} has no attribute {name!r}; it has: {', '.join(listed)}",
                name=name,
                obj=sys.modules.get(room),
            )
        value = getattr(import_module(homes[name]), name)
        setattr(sys.modules[room], name, value)  # the next use does not come here
        return value

    def names() -> list[str]:
        return sorted({*exported, *vars(sys.modules[room])})

    return load, names, exported
