"""What a process has loaded: the source of each module as it was when it was imported.

A process goes on with the modules that it has loaded, whatever happens to their files. So the
sources are noted on import, and the digest of what runs is taken from the notes. They are also
compiled from there: Python takes a compiled file for the source's if size and second of the last
change agree, and an edit of one figure within a second keeps both.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader

from scaling_utils.sweeps import code


class _FromSource(SourceFileLoader):
    """Compiles a module from its source, and never takes a compiled file."""

    def get_code(self, fullname: str):
        return self.source_to_code(self.get_data(self.path), self.path)


class Notes(MetaPathFinder):
    """Notes sources as Python looks for modules to import, and has them compiled anew.

    Parameters
    ----------
    modules
        Names of modules; what belongs to the same top-level packages is noted.
    """

    def __init__(self, modules):
        self._tops = {name.partition(".")[0] for name in modules} - {"__main__"}
        self._sources: dict[str, bytes] = {}
        self._here = threading.local()
        for name in list(sys.modules):
            self.find_spec(name)
        sys.meta_path.insert(0, self)

    def find_spec(self, fullname: str, path=None, target=None) -> ModuleSpec | None:
        """Note the source of a module that is about to be imported, perhaps once more."""
        asking = getattr(self._here, "asking", False)  # to find a file asks all finders
        if asking or fullname.partition(".")[0] not in self._tops:
            return None
        self._here.asking = True
        try:
            source = code.on_disk(fullname)
        finally:
            self._here.asking = False
        if source is None:
            return None
        self._sources[fullname] = source
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or not isinstance(spec.loader, SourceFileLoader):
            return None
        spec.loader = _FromSource(fullname, spec.loader.path)
        return spec

    def source(self, name: str) -> bytes | None:
        """Return the source of a module: the one that was loaded, or else that on the disk."""
        return self._sources[name] if name in self._sources else code.on_disk(name)

    def differing(self, wanted: Mapping[str, str]) -> list[str]:
        """Return the modules that are not noted, or whose digest is not the wanted one.

        The main module is passed over: its functions are sent as they are.
        """
        return [
            name
            for name, digest in wanted.items()
            if name != "__main__"
            and (name.partition(".")[0] not in self._tops or self._digest(name) != digest)
        ]

    def _digest(self, name: str) -> str | None:
        source = self.source(name)
        return None if source is None else code.source_digest(source)
