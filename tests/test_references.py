"""The bibliography: every address that the book cites has an entry, and entries are well formed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import nbformat
from pybtex.database import Entry, parse_file

ROOT = Path(__file__).resolve().parent.parent
BIBLIOGRAPHY = parse_file(str(ROOT / "book" / "references.bib")).entries

ARXIV_ID = r"\d{4}\.\d{4,5}"
ARXIV = re.compile(rf"(?:arxiv\.org/(?:abs|pdf|html)/|arXiv:\s?)({ARXIV_ID})", re.IGNORECASE)
DOI = re.compile(r"doi\.org/(10\.\d{4,9}/[^\s)\]\"'<>,;]+)", re.IGNORECASE)
# "[Kaplan et al. (2020)](https://arxiv.org/abs/2001.08361)"
LABELLED = re.compile(
    rf"\[(?P<name>[^\]\s]+)[^\]]*? \((?P<year>\d{{4}})\)\]"
    rf"\(https://arxiv\.org/abs/(?P<id>{ARXIV_ID})\)"
)


def texts() -> Iterator[tuple[str, str]]:
    """Every place where the book cites: pages, slides, notebooks, the package and its tables."""
    files = [ROOT / "README.md", ROOT / "book" / "slides.csv", *(ROOT / "book").glob("*.md")]
    files += sorted((ROOT / "scaling_utils").rglob("*.py"))
    data = ROOT / "scaling_utils" / "data"
    files += sorted(file for file in data.rglob("*") if file.suffix in (".csv", ".toml"))
    for path in files:
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        yield str(path.relative_to(ROOT)), "\n".join(cell.source for cell in cells)


TEXTS = dict(texts())


def identifiers(entry: Entry) -> set[str]:
    fields = entry.fields
    return {fields[name].lower() for name in ("eprint", "doi", "url") if name in fields}


KNOWN = set().union(*map(identifiers, BIBLIOGRAPHY.values()))


def unknown(text: str) -> set[str]:
    """The addresses that a text cites and that have no entry."""
    cited = set(ARXIV.findall(text)) | {doi.rstrip(".").lower() for doi in DOI.findall(text)}
    return cited - KNOWN


def misnamed(text: str) -> list[str]:
    """The links whose words name another work than the one behind them."""
    by_id = {entry.fields.get("eprint"): entry for entry in BIBLIOGRAPHY.values()}
    wrong = []
    for match in LABELLED.finditer(text):
        entry = by_id[match["id"]]
        first = entry.persons["author"][0]
        posted = f"20{match['id'][:2]}" if match["id"] > "0704" else ""
        name = " ".join(first.prelast_names + first.last_names)
        if (
            match["year"] not in {entry.fields["year"], posted}
            or match["name"].rstrip(",") not in name
        ):
            wrong.append(match[0])
    return wrong


def faults(key: str, entry: Entry) -> list[str]:
    """What an entry lacks or has in another form than the others."""
    fields = entry.fields
    held = {
        "an author": bool(entry.persons.get("author")),
        "a title": bool(fields.get("title")),
        "a key of a name and a year": bool(re.fullmatch(r"[a-z]+\d{4}[a-z0-9]*", key))
        and fields["year"] in key,
        "an eprint, a doi or a url": bool(identifiers(entry)),
        "a valid eprint of arXiv": "eprint" not in fields
        or (
            bool(re.fullmatch(ARXIV_ID, fields["eprint"]))
            and fields.get("archiveprefix") == "arXiv"
        ),
        "a valid doi": "doi" not in fields or bool(re.fullmatch(r"10\.\d{4,9}/\S+", fields["doi"])),
    }
    return [f"{key} lacks {what}" for what, holds in held.items() if not holds]


def test_every_cited_address_has_an_entry():
    found = {place: unknown(text) for place, text in TEXTS.items()}
    assert {place: ids for place, ids in found.items() if ids} == {}


def test_the_words_of_a_link_name_the_work_behind_it():
    found = {place: misnamed(text) for place, text in TEXTS.items()}
    assert {place: links for place, links in found.items() if links} == {}


def test_entries_are_complete_and_well_formed():
    assert [fault for key, entry in BIBLIOGRAPHY.items() for fault in faults(key, entry)] == []


def test_what_is_wrong_is_named():
    assert unknown("See https://arxiv.org/abs/2001.00001.") == {"2001.00001"}
    link = "[{} et al. ({})](https://arxiv.org/abs/2001.08361)"
    assert misnamed(link.format("Kaplan", 2020)) == []
    assert len(misnamed(link.format("Hoffmann", 2020) + link.format("Kaplan", 2019))) == 2
    entry = Entry("misc", fields={"year": "2020", "eprint": "12", "doi": "x"})
    assert faults("Kaplan", entry) == [
        f"Kaplan lacks {what}"
        for what in (
            "an author",
            "a title",
            "a key of a name and a year",
            "a valid eprint of arXiv",
            "a valid doi",
        )
    ]


def test_no_work_has_two_entries():
    every = Counter(name for entry in BIBLIOGRAPHY.values() for name in identifiers(entry))
    titles = Counter(entry.fields["title"].lower() for entry in BIBLIOGRAPHY.values())
    assert [name for name, count in (every + titles).items() if count > 1] == []
