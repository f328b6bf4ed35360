"""The function that a sweep runs: its name, the code that it is, and how workers find it."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable

from scaling_utils.sweeps import code
from scaling_utils.sweeps.jobs import find_experiment, present_address
from scaling_utils.sweeps.ledger import Ledger, LedgerError, LedgerWarning


class Experiment:
    """An experiment, and its code as it is on the disk now.

    Parameters
    ----------
    function
        A registered experiment's name, "module:function", or a function.

    Attributes
    ----------
    name
        "module:function".
    module
        Its first part.
    function
        The function.
    code
        The digest of each module of the experiment, by its name.
    importable
        Whether workers can import it; otherwise it is sent to them as it is.

    Raises
    ------
    ValueError, TypeError
        If it is no function, or none is found.
    """

    def __init__(self, function: str | Callable):
        if isinstance(function, str):
            self.name, self.function = find_experiment(function)
        elif callable(function):
            self.name, self.function = f"{function.__module__}:{function.__qualname__}", function
        else:
            raise TypeError(f"function must be 'module:function' or a function, got {function!r}")
        self.module = self.name.partition(":")[0]
        self.importable = _importable(self.name, self.function)
        self.code = code.modules_of(self.module)
        if self.module not in self.code and hasattr(self.function, "__code__"):
            self.code[self.module] = code.function_digest(self.function)

    def sent(self) -> tuple[str | bytes, str | None]:
        """Return what a worker finds the function by, and the SHA-256 of the file of one that
        it cannot import."""
        if self.importable:
            return self.name, None
        import cloudpickle  # comes with Dask

        source = code.on_disk(self.module)
        digest = None if source is None else hashlib.sha256(source).hexdigest()
        return cloudpickle.dumps(self.function), digest

    def check_ledger(self, book: Ledger, accept_changed: bool) -> None:
        """Raise unless all that a ledger holds came from this experiment, as it is now.

        Raises
        ------
        LedgerError
            If it holds results of another experiment; or, unless ``accept_changed``, of other code.
        """
        changed: set[str] = set()
        old = unknown = 0
        for line in book.jobs.values():
            if present_address(line["experiment"]) != self.name:
                raise LedgerError(
                    f"{book.path}: holds results of {line['experiment']!r}, not of {self.name!r}; "
                    "give each experiment its own ledger"
                )
            differing = self._differing(book.sources[line["provenance"]])
            old += bool(differing)
            unknown += differing is None
            changed.update(differing or ())
        if unknown:
            warnings.warn(
                f"{book.path}: {unknown} of {len(book.jobs)} jobs do not say which code they ran; "
                "nothing tells whether it was today's",
                LedgerWarning,
                stacklevel=3,
            )
        if old and not accept_changed:
            raise LedgerError(
                f"{book.path}: the experiment has changed since {old} of its {len(book.jobs)} jobs "
                f"ran ({', '.join(sorted(changed))}). Use a new folder, or accept the change "
                "(--accept-changed): what is done then stays, each row with the digest of its code"
            )

    def _differing(self, source: dict) -> list[str] | None:
        """Return the modules that have changed since; None where that is not known."""
        if "modules" in source:
            then = source["modules"]
            return [
                name
                for name in then.keys() | self.code.keys()
                if then.get(name) != self.code.get(name)
            ]
        if source.get("experiment_sha256") is None:  # of the whole file, in older ledgers
            return None
        now = code.on_disk(self.module)
        same = now is not None and hashlib.sha256(now).hexdigest() == source["experiment_sha256"]
        return [] if same else [self.module]


def _importable(name: str, function: Callable) -> bool:
    """Return whether a worker that imports the name gets this function."""
    if name.startswith("__main__:"):
        return False
    try:
        return find_experiment(name)[1] is function
    except ValueError:
        return False
