"""The pages of the package: a reference of each room, examples, and the command line at work.

They follow the package as it is: its list of rooms, and what each room lists in ``__all__``. The
examples of book/examples/ and the commands of COMMANDS are run, and what they print is shown. All
of this is made again only when the package or an example has changed.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import os
import re
import runpy
import shlex
import sys
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from bookdata import Book

# Command lines, typed in the folder of the book, and why one would type them.
COMMANDS = {
    "fit": [
        (
            "fit results/transformers/runs.csv --N-unit 1 --D-unit 1 --bootstrap 200",
            "Fit a law to recorded runs",
        ),
        ("fit --help", "All options"),
    ],
    "count": [
        ("count gpt3-175b --tokens 300e9", "Count a published model"),
        (
            "count --n-layer 12 --d-model 768 --n-head 12 --vocab 50257 --context 1024",
            "Count a model of your own",
        ),
        ("count --help", "All options"),
    ],
}
MARK = "% made from "


def digest(root: Path) -> str:
    """Return a digest of everything that the pages of the package depend on."""
    package = root / "scaling_utils"
    files = [path for kind in ("py", "csv", "toml") for path in package.rglob(f"*.{kind}")]
    files += [*(root / "book" / "examples").glob("*"), Path(__file__)]
    text = b"".join(path.read_bytes() for path in sorted(files) if path.is_file())
    return sha256(text).hexdigest()


def parts(book: Book) -> dict[str, str]:
    """Return the pages, by their names among the generated files."""
    if not (book.root / "book" / "examples").is_dir():
        return {}
    mark = f"{MARK}{digest(book.root)}\n"
    folder = book.root / "book" / "_generated"
    listed = folder / "api.md"
    if listed.is_file() and listed.read_text("utf-8").startswith(mark):
        names = [path.relative_to(folder).as_posix() for path in (folder / "api").glob("*.md")]
        names += ["api.md", "examples.md", *(f"cli_{name}.md" for name in COMMANDS)]
        if all((folder / name).is_file() for name in names):
            return {name: (folder / name).read_text("utf-8") for name in names}
    rooms = room_names()
    pages = {f"api/{room}.md": room_page(room) for room in rooms}
    pages["api.md"] = mark + contents(rooms)
    pages["examples.md"] = examples(book.root)
    for name, lines in COMMANDS.items():
        pages[f"cli_{name}.md"] = commands(book.root, lines)
    return pages


def room_names() -> list[str]:
    """Return the rooms, floor by floor."""
    package = importlib.import_module("scaling_utils")
    return [name for name in package._ROOMS if public(room_module(name))]


def room_module(name: str) -> ModuleType:
    return importlib.import_module(f"scaling_utils.{name}")


def public(module: ModuleType) -> list[str]:
    """Return the public names of a room: those that it lists, or those that it defines."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]


def contents(rooms: list[str]) -> str:
    """The list of rooms with the first sentence of each."""
    text = ""
    for room in rooms:
        about = inspect.getdoc(room_module(room)) or ""
        first = " ".join(about.split("\n\n")[0].split())
        text += f"- [`{room}`](_generated/api/{room}.md): {first.replace('``', '`')}\n"
    return text


def room_page(room: str) -> str:
    """The reference of a room: its own words, then each public name."""
    module = room_module(room)
    text = f"# `{room}`\n\n" + rst(f".. automodule:: scaling_utils.{room}\n   :no-members:")
    names = {kind: [] for kind in ("function", "class", "module", "value")}
    for name in public(module):
        names[kind_of(getattr(module, name))].append(name)
    functions, classes, modules, values = names.values()
    for title, listed, directive in (
        ("Functions", functions, "autofunction"),
        ("Classes", classes, "autoclass"),
    ):
        if listed:
            text += f"## {title}\n\n" + rst(
                "\n\n".join(entry(f"scaling_utils.{room}.{name}", directive) for name in listed)
            )
    if modules:
        text += "## Modules\n\n"
        for name in modules:
            inner = getattr(module, name)
            text += f"### `{name}`\n\n" + rst(
                f".. automodule:: {inner.__name__}\n   :members:\n   :no-index:"
            )
    return text + constants(module, values)


def kind_of(value) -> str:
    """Return which section of the reference a public name belongs to."""
    for kind, test in (("function", inspect.isfunction), ("class", inspect.isclass)):
        if test(inspect.unwrap(value)):  # a cached function is one all the same
            return kind
    return "module" if inspect.ismodule(value) else "value"


def entry(name: str, directive: str) -> str:
    """One name of a room, for Sphinx to fill from its docstring."""
    members = (
        "\n   :members:\n   :exclude-members: __init__, __new__" if "class" in directive else ""
    )
    return f".. {directive}:: {name}{members}"


def rst(text: str) -> str:
    return f"```{{eval-rst}}\n{text}\n```\n\n"


def constants(module: ModuleType, names: list[str]) -> str:
    """The names that stand for values: laws, tables, units."""
    if not names:
        return ""
    text = "## Values\n\n| name | what it is | value |\n|---|---|---|\n"
    for name in names:
        value = getattr(module, name)
        shown = " ".join(repr(value).split())
        shown = shown if len(shown) <= 90 else shown[:88] + " …"
        shown = re.sub(r" at 0x[0-9a-f]+", "", shown).replace("|", r"\|").replace("`", "'")
        text += f"| `{name}` | `{type(value).__name__}` | `{shown}` |\n"
    return text


def printed(run) -> str:
    """Return what a call prints, errors too; a call that ends the program has ended."""
    out = io.StringIO()
    shown = contextlib.redirect_stdout(out), contextlib.redirect_stderr(out)
    with shown[0], shown[1], contextlib.suppress(SystemExit):
        run()
    return out.getvalue().rstrip() + "\n"


def examples(root: Path) -> str:
    """The gallery: each example's title, code and output."""
    text = ""
    for path in sorted((root / "book" / "examples").glob("*.py")):
        code = path.read_text("utf-8")
        title, _, rest = code.partition("\n")
        text += f"## {title.removeprefix('# ')}\n\n```python\n{rest.strip()}\n```\n\n"
        text += f"```text\n{printed(lambda path=path: runpy.run_path(str(path)))}```\n\n"
    return text


def commands(root: Path, lines: list[tuple[str, str]]) -> str:
    """Command lines with what they print."""
    cli = importlib.import_module("scaling_utils.cli")
    text = ""
    before, columns = sys.argv, os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "88"  # of the help
    with contextlib.chdir(root):
        for line, why in lines:
            sys.argv = ["scaling-utils", *shlex.split(line)]
            said = printed(lambda: sys.exit(cli.main(sys.argv[1:])))
            text += f"## {why}\n\n```bash\nscaling-utils {line}\n```\n\n```text\n{said}```\n\n"
    sys.argv = before
    os.environ.pop("COLUMNS") if columns is None else os.environ.update(COLUMNS=columns)
    return text
