"""Write the parts of the book's pages that are computed from the rest of the project.

    python tools/pages.py            # write book/_generated/, touching only what has changed
    python tools/pages.py --check    # change nothing; fail where a part is missing or old

The errata page comes from book/slides.csv, the list of chapters from book/chapters.csv, and
the scoreboard and the build record from the outputs and metadata stored in the notebooks.
Nothing under book/_generated/ is kept in git: the pages in book/ include it.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import apipages
import comparepage
import landing
import sliders
from bookdata import DECKS, Book, Chapter, Page, PageError, read_book

# The first work that a citation names, as in "computed from Kaplan et al. (2020), Eq. 1.1".
SOURCE = re.compile(r"(?:de )?[A-Z]\S*(?: and [A-Z]\S*| et al\.)? \(\d{4}\)")

UNSET = """\
On your machine, with Python 3.11 or later, in the folder of the book:

```bash
make lab     # installs everything on first use, then opens the chapters
```

`make book` renders these pages, and `make test` runs every test and every chapter.

This copy of the book has no public address yet. So the buttons at the top of a chapter that lead
to Colab and to the code lead nowhere, and the first cell of a chapter cannot install the package
in a hosted notebook. Whoever publishes the book sets the address once: `REPOSITORY` in
`scaling_utils/notebook/_setup.py`, as `owner/name`. Then run `make execute` and `make book`.
"""

PUBLISHED = """\
## Published figures

Figures that the book relies on, as they are printed in their sources. A test computes each from the
stated formula, with a tolerance that is the rounding of what is printed, or the disagreement that
the remark explains. A "constant" is typed in one table, and each law gives another figure here.
Certainty says whether the figure was read in the source itself, in its authors' code or data,
or in several independent quotations.

"""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a Markdown table; a bar inside a cell is escaped."""
    head = list(head)
    lines = [head, ["---"] * len(head), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", r"\|")


def digits(value: float) -> str:
    """Write a number with at most five significant digits, whole numbers in full."""
    if value == int(value) and abs(value) < 1e7:
        return f"{int(value):,}"
    return f"{value:.5g}"


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def errata(book: Book) -> str:
    """All slides, deck by deck: what was wrong, and what the book has instead."""
    links = {chapter.page: chapter.link for chapter in book.chapters}
    text = ""
    for deck, title in DECKS.items():
        text += f"## Deck {deck}: {title}\n\n"
        for row in book.slides:
            if row["id"].startswith(f"{deck}-"):
                page = links.get(row["page"]) or _page_link(row["page"])
                text += f"{row['id']} · {page}\n"
                text += f": *Was:* {row['wrong']}\n: *Here:* {row['here']}\n\n"
    return text


def _page_link(page: str) -> str:
    name = page.removeprefix("book/")
    return f"[{name.replace('_', ' ').capitalize()}]({name}.md)"


def chapters(book: Book) -> str:
    """The list of chapters, part by part, with those still to come marked."""
    parts: dict[str, list[str]] = {}
    for page in (*book.chapters, *book.studies):
        parts.setdefault(page.part, []).append(f"- **{page.link}.** {page.about}")
    count = f"{len(book.written)} of {len(book.chapters)} chapters are written.\n\n"
    return count + "\n".join(
        f"**{part}**\n\n" + "\n".join(lines) + "\n" for part, lines in parts.items()
    )


def scoreboard(book: Book) -> str:
    """Every claim of every chapter, then the published numbers."""
    claims = {page.page: page.claims for page in book.pages}
    total = sum(map(len, claims.values()))
    late = sum(bool(claim.get("seen_first")) for made in claims.values() for claim in made)
    places = counted(len(book.written), "chapter")
    if book.studies:
        places += f" and {counted(len(book.studies), 'page')} on a study"
    constants = sum(row["formula"].startswith("constant") for row in book.published)
    text = (
        f"**{counted(total - late, 'claim')}** in {places}, each "
        "held to a theory, a paper, a second method or a plan that was fixed before. "
        f"**{counted(late, 'claim')}** more, marked *seen first*: the bound was set after the "
        "result had been seen, so that they guard it against later changes and prove nothing. "
        f"**{counted(len(book.published), 'published figure')}**, of which "
        f"{len(book.published) - constants} are recomputed from others and {constants} are "
        "constants that the package is held to.\n\n"
        + predictions(book)
        + "## Claims of the chapters\n\n"
    )
    for page in book.pages:
        text += f"### {page.link}\n\n"
        text += "".join(map(claim_entry, claims[page.page])) or "No claims yet.\n\n"
    return text + PUBLISHED + published_numbers(book)


def predictions(book: Book) -> str:
    """What came of each registered prediction that was scored, the failed ones too.

    A prediction that several pages show is one prediction: it is counted once.
    """
    found: dict[str, dict] = {}
    for page in book.pages:
        for made in page.verdicts:
            one = found.setdefault(made["id"], {**made, "pages": []})
            if made["verdict"] != one["verdict"]:
                raise PageError(
                    f"{made['id']} is {one['verdict']!r} on {one['pages'][0]} and "
                    f"{made['verdict']!r} on {page.link}"
                )
            one["pages"].append(page.link)
    outcomes = Counter(made["verdict"] for made in found.values())
    rows = [
        [
            f"**{made['verdict']}**",
            plain(made["sentence"]),
            plain(f"{digits(made['measured'])} {made['unit']}".strip()),
            plain(made["bound"]),
            made["registered"],
            "; ".join(made["pages"]),
        ]
        for made in found.values()
    ]
    if not rows:
        return ""
    counts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
    head = ["Outcome", "Prediction", "Measured", "Wanted", "Registered", "Page"]
    return (
        "## Registered predictions\n\n"
        f"{counted(len(rows), 'verdict')} on predictions that were committed before their runs: "
        f"{counts}.\n\n{table(head, rows)}\n"
    )


def claim_entry(claim: dict) -> str:
    measured = f"{digits(claim['measured'])} {claim['unit']}".strip()
    mark = " · *seen first*" if claim.get("seen_first") else ""
    rest = f"measured **{measured}**, {claim['relation']}{mark} · {claim['source']}"
    return f"{claim['sentence']}\n: {rest}\n\n"


def published_numbers(book: Book) -> str:
    """The printed figures that a test recomputes or compares, grouped by their source."""
    groups: dict[str, list[list[str]]] = {}
    for row in book.published:
        source = SOURCE.search(row["citation"])
        group = "Hardware" if row["id"].startswith("hw.") else source[0] if source else "Other"
        remarks = [row["citation"], row["certainty"], row["note"]]
        groups.setdefault(group, []).append(
            [
                plain(row["quantity"]),
                plain(f"{printed(row['value'])} {row['unit']}".strip()),
                f"`{row['formula']}`",
                row["tolerance"],
                plain("; ".join(filter(None, remarks))),
            ]
        )
    head = ["Quantity", "Printed", "Formula", "Tolerance", "Source, certainty, remark"]
    return "\n".join(
        f"````{{dropdown}} {name}: {counted(len(rows), 'figure')}\n{table(head, rows)}````\n"
        for name, rows in sorted(groups.items())
    )


def printed(value: str) -> str:
    """Write a figure of the table, which may be a list or a mapping of several, as text."""
    parts = json.loads(value)
    if isinstance(parts, dict):
        return ", ".join(f"{name} {_exact(part)}" for name, part in parts.items())
    return ", ".join(map(_exact, parts)) if isinstance(parts, list) else value


def _exact(number: float) -> str:
    short = f"{number:g}"  # unless that loses a digit
    return short if float(short) == number else repr(number)


def plain(text: str) -> str:
    """Escape what Markdown would take for markup."""
    return re.sub(r"([*_$<\[\]`])", r"\\\1", text)


def build_record(book: Book) -> str:
    """Time, memory and versions of the runs whose outputs the book shows."""
    rows, stacks = [], {}
    for page in book.pages:
        stored = page.notebook["metadata"].get("scaling_utils", {})
        cpu, gpu = stored.get("cpu", {}), stored.get("gpu", {})
        checked = sum("NBVAL_CHECK_OUTPUT" in text for text in page.code)
        rows.append(
            [
                page.link,
                f"{cpu['seconds']:.0f} s" if cpu else "not recorded",
                f"{cpu['peak_gb']:.2f} GB" if cpu else "not recorded",
                f"{gpu['seconds']:.0f} s, {gpu['device']}" if gpu else "none",
                str(len(page.code)),
                str(checked),
                str(len(page.claims)),
            ]
        )
        versions = ", ".join(
            f"{name} {number}" for name, number in stored.get("versions", {}).items()
        )
        stacks.setdefault(versions or "not recorded", []).append(page.link)
    head = [
        "Page",
        "Time on a CPU",
        "Peak memory",
        "Run on a GPU",
        "Code cells",
        "Outputs compared",
        "Claims",
    ]
    text = "## Runs\n\n" + table(head, rows) + "\n## Versions\n\n"
    return text + table(["Versions", "Pages"], [[k, "; ".join(v)] for k, v in stacks.items()])


def tools(book: Book) -> str:
    """The libraries that the chapters import, read from their code."""
    users: dict[str, list[Page]] = {}
    for page in book.pages:
        for name in sorted(page.imports - {"scaling_utils"} - sys.stdlib_module_names):
            users.setdefault(name, []).append(page)
    if not users:
        return "No chapter is written yet.\n"
    rows = [
        [f"`{name}`", "; ".join(_short(page) for page in users[name])] for name in sorted(users)
    ]
    return table(["Library", "Imported in chapters and studies"], rows)


def _short(page: Page) -> str:
    return str(page.number) if isinstance(page, Chapter) else page.title


def run(book: Book) -> str:
    """How to get and run the book, with the package's address, or how to set that."""
    if not book.published_address:
        return UNSET
    return f"""\
On your machine, with Python 3.11 or later and `git`:

```bash
git clone https://github.com/{book.repository}
cd {book.repository.split("/")[-1]}
make lab     # installs everything on first use, then opens the chapters
```

`make book` renders these pages, and `make test` runs every test and every chapter.

In a hosted notebook, open a chapter and press the rocket at the top of its page: the button
starts it in Colab. The first cell installs the helper package there.
"""


def compare(book: Book) -> str:
    """What other packages can do and what they answer, from the recorded tables."""
    return comparepage.compare(book.root, table)


PARTS: dict[str, Callable[[Book], str]] = {
    "errata.md": errata,
    "chapters.md": chapters,
    "scoreboard.md": scoreboard,
    "build_record.md": build_record,
    "tools.md": tools,
    "run.md": run,
    "compare.md": compare,
}


def all_parts(book: Book) -> dict[str, str | bytes]:
    """Make every generated file, by its name in book/_generated/."""
    made: dict[str, str | bytes] = {name: make(book) for name, make in PARTS.items()}
    return made | landing.parts(book) | apipages.parts(book) | sliders.parts(book)


def write_parts(book: Book, check: bool = False) -> list[str]:
    """Write what differs from the files on disk, or with `check` only name it.

    A file that nothing makes any more is removed, so that no page of an old room stays.
    """
    folder = book.root / "book" / "_generated"
    made = all_parts(book)
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    stale = sorted(there - made.keys())
    if not check:
        for name in stale:
            (folder / name).unlink()
    for name, content in made.items():
        path = folder / name
        content = content.encode("utf-8") if isinstance(content, str) else content
        if path.is_file() and path.read_bytes() == content:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return stale


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; fail if out of date")
    arguments = parser.parse_args(argv)
    try:
        stale = write_parts(read_book(), check=arguments.check)
    except PageError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.check and stale:
        print("out of date, run python tools/pages.py: " + ", ".join(stale), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
