"""Which data some code depends on: package data, recorded studies, registered predictions.

A file counts where code that is used names it in a string. Of a table that is asked for one row
at a time, by a name that the syntax tells (`shapes.get("gpt2-small")`), only these rows count:
`LOOKUPS` lists the functions that read no more. Where the name is computed, each row that stands
there counts by itself: a row that is added later was not asked for. A table of a recorded study
counts where a cell names the study, and the cell or the code that it uses names the table.
"""

from __future__ import annotations

import ast
import csv
import functools
import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import effects
from dependencies import ANY, Package, Reached, Use
from modules import PACKAGE, Name, pattern, strings

DATA = f"{PACKAGE}/data"
RESULTS = "results"
STUDY = "study"  # of a registered prediction: what stands before the dot of its id
# Functions whose result depends only on the rows that carry their first argument: the file, and
# the columns in which it may stand, where a cell may list several names with semicolons.
LOOKUPS: dict[Name, tuple[str, tuple[str, ...]]] = {
    ("scaling_utils.hardware", "get"): (f"{DATA}/accelerators.csv", ("device", "aliases")),
    ("scaling_utils.shapes", "get"): (f"{DATA}/transformers.csv", ("name",)),
    ("scaling_utils.laws.facts", "get"): (f"{DATA}/published_numbers.csv", ("id",)),
    ("scaling_utils.laws._tables", "law"): (f"{DATA}/laws", ()),  # a file for each name
    **{
        ("scaling_utils.notebook._registered", name): (f"{RESULTS}/registered.toml", ("id",))
        for name in ("prediction", "registered", "verdict")
    },
    ("scaling_utils.notebook._predictions", "predictions"): (
        f"{RESULTS}/registered.toml",
        (STUDY,),
    ),
}
FOLDER = "recorded"  # the function that finds the folder of a study
TABLES = (".csv", ".toml")
ROW = " (row "  # in the name of an input: a row of a table that is asked by a computed name
SHORTEST = 3  # letters that must stand in a computed name before it says which study is meant


def names_file(text: str, file: str) -> bool:
    """Say whether a string, given as its pattern, names a file or may.

    A name may stand after a path; a computed one may be that of any file of its kind.
    """
    above, _, last = text.rpartition("/")
    name, suffix, folders = _place(file)
    computed = ".*" in last or r"\*" in last or last.startswith(r"\.")
    if computed:
        folder = above.rpartition("/")[2]
        where = not folder or ".*" in folder or folder in folders
        return where and last.endswith(suffix)
    return name in last


@functools.cache
def _place(file: str) -> tuple[str, str, tuple[str, ...]]:
    """Return a file's name, its ending and the folders it is in, as patterns."""
    path = Path(file)
    return re.escape(path.name), re.escape(path.suffix), tuple(map(re.escape, path.parts[:-1]))


@functools.cache
def names_folder(text: str, folder: str) -> bool:
    """Say whether one part of a path in a string, given as its pattern, is a folder's name."""
    return any(part.fullmatch(folder) for part in _parts(text))


@functools.cache
def _parts(text: str) -> list[re.Pattern]:
    """Return the parts of a path that say enough to be a folder's name."""
    parts = text.split("/")
    return [re.compile(part) for part in parts if len(re.sub(r"\W", "", part)) >= SHORTEST]


def studies_read(cells: ast.AST) -> tuple[set[tuple[str, str]], set[str]]:
    """Return the tables that cells read as `recorded("text") / "runs.csv"`, and the other strings.

    The tables are pairs of a folder and a file, the strings patterns of their values.
    """
    exact, seen = set(), set()
    for node in ast.walk(cells):
        match node:
            case ast.BinOp(
                left=ast.Call(func=function, args=[ast.Constant(value=str(study)) as said]),
                op=ast.Div(),
                right=ast.Constant(value=str(file)),
            ) if (effects.chain(function)[1] or [effects.chain(function)[0]])[-1] == FOLDER:
                exact.add((study, file))
                seen.add(said)
    others = [node for node in ast.walk(cells) if node not in seen]
    return exact, {pattern(node) for node in others} - {""}


class Inputs:
    """The data that the code of some cells depends on, each with the text that counts."""

    def __init__(self, package: Package, cells: ast.Module, uses: set[Use]):
        self.root = package.root
        seen = Reached(package, uses, lookups=LOOKUPS)
        self.asked = seen.asked
        self.exact, others = studies_read(cells)
        own: set[str] = set()  # of the package's code
        studies: set[str] = set()
        for name, numbers in seen.statements.items():
            module = package.module(name)
            said = set().union(*map(module.said, numbers))
            own |= said
            if any(use[1] == FOLDER for n in numbers for use in package.uses(name, n)):
                studies |= said  # this module may name the study itself
        self.named, self.studies = set(strings(cells)) | own, others | studies

    def texts(self) -> dict[str, str]:
        """Return the text that counts of each input, by the file's path and what of it."""
        found = {file: (self.root / file).read_text(encoding="utf-8") for file in self._files()}
        for lookup, patterns in self.asked.items():
            file, columns = LOOKUPS[lookup]
            for one in sorted((self.root / file).glob("*")):
                name = one.relative_to(self.root).as_posix()
                if name not in found and any(re.fullmatch(p, one.stem) for p in patterns):
                    found[name] = one.read_text(encoding="utf-8")
            if file not in found and (self.root / file).is_file():
                for one in patterns - {ANY}:
                    found[f"{file} ({_plain(one)})"] = rows(self.root / file, columns, one)
                if ANY in patterns:
                    for row in table_rows(self.root / file):
                        found[f"{file}{ROW}{_cell(row, columns[0])})"] = _text([row])
        return found

    def _files(self) -> Iterator[str]:
        for folder in (DATA, RESULTS):
            depth = "**/*" if folder == DATA else "*"
            for file in sorted((self.root / folder).glob(depth)):
                place = file.relative_to(self.root).as_posix()
                if file.suffix in TABLES and self._named(place):
                    yield place
        for file in sorted((self.root / RESULTS).glob("*/*")):
            folder = file.parent.name
            if (folder, file.name) in self.exact:
                yield f"{RESULTS}/{folder}/{file.name}"
                continue
            asked = any(names_folder(text, folder) for text in self.studies)
            if asked and file.suffix in TABLES and self._named(file.name):
                yield f"{RESULTS}/{folder}/{file.name}"

    def _named(self, file: str) -> bool:
        return any(names_file(text, file) for text in self.named)


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def table_rows(file: Path) -> list[dict]:
    """Return the rows of a table, with the names of all columns."""
    if file.suffix == ".toml":
        return _toml_rows(file.read_text(encoding="utf-8"))
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@functools.lru_cache(maxsize=8)
def _toml_rows(text: str) -> list[dict]:
    tables = tomllib.loads(text).values()
    return [row for table in tables if isinstance(table, list) for row in table]


def rows(file: Path, columns: Iterable[str], text: str) -> str:
    """Return the rows of a table that a name picks, with the names of all columns."""
    asked = re.compile(text)
    return _text(
        [row for row in table_rows(file) if any(_carries(_cell(row, c), asked) for c in columns)]
    )


def _cell(row: dict, column: str) -> object:
    return row.get("id", "").partition(".")[0] if column == STUDY else row.get(column)


def _text(kept: list[dict]) -> str:
    return json.dumps(kept, default=str, sort_keys=True)


def is_added_row(name: str, before: Iterable[str]) -> bool:
    """Say whether an input is a row that was added to a table asked by computed names."""
    table, row, _ = name.partition(ROW)
    return bool(row) and any(one.startswith(table + ROW) for one in before)


def _carries(value: object, asked: re.Pattern) -> bool:
    names = [str(value), *str(value).split(";")]
    return any(asked.fullmatch(name) for name in names)
