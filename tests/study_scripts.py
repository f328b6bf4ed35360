"""The scripts of a study, loaded for tests: other folders have scripts of the same names."""

import importlib.util
import sys
from pathlib import Path


def load(folder: Path, *names: str) -> list:
    """Return the scripts of a folder, under names of their own; later ones import earlier ones."""
    modules, others = [], {name: sys.modules.get(name) for name in names}
    try:
        for name in names:
            own = f"{folder.name}_{name}"
            spec = importlib.util.spec_from_file_location(own, folder / f"{name}.py")
            module = sys.modules[own] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            sys.modules[name] = module
            modules.append(module)
    finally:
        for name, other in others.items():
            sys.modules.pop(name, None)
            if other is not None:
                sys.modules[name] = other
    return modules
