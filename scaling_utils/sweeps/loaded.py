"""What a process has loaded: the source of each module as it was when it was imported.

A process goes on with the modules that it has loaded, whatever happens to their files. So the
sources are noted on import, and the digest of what runs is taken from the notes.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from importlib.abc import MetaPathFinder

from scaling_utils.sweeps import code


class Notes(MetaPathFinder):
    """Notes sources as Python looks for modules to import; it finds none itself.

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

    def find_spec(self, fullname: str, path=None, target=None) -> None:
        """Note the source of a module that is about to be imported, perhaps once more."""
        asking = getattr(self._here, "asking", False)  # to find a file asks all finders
        if asking or fullname.partition(".")[0] not in self._tops:
            return
        self._here.asking = True
        try:
            source = code.on_disk(fullname)
        finally:
            self._here.asking = False
        if source is not None:
            self._sources[fullname] = source

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
