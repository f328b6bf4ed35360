"""Which columns a table is read from: those that were named, those that were guessed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from scaling_utils.tables._names import KNOWN, Guess, guesses, unit_in
from scaling_utils.tables._numbers import number_of
from scaling_utils.tables.errors import TableError
from scaling_utils.tables.units import PERPLEXITY, unit_of

SIZES = ("N", "D", "C")
_UNIT_WORDS = {1e3: "thousands", 1e6: "millions", 1e9: "billions", 1e12: "trillions"}


@dataclass(frozen=True)
class Role:
    """Where a quantity comes from: a product of columns and of a number."""

    name: str
    places: tuple[int, ...]
    factor: float
    column: str
    how: str = "named"  # or "own" (spelled as the role is) or "guessed"
    said: bool = False  # whether the unit is known
    perplexity: bool = False

    @property
    def assumed(self) -> str:
        """What was assumed about it, in words; empty where nothing was."""
        if self.how != "guessed":
            return ""
        kind = "the logarithm of " if self.perplexity else ""
        unit = f" in {_UNIT_WORDS.get(self.factor, f'units of {self.factor:.4g}')}"
        return f"{self.name} is {kind}'{self.column}'{unit if self.factor != 1 else ''}"


class Columns:
    """The header of a table, and the roles that its columns play.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    header : sequence of str
    named : mapping of str to str
        The columns that were named: of a role, a column, a number, or a product of such.
    units : mapping of str to float
        How much one unit of a role is, for those whose unit was said.
    """

    def __init__(self, name: str, header: Sequence[str], named: Mapping, units: Mapping) -> None:
        self.name, self.header = name, list(header)
        self._named, self._units = named, units

    def role(self, role: str) -> Role | list[Guess]:
        """Return where a role comes from, or the columns among which it must be chosen."""
        if role in self._named:
            return self._with_unit(self._product(role, str(self._named[role])))
        found = guesses(self.header, role)
        if role not in KNOWN:
            found = [guess for guess in found if guess.tier == 0]
        if len(found) == 1 or (found and found[0].tier == 0):
            guess = found[0]
            how = "own" if guess.tier == 0 else "guessed"
            column = self.header[guess.place]
            return self._with_unit(
                Role(role, (guess.place,), 1.0, column, how, perplexity=guess.perplexity),
                guess.unit,
            )
        return found

    def needed(self, role: str) -> Role:
        """Return where a role comes from, or raise TableError: it is missing or ambiguous."""
        found = self.role(role)
        if isinstance(found, Role):
            self.once(found)
            return found
        if found:
            raise self.ambiguous(role, found)
        raise TableError(
            f"{self.name}: needs a column {role}, found: {self.listed()}; --{role} names it"
        )

    def ambiguous(self, role: str, found: list[Guess]) -> TableError:
        """Return the error that names the candidates."""
        names = [f"'{self.header[guess.place]}'" for guess in found]
        shown = ", ".join(names[:6]) + (f" or {len(names) - 6} more" if len(names) > 6 else "")
        return TableError(f"{self.name}: {role} could be {shown}; say which with --{role} NAME")

    def once(self, role: Role) -> None:
        """Raise TableError where a column that is read stands twice in the header."""
        for place in role.places:
            if self.header.count(self.header[place]) > 1:
                raise TableError(f"{self.name}: column {self.header[place]} appears more than once")

    def place(self, column: str, option: str) -> int:
        """Return the place of a column by its name, in any case if that is clear."""
        if column in self.header:
            return self.header.index(column)
        alike = [k for k, name in enumerate(self.header) if name.lower() == column.lower()]
        if len(alike) == 1:
            return alike[0]
        near = difflib.get_close_matches(column, self.header, n=3, cutoff=0.6)
        hint = f"; near: {', '.join(near)}" if near else ""
        raise TableError(
            f"{self.name}: {option} names column {column}, found: {self.listed()}{hint}"
        )

    def listed(self, most: int = 40) -> str:
        """Return the names of the columns, cut short where they are very many."""
        more = f" and {len(self.header) - most} more" if len(self.header) > most else ""
        return ", ".join(self.header[:most]) + more

    def _product(self, role: str, text: str) -> Role:
        factor, places = 1.0, []
        parts = [text] if text in self.header else re.split(r"\s*\*\s*", text.strip())
        for part in parts:
            try:
                known = part in self.header or number_of(part) <= 0
            except ValueError:
                known = True
            if known:
                places.append(self.place(part, f"--{role}"))
            else:
                factor *= number_of(part)
        column = self.header[places[0]] if len(places) == 1 and factor == 1 else text
        found = Role(role, tuple(places), factor, column, said=not places or len(parts) > 1)
        self.once(found)
        return found

    def _with_unit(self, role: Role, unit: str = "") -> Role:
        if self._units.get(role.name) == PERPLEXITY:
            return replace(role, perplexity=True, said=True)
        if role.name in self._units:
            return replace(role, factor=role.factor * self._units[role.name], said=True)
        words = unit or (unit_in(role.column) if len(role.places) == 1 else "")
        if "log" in words.lower().split() or re.search(r"log_?\d*\b", words.lower()):
            raise TableError(
                f"{self.name}: column {role.column} is a logarithm; give the number itself"
            )
        much = unit_of(role.name, words) if words else None
        if much is None:
            return role
        return replace(role, factor=role.factor * much, said=True)


def two_sizes(columns: Columns, sizes, named: Mapping) -> tuple[list[Role], tuple[str, str]]:
    """Return where loss and N, D and C come from, and which two sizes are read."""
    loss = columns.role("loss")
    found = {size: columns.role(size) for size in SIZES}
    there = [size for size in SIZES if isinstance(found[size], Role)]
    given = [size for size in there if size in named]
    read_from = tuple(sizes or (given if len(given) == 2 else there)[:2])
    absent = [size for size in read_from if size not in there]
    for role, guess in (("loss", loss), *found.items()):
        wanted = role == "loss" or role in absent or len(read_from) < 2
        if not isinstance(guess, Role) and guess and wanted:
            raise columns.ambiguous(role, guess)
    if not isinstance(loss, Role) or (len(there) < 2 and not sizes):
        raise TableError(
            f"{columns.name}: needs a column loss and two of the columns N, D and C, found: "
            f"{columns.listed()}; --loss, --N, --D and --C name yours"
        )
    if absent:
        raise TableError(
            f"{columns.name}: --sizes names column {absent[0]}, found: {columns.listed()}"
        )
    roles = [loss, *(found[size] for size in there)]
    for role in roles:
        columns.once(role)
    taken: dict[tuple, str] = {}
    for role in roles:
        if role.places and taken.setdefault(role.places, role.name) != role.name:
            raise TableError(
                f"{columns.name}: column {role.column} cannot be both {taken[role.places]} and "
                f"{role.name}; name the right ones"
            )
    return roles, read_from
