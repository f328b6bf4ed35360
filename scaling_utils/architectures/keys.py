"""Reading a configuration key by key, and remembering which were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scaling_utils._check import member, whole

_ABSENT = object()


class Keys:
    """The keys of one configuration.

    Parameters
    ----------
    config : mapping
        What was in the file.
    """

    def __init__(self, config: Mapping):
        self.config = config
        self._read = {"model_type"}

    def unread(self) -> dict:
        """Return the keys that nothing has asked for, with their values."""
        return {key: value for key, value in self.config.items() if key not in self._read}

    def value(self, names: str | Sequence[str], default=None):
        """Return what the first of these names says; all that are there must agree.

        Parameters
        ----------
        names : str or sequence of str
            Names of one and the same number.
        default : object
            Where none of them is there.

        Returns
        -------
        object
            None where the file says null.

        Raises
        ------
        ValueError
            If two of the names are there and disagree.
        """
        names = (names,) if isinstance(names, str) else tuple(names)
        self._read.update(names)
        present = {name: self.config[name] for name in names if name in self.config}
        given = {name: value for name, value in present.items() if value is not None}
        if len(given) > 1 and len(set(map(str, given.values()))) > 1:
            stated = " and ".join(f"{name!r} {value!r}" for name, value in given.items())
            raise ValueError(f"config keys contradict each other: {stated}")
        if given:
            return next(iter(given.values()))
        return None if present else default

    def size(self, names: str | Sequence[str], default=_ABSENT, *, least: int = 1) -> int | None:
        """Return a whole number, or None where the file says null.

        Parameters
        ----------
        names : str or sequence of str
            As in :meth:`value`.
        default : int or None, optional
            Where none is there; without it, one must be there.
        least : int
            The smallest value allowed.

        Returns
        -------
        int or None

        Raises
        ------
        TypeError, ValueError
            If the value is no whole number of at least ``least``, or missing without a default.
        """
        value = self.value(names, default)
        first = names if isinstance(names, str) else next((n for n in names if n in self.config), 0)
        first = first or names[0]
        if value is _ABSENT:
            raise ValueError(f"config needs the key {first!r}")
        return None if value is None else whole(f"config key {first!r}", value, at_least=least)

    def needed(self, names: str | Sequence[str], default=_ABSENT) -> int:
        """Return a whole number of at least 1; null is an error.

        Parameters
        ----------
        names, default
            As in :meth:`size`.

        Returns
        -------
        int

        Raises
        ------
        TypeError, ValueError
            As in :meth:`size`, and for null.
        """
        value = self.size(names, default)
        if value is None:
            first = names if isinstance(names, str) else names[0]
            raise ValueError(f"config key {first!r} must be a whole number, got null")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Return True or False; null is the default.

        Parameters
        ----------
        name : str
            Of the key.
        default : bool
            Where it is not there.

        Returns
        -------
        bool

        Raises
        ------
        TypeError
            If the value is neither.
        """
        value = self.value(name, default)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise TypeError(f"config key {name!r} must be true or false, got {value!r}")
        return value

    def only(self, name: str, allowed: Sequence, default=None):
        """Return a value that must be one of a few, because no other can be counted.

        Parameters
        ----------
        name : str
            Of the key.
        allowed : sequence
            Values.
        default : object
            Where it is not there.

        Returns
        -------
        object

        Raises
        ------
        ValueError
            For any other value.
        """
        value = self.value(name, default)
        if value is None or value is default:
            return default
        return member(f"config key {name!r}", value, allowed)
