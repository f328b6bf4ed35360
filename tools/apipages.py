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
import tempfile
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from bookdata import Book

# Command lines, typed in the folder of the book, why one would type them, and the status where it
# is not 0. Those of one page are typed one after the other, and see each other's files.
COMMANDS = {
    "plan": [
        (
            "plan --flops 1e24 --devices 1024 --mfu 0.3:0.4:0.5 --grid France --pue 1.1",
            "Plan from a budget",
        ),
        (
            "plan --model llama-3-8b --tokens 15T --devices 1024 --mfu 0.4 --grid USA --pue 1.1 "
            "--price 2:2.5:4 --price-date 2026-11-01",
            "Plan a model, lay it out and pay for it",
        ),
        (
            "plan --loss 2.0 --law chinchilla --law besiroglu --served-tokens 2T",
            "Ask two laws what a loss takes, serving included",
        ),
        ("plan --params 70B --tokens 1T --largest 7B", "Ask for what cannot be", 2),
        ("plan --help", "All options"),
    ],
    "fit": [
        (
            "fit results/transformers/runs.csv --N-unit 1 --D-unit 1 --bootstrap 200",
            "Fit a law to recorded runs",
        ),
        ("fit --help", "All options"),
    ],
    "predict": [
        (
            "fit results/transformers/runs.csv --N-unit 1 --D-unit 1 --bootstrap 200 "
            "--save fit.json",
            "Fit, and keep the fit",
        ),
        ("predict fit.json --at N=1e6,D=1e8", "Predict a run"),
        ("plan --fit fit.json --flops 1e15 --device T4 --dtype fp16 --mfu 0.2", "Plan by it"),
        ("predict --help", "All options"),
    ],
    "count": [
        ("count gpt3-175b --tokens 300e9", "Count a published model"),
        ("count deepseek-v3 --batch 32 --sequence 8192", "Count a mixture with latent attention"),
        (
            "count --n-layer 12 --d-model 768 --n-head 12 --vocab 50257 --context 1024",
            "Count a model of your own",
        ),
        ("count --list --find qwen3", "Find a model"),
        ("count --help", "All options"),
    ],
    "memory": [
        ("memory llama-3-70b --devices 64", "Find layouts that fit"),
        ("memory llama-2-7b --devices 8 --zero 1 --device A100-80-SXM", "Ask what one needs"),
        (
            "memory llama-2-7b --devices 8 --zero 1 --convention cookbook",
            "See why another planner says something else",
        ),
        ("memory --help", "All options"),
    ],
    "carbon": [
        (
            "carbon --device-hours 309,000 --power 400 --pue 1.1 --grid 429",
            "From device-hours to emissions",
        ),
        (
            "carbon --device-hours 5000 --device A100-80-SXM --pue Google --grid France "
            "--embodied ecologits",
            "With the making of the machines",
        ),
        ("carbon --help", "All options"),
    ],
    "laws": [
        ("laws chinchilla --budget 5.76e23", "Ask a published law for an optimum"),
        ("laws muennighoff --N 1B --D 100B --unique 25B", "Ask for a loss with repeated data"),
        ("laws --find kaplan", "Find a law"),
        ("laws --help", "All options"),
    ],
    "hardware": [
        ("hardware H100-SXM", "Look a device up"),
        ("hardware --dtype fp8 --memory 80GB --sort peak", "Compare devices"),
        ("hardware --help", "All options"),
    ],
    "contest": [
        (
            "contest verify results/contest/expert/reference-21.contest.jsonl --quick",
            "Read a ledger again",
        ),
        ("contest verify results/contest/points.csv --name ann", "Hand in what is no ledger", 2),
        ("contest --help", "All options"),
    ],
    "all": [("--help", "All commands")],
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


def commands(root: Path, lines: list[tuple]) -> str:
    """Command lines with what they print; raise where the status is another than expected."""
    cli = importlib.import_module("scaling_utils.cli")
    text = ""
    columns = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "88"  # of tables and of the help
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("results").symlink_to(root / "results")
        for line, why, *expected in lines:
            status: list[int] = []
            words = shlex.split(line)
            said = printed(lambda words=words, status=status: status.append(cli.main(words)))
            if status != (expected or [0]):
                raise RuntimeError(f"scaling-utils {line}: status {status[0]}\n{said}")
            text += f"## {why}\n\n```bash\nscaling-utils {line}\n```\n\n"
            text += f"```text\n{said}```\n\n"
    os.environ.pop("COLUMNS") if columns is None else os.environ.update(COLUMNS=columns)
    return text
